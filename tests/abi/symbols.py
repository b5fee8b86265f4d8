#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the public headers, the version map and the library together: every name
marked TRN_API is declared, documented, in the map and exported, and nothing else is.
Also: a static library has no map to hide behind, so each of its names begins with
trn_; and the model keeps no mutable globals and calls nothing outside a short list.

--write puts the headers' names into the newest node of the map."""
import argparse
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lint'))
import tree  # noqa: E402

DECLARATION = re.compile(r'\bTRN_API\b([^;{]*?)\b(trn_\w+)\s*(\(([^;]*)\)[^;()]*)?;', re.DOTALL)
NODE = re.compile(r'^(TRN_[0-9.]+)\s*\{(.*?)\}\s*(TRN_[0-9.]+)?\s*;', re.DOTALL | re.MULTILINE)
# What the model may take from outside: memory, strings, exactly rounded arithmetic.
PURE_UNDEFINED = re.compile(r'^_*(mem(cpy|set|move|cmp|chr)|str(n?len|n?cmp|chr|rchr|str|c?spn)|'
                            r'(fma|sqrt|floor|ceil|trunc|rint|nearbyint|round|lrint|llrint|fabs|'
                            r'fmin|fmax|ldexp|scalbn|frexp|copysign)[fl]?|v?snprintf(_chk)?|'
                            r'strto(u?ll|ul|l|d)|'
                            r'(mem(cpy|set|move))_chk|stack_chk_fail|assert_fail|qsort|'
                            r'cpu_(model|features2|indicator_init)|GLOBAL_OFFSET_TABLE_|'
                            r'errno_location|trn_\w+)$')
# Instrumented builds add their own names.
INSTRUMENTED = re.compile(r'^_*(asan|ubsan|tsan|gcov|lsan|sanitizer|odr_asan)')


# ---------------------------------------------------------------------------
# headers
# ---------------------------------------------------------------------------

def parameters(text):
    """Names of a prototype's parameters."""
    text = re.sub(r'\b(TRN_\w+|__attribute__)\s*\(.*?\)', '', text)
    names, depth, piece = [], 0, ''
    for char in text + ',':
        if char == ',' and depth == 0:
            piece = piece.strip()
            if piece == '...':
                names.append('...')
            elif piece not in ('', 'void'):
                callback = re.search(r'\(\s*\*\s*(\w+)\s*\)', piece)
                names.append(callback.group(1) if callback else
                             re.findall(r'\w+', re.sub(r'\[.*?\]', '', piece))[-1])
            piece = ''
            continue
        depth += (char == '(') - (char == ')')
        piece += char
    return names


def declarations(path, text):
    """Yields (name, line, is_void, parameters or None for an object, comment or '')."""
    code = tree.C_TOKEN.sub(tree.blank, text)
    code = re.sub(r'^[ \t]*#.*$', lambda m: ' ' * len(m.group(0)), code, flags=re.MULTILINE)
    # An attribute with numbers after the parameters is none of them.
    code = re.sub(r'\bTRN_PRINTF\s*\([^)]*\)', lambda m: ' ' * len(m.group(0)), code)
    for match in DECLARATION.finditer(code):
        before = text[:match.start()]
        # Between the comment and the declaration: blanks, attributes, the return type's start.
        comment = re.search(r'/\*\*((?:(?!\*/).)*)\*/[ \t]*\n[^\n;{}]*$', before, re.DOTALL)
        kind = re.sub(r'\bTRN_\w+(\([^)]*\))?', '', match.group(1)).strip()
        yield (match.group(2), text.count('\n', 0, match.start()) + 1, kind == 'void',
               parameters(match.group(4)) if match.group(3) else None,
               comment.group(1) if comment else '')


def comment_problems(name, is_void, params, comment):
    """What a kernel-doc comment lacks."""
    if not comment:
        return ['%s has no doc comment' % name]
    problems = []
    text = re.sub(r'^\s*\*', '', comment, flags=re.MULTILINE)
    title = r'^\s*%s%s\s+-\s+\S' % (name, r'\(\)' if params is not None else '')
    if not re.search(title, text, re.MULTILINE):
        problems.append("%s: the comment does not begin '%s() - ...'" % (name, name))
    if params is None:
        return problems
    described = re.findall(r'^\s*@(\w+|\.\.\.):', text, re.MULTILINE)
    problems += ['%s: @%s is not described' % (name, p) for p in params if p not in described]
    problems += ['%s: @%s is no parameter' % (name, p) for p in described if p not in params]
    for word, wanted in (('Context', True), ('Return', not is_void), ('Since', True)):
        if wanted and not re.search(r'^\s*%s:\s*\S' % word, text, re.MULTILINE):
            problems.append("%s: no '%s:' line" % (name, word))
    return problems


def read_headers(folder):
    """{name: path:line}, [problems of comments], [names without TRN_API]."""
    names, problems, unmarked = {}, [], []
    for entry in sorted(os.listdir(folder)):
        if not entry.endswith('.h'):
            continue
        with open(os.path.join(folder, entry), encoding='utf-8') as handle:
            text = handle.read()
        for name, line, is_void, params, comment in declarations(entry, text):
            names[name] = '%s:%d' % (entry, line)
            problems += ['%s:%d: %s' % (entry, line, what)
                         for what in comment_problems(name, is_void, params, comment)]
        code = tree.C_TOKEN.sub(tree.blank, text)
        for match in re.finditer(r'^(?!static|#|typedef|\s|\})[\w ]+[ *](trn_\w+)\s*\(', code,
                                 re.MULTILINE):
            if match.group(1) not in names:
                unmarked.append('%s: %s is declared without TRN_API' % (entry, match.group(1)))
    return names, problems, unmarked


