#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Jobs of plain processes, and what the others say when one is late, missing, wrong, killed or
stopped. usage: plain.py RANK"""
import os
import signal
import sys
import tempfile
import threading

from jobs import ERANK, Job, free_port, tree


def root(host='127.0.0.1'):
    return '%s:%d' % ('[%s]' % host if ':' in host else host, free_port(host))


def meet(program, folder):
    for count in (1, 2, 4, 8, 16):
        for where in (root(), root('::1'), 'localhost:%d' % free_port(),
                      'file:%s/root' % folder):
            job = Job(count, [program], {'TRN_COMM_ROOT': where}).start_all()
            problems = job.end()
            yield '%d processes by %s' % (count, where.split(':')[0] or where), \
                problems + job.all_say('ok 10 rounds')
    yield 'no file is left', os.listdir(folder)


def late(program, _):
    job = Job(4, [program], {'TRN_COMM_ROOT': root()}).start_all(but=(0, 2))
    timer = threading.Timer(1.0, lambda: (job.start(0), job.start(2)))
    timer.start()
    timer.join()
    yield 'two come late', job.end() + job.all_say('ok 10 rounds')


def missing(program, folder):
    for gone, where in ((2, root()), (0, root()), (0, 'file:%s/none' % folder)):
        job = Job(4, [program, '--patience', '1500'], {'TRN_COMM_ROOT': where})
        job.start_all(but=(gone,))
        yield 'process %d is missing (%s)' % (gone, where.split(':')[0]), job.end(20) + \
            job.all_say([ERANK, 'process %d (rank %d) did not come in time' % (gone, gone)])


def wrong(program, _):
    job = Job(4, lambda rank: [program, '--name', 'b' if rank == 2 else 'a'],
              {'TRN_COMM_ROOT': root()}).start_all()
    yield 'wrong job', job.end(20) + job.all_say([ERANK, 'process 2 (rank 2, host ', 'job "b"'])
    job = Job(4, [program], {'TRN_COMM_ROOT': root()}).start_all(but=(1,))
    job.start(1, TRN_COMM_SIZE=5)
    yield 'wrong count', job.end(20) + job.all_say(
        [ERANK, 'process 1 (rank 1, host ', 'counts 5 processes, process 0 4'])
    job = Job(4, [program], {'TRN_COMM_ROOT': root()}).start_all(but=(3,))
    job.start(3, TRN_COMM_RANK=2)
    yield 'twice', job.end(20) + job.all_say(
        [ERANK, 'process 2 (rank 2, host ', 'is there twice'])


def killed(program, _):
    for victim in (2, 0):
        job = Job(4, [program, '--rounds', '100000', '--shrink', '--patience', '5000'],
                  {'TRN_COMM_ROOT': root()}).start_all()
        problems = job.ready()
        pid = job.children[victim].pid
        job.signal(victim, signal.SIGKILL)
        problems += job.end(30)
        rest = [r for r in range(4) if r != victim]
        yield 'kill -9 of process %d in the middle' % victim, problems + job.all_say(
            [ERANK, 'process %d (rank %d, host ' % (victim, victim), 'pid %d) ended' % pid], rest)
        yield 'the survivors of that go on', job.all_say(['survivors 3', 'ok 5 rounds'], rest)


def killed_two(program, _):
    job = Job(5, [program, '--rounds', '100000', '--shrink', '--patience', '5000'],
              {'TRN_COMM_ROOT': root()}).start_all()
    problems = job.ready()
    for victim in (0, 1):
        job.signal(victim, signal.SIGKILL)
    yield 'processes 0 and 1 killed at once', problems + job.end(30) + \
        job.all_say([ERANK, 'survivors 3', 'ok 5 rounds'], (2, 3, 4))


def stopped(program, _):
    for victim in (2, 0):
        job = Job(4, [program, '--rounds', '100000', '--shrink', '--patience', '2000'],
                  {'TRN_COMM_ROOT': root()}).start_all()
        problems = job.ready()
        job.signal(victim, signal.SIGSTOP)
        problems += job.end(30, but=(victim,))
        rest = [r for r in range(4) if r != victim]
        yield 'SIGSTOP of process %d in the middle' % victim, problems + job.all_say(
            [ERANK, 'process %d (rank %d, host ' % (victim, victim), 'in time'], rest)
        yield 'the others of that go on', job.all_say(['survivors 3', 'ok 5 rounds'], rest)


def main():
    tap = tree.Tap()
    with tempfile.TemporaryDirectory() as folder:
        for case in (meet, late, missing, wrong, killed, killed_two, stopped):
            for name, problems in case(os.path.abspath(sys.argv[1]), folder):
                tap.result(name, problems)
    return tap.done()


if __name__ == '__main__':
    sys.exit(main())
