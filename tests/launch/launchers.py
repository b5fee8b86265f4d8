#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Jobs under Open MPI's mpirun, and under Slurm's srun on four nodes that are all this host. What
is not installed, or not allowed here, is skipped and said. usage: launchers.py RANK [SAMPLE]"""
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from jobs import ERANK, clean_env, free_port, tree

NODES = 4
CONF = """ClusterName=trn
SlurmctldHost=@HOST@(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=@DIR@/munge.sock
CredType=cred/munge
StateSaveLocation=@DIR@/state
SlurmdSpoolDir=@DIR@/spool.%n
SlurmctldPidFile=@DIR@/slurmctld.pid
SlurmdPidFile=@DIR@/slurmd.%n.pid
SlurmctldLogFile=@DIR@/slurmctld.log
SlurmdLogFile=@DIR@/slurmd.%n.log
SlurmctldPort=@CTLD@
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SchedulerType=sched/backfill
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
ReturnToService=2
JobAcctGatherType=jobacct_gather/none
PartitionName=debug Nodes=ALL Default=YES MaxTime=INFINITE State=UP OverSubscribe=FORCE:8
TmpFS=@DIR@/tmp.%n
"""
NODE = 'NodeName=n%d NodeHostname=@HOST@ NodeAddr=127.0.0.1 Port=%d CPUs=2 State=UNKNOWN\n'
MPIRUN = ['mpirun', '--allow-run-as-root', '--oversubscribe']


def run(command, seconds=60, **env):
    try:
        done = subprocess.run(command, env=clean_env(**env), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=seconds, check=False)
    except subprocess.TimeoutExpired as error:
        return -1, 'not done after %d s: %s' % (seconds, error.stdout)
    return done.returncode, done.stdout


def count_says(output, words, count):
    found = output.count(words)
    return [] if found == count else ['%d times "%s", not %d:' % (found, words, count)] + \
        output.splitlines()[-30:]


def pmix_missing(program):
    """Why root "pmix" cannot be tried, or None."""
    _, output = run([program], TRN_COMM_ROOT='pmix')
    return 'libtrn was built without PMIx' if 'built without PMIx' in output else None


def mpirun(tap, program, sample):
    if not shutil.which('mpirun'):
        tap.skip('mpirun', 'mpirun is not installed (openmpi-bin)')
        return
    _, output = run(MPIRUN + ['-n', '8', program], TRN_COMM_ROOT='127.0.0.1:%d' % free_port())
    tap.result('mpirun -n 8 by an address', count_says(output, 'ok 10 rounds', 8))
    why = pmix_missing(program)
    if why:
        tap.skip('mpirun by PMIx', why)
        return
    for count in (1, 2, 8):
        _, output = run(MPIRUN + ['-n', str(count), program])
        tap.result('mpirun -n %d by PMIx' % count,
                   count_says(output, 'ok 10 rounds', count) +
                   count_says(output, '%d pmix' % count, count))
    if sample:
        status, output = run(MPIRUN + ['-n', '8', sample])
        tap.result('mpirun -n 8 samples/allreduce',
                   (['status %d' % status] if status else []) + count_says(output, 'right', 8))


def pmix_alone(tap, program):
    why = pmix_missing(program)
    if why:
        tap.skip('PMIx without a server', why)
        return
    began = time.monotonic()
    status, output = run([program], TRN_COMM_ROOT='pmix')
    tap.result('PMIx without a server says so', [] if status == 1 and 'no PMIx server' in output
               else [output])
    dead = {'PMIX_NAMESPACE': 'nobody', 'PMIX_RANK': '0', 'TRN_COMM_ROOT': 'pmix'}
    status, output = run([program], **dead)
    tap.result('a PMIx server that is gone', ([] if status == 1 and 'root "pmix"' in output
                                              else [output]) +
               (['took %d s' % (time.monotonic() - began)]
                if time.monotonic() - began > 30 else []))


class Slurm:
    """munged, slurmctld and four slurmd, in a folder of their own."""

    def __init__(self, folder):
        self.folder, self.children = folder, []
        self.env = {'SLURM_CONF': folder + '/slurm.conf'}

    def daemon(self, *command):
        log = open('%s/%s.out' % (self.folder, os.path.basename(command[0])), 'ab')
        with log:
            self.children.append(subprocess.Popen(
                command, env=clean_env(**self.env), stdin=subprocess.DEVNULL, stdout=log,
                stderr=log))

    def start(self):
        folder = self.folder
        os.chmod(folder, 0o755)
        with open(folder + '/munge.key', 'wb') as file:
            file.write(os.urandom(128))
        os.chmod(folder + '/munge.key', 0o400)
        conf = CONF + ''.join(NODE % (n, free_port()) for n in range(NODES))
        for name, value in (('@DIR@', folder), ('@HOST@', socket.gethostname()),
                            ('@CTLD@', str(free_port()))):
            conf = conf.replace(name, value)
        with open(folder + '/slurm.conf', 'w', encoding='utf-8') as file:
            file.write(conf)
        with open(folder + '/cgroup.conf', 'w', encoding='utf-8') as file:
            file.write('CgroupMountpoint=/sys/fs/cgroup\nCgroupAutomount=no\n')
        os.mkdir(folder + '/state')
        for n in range(NODES):
            os.mkdir('%s/spool.n%d' % (folder, n))
            os.mkdir('%s/tmp.n%d' % (folder, n))
        self.daemon('munged', '-F', '--force', '--key-file', folder + '/munge.key', '--socket',
                    folder + '/munge.sock', '--pid-file', folder + '/munged.pid', '--log-file',
                    folder + '/munged.log', '--seed-file', folder + '/munged.seed')
        self.wait(lambda: os.path.exists(folder + '/munge.sock'), 'munged')
        self.daemon('slurmctld', '-D', '-f', folder + '/slurm.conf')
        for n in range(NODES):
            self.daemon('slurmd', '-D', '-N', 'n%d' % n, '-f', folder + '/slurm.conf')
        self.wait(lambda: run(['sinfo', '-h', '-o', '%T %D'], **self.env)[1].split() ==
                  ['idle', str(NODES)], 'four idle nodes')

    def until(self, is_so, seconds):
        end = time.monotonic() + seconds
        while not is_so():
            if time.monotonic() > end:
                return False
            time.sleep(0.1)
        return True

    def wait(self, is_so, what):
        if not self.until(is_so, 60):
            raise RuntimeError('no ' + what)

    def steps(self):
        """Ids of this cluster's steps, daemons and tasks: they are no children of this test, and
        outlive slurmd. Known by the configuration they were started with."""
        daemons = [child.pid for child in self.children]
        mine, found = ('SLURM_CONF=%s/slurm.conf' % self.folder).encode(), []
        for pid in filter(str.isdigit, os.listdir('/proc')):
            try:
                with open('/proc/%s/environ' % pid, 'rb') as file:
                    env = file.read().split(b'\0')
            except OSError:
                continue  # it has ended meanwhile
            if mine in env and int(pid) not in daemons:
                found.append(int(pid))
        return found

    def stop(self):
        """Steps end first; what is left of them then is killed. Answers what stays even so."""
        if not self.until(lambda: not self.steps(), 5):
            run(['scancel', '--user', 'root'], **self.env)
            self.until(lambda: not self.steps(), 10)
        for child in reversed(self.children):
            child.terminate()
        for child in self.children:
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        for pid in self.steps():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass  # it has ended meanwhile
        self.until(lambda: not self.steps(), 10)
        return ['process %d is left' % pid for pid in self.steps()]

    def logs(self):
        for name in sorted(os.listdir(self.folder)):
            if name.endswith(('.log', '.out')):
                with open(os.path.join(self.folder, name), errors='replace') as file:
                    yield from (name + ': ' + line.rstrip() for line in file.readlines()[-5:])


def srun_jobs(tap, program, sample, slurm):
    srun = ['srun', '-N', '4', '-n', '8', '--overcommit', '-t', '2']
    where = 'file:%s/root' % slurm.folder
    _, output = run(srun + [program], TRN_COMM_ROOT=where, **slurm.env)
    tap.result('srun -N 4 -n 8 by a file', count_says(output, 'ok 10 rounds', 8))
    why = pmix_missing(program)
    if not why and 'pmix' not in run(['srun', '--mpi=list'], **slurm.env)[1]:
        why = 'srun knows no pmix'
    if why:
        tap.skip('srun --mpi=pmix', why)
        return
    srun.append('--mpi=pmix')
    _, output = run(srun + [program], **slurm.env)
    tap.result('srun --mpi=pmix -N 4 -n 8', count_says(output, 'ok 10 rounds', 8) +
               count_says(output, '8 pmix', 8))
    if sample:
        _, output = run(srun + [sample], **slurm.env)
        tap.result('srun --mpi=pmix -N 4 -n 8 samples/allreduce', count_says(output, 'right', 8))
    # One of the eight has another name: all of them say so, before the step is ended.
    script = 'case $SLURM_PROCID in 5) exec %s --name x;; *) exec %s;; esac' % (program, program)
    _, output = run(srun + ['-K0', 'sh', '-c', script], **slurm.env)
    tap.result('srun: one of the eight is of another job',
               count_says(output, ERANK + 'process 5 (rank 5, host ', 8))


def srun(tap, program, sample):
    for name in ('srun', 'slurmctld', 'slurmd', 'munged'):
        if not shutil.which(name):
            tap.skip('srun on four nodes', '%s is not installed (slurm-wlm, munge)' % name)
            return
    if os.geteuid() != 0:
        tap.skip('srun on four nodes', 'only root may start the daemons')
        return
    with tempfile.TemporaryDirectory(prefix='trn-slurm-') as folder:
        slurm = Slurm(folder)
        try:
            slurm.start()
            srun_jobs(tap, program, sample, slurm)
        except (RuntimeError, OSError) as error:
            tap.result('Slurm on four nodes', [str(error)] + list(slurm.logs()))
        finally:
            tap.result('nothing of Slurm is left', slurm.stop())


def main():
    tap = tree.Tap()
    program = os.path.abspath(sys.argv[1])
    sample = os.path.abspath(sys.argv[2]) if len(sys.argv) > 2 else None
    pmix_alone(tap, program)
    mpirun(tap, program, sample)
    srun(tap, program, sample)
    return tap.done()


if __name__ == '__main__':
    sys.exit(main())