# ---------------------------------------------------------------------------
# map and libraries
# ---------------------------------------------------------------------------

def read_map(text):
    """Names of all nodes, in order, and problems of form."""
    code = tree.C_TOKEN.sub(tree.blank, text)
    names, problems, previous = [], [], None
    for match in NODE.finditer(code):
        node, body, parent = match.groups()
        for label, listed in re.findall(r'(global|local):([^:]*?)(?=\b\w+:|$)', body, re.DOTALL):
            for name in [n.strip() for n in listed.split(';') if n.strip()]:
                if label == 'global' and '*' in name:
                    problems.append('%s: no wildcard among the exported names: %s' % (node, name))
                elif label == 'global':
                    names.append(name)
        if previous and parent != previous:
            problems.append('%s does not build on %s' % (node, previous))
        previous = node
    if previous is None:
        problems.append('no version node')
    if len(set(names)) != len(names):
        problems.append('a name is listed twice')
    return names, problems


def nm(*args):
    done = subprocess.run(['nm', *args], capture_output=True, text=True, check=True)
    rows = []
    for line in done.stdout.splitlines():
        fields = line.split()
        if len(fields) >= 2 and not line.endswith(':'):
            rows.append((fields[-2], fields[-1].partition('@')[0]))
    return rows


def sections(library):
    """(name, section) of each symbol."""
    done = subprocess.run(['nm', '--format=sysv', library], capture_output=True, text=True,
                          check=True)
    fields = [line.split('|') for line in done.stdout.splitlines()]
    return [(f[0].strip(), f[6].strip()) for f in fields
            if len(f) == 7 and f[3].strip() == 'OBJECT']


def exported(library):
    return {name for kind, name in nm('-D', '--defined-only', library)
            if kind != 'A' and not INSTRUMENTED.match(name)}


def foreign_names(library):
    """Global names of a static library that do not begin with trn_."""
    return ['%s: %s' % (os.path.basename(library), name)
            for kind, name in nm('-g', '--defined-only', library)
            if not name.startswith(('trn_', '__odr_asan')) and not INSTRUMENTED.match(name)]


def impure_names(library):
    """Mutable globals, and calls out of the list, of the model's library."""
    rows = nm(library)
    defined = {name for kind, name in rows if kind not in 'Uw'}
    # A constant table of pointers lies in .data.rel.ro, which nm calls data too.
    problems = ['mutable global %s' % name for name, section in sections(library)
                if re.match(r'\.(data(?!\.rel\.ro)|bss|tdata|tbss)|\*COM\*', section)
                and not INSTRUMENTED.match(name)]
    problems += ['calls %s' % name for kind, name in sorted(set(rows))
                 if kind == 'U' and name not in defined and not PURE_UNDEFINED.match(name)
                 and not INSTRUMENTED.match(name)]
    return problems


def difference(left, right, text):
    return ['%s %s' % (name, text) for name in sorted(set(left) - set(right))]


def write_map(path, names):
    """Puts the names that no node has into the newest node, sorted."""
    with open(path, encoding='utf-8') as handle:
        text = handle.read()
    nodes = list(NODE.finditer(text))
    older = set(read_map(text[:nodes[-1].start()])[0])
    body = 'global:\n%slocal:\n\t*;\n' % ''.join('\t%s;\n' % n for n in sorted(set(names) - older))
    start, end = nodes[-1].start(2), nodes[-1].end(2)
    with open(path, 'w', encoding='utf-8') as out:
        out.write(text[:start] + '\n' + body + text[end:])


def check(tap, args):
    names, comments, unmarked = read_headers(args.headers)
    with open(args.map, encoding='utf-8') as handle:
        mapped, problems = read_map(handle.read())
    tap.result('the map is a chain of nodes without wildcards', problems)
    tap.result('headers are in the map', difference(names, mapped, 'is not in the map'))
    tap.result('the map is in the headers', difference(mapped, names, 'is in no public header'))
    tap.result('every public function is marked TRN_API', unmarked)
    tap.result('every public function is documented', comments)
    if args.shared:
        library = exported(args.shared)
        tap.result('the map is exported', difference(mapped, library, 'is not exported'))
        tap.result('nothing else is exported', difference(library, mapped, 'is not in the map'))
    for library in args.static:
        tap.result('%s: only trn_ names' % os.path.basename(library), foreign_names(library))
    for library in args.pure:
        tap.result('%s: no state, no calls out' % os.path.basename(library),
                   impure_names(library))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--headers', required=True, help='include/trn')
    parser.add_argument('--map', required=True)
    parser.add_argument('--shared', help='libtrn.so')
    parser.add_argument('--static', action='append', default=[], help='a static library')
    parser.add_argument('--pure', action='append', default=[], help="the model's library")
    parser.add_argument('--write', action='store_true', help='bring the map up to date')
    args = parser.parse_args()
    if args.write:
        write_map(args.map, read_headers(args.headers)[0])
        return 0
    tap = tree.Tap()
    check(tap, args)
    return tap.done()


if __name__ == '__main__':
    sys.exit(main())
