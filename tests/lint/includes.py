#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the compiler was really given: every file of a floor is compiled with the
include folders of its own floor and those below, so an upward include cannot compile."""
import argparse
import json
import os
import re
import sys

import tree

# Folder, what it may see of .floors/. Tests of a floor may also use base/test_main.h.
SEES = [
    ('base/', {'base'}),
    ('model/', {'base', 'model'}),
    ('hal/', {'base', 'hal', 'model'}),
    ('runtime/', {'base', 'hal-public', 'runtime'}),
    ('kernels/', {'kernels'}),
    ('samples/', set()),
    ('predict/', {'base', 'model', 'predict'}),
    ('tools/', {'predict', 'tools'}),
    ('bench/fidelity', {'base', 'bench', 'model', 'predict'}),
    ('bench/decode', {'bench', 'samples'}),
    ('bench/', {'bench', 'predict'}),
]


def problems_of(path, command):
    """Include folders of one compile command that its floor must not have."""
    for prefix, allowed in SEES:
        if not path.startswith(prefix):
            continue
        if path.endswith('_test.c') or re.search(r'/test_\w+\.c$', path):
            allowed = allowed | {'base'}
        seen = set(re.findall(r'-I\S*\.floors/([\w-]+)', command))
        extra = ['%s is compiled with .floors/%s' % (path, name)
                 for name in sorted(seen - allowed)]
        if re.search(r"-I'?(\.|\.\.)/?'?(\s|$)", command):
            extra.append('%s is compiled with the top of the tree' % path)
        return extra
    return []


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('root')
    parser.add_argument('build', help='build folder, with compile_commands.json')
    args = parser.parse_args()
    root = os.path.realpath(args.root)
    with open(os.path.join(args.build, 'compile_commands.json'), encoding='utf-8') as handle:
        rows = json.load(handle)
    by_floor = {prefix: [] for prefix, _ in SEES}
    for row in rows:
        path = os.path.realpath(os.path.join(row['directory'], row['file']))
        path = os.path.relpath(path, root)
        for prefix in by_floor:
            if path.startswith(prefix):
                by_floor[prefix] += problems_of(path, row['command'])
    tap = tree.Tap()
    for prefix, problems in by_floor.items():
        tap.result('include folders of %s' % prefix, problems)
    return tap.done()


if __name__ == '__main__':
    sys.exit(main())
