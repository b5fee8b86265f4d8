#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hosts as network namespaces on one bridge: loss, a cut, delay, a killed process 0, in the middle
of what the processes do; nothing of it stays. usage: hosts.py RANK [SAMPLE [TRNCTL]]"""
import os
import re
import shutil
import signal
import subprocess
import sys
import time

from jobs import ERANK, Job, tree

HOSTS = 4
SILENCE = {'TRN_COMM_SILENCE_MS': '2000'}
# Where packets are lost, the kernel's questions are, too: it must ask more often.
PATIENT = {'TRN_COMM_SILENCE_MS': '20000'}


def sh(*command, check=True):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=20, check=False)
    if check and done.returncode:
        raise RuntimeError('%s: %s' % (' '.join(command), done.stdout.strip()))
    return done.stdout


class Net:
    """Namespaces trnPID-0 .. 3 with 10.211.0.1 .. 4 (and fd77::1 ..) on a bridge in one more."""

    def __init__(self):
        self.tag = 'trn%d' % os.getpid()
        self.names = ['%s-%d' % (self.tag, i) for i in range(HOSTS)]
        self.bridge = self.tag + '-br'

    def start(self):
        for name in self.names + [self.bridge]:
            sh('ip', 'netns', 'add', name)
            sh('ip', '-n', name, 'link', 'set', 'lo', 'up')
        sh('ip', '-n', self.bridge, 'link', 'add', 'br0', 'type', 'bridge')
        sh('ip', '-n', self.bridge, 'link', 'set', 'br0', 'up')
        for i, name in enumerate(self.names):
            port = 'p%d' % i
            sh('ip', '-n', self.bridge, 'link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth0',
               'netns', name)
            sh('ip', '-n', self.bridge, 'link', 'set', port, 'master', 'br0', 'up')
            sh('ip', '-n', name, 'addr', 'add', '10.211.0.%d/24' % (i + 1), 'dev', 'eth0')
            sh('ip', '-n', name, 'addr', 'add', 'fd77::%d/64' % (i + 1), 'dev', 'eth0', 'nodad')
            sh('ip', '-n', name, 'link', 'set', 'eth0', 'up')

    def on(self, host):
        return ['ip', 'netns', 'exec', self.names[host]]

    def link_local(self, host):
        """fe80::... of a host, when it is ready."""
        for _ in range(100):
            for line in sh('ip', '-n', self.names[host], '-6', 'addr', 'show', 'dev', 'eth0',
                           'scope', 'link').splitlines():
                if 'inet6 fe80' in line and 'tentative' not in line:
                    return line.split()[1].split('/')[0]
            time.sleep(0.1)
        raise RuntimeError('no link-local address')

    def rule(self, host, hooks, *rule):
        """Everything that reaches a host (input), or leaves it (output), goes through this."""
        nft = self.on(host) + ['nft']
        sh(*nft, 'add', 'table', 'inet', 'trn')
        for hook in hooks:
            sh(*nft, 'add', 'chain', 'inet', 'trn', hook,
               '{ type filter hook %s priority 0 ; }' % hook)
            sh(*nft, 'add', 'rule', 'inet', 'trn', hook, *rule)

    def lose(self, percent):
        for host in range(HOSTS):
            self.rule(host, ('input',), 'numgen', 'random', 'mod', '100', '<', str(percent), 'drop')

    def cut(self, host):
        self.rule(host, ('input', 'output'), 'meta', 'iifname', '!=', 'lo', 'drop')

    def relay(self, host, ms):
        """The wire of a host becomes long. Answers the process that carries its frames."""
        inside = ['ip', 'netns', 'exec', self.bridge]
        script = [sys.executable, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                               'relay.py')]
        for name in self.names:
            sh('ip', 'netns', 'exec', name, *script, 'no-offload', 'eth0')
        sh('ip', '-n', self.bridge, 'link', 'add', 'ra', 'type', 'veth', 'peer', 'name', 'rb')
        sh('ip', '-n', self.bridge, 'link', 'set', 'p%d' % host, 'nomaster')
        sh('ip', '-n', self.bridge, 'link', 'set', 'ra', 'up')
        sh('ip', '-n', self.bridge, 'link', 'set', 'rb', 'master', 'br0', 'up')
        child = subprocess.Popen(inside + script + ['p%d' % host, 'ra', str(ms)],
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        child.stdout.readline()
        return child

    def unrelay(self, host, child):
        child.kill()
        child.wait()
        child.stdout.close()
        sh('ip', '-n', self.bridge, 'link', 'del', 'ra')
        sh('ip', '-n', self.bridge, 'link', 'set', 'p%d' % host, 'master', 'br0')

    def netem(self, host, ms):
        """The same by the kernel, where it can. False: it cannot."""
        text = sh('ip', 'netns', 'exec', self.names[host], 'tc', 'qdisc', 'add', 'dev', 'eth0',
                  'root', 'netem', 'delay', '%dms' % ms, check=False)
        return not text

    def unnetem(self, host):
        sh('ip', 'netns', 'exec', self.names[host], 'tc', 'qdisc', 'del', 'dev', 'eth0', 'root')

    def heal(self):
        for host in range(HOSTS):
            sh(*self.on(host), 'nft', 'flush', 'ruleset')

    def stop(self):
        for name in self.names + [self.bridge]:
            for pid in sh('ip', 'netns', 'pids', name, check=False).split():
                if pid.isdigit():
                    os.kill(int(pid), signal.SIGKILL)
            sh('ip', 'netns', 'del', name, check=False)


def job_of(net, command, root='10.211.0.1:7711', **env):
    return Job(HOSTS, command, dict(SILENCE, TRN_COMM_ROOT=root, **env), net.on)


def shm():
    """What processes of these jobs left there; others use the folder meanwhile."""
    return ['/dev/shm/' + name for name in os.listdir('/dev/shm')
            if any(part in Job.pids for part in re.findall(r'\d+', name))]


# Nobody holds these: the kernel waits for what a cut or a loss has kept from it.
CLOSED = ('TIME-WAIT', 'FIN-WAIT', 'CLOSING', 'LAST-ACK')


def sockets(net):
    """Sockets of the job's port that are still open in any of the hosts."""
    found = []
    for name in net.names:
        text = sh('ip', 'netns', 'exec', name, 'ss', '-Htan', 'state', 'connected', check=False)
        found += [name + ': ' + line for line in text.splitlines()
                  if line and not line.startswith(CLOSED)]
        found += ['%s: pid %s' % (name, pid)
                  for pid in sh('ip', 'netns', 'pids', name, check=False).split()]
    return found


