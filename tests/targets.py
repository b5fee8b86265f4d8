#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What ninja must build before the tests of some suites can run.

usage: targets.py BUILD SUITE...      prints paths below BUILD, one a line
"""
import json
import os
import sys


def info(build, name):
    with open(os.path.join(build, 'meson-info', 'intro-%s.json' % name), encoding='utf-8') as file:
        return json.load(file)


def targets_of(build, suites):
    files = {row['id']: row['filename'] for row in info(build, 'targets')}
    wanted = set()
    for test in info(build, 'tests'):
        # 'libtrn:unit' is suite unit.
        if suites.isdisjoint(suite.partition(':')[2] for suite in test['suite']):
            continue
        for target in test['depends']:
            wanted.update(os.path.relpath(path, os.path.abspath(build)) for path in files[target])
    return sorted(wanted)


def main():
    if len(sys.argv) < 3:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    print('\n'.join(targets_of(sys.argv[1], set(sys.argv[2:]))))
    return 0


if __name__ == '__main__':
    sys.exit(main())
