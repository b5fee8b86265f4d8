#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A check that has never failed is not known to work: plants a violation of every
rule, sees it reported, and sees clean text pass."""
import os
import shutil
import subprocess
import sys
import tempfile

import headers
import includes
import lint
import rules
import tools
import tree

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '..'), os.path.join(HERE, '..', 'abi')]
import count  # noqa: E402
import symbols  # noqa: E402

TOP = '/* SPDX-License-Identifier: Apache-2.0 */\n'
LONG = 'static int f(int a)\n{\n' + '\ta++;\n' * 67 + '\treturn a;\n}\n'
MAIN = 'int main(void)\n'
WORD = 'TO' + 'DO'

# Rule: [(path, text that must be reported)], [(path, text that must pass)].
PLANTS = {
    'floors': (
        [('runtime/a.c', '#include "model/model.h"\n'),
         ('runtime/a.c', '#include "hal/bus.h"\n'),
         ('base/a.c', '#include "hal/hal.h"\n'),
         ('hal/direct.c', '#include "model/model.h"\n'),
         ('kernels/gemm.c', '#include "base/bits.h"\n'),
         ('kernels/gemm.c', '#include <trn/diag.h>\n'),
         ('kernels/gemm_test.c', '#include "hal/hal.h"\n'),
         ('samples/a.c', '#include "runtime/private.h"\n'),
         ('tools/trnctl.c', '#include "base/uri.h"\n'),
         ('model/a.c', '#include <time.h>\n'), ('model/a.c', '#include <pthread.h>\n'),
         ('model/a.c', '#include <unistd.h>\n'), ('model/a.c', '#include <stdio.h>\n'),
         ('model/a.c', '#include <sys/mman.h>\n'), ('model/a.c', '#include "base/clock.h"\n'),
         ('include/trn/a.h', '#include "base/bits.h"\n'),
         ('include/trn/a.h', '#include <sys/types.h>\n'),
         ('hal/a.c', '#include "../base/bits.h"\n'), ('hal/a.c', '#include "private.h"\n'),
         ('attic/a.c', '#include <stdio.h>\n')],
        [('runtime/a.c', '#include "hal/hal.h"\n#include "base/log.h"\n#include <trn/device.h>\n'),
         ('hal/mock_bus.c', '#include "model/model.h"\n'),
         ('hal/mock/bus.c', '#include "model/model.h"\n'),
         ('samples/a.c', '#include "a.h"\n'), ('samples/a_test.c', '#include "a.h"\n'),
         ('model/test_host.c', '#include <stdlib.h>\n'),
         ('kernels/gemm_test.c', '#include "base/number.h"\n#include <trn/diag.h>\n'),
         ('kernels/test_run.h', '#include "base/prng.h"\n#include "kernels/plan.h"\n'),
         ('tools/trnctl.c', '#include <trn/diag.h>\n#include <json-c/json.h>\n'),
         ('model/a.c', '#include <string.h>\n#include "base/heap.h"\n'),
         ('model/a_test.c', '#include <stdio.h>\n#include "base/test_main.h"\n'),
         ('tests/cts/a.c', '#include "model/model.h"\n#include "hal/bus.h"\n')]),
    'banned-calls': (
        [('tools/a.c', 'strcpy(a, b);\n'), ('bench/a.c', 'sprintf(a, "%d", 1);\n'),
         ('base/a.c', 'strcat(a, b);\n'), ('tests/a.c', 'gets(a);\n'),
         ('samples/a.c', 'x = atoi(s);\n'), ('base/a.c', 'strtok(a, b);\n'),
         ('base/a.c', 'p = alloca(4);\n'), ('hal/a.c', 'p = malloc(4);\n'),
         ('runtime/a.c', 'p = calloc (4, 4);\n'), ('model/a.c', '\tfree(p);\n'),
         ('hal/a.c', 'clock_gettime(0, &t);\n'), ('tools/a.c', 'clock_gettime(0, &t);\n'),
         ('runtime/a.c', 'abort();\n'), ('kernels/a.c', 'if (x)\n\texit(1);\n'),
         ('tests/a.c', 'usleep(1);\n'), ('tools/a.c', 'sleep(1);\n'),
         ('bench/a.c', 'nanosleep(&t, NULL);\n'), ('hal/direct/a.c', 'ioctl(fd, 1);\n'),
         ('runtime/a.c', 'ioctl(fd, 1);\n'), ('model/a.c', 'x = exp(y);\n'),
         ('model/a.c', 'x = tanhf(y);\n'), ('hal/a.c', 'printf("x");\n'),
         ('runtime/a.c', 'signal(2, f);\n'), ('tests/a.c', 'rand();\n')],
        [('base/alloc.c', 'p = realloc(p, 4);\n'), ('base/clock.c', 'clock_gettime(0, &t);\n'),
         ('hal/a.c', 'alloc->realloc(alloc->user, p, 0);\n/* malloc(4) */ s = "free(p)";\n'),
         ('tools/a.c', 'exit(1);\n'), ('tests/a.c', 'free(malloc(4));\n'),
         ('hal/a_test.c', 'free(malloc(4));\n'), ('hal/drm.c', 'ioctl(fd, 1);\n'),
         ('kernels/a.c', 'x = exp(y);\n'), ('model/a.c', 'x = fma(a, b, c) + sqrtf(d);\n'),
         ('hal/a.c', 'my_free(p);\ntrn_free(a, p);\n')]),
    'banned-words': (
        [('hal/a.c', 'fprintf(stderr, "x");\n'), ('model/a.c', 'static _Atomic int x;\n'),
         ('model/a.c', 'pthread_mutex_t m;\n'), ('base/a.h', 'typedef struct a a_t;\n'),
         ('runtime/a.c', 'if (!TRN_HANDLE_OK(a, A) ||\n    !TRN_OTHER_HANDLE_OK(b, B))\n'
                         '\treturn -EINVAL;\n')],
        [('tools/a.c', 'fprintf(stderr, "x");\n'), ('hal/a.c', 'static _Atomic int x;\n'),
         ('runtime/a.c', 'if (!TRN_HANDLE_OK(a, A))\n\treturn trn_handle_refused();\n'
                         'if (!b)\n\treturn -EINVAL;\n'),
         ('base/a.h', 'typedef void (*trn_fn)(void);\n')]),
    'function-length': (
        [('base/a.c', LONG), ('base/a_test.c', LONG.replace('static int f(int a)',
                                                           'START_TEST(f)')),
         ('tests/a.py', 'def f():\n' + '    x = 1\n' * 70), ('dev', '#!/bin/bash\nf() {\n' +
                                                            'true\n' * 69 + '}\n')],
        [('base/a.c', LONG.replace('\ta++;\n', '', 1)),
         ('tests/a.py', 'def f():\n' + '    x = 1\n' * 69)]),
    'file-length': (
        [('base/a.c', 'int x;\n' * 801), ('base/a.h', '\n' * 401),
         ('samples/a.c', '\n' * 150 + MAIN)],
        [('base/a.c', 'int x;\n' * 800), ('base/a.h', '\n' * 400),
         ('samples/a.c', '\n' * 149 + MAIN), ('samples/a_part.c', '\n' * 151)]),
    'columns': ([('base/a.c', '\t' + 'x' * 93 + '\n'), ('meson.build', 'x' * 101 + '\n')],
                [('base/a.c', '\t' + 'x' * 92 + '\n'), ('docs/a.md', 'x' * 200 + '\n')]),
    'spdx': ([('base/a.c', 'int x;\n'), ('base/a.c', 'int x;\n' + TOP),
              ('dev', '#!/bin/bash\nset -e\n'), ('docs/a.md', '# A\n'), ('meson.build', '\n'),
              ('base/a.h', TOP.replace('Apache', 'GPL'))],
             [('base/a.c', TOP), ('dev', '#!/bin/bash\n# SPDX-License-Identifier: Apache-2.0\n'),
              ('docs/a.md', '# A\n\n<!-- SPDX-License-Identifier: Apache-2.0 -->\n')]),
    'leftovers': ([('base/a.c', '/* %s: later */\n' % WORD), ('docs/a.md', 'a ' + 'st' + 'ub\n'),
                   ('base/a.h', '/* ' + 'FIX' + 'ME */\n'), ('dev', '# ' + 'XX' + 'X\n')],
                  [('base/a.c', '/* %sx, stubborn */\n' % WORD)]),
    'machine-paths': ([('base/a.c', 's = "/' + 'home/me/x";\n'), ('docs/a.md', '/' + 'root/x\n'),
                       ('dev', 'cd /' + 'work/tree\n')],
                      [('dev', 'cat /usr/share/common-licenses/GPL-3 $x/home/a\n')]),
    'whitespace': ([('base/a.c', 'int x; \n'), ('base/a.c', 'int x;'), ('dev', 'true\r\n'),
                    ('docs/a.md', 'a\t\n')], [('base/a.c', 'int x;\n')]),
    'file-mode': ([('dev', '#!/bin/bash\n')], [('base/a.c', 'int x;\n')]),
    'header-guard': ([('base/a.h', '#ifndef A_H\n#define A_H\n'),
                      ('include/trn/a.h', '#ifndef INCLUDE_TRN_A_H\n#define INCLUDE_TRN_A_H\n')],
                     [('base/a.h', '#ifndef BASE_A_H\n#define BASE_A_H\n'),
                      ('include/trn/a.h', '#ifndef TRN_A_H\n#define TRN_A_H\n')]),
    'static-prefix': ([('base/a.c', 'static int trn_f(void)\n{\n}\n')],
                      [('base/a.c', 'static int f(void)\n{\n\ttrn_g();\n}\n'),
                       ('base/a.h', 'static inline int trn_f(void)\n{\n}\n')]),
    'tests-registered': (
        [('base/a_test.c', 'START_TEST(lost)\n{\n}\nEND_TEST\nint main(void)\n{\n}\n')],
        [('base/a_test.c', 'START_TEST(kept)\n{\n}\nEND_TEST\n\ttcase_add_test(tc, kept);\n')]),
    'public-decls': ([('include/trn/a.h', 'TRN_API int trn_f(void);\n')],
                     [('include/trn/a.h',
                       'TRN_BEGIN_DECLS\nTRN_API int trn_f(void);\nTRN_END_DECLS\n')]),
}

# Rule: trees that must be reported, trees that must pass; a tree is {path: text}.
TREES = {
    'sources-built': ([{'base/meson.build': "files('b.c')\n", 'base/a.c': TOP}],
                      [{'base/meson.build': "files('a.c')\n", 'base/a.c': TOP},
                       {'hal/meson.build': "files('direct/a.c')\n", 'hal/direct/a.c': TOP},
                       {'base/meson.build': "['a']\nx + '_test.c'\n", 'base/a_test.c': TOP}]),
    'markdown-links': ([{'README.md': '[a](docs/b.md)\n'}, {'docs/a.md': '[a](../b.md#x)\n'}],
                       [{'docs/a.md': '[a](b.md) [b](../base) [c](https://x.y)\n',
                         'docs/b.md': '', 'base/a.c': ''}]),
    'changelog': ([{'meson.build': "  version: '0.2.0',\n", 'CHANGELOG.md': '## 0.1.0\n'}, {}],
                  [{'meson.build': "  version: '0.2.0',\n", 'CHANGELOG.md': '## 0.2.0\n'}]),
}

DOC = ('/**\n * trn_f() - does\n * @a: what\n *\n'
       ' * Context: any.\n * Return: 0.\n * Since: 0.1\n */\n')
PROTOTYPE = 'TRN_API int trn_f(const int *a);\n'


def check_rules(tap):
    for name, rule in sorted(rules.FILE_RULES.items()):
        wrong, right = PLANTS[name]
        tap.result(name, ['missed: %s: %r' % (path, text[:60]) for path, text in wrong
                          if not list(rule(tree.File(path, text)))] +
                   ['false alarm: %s: %r: %s' % (path, text[:60], found) for path, text in right
                    for found in rule(tree.File(path, text))])
    for name, rule in sorted(rules.TREE_RULES.items()):
        wrong, right = ([[tree.File(p, t) for p, t in plant.items()] for plant in plants]
                        for plants in TREES[name])
        tap.result(name, ['missed: %s' % [f.path for f in files] for files in wrong
                          if not list(rule(files))] +
                   ['false alarm: %s' % (found,) for files in right for found in rule(files)])


def check_includes(tap):
    wrong = [('base/a.c', '-I../.floors/model'), ('runtime/a.c', '-I../.floors/hal'),
             ('samples/a.c', '-I../.floors/base'), ('hal/a.c', 'cc -I.. -c a.c'),
             ('kernels/a.c', '-I../.floors/runtime')]
    right = [('model/a.c', '-I../.floors/base -I../include -I../model'),
             ('kernels/a_test.c', '-I../.floors/base')]
    tap.result('include folders', ['missed: %s %s' % row for row in wrong
                                   if not includes.problems_of(*row)] +
               ['false alarm: %s %s' % row for row in right if includes.problems_of(*row)])


def check_count(tap):
    """Entries of testlog.json: result, output, what must be counted."""
    rows = [('OK', '1..2\nok 1 - a\nok 2 - b # SKIP no tool\n', (1, 0, 1)),
            ('FAIL', '1..2\nok 1 - a\n# why\nnot ok 2 - b\n', (1, 1, 0)),
            ('ERROR', '1..1\nnot ok 1 - a\n', (0, 1, 0)),
            ('ERROR', 'ok 1 - a\n', (1, 1, 0)), ('TIMEOUT', '', (0, 1, 0)),
            ('OK', '1..3\nok 1 - a\n', (1, 1, 0)), ('OK', 'hello\n', (1, 0, 0)),
            ('FAIL', '', (0, 1, 0)), ('SKIP', '1..0 # SKIP nothing\n', (0, 0, 1))]
    problems = []
    for result, text, wanted in rows:
        passed, failed, skipped = count.count_entry({'result': result, 'stdout': text,
                                                     'returncode': 1})
        if (passed, len(failed), len(skipped)) != wanted:
            problems.append('%s %r: %s' % (result, text, (passed, failed, skipped)))
    tap.result('counting results', problems)


def check_exceptions(tap):
    row = 'columns a.c 3  # a table\n'
    problems = []
    if lint.parse_exceptions('count 1\n' + row) != (1, {('columns', 'a.c', '3')}, []):
        problems.append('a good list is refused')
    for text in ('count 2\n' + row, row, 'count 1\ncolumns a.c 3\n', 'count 1\na b # c\n' + row):
        if not lint.parse_exceptions(text)[2]:
            problems.append('missed: %r' % text)
    tap.result('exceptions list', problems)
    with tempfile.TemporaryDirectory() as root:
        path = os.path.join(root, lint.EXCEPTIONS)
        os.makedirs(os.path.dirname(path))
        git = ['git', '-C', root, '-c', 'user.name=a', '-c', 'user.email=a@example.org']
        subprocess.run(git + ['init', '-q'], check=True)
        for text in ('count 0\n', 'count 1\n' + row):
            with open(path, 'w', encoding='utf-8') as out:
                out.write(text)
            subprocess.run(git + ['add', '.'], check=True)
            subprocess.run(git + ['commit', '-qm', 'x'], check=True)
        smallest = lint.smallest_count_ever(root)
        tap.result('exceptions shrink only', [] if smallest == 0 else ['smallest %s' % smallest])


def check_comments(tap):
    good = 'int x;\n' + DOC + PROTOTYPE
    plants = [('\n' + PROTOTYPE, 'no comment'), (good.replace('@a', '@b'), 'parameter'),
              (good.replace('Return: 0.', ''), 'Return'), (good.replace('Since', 'In'), 'Since'),
              (good.replace('Context: any.', ''), 'Context'),
              (good.replace('trn_f() -', 'trn_g() -'), 'title'),
              (good.replace(DOC, DOC + 'int y;\n'), 'comment of something else')]

    def problems(text):
        return [what for name, _, is_void, params, comment in symbols.declarations('a.h', text)
                for what in symbols.comment_problems(name, is_void, params, comment)]
    printf = good.replace('@a: what', '@a: what\n * @...: more').replace(
        'int *a)', 'int *a, ...) TRN_PRINTF(1, 2)')
    missed = ['missed: ' + why for text, why in plants if not problems(text)]
    seen = list(symbols.declarations('a.h', good))
    tap.result('doc comments', missed + problems(good) + problems(printf) +
               ([] if seen else ['not seen']))
    got = symbols.parameters('int a, void (*b)(int x, int y), const char *c, uint8_t d[4], ...')
    tap.result('parameter names', [] if got == ['a', 'b', 'c', 'd', '...'] else [str(got)])


def check_map(tap):
    good = ('TRN_0.1 {\nglobal:\n\ttrn_a;\nlocal:\n\t*;\n};\n'
            'TRN_0.2 {\nglobal:\n\ttrn_b;\n} TRN_0.1;\n')
    problems = symbols.read_map(good)[1]
    if symbols.read_map(good)[0] != ['trn_a', 'trn_b']:
        problems.append('names: %s' % symbols.read_map(good)[0])
    for text in (good.replace('trn_a', 'trn_*'), good.replace('} TRN_0.1', '}'), '',
                 good.replace('trn_b', 'trn_a')):
        if not symbols.read_map(text)[1]:
            problems.append('missed: %r' % text)
    tap.result('version map', problems)


def check_library(tap, folder):
    """A planted library: an undeclared export, a foreign name, a mutable global, a call out."""
    source, shared = os.path.join(folder, 'a.c'), os.path.join(folder, 'a.so')
    objects = os.path.join(folder, 'a.o')
    with open(source, 'w', encoding='utf-8') as out:
        out.write('#include <time.h>\nint trn_a(void) { return 0; }\n'
                  'long other(void) { static long n; return n += time(0); }\n'
                  'const char *const table[] = { "a" };\n')
    subprocess.run(['cc', '-shared', '-fPIC', '-o', shared, source], check=True)
    subprocess.run(['cc', '-c', '-o', objects, source], check=True)
    names = symbols.exported(shared)
    tap.result('exports', [] if names == {'trn_a', 'other', 'table'} else [str(names)])
    tap.result('foreign names', [] if symbols.foreign_names(objects) else ['missed: other'])
    impure = ' '.join(symbols.impure_names(objects))
    missed = [what for what in ('mutable global n', 'calls time') if what not in impure]
    tap.result('impurity', missed + ['false alarm'] * ('global table' in impure))


def check_tools(tap, folder):
    os.makedirs(os.path.join(folder, 'trn'))
    for name, text in (('trn/bad.h', 'size_t trn_f(void);\n'), ('bad.c', 'int  x ;\n'),
                       ('bad.sh', '#!/bin/sh\necho $1\n'),
                       ('trn/good.h', '#include <stddef.h>\nsize_t trn_f(void);\n')):
        with open(os.path.join(folder, name), 'w', encoding='utf-8') as out:
            out.write(text)
    alone = [headers.compile_alone(['cc'], 'c', 'c11', folder, name, [])
             for name in ('trn/bad.h', 'trn/good.h')]
    tap.result('header alone', (['missed'] if not alone[0] else []) + alone[1].splitlines())
    for tool, problems, name in (('clang-format', tools.format_problems, 'bad.c'),
                                 ('shellcheck', tools.shell_problems, 'bad.sh')):
        if shutil.which(tool):
            tap.result(tool, [] if problems(folder, [name]) else ['missed'])
        else:
            tap.skip(tool, 'not installed')
    bad = tools.python_problems([tree.File('a.py', 'def f(:\n')])
    tap.result('python compiles', [] if bad else ['missed'])


def main():
    tap = tree.Tap()
    check_rules(tap)
    check_includes(tap)
    check_count(tap)
    check_exceptions(tap)
    check_comments(tap)
    check_map(tap)
    with tempfile.TemporaryDirectory() as folder:
        check_library(tap, folder)
        check_tools(tap, folder)
    return tap.done()


if __name__ == '__main__':
    sys.exit(main())