def meet(net, program):
    for root in ('10.211.0.1:7711', '[fd77::1]:7712',
                 '[%s%%eth0]:7713' % net.link_local(0)):
        job = job_of(net, [program], root).start_all()
        yield 'four hosts meet at %s' % root.rsplit(':', 1)[0].split('::')[0], \
            job.end() + job.all_say('ok 10 rounds')
    path = '/tmp/%s.root' % net.tag
    job = job_of(net, [program], 'file:' + path).start_all()
    yield 'four hosts meet by a file', job.end() + job.all_say('ok 10 rounds') + \
        (['the file is left'] if os.path.exists(path) else [])


def loss(net, program):
    job = job_of(net, [program, '--rounds', '30', '--patience', '60000'], **PATIENT).start_all()
    problems = job.ready()
    net.lose(5)
    problems += job.end(90)
    net.heal()
    yield '5 % of all packets are lost: right', problems + job.all_say('ok 30 rounds')


def delayed(net, command, words):
    """20 ms there and 20 ms back at least for each of 10 rounds: it was on that wire."""
    job = job_of(net, command).start_all()
    began = time.monotonic()
    problems = job.end(60) + job.all_say(words)
    took = time.monotonic() - began
    return problems + ([] if took >= 0.4 else ['took only %.3f s' % took])


def delay(net, program):
    child = net.relay(1, 20)
    problems = delayed(net, [program], 'ok 10 rounds')
    net.unrelay(1, child)
    yield 'a long wire, by a relay', problems
    if not shutil.which('tc') or not net.netem(1, 40):
        yield 'a long wire, by netem', 'this kernel has no netem'
        return
    problems = delayed(net, [program], 'ok 10 rounds')
    net.unnetem(1)
    yield 'a long wire, by netem', problems


def rest_of(victim):
    return [r for r in range(HOSTS) if r != victim]


def cut(net, program):
    for victim in (3, 0):
        job = job_of(net, [program, '--rounds', '100000', '--shrink', '--patience', '8000'])
        job.start_all()
        problems = job.ready()
        net.cut(victim)
        problems += job.end(40)
        net.heal()
        rest = rest_of(victim)
        yield 'host %d is cut off: the others name it' % victim, problems + job.all_say(
            [ERANK, 'process %d (rank %d, host ' % (victim, victim), 'cut off'], rest)
        yield 'they go on without it', job.all_say(['survivors 3', 'ok 5 rounds'], rest)
        yield 'it does not go on alone', job.all_say(['only 1 of '], [victim])


