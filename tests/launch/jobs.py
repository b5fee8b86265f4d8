# SPDX-License-Identifier: Apache-2.0
"""Processes of a job as a user would start them, and what they printed."""
import os
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lint'))
import tree  # noqa: E402,F401

OURS = ('TRN_COMM_', 'OMPI_', 'PMI', 'SLURM_')
ERANK = 'failed -1032: '


def free_port(host='127.0.0.1'):
    family = socket.AF_INET6 if ':' in host else socket.AF_INET
    with socket.socket(family) as sock:
        sock.bind((host, 0))
        return sock.getsockname()[1]


def clean_env(**more):
    env = {k: v for k, v in os.environ.items() if not k.startswith(OURS)}
    env.update({k: str(v) for k, v in more.items()})
    return env


class Job:
    """Plain processes, rank by rank. command: list, or a function of the rank."""

    pids = set()  # of all jobs, as text

    def __init__(self, count, command, env, prefix=lambda rank: []):
        self.count, self.command, self.env, self.prefix = count, command, env, prefix
        self.children = {}
        self.output = {}

    def start(self, rank, **env):
        command = self.command(rank) if callable(self.command) else self.command
        who = {"TRN_COMM_RANK": rank, "TRN_COMM_SIZE": self.count}
        merged = clean_env(**{**self.env, **who, **env})
        self.children[rank] = subprocess.Popen(
            self.prefix(rank) + command, env=merged, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        Job.pids.add(str(self.children[rank].pid))

    def start_all(self, but=()):
        for rank in range(self.count):
            if rank not in but:
                self.start(rank)
        return self

    def ready(self, ranks=None, seconds=30):
        """Waits for the first line of each: they have come together. What is wrong, or []."""
        problems = []
        for rank in ranks if ranks is not None else sorted(self.children):
            line = self.children[rank].stdout.readline()
            self.output[rank] = line
            if not line.startswith('ready'):
                problems.append('rank %d: %s' % (rank, line.strip()))
        return problems

    def signal(self, rank, number):
        self.children[rank].send_signal(number)

    def end(self, seconds=60, but=()):
        """Waits for all; whoever is still there then is killed, and named."""
        late, until = [], time.monotonic() + seconds
        for rank, child in sorted(self.children.items()):
            if rank in but:
                continue
            try:
                text, _ = child.communicate(timeout=max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                late.append('rank %d is still there' % rank)
                child.kill()
                text, _ = child.communicate()
            self.output[rank] = self.output.get(rank, '') + text
        for rank in but:
            if rank in self.children:
                self.children[rank].send_signal(signal.SIGKILL)
                self.children[rank].communicate()
        return late

    def all_say(self, words, ranks=None):
        """Every process printed each of the words; what each did not."""
        problems = []
        for rank in ranks if ranks is not None else sorted(self.output):
            for word in [words] if isinstance(words, str) else words:
                if word not in self.output.get(rank, ''):
                    problems.append('rank %d does not say "%s": %s' % (
                        rank, word, self.output.get(rank, '').strip().replace('\n', ' | ')))
        return problems
