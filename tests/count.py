#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Count TAP subtests in meson's testlog.json files.

A test without TAP output counts as one. A program that dies, hangs or prints
fewer results than it promised adds one failure, so that nothing is lost by
crashing early. The last line printed is `N passed, N failed, N skipped`.
"""
import argparse
import json
import re
import sys

RESULT = re.compile(r'^(not )?ok\b\s*(\d+)?\s*(?:-\s*)?(.*)$')
PLAN = re.compile(r'^1\.\.(\d+)(?:\s*#\s*(.*))?$')
DIRECTIVE = re.compile(r'(?<!\\)#\s*SKIP\b\s*(.*)$', re.IGNORECASE)
NOTES = 12


def parse_tap(text):
    """Returns (passed, failed names, skipped [(name, reason)], planned or None). A failed
    name is followed by the diagnostics that were printed before it."""
    passed, failed, skipped, planned, notes = 0, [], [], None, []
    for line in text.splitlines():
        plan = PLAN.match(line)
        if plan:
            planned = int(plan.group(1))
            continue
        match = RESULT.match(line)
        if not match:
            notes = (notes + ['\n           ' + line])[-NOTES:] if line[:1] == '#' else notes
            continue
        directive = DIRECTIVE.search(match.group(3))
        name = match.group(3)[:directive.start()].strip() if directive else match.group(3)
        if directive:
            skipped.append((name, directive.group(1)))
        elif match.group(1):
            failed.append(name + ''.join(notes))
        else:
            passed += 1
        notes = []
    return passed, failed, skipped, planned


def count_entry(entry):
    """One line of testlog.json: (passed, failed names, skipped [(name, reason)])."""
    result = entry['result']
    passed, failed, skipped, planned = parse_tap(entry.get('stdout') or '')
    seen = passed + len(failed) + len(skipped)
    if result == 'SKIP' and not failed:
        return passed, [], skipped or [('all', (entry.get('stdout') or '').strip()[-100:])]
    if seen == 0 and result in ('OK', 'EXPECTEDFAIL'):
        return 1, [], []
    if planned is not None and seen < planned:
        failed.append('%d results promised, %d seen' % (planned, seen))
    if result not in ('OK', 'EXPECTEDFAIL', 'SKIP') and not failed:
        failed.append('%s, exit status %s' % (result.lower(), entry.get('returncode')))
    return passed, failed, skipped


def read_logs(paths):
    for path in paths:
        with open(path, encoding='utf-8', errors='replace') as log:
            for line in log:
                if line.strip():
                    yield json.loads(line)


def suites_of(entry):
    """'libtrn:unit+tsan / queue' is ('unit', 'queue')."""
    left, _, name = entry['name'].partition(' / ')
    return left.partition(':')[2].split('+')[0] or 'other', name or left


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('logs', nargs='+', help='meson-logs/testlog.json')
    parser.add_argument('--append', metavar='FILE', help='add "passed failed skipped" to FILE')
    args = parser.parse_args()
    table = {}
    for entry in read_logs(args.logs):
        suite, name = suites_of(entry)
        passed, failed, skipped = count_entry(entry)
        row = table.setdefault(suite, [0, 0, 0])
        for column, number in enumerate((passed, len(failed), len(skipped))):
            row[column] += number
        for what in failed:
            print('FAILED   %s/%s: %s' % (suite, name, what))
        for what, reason in skipped:
            print('SKIPPED  %s/%s: %s%s' % (suite, name, what, reason and ' (%s)' % reason))
    for suite, row in sorted(table.items()):
        print('  %-8s %5d passed, %d failed, %d skipped' % (suite, *row))
    total = [sum(row[column] for row in table.values()) for column in range(3)]
    if args.append:
        with open(args.append, 'a', encoding='utf-8') as out:
            out.write('%d %d %d\n' % tuple(total))
    print('%d passed, %d failed, %d skipped' % tuple(total))
    return 1 if total[1] or not table else 0


if __name__ == '__main__':
    sys.exit(main())
