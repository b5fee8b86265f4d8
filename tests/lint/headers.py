#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every public header compiles alone, as C11 and as C++17, with warnings as errors
and with nothing but include/ on the search path. One TAP subtest a header and language."""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile

import tree

WARNINGS = ['-Wall', '-Wextra', '-Wpedantic', '-Wundef', '-Werror', '-fsyntax-only']
# Not -Wshadow in C++: g++ takes the pair `struct trn_x` and trn_x() for a hidden constructor.
C_WARNINGS = ['-Wshadow', '-Wstrict-prototypes', '-Wmissing-prototypes', '-Wconversion']


def cxx_compiler():
    for name in ('c++', 'g++', 'clang++'):
        if shutil.which(name):
            return [name]
    return None


def compile_alone(compiler, language, standard, include, header, extra):
    """Returns the compiler's complaint, or ''."""
    with tempfile.TemporaryDirectory() as folder:
        source = os.path.join(folder, 'alone.' + language)
        with open(source, 'w', encoding='utf-8') as out:
            # Twice: the guard is tried too.
            out.write('#include <%s>\n#include <%s>\n' % (header, header))
        done = subprocess.run(compiler + ['-std=' + standard, '-I' + include] + WARNINGS + extra +
                              [source], capture_output=True, text=True, check=False)
    return done.stderr.strip() if done.returncode else ''


def check_headers(tap, include, headers, cc, cxx):
    for header in headers:
        what = compile_alone(cc, 'c', 'c11', include, header, C_WARNINGS)
        tap.result('%s alone in C11' % header, what.splitlines())
        if cxx is None:
            tap.skip('%s alone in C++17' % header, 'no C++ compiler')
        else:
            what = compile_alone(cxx, 'cc', 'c++17', include, header, [])
            tap.result('%s alone in C++17' % header, what.splitlines())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('include', help='the include/ folder')
    parser.add_argument('--cc', nargs='+', default=['cc'])
    args = parser.parse_args()
    headers = sorted('trn/' + name for name in os.listdir(os.path.join(args.include, 'trn'))
                     if name.endswith('.h'))
    tap = tree.Tap()
    check_headers(tap, args.include, headers, args.cc, cxx_compiler())
    return tap.done()


if __name__ == '__main__':
    sys.exit(main())
