#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that other people's tools make: clang-format over all C, shellcheck over all
shell, Python that compiles. A tool that is not installed is a skipped subtest."""
import argparse
import os
import shutil
import subprocess
import sys

import rules
import tree


def run(command, cwd):
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    return done.returncode, (done.stdout + done.stderr).strip()


def format_problems(root, paths):
    """One line for each place that clang-format would change."""
    status, text = run(['clang-format', '--dry-run', '-Werror', '--style=file', *paths], root)
    lines = [line for line in text.splitlines() if 'error:' in line]
    return lines or ([text] if status else [])


def shell_problems(root, paths):
    status, text = run(['shellcheck', '--format=gcc', *paths], root)
    return text.splitlines() if status else []


def python_problems(files):
    problems = []
    for file in files:
        try:
            compile(file.text, file.path, 'exec')
        except SyntaxError as error:
            problems.append('%s:%s: %s' % (file.path, error.lineno, error.msg))
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('root')
    root = os.path.abspath(parser.parse_args().root)
    files = tree.load(root)
    tap = tree.Tap()
    if shutil.which('clang-format'):
        tap.result('clang-format', format_problems(root, [f.path for f in files if f.is_c]))
    else:
        tap.skip('clang-format', 'not installed')
    if shutil.which('shellcheck'):
        tap.result('shellcheck', shell_problems(root, [f.path for f in files if rules.is_shell(f)]))
    else:
        tap.skip('shellcheck', 'not installed')
    tap.result('python compiles', python_problems([f for f in files if f.path.endswith('.py')]))
    return tap.done()


if __name__ == '__main__':
    sys.exit(main())
