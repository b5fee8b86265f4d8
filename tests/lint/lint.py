#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs every rule over the tree and prints one TAP subtest a rule.

exceptions.txt: the first line that is not a comment is `count N`; each further
line is `RULE PATH SUBJECT  # reason`. N is the number of lines, it may not be
larger than in any earlier commit, and a line that excuses nothing fails.
"""
import argparse
import os
import re
import subprocess
import sys

import rules
import tree

EXCEPTIONS = 'tests/lint/exceptions.txt'


def parse_exceptions(text):
    """Returns (count or None, {(rule, path, subject)}, problems)."""
    count, rows, problems = None, set(), []
    for number, line in enumerate(text.splitlines(), 1):
        body, _, reason = line.partition('#')
        fields = body.split()
        if not fields:
            continue
        if fields[0] == 'count' and len(fields) == 2 and fields[1].isdigit() and count is None:
            count = int(fields[1])
        elif len(fields) != 3 or not reason.strip():
            problems.append('%s:%d: want RULE PATH SUBJECT  # reason' % (EXCEPTIONS, number))
        else:
            rows.add(tuple(fields))
    if text and count != len(rows):
        problems.append('%s: count %s, %d lines' % (EXCEPTIONS, count, len(rows)))
    return count or 0, rows, problems


def smallest_count_ever(root):
    """Over the file's history; None without one."""
    def git(*args):
        done = subprocess.run(['git', '-C', root, *args], capture_output=True, text=True,
                              check=False)
        return done.stdout if done.returncode == 0 else ''
    counts = []
    for commit in git('log', '--format=%H', '--', EXCEPTIONS).split():
        match = re.search(r'^count (\d+)', git('show', '%s:%s' % (commit, EXCEPTIONS)),
                          re.MULTILINE)
        if match:
            counts.append(int(match.group(1)))
    return min(counts) if counts else None


def violations(files):
    """{rule: [(path, line, subject, text)]}"""
    found = {name: [] for name in list(rules.FILE_RULES) + list(rules.TREE_RULES)}
    for name, rule in rules.FILE_RULES.items():
        for file in files:
            found[name] += [(file.path, *row) for row in rule(file)]
    for name, rule in rules.TREE_RULES.items():
        found[name] += list(rule(files))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('root', help='top of the tree')
    root = parser.parse_args().root
    files = tree.load(root)
    text = next((f.text for f in files if f.path == EXCEPTIONS), '')
    count, excused, problems = parse_exceptions(text)
    used = set()
    tap = tree.Tap()
    for name, rows in sorted(violations(files).items()):
        lines = []
        for path, line, subject, what in rows:
            key = (name, path, subject)
            if key in excused:
                used.add(key)
            else:
                lines.append('%s:%d: %s' % (path, line, what))
        tap.result(name, lines)
    problems += ['%s: excuses nothing: %s' % (EXCEPTIONS, ' '.join(row))
                 for row in sorted(excused - used)]
    smallest = smallest_count_ever(os.path.abspath(root))
    if smallest is not None and count > smallest:
        problems.append('%s: count %d, was %d: it may only shrink' % (EXCEPTIONS, count, smallest))
    tap.result('exceptions (%d)' % len(excused), problems)
    return tap.done()


if __name__ == '__main__':
    sys.exit(main())
