#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Instructions of the hot path (record, submit, reap of one command), counted by valgrind's
callgrind and compared with counts.txt. A count belongs to a compiler, a C library, an architecture
and a kind of build; where the file has none for these, that is said and nothing is compared."""
import argparse
import os
import platform
import re
import shutil
import subprocess
import sys

KINDS = ('null', 'copy', 'wait')
TIMES = 1000
PERCENT = 2.0
HEAD = '''# Instructions of one command and its signal: record, submit, reap. Written by
# tests/callgrind/counts.py --write (see docs/performance.md); compared within %g %%.
# compiler c-library architecture build kind count
''' % PERCENT


def count(program, kind):
    """Instructions of one round of a kind."""
    command = ['valgrind', '--tool=callgrind', '--callgrind-out-file=/dev/null',
               '--toggle-collect=counted*', program, kind, str(TIMES)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False)
    found = re.search(r'Collected : (\d+)', done.stdout)
    if done.returncode != 0 or not found or found.group(1) == '0':
        raise RuntimeError('callgrind of %s: status %d: %s' %
                           (kind, done.returncode, done.stdout.strip()[-400:]))
    return int(found.group(1)) // TIMES


def read(path):
    """{key and kind: count}"""
    counts = {}
    with open(path, encoding='utf-8') as handle:
        for line in handle:
            fields = line.split()
            if fields and not line.startswith('#'):
                counts[' '.join(fields[:-1])] = int(fields[-1])
    return counts


def write(path, counts):
    with open(path, 'w', encoding='utf-8') as handle:
        handle.write(HEAD)
        for key in sorted(counts):
            handle.write('%s %d\n' % (key, counts[key]))


def check(number, key, kind, counts, found):
    """Prints one line of TAP."""
    want = counts['%s %s' % (key, kind)]
    off = (found - want) * 100.0 / want
    fine = abs(off) <= PERCENT
    print('%s %d - %s: %d instructions, %d in the file (%+.1f %%)' %
          ('ok' if fine else 'not ok', number, kind, found, want, off))
    if not fine:
        print('# if that is meant: tests/callgrind/counts.py --write with the same arguments, '
              'and say why in the commit')


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('program', help='hotpath of the build')
    parser.add_argument('compiler', help='id and version, gcc-12.2.0')
    parser.add_argument('build', help='release, debugoptimized')
    parser.add_argument('file', help='counts.txt')
    parser.add_argument('--write', action='store_true', help='take what is counted now')
    args = parser.parse_args()
    key = ' '.join((args.compiler, '-'.join(platform.libc_ver()), platform.machine(), args.build))
    counts = read(args.file) if os.path.exists(args.file) else {}
    known = all('%s %s' % (key, kind) in counts for kind in KINDS)
    if not args.write:
        print('1..%d' % len(KINDS))
    if not shutil.which('valgrind') or (not known and not args.write):
        why = 'no counts of "%s" in counts.txt' % key if shutil.which('valgrind') else 'no valgrind'
        for number, kind in enumerate(KINDS, 1):
            print('ok %d - %s # SKIP %s' % (number, kind, why))
        return 0
    for number, kind in enumerate(KINDS, 1):
        found = count(args.program, kind)
        if args.write:
            counts['%s %s' % (key, kind)] = found
            print('%s %s %d' % (key, kind, found))
        else:
            check(number, key, kind, counts, found)
    if args.write:
        write(args.file, counts)
    return 0


if __name__ == '__main__':
    sys.exit(main())
