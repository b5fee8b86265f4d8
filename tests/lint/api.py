#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds docs/api/ and the headers together: one page a header of include/trn/, made of its
kernel-doc comments, and an index. --write makes the pages again. What an exported function's
comment has to say is looked after by tests/abi/symbols.py; here, that everything has one."""
import argparse
import os
import re
import sys

import tree

FOLDER = 'docs/api/'
DOC = re.compile(r'/\*\*((?:(?!\*/).)*)\*/\n', re.DOTALL)
TITLE = re.compile(r'(?:(struct|enum|union|typedef) )?(\w+)(?:\(\))? - (.*)')
NEEDS = re.compile(r'^(?:(?:struct|enum|union) (\w+) \{|typedef [^;]*?\(\*(\w+)\)|'
                   r'(?:TRN_API|static inline) [^;{]*?\b(\w+)\()', re.MULTILINE)
MACRO = re.compile(r'^#define (TRN_\w+(?:\([^)]*\))?)[ \t]+((?:[^\\\n]|\\\n)+)', re.MULTILINE)
LICENCE = '<!-- SPDX-License-Identifier: Apache-2.0 -->\n'
MADE = 'Made from the header by `python3 tests/lint/api.py . --write`.\n'


class Entry:
    """One documented thing: kind, name, what the comment says, its declaration."""

    def __init__(self, comment, rest):
        lines = [re.sub(r'^\s*\* ?', '', line).rstrip() for line in
                 comment.strip().removeprefix('*').split('\n')]
        match = TITLE.match(lines[0].strip())
        self.name = None
        if not match:
            return
        self.kind, self.name, self.title = match.groups()
        self.kind = self.kind or ('function' if '()' in lines[0] else 'typedef')
        self.params, self.tail, self.text = [], [], []
        self.read(lines[1:])
        self.declaration = declaration(rest)

    def read(self, lines):
        """Parameters up to the first empty line; Context and what follows it; text between."""
        into = self.params
        for line in lines:
            parameter = re.match(r'@(\w+|\.\.\.):\s*(.*)', line)
            last = re.match(r'(Context|Return|Since):\s*(.*)', line)
            if last:
                into = self.tail
                into.append(list(last.groups()))
            elif parameter and into is self.params:
                into.append(list(parameter.groups()))
            elif into is self.params and not into and line:
                self.title += ' ' + line.strip()
            elif into is not self.text and line and into:
                into[-1][1] += ' ' + line.strip()
            elif line or into is self.text:
                into = self.text
                into.append(line)
            elif into is self.params:
                into = self.text


def declaration(rest):
    """What stands behind a comment: to the ; or }; of it, without export marks and bodies."""
    inline = rest.startswith('static inline')
    if re.match(r'(struct|enum|union) \w+ \{', rest):
        found = rest[:rest.index('\n}') + 3]
    else:
        found = re.match(r'[^;{]*', rest).group(0).rstrip() + ';'
    if not inline and not found.startswith('TRN_API'):
        return found
    found = re.sub(r'TRN_API |TRN_MUST_CHECK |static inline |\s*TRN_PRINTF\([^)]*\)', '', found)
    return re.sub(r'\s+', ' ', found)


def entries(text):
    for match in DOC.finditer(text):
        entry = Entry(match.group(1), text[match.end():])
        if entry.name:
            yield entry


def macros(text):
    """(name, value, comment beside it) of the constants; not guards, not marks."""
    for match in MACRO.finditer(text):
        value, _, comment = match.group(2).replace('\\\n', ' ').partition('/*')
        comment = comment.partition('*/')[0].strip()
        if '*/' not in match.group(2) and comment:  # goes on in the next lines
            comment = text[match.end():].partition('*/')[0]
            comment = (match.group(2).partition('/*')[2] + comment).replace('*', ' ').strip()
        if '__attribute__' not in value and 'extern' not in value:
            yield match.group(1), ' '.join(value.split()), ' '.join(comment.split())


def linked(text, where, here):
    """Names of other entries become links, @names code."""
    text = text.replace('|', '\\|').replace('<', '&lt;')
    text = re.sub(r'@(\w+)', r'`\1`', text)

    def link(match):
        name = match.group(0).removesuffix('()').split()[-1]
        if name not in where:
            return match.group(0)
        page = '' if where[name] == here else where[name].replace('.h', '.md')
        return '[%s](%s#%s)' % (match.group(0), page, name)
    return re.sub(r'(?<![\w`])(?:struct |enum )?trn_\w+(?:\(\))?', link, text)


def table(head, rows, where, here):
    lines = ['| %s | |' % head, '|---|---|']
    return lines + ['| `%s` | %s |' % (name, linked(text, where, here)) for name, text in rows]


def section(entry, where, here):
    what = entry.name + '()' if entry.kind == 'function' else entry.kind + ' ' + entry.name
    lines = ['<a id="%s"></a>' % entry.name, '', '### ' + what, '',
             linked(entry.title, where, here), '', '```c', entry.declaration, '```', '']
    if entry.params:
        head = 'parameter' if entry.kind in ('function', 'typedef') else 'member'
        lines += table(head, entry.params, where, here) + ['']
    text = linked('\n'.join(entry.text).strip('\n'), where, here)
    if text:
        lines += [text, '']
    if entry.tail:
        lines += ['- **%s**: %s' % (k, linked(v, where, here)) for k, v in entry.tail] + ['']
    return lines


def page(name, text, where):
    about = re.search(r'\*/\n/\*((?:(?!\*/).)*)\*/', text, re.DOTALL)
    about = ' '.join(line.strip(' *') for line in about.group(1).split('\n')) if about else ''
    lines = ['# trn/' + name, '', linked(about.strip(), where, name), '']
    rows = [(n, ('`%s`' % value) + (': ' + c if c else '')) for n, value, c in macros(text)]
    if rows:
        lines += ['## Constants', ''] + table('name', rows, where, name) + ['']
    for title, kinds in (('Types', ('struct', 'enum', 'union', 'typedef')),
                         ('Functions', ('function',))):
        found = [e for e in entries(text) if e.kind in kinds]
        if found:
            lines += ['## ' + title, '']
            for entry in found:
                lines += section(entry, where, name)
    return '\n'.join(lines + [MADE, LICENCE])


def index(headers):
    lines = ['# The public API', '', 'One page a header. `#include <trn/trn.h>` has them all.', '',
             '| header | what is in it |', '|---|---|']
    for name, text in headers.items():
        about = re.search(r'\*/\n/\*((?:(?!\*/).)*)\*/', text, re.DOTALL).group(1)
        about = ' '.join(line.strip(' *') for line in about.split('\n')).strip()
        lines.append('| [trn/%s](%s) | %s |' % (name, name.replace('.h', '.md'),
                                               about.replace('<', '&lt;')))
    return '\n'.join(lines + ['', MADE, LICENCE])


def pages(headers):
    """{path: text} of what docs/api/ has to be."""
    where = {e.name: name for name, text in headers.items() for e in entries(text)}
    made = {FOLDER + name.replace('.h', '.md'): page(name, text, where)
            for name, text in headers.items()}
    made[FOLDER + 'README.md'] = index(headers)
    return made


def check_documented(name, text):
    """Everything that a header defines or declares is the subject of a comment."""
    have = {e.name for e in entries(text)}
    code = tree.C_TOKEN.sub(tree.blank, text)
    for match in NEEDS.finditer(code):
        subject = next(group for group in match.groups() if group)
        if subject not in have:
            yield 'include/trn/%s:%d: %s has no comment of its own' % (
                name, code.count('\n', 0, match.start()) + 1, subject)


def check_pages(made, have):
    for path in sorted(set(made) | set(have)):
        if path not in made:
            yield '%s: no such header' % path
        elif made[path] != have.get(path):
            yield '%s: is not what the header says; tests/lint/api.py . --write' % path


def check_failure(headers, made):
    """Each check notices a planted mistake."""
    first = sorted(made)[0]
    wrong = {'old page': check_pages(made, {**made, first: made[first] + ' '}),
             'missing page': check_pages(made, {p: t for p, t in made.items() if p != first}),
             'page of nothing': check_pages(made, {**made, FOLDER + 'no.md': ''})}
    for plant in ('struct trn_no {\n};\n', 'TRN_API int trn_no(void);\n',
                  'typedef int (*trn_no)(void);\n', 'static inline int trn_no(void)\n{\n}\n',
                  'enum trn_no {\n\tA,\n};\n'):
        wrong[plant] = check_documented('a.h', plant)
    problems = ['missed: ' + name for name, found in wrong.items() if not list(found)]
    one = '/** trn_f() - does, see trn_g() */\nTRN_API void trn_f(void);\n'
    two = '/**\n * trn_g() - does\n * @a: what\n *\n * Return: 0.\n */\nTRN_API int trn_g(int a);\n'
    text = pages({'a.h': '/* x */\n/* A. */\n' + one, 'b.h': '/* x */\n/* B. */\n' + two})
    for path, wanted in (('a.md', '[trn_g()](b.md#trn_g)'), ('a.md', '```c\nvoid trn_f(void);'),
                         ('b.md', '| `a` | what |'), ('b.md', '- **Return**: 0.')):
        if wanted not in text[FOLDER + path]:
            problems.append('%s does not have %s' % (path, wanted))
    return problems or ([] if len(headers) > 1 else ['no headers'])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('root')
    parser.add_argument('--write', action='store_true')
    args = parser.parse_args()
    files = {f.path: f for f in tree.load(args.root)}
    headers = {f.name: f.text for path, f in sorted(files.items())
               if re.match(r'include/trn/(?!trn\.h)\w+\.h$', path)}
    made = pages(headers)
    have = {path: f.text for path, f in files.items()
            if path.startswith(FOLDER) and path.endswith('.md')}
    if args.write:
        os.makedirs(os.path.join(args.root, FOLDER), exist_ok=True)
        for path in have:
            if path not in made:
                os.unlink(os.path.join(args.root, path))
        for path, text in made.items():
            with open(os.path.join(args.root, path), 'w', encoding='utf-8', newline='') as out:
                out.write(text)
        return 0
    tap = tree.Tap()
    tap.result('every declaration has its comment',
               [row for name, text in headers.items() for row in check_documented(name, text)])
    tap.result('pages of the API are those of the headers', list(check_pages(made, have)))
    tap.result('each check can fail', check_failure(headers, made))
    return tap.done()


if __name__ == '__main__':
    sys.exit(main())
