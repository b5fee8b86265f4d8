#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Does what a page says, word for word, in a copy of the tree. Each WAY is a chapter of its own:

  <!-- file: NAME -->   the block becomes a file
  <!-- run: WAY -->     the block is run by bash -eu, in the order of the page
  <!-- prints -->       every line of the block stands in what the last run printed, in this order

usage: page.py ROOT PAGE WAY... [--path FOLDER]... TAP on standard output."""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lint'))
import tree  # noqa: E402

BLOCK = re.compile(r'<!-- (file|run|prints)(?:: ([\w.-]+))? -->\n```\w*\n(.*?)```', re.DOTALL)


def copy_tree(root, folder):
    for path in tree.list_paths(root):
        target = os.path.join(folder, path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        source = os.path.join(root, path)
        if os.path.lexists(source):  # the floors are links to folders
            shutil.copy(source, target, follow_symlinks=False)


def missing(wanted, output):
    """The first line that is not in the output, behind the one before."""
    at = 0
    for line in wanted.splitlines():
        found = output.find(line, at)
        if found < 0:
            return line
        at = found + len(line)
    return None


def run(script, folder, paths):
    env = dict(os.environ, PATH=os.pathsep.join(paths + [os.environ['PATH']]))
    for name in ('TRN_DEVICE', 'LD_LIBRARY_PATH'):  # of who runs the test, not of the page
        env.pop(name, None)
    done = subprocess.run(['bash', '-eu', '-o', 'pipefail', '-c', script], cwd=folder, env=env,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=280, check=False)
    return done.returncode, done.stdout.decode('utf-8', 'replace')


def follow(text, way, folder, paths):
    """What goes wrong on a way; nothing when the page is right. The number of runs."""
    problems, runs, output, last = [], 0, '', None
    for kind, name, body in BLOCK.findall(text):
        if kind == 'file':
            with open(os.path.join(folder, name), 'w', encoding='utf-8') as file:
                file.write(body)
        elif kind == 'run':
            last = name
            if name != way:
                continue
            runs += 1
            status, output = run(body, folder, paths)
            if status != 0:
                problems += ['status %d of' % status] + body.splitlines()
                return problems + output.splitlines()[-30:], runs
        elif last == way:
            line = missing(body, output)
            if line is not None:
                problems += ['not printed: %s' % line] + output.splitlines()[-30:]
    return problems, runs


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('root')
    parser.add_argument('page')
    parser.add_argument('ways', nargs='+')
    parser.add_argument('--path', action='append', default=[])
    args = parser.parse_args()
    with open(os.path.join(args.root, args.page), encoding='utf-8') as file:
        text = file.read()
    tap = tree.Tap()
    for way in args.ways:
        with tempfile.TemporaryDirectory() as folder:
            copy_tree(args.root, folder)
            problems, runs = follow(text, way, folder, args.path)
            tap.result('%s: %s' % (args.page, way), problems or ([] if runs else ['no run']))
    # Seen to fail: a command that fails, a line that is not printed.
    planted = ['<!-- run: x -->\n```sh\nfalse\n```\n',
               '<!-- run: x -->\n```sh\necho a; echo b\n```\n<!-- prints -->\n```\nb\na\n```\n']
    with tempfile.TemporaryDirectory() as folder:
        tap.result('a planted mistake is found',
                   ['not found: %s' % page for page in planted
                    if not follow(page, 'x', folder, [])[0]])
    return tap.done()


if __name__ == '__main__':
    sys.exit(main())