def cut_early(net, program):
    net.cut(2)
    job = job_of(net, [program, '--patience', '2000']).start_all()
    problems = job.end(20)
    net.heal()
    yield 'a host that is cut off from the beginning', problems + job.all_say(
        [ERANK, 'process 2 (rank 2) did not come in time'], rest_of(2)) + \
        job.all_say([ERANK, 'process 0 (rank 0) did not come in time'], [2])


def killed(net, program):
    job = job_of(net, [program, '--rounds', '100000', '--shrink', '--patience', '5000'])
    job.start_all()
    problems = job.ready()
    job.signal(0, signal.SIGKILL)
    problems += job.end(30)
    yield 'process 0 is killed on its host', problems + job.all_say(
        [ERANK, 'process 0 (rank 0, host ', ') ended', 'survivors 3', 'ok 5 rounds'], rest_of(0))


WIRE = 'tcp;ofi_rxm'


def all_reduce(net, sample):
    job = job_of(net, [sample]).start_all()
    yield 'all-reduce between four hosts', job.end() + job.all_say([WIRE, 'right'])
    job = job_of(net, [sample, '20000', '30', '60'], **PATIENT).start_all()
    problems = job.ready()
    net.lose(5)
    problems += job.end(90)
    net.heal()
    yield 'all-reduce, 5 % of all packets are lost', problems + job.all_say('right')
    child = net.relay(2, 20)
    problems = delayed(net, [sample], [WIRE, 'right'])
    net.unrelay(2, child)
    yield 'all-reduce over a long wire', problems


def all_reduce_broken(net, sample):
    command = [sample, '--shrink', '100000', '1000000', '10']
    for how, victim in (('cut off', 3), ('cut off', 0), ('killed', 1), ('killed', 0)):
        job = job_of(net, command).start_all()
        problems = job.ready()
        began = time.monotonic()
        if how == 'killed':
            job.signal(victim, signal.SIGKILL)
        else:
            net.cut(victim)
        problems += job.end(60)
        took = time.monotonic() - began
        net.heal()
        rest = rest_of(victim)
        yield 'all-reduce, host %d is %s: the others name it' % (victim, how), \
            problems + job.all_say([ERANK, 'process %d (rank %d, host ' % (victim, victim),
                                    'lost: rank %d: ' % victim], rest) + \
            (['took %.0f s' % took] if took > 40 else [])
        yield 'all-reduce goes on without it', [
            line for rank in rest
            for line in job.all_say(['rank %d of 3: ' % rest.index(rank), 'right'], [rank])]


KINDS = ('allr', 'redsctv', 'allgv', 'alltoallv', 'bcast', 'reduce', 'permute', 'barrier')


def chips(net, trnctl):
    """Every kind between chips, two on each host, over the bridge and over a long wire."""
    def run(kind):
        job = job_of(net, [trnctl, '--device', 'mock:trn2-48xl', 'comm', kind, '-r', '2', '-n', '1',
                           '-w', '0', '--bytes', '1,100004', '--check'], **PATIENT).start_all()
        return job.end(60) + job.all_say('on 8 ranks of', [0]) + job.all_say(' 0 errors', [0])

    for kind in KINDS:
        yield '%s between chips of four hosts' % kind, run(kind)
    child = net.relay(2, 10)
    for kind in KINDS:
        yield '%s between chips, over a long wire' % kind, run(kind)
    net.unrelay(2, child)


def main():
    tap = tree.Tap()
    program = os.path.abspath(sys.argv[1])
    if os.geteuid() != 0:
        tap.skip('hosts', 'only root makes network namespaces')
        return tap.done()
    for tool in ('ip', 'nft'):
        if not shutil.which(tool):
            tap.skip('hosts', '%s is not installed (iproute2, nftables)' % tool)
            return tap.done()
    net = Net()
    try:
        net.start()
    except RuntimeError as error:
        net.stop()
        tap.skip('hosts', 'no network namespaces here: %s' % error)
        return tap.done()
    try:
        cases = [(case, program) for case in (meet, loss, delay, cut, cut_early, killed)]
        if len(sys.argv) > 2:
            cases += [(case, os.path.abspath(sys.argv[2]))
                      for case in (all_reduce, all_reduce_broken)]
        if len(sys.argv) > 3:
            cases.append((chips, os.path.abspath(sys.argv[3])))
        for case, what in cases:
            for name, problems in case(net, what):
                if isinstance(problems, str):
                    tap.skip(name, problems)
                else:
                    tap.result(name, problems)
        tap.result('no process, socket or shared memory is left',
                   sockets(net) + shm())
    finally:
        net.stop()
    return tap.done()


if __name__ == '__main__':
    sys.exit(main())
