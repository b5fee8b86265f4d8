#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the specifications in docs/ and the headers together: every constant of
base/regs.h, base/ext.h, base/trnx.h, include/trn/isa.h and opcodes.h stands in a table of one of
the pages with the same number, every name on the pages exists, the table of generations has the
numbers of model/gen_*.c, the table of opcodes says what base/isa_ops.c lets through, the
checker's rules and those of the validate hook are all listed, and the mailbox examples have the
right CRC.

A table row that defines a constant has its number in the first cell and its name, in
backticks, in the second: | 0x38 | `TRN_UDMAQ_TAIL_INC` | ... A macro with an argument
is `NAME(q)` with its value as base + q × stride, and `bit 26` is a number too.
"""
import argparse
import os
import re
import sys

import tree

HEADERS = ['base/regs.h', 'base/ext.h', 'base/trnx.h', 'include/trn/isa.h',
           'include/trn/opcodes.h']
PAGES = ['docs/device-spec.md', 'docs/isa.md', 'docs/program-format.md']
# Of the C code alone: ends of enumerations, the size of a text, a text.
NOT_OF_THE_DEVICE = re.compile(
    r'TRN_((ENGINE|DTYPE|ACT|RULE|AP)_COUNT|OP_LIMIT|REGS_NAME_MAX|TRNX_MAGIC)$')
NUMBER = re.compile(r'0x[0-9a-fA-F]+|\d+')
ROW = re.compile(r'^\|([^|]*)\|\s*`(TRN_\w+)(\([\w,]*\))?`\s*\|')


def evaluate(text, names):
    """A constant expression of C; None for what is not one."""
    text = re.sub(r'U?INT(?:32|64)_C\((\w+)\)', r'\1', text)
    text = re.sub(r'\(uint32_t\)', '', text)
    text = re.sub(r'\b(0x[0-9a-fA-F]+|\d+)[uUlL]+\b', r'\1', text)
    if '"' in text or not re.fullmatch(r'[\w\s()+*|<~-]+', text):
        return None
    try:
        return eval(text, {'__builtins__': {}}, dict(names))  # pylint: disable=eval-used
    except (NameError, SyntaxError, TypeError):
        return None


def defines(code, names):
    """[(name, argument names or None, expression)] of the #defines of C text."""
    code = re.sub(r'\\\n', ' ', code)
    for match in re.finditer(r'^#define (TRN_\w+)(\([\w, ]*\))?[ \t]+(\S.*)$', code, re.MULTILINE):
        arguments = [a.strip() for a in match.group(2)[1:-1].split(',')] if match.group(2) else None
        yield match.group(1), arguments, match.group(3).strip()
        if arguments is None:
            names[match.group(1)] = evaluate(match.group(3), names)


def macro(arguments, expression, names):
    """(base, [stride of each argument]) of a macro that is linear in its arguments."""
    def at(*values):
        call = dict(names, **dict(zip(arguments, values)))
        text = re.sub(r'(TRN_\w+)\((\w+)\)', r'\1', expression)
        return evaluate(text, call)
    zero = [0] * len(arguments)
    base = at(*zero)
    if base is None:
        return None
    ones = [at(*[int(i == k) for i in range(len(zero))]) for k in range(len(zero))]
    return base, [one - base for one in ones]


def enums(code, names):
    for body in re.findall(r'\benum \w+\s*\{([^}]*)\}', code):
        value = -1
        for item in body.split(','):
            name, _, number = (part.strip() for part in item.partition('='))
            if name:
                value = evaluate(number, names) if number else value + 1
                names[name] = value
                yield name, value


def constants(files):
    """{name: number, or (base, strides) of a macro} of the headers."""
    names, found = {}, {}
    for path in HEADERS:
        code = files[path].code
        for name, value in enums(code, names):
            found[name] = value
        for name, arguments, expression in list(defines(code, names)):
            found[name] = macro(arguments, expression, names) if arguments else names[name]
    return {n: v for n, v in found.items() if not NOT_OF_THE_DEVICE.match(n)}


def number_of(cell):
    """What a first cell says: a number, or (base, strides)."""
    text = cell.strip().replace('←', ' ')
    match = re.fullmatch(r'bit (\d+)', text)
    if match:
        return 1 << int(match.group(1))
    if re.fullmatch(r'0x[0-9a-fA-F]+|\d+', text):
        return int(text, 0)
    terms, base, strides = text.split('+'), 0, {}
    for term in terms:
        factors = [f.strip() for f in term.split('×')]
        numbers = [int(f, 0) for f in factors if NUMBER.fullmatch(f)]
        letters = [f for f in factors if re.fullmatch(r'[a-z]', f)]
        if len(numbers) + len(letters) != len(factors) or len(numbers) > 1 or len(letters) > 1:
            return None
        number = numbers[0] if numbers else 1
        if letters:
            strides[letters[0]] = number
        else:
            base += number
    return base, list(strides.values())


def rows(page):
    """(line, name, number or None) of the defining rows."""
    for line, text in enumerate(page.lines, 1):
        match = ROW.match(text)
        if match:
            yield line, match.group(2), number_of(match.group(1))


def show(value):
    if value is None:
        return 'something that this script cannot work out'
    if isinstance(value, tuple):
        return ' + '.join([hex(value[0])] + ['n × ' + hex(s) for s in value[1]])
    return '%d (0x%x)' % (value, value)


def check_constants(files, pages):
    """The headers against the pages, both ways."""
    want, have, problems = constants(files), {}, []
    for page in pages:
        for line, name, value in rows(page):
            have.setdefault(name, []).append(value)
            if name not in want:
                problems.append('%s:%d: %s is in no header' % (page.path, line, name))
            elif value != want[name]:
                problems.append('%s:%d: %s is %s in the headers' %
                                (page.path, line, name, show(want[name])))
    for name in want:
        if name not in have:
            problems.append('%s = %s has no row on any page' % (name, show(want[name])))
    return problems


def check_names(files, pages):
    """No page names what is not there any more."""
    known = ' '.join(file.text for path, file in files.items() if path.endswith('.h'))
    known = set(re.findall(r'TRN_\w+', known))
    return ['%s:%d: nothing is called %s' % (page.path, page.line_of(match.start()), match.group(0))
            for page in pages for match in re.finditer(r'TRN_\w+', page.text)
            if match.group(0) not in known]


def generation(file, names):
    """{field: value} of a table of constants."""
    found = {}
    for field, value in re.findall(r'TRN_GEN_SET\((\w+), (.*?), \' *\', ', file.code):
        found[field] = evaluate(value, names)
    return found


def check_generations(files, page):
    names = dict(constants(files), TRN_KIB=1 << 10, TRN_MIB=1 << 20, TRN_GIB=1 << 30)
    paths = sorted(path for path in files if re.match(r'model/gen_trn\d+\.c$', path))
    want = [generation(files[path], names) for path in paths]
    have, problems = {}, []
    number = ' \\| '.join([r'(\w+)'] * len(paths))
    for match in re.finditer(r'^\| `([a-z]\w*)` \| ' + number + r' \|', page.text, re.MULTILINE):
        have[match.group(1)] = [int(v, 0) for v in match.groups()[1:]]
    for field in sorted(set().union(*want) | set(have)):
        numbers = [table.get(field) for table in want]
        if have.get(field) != numbers:
            problems.append('%s: generation field %s is %s in the model, %s here' %
                            (page.path, field, numbers, have.get(field)))
    return problems or ([] if want[0] else ['no table of constants was found'])


def write_generations(root, files):
    """The table of generations again from the code: numbers; rows that are new."""
    names = dict(constants(files), TRN_KIB=1 << 10, TRN_MIB=1 << 20, TRN_GIB=1 << 30)
    paths = sorted(path for path in files if re.match(r'model/gen_trn\d+\.c$', path))
    tables = [generation(files[path], names) for path in paths]
    table = re.search(r'^\| field \|.*?\n\n', files[PAGES[0]].text, re.MULTILINE | re.DOTALL)
    words = {}
    for field, source in re.findall(r"TRN_GEN_SET\((\w+),[^\n]*, ('.', \"[^\"]*\")\),",
                                    files[paths[0]].text):
        words[field] = source.replace("'", '').replace('"', '').replace(',', '', 1)
    rows_ = re.findall(r'^\| `(\w+)` \|.*?\| ([^|]*) \| ([^|]*) \|$', table.group(0),
                       re.MULTILINE)
    known = {field for field, _, _ in rows_}
    helps = dict(re.findall(r'X\((\w+),(?:[^"]*"){3}([^"]*)"', files['model/gen.h'].text))
    rows_ += [(field, helps[field], words[field]) for field in tables[0] if field not in known]
    heads = [path[len('model/gen_'):-len('.c')] for path in paths]
    lines = ['| field | %s | what | confidence and source |' % ' | '.join(heads),
             '|---|%s---|---|' % ('---|' * len(heads))]
    for field, what, source in rows_:
        numbers = [hex(t[field]) if field == 'pci_device' else str(t[field]) for t in tables]
        lines.append('| `%s` | %s | %s | %s |' % (field, ' | '.join(numbers), what, source))
    text = files[PAGES[0]].text.replace(table.group(0), '\n'.join(lines) + '\n\n')
    with open(os.path.join(root, PAGES[0]), 'w', encoding='utf-8', newline='') as page:
        page.write(text)


def check_opcodes(files, page):
    """Engines and words of the compute opcodes, as the decoder has them."""
    letters = {'E_T': 'T', 'E_V': 'V', 'E_S': 'S', 'E_G': 'G'}
    want, have, problems = {}, {}, []
    code = re.sub(r'\s+', ' ', files['base/isa_ops.c'].code)
    for name, engines, low, high in re.findall(
            r'\[(TRN_OP_\w+)\] = \{ " *", COMP, ([\w |]+), (\d), (\d),', code):
        want[name] = (' '.join(letters[e] for e in engines.split(' | ')), '%s..%s' % (low, high))
    row = r'^\| 0x\w+ \| `(TRN_OP_\w+)` \| ([TVSG ]+) \| (\d\.\.\d) \|'
    for match in re.finditer(row, page.text, re.MULTILINE):
        have[match.group(1)] = match.group(2, 3)
    for name in sorted(set(want) | set(have)):
        if want.get(name) != have.get(name):
            problems.append('%s: %s is %s in base/isa_ops.c, %s here' %
                            (page.path, name, want.get(name), have.get(name)))
    if not want:
        problems.append('base/isa_ops.c: no table of opcodes was found')
    return problems


def check_violations(files, page):
    """Rules that the checker reports, as the model's code names them."""
    call = re.compile(r'(?:TRN_EV_VIOLATION,|violation\(\w+,)\s*"([a-z-]+)"')
    want = {name: path for path, file in files.items()
            if path.startswith('model/') and path.endswith('.c') and not file.is_test
            for name in call.findall(file.text)}
    section = re.search(r'^## 13\. .*?(?=^## )', page.text, re.MULTILINE | re.DOTALL)
    have = set(re.findall(r'`([a-z]+(?:-[a-z]+)+)`', section.group(0) if section else ''))
    problems = ['%s: section 13 has no rule %s (%s)' % (page.path, name, path)
                for name, path in sorted(want.items()) if name not in have]
    problems += ['%s: nothing in model/ reports %s' % (page.path, name)
                 for name in sorted(have - set(want))]
    return problems or ([] if want else ['no violation was found in model/'])


def check_validation(files):
    """Rules of the validate hook: the table in code and the table on the page."""
    code, page = files['hal/hook_validate.c'].text, files['docs/validation.md'].text
    want = re.findall(r'\[TRN_VALIDATE_\w+\] = "([a-z-]+)"', code)
    have = re.findall(r'^\| `([a-z-]+)` \|', page, re.MULTILINE)
    problems = ['docs/validation.md: no rule %s' % name for name in want if name not in have]
    problems += ['docs/validation.md: nothing reports %s' % name for name in have
                 if name not in want]
    return problems or ([] if want else ['hal/hook_validate.c: no rules were found'])


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def check_mailbox(page):
    """Examples: 16 bytes of request, header first, in a line of their own or in backticks."""
    found = re.findall(r'^((?:[0-9a-f]{2} {1,2}){15}[0-9a-f]{2})$', page.text, re.MULTILINE)
    split = re.search(r'Payload `([0-9a-f ]+)`; header bytes `([0-9a-f ]+)`', page.text)
    if split:
        found.append(split.group(2) + ' ' + split.group(1))
    problems = []
    if len(found) != 2:
        problems.append('%s: want 2 examples, found %d' % (page.path, len(found)))
    for text in found:
        data = bytes.fromhex(text)
        right = crc32c(data[:4] + bytes(4) + data[8:])
        if int.from_bytes(data[4:8], 'little') != right:
            problems.append('%s: the CRC of %s is 0x%08x' % (page.path, text, right))
    return problems


# A change of a page that a check must notice: (check, pattern, replacement).
MUTATIONS = [
    ('constants', r'\| 0x38 \| `TRN_UDMAQ_TAIL_INC`', '| 0x3a | `TRN_UDMAQ_TAIL_INC`'),
    ('constants', r'\| 0x1000 \+ q × 0x1000', '| 0x1000 + q × 0x2000'),
    ('constants', r'\| bit 26 \| `TRN_DESC_FIRST`', '| bit 27 | `TRN_DESC_FIRST`'),
    ('constants', r'(?m)^.*`TRN_RULE_BANK`.*\n', ''),
    ('constants', r'`TRN_CMD_FILL`', '`TRN_CMD_FULL`'),
    ('names', r'`TRN_CMD_FILL`', '`TRN_CMD_FULL`'),
    ('validation', r'\| `misaligned` \|', '| `aligned` |'),
    ('generations', r'\| `clock_vector_mhz` \| 960', '| `clock_vector_mhz` | 961'),
    ('generations', r'(?m)^\| `mailbox_ns`.*\n', ''),
    ('opcodes', r'\| `TRN_OP_MATMUL` \| T ', '| `TRN_OP_MATMUL` | T V '),
    ('violations', r'`nq-overflow`', '`nq-overrun`'),
    ('mailbox examples', r'3b 2f bd 63', '3b 2f bd 64'),
]


def check_all(files):
    pages = [files[path] for path in PAGES]
    return {
        'constants': check_constants(files, pages),
        'names': check_names(files, pages),
        'generations': check_generations(files, pages[0]),
        'opcodes': check_opcodes(files, pages[1]),
        'violations': check_violations(files, pages[0]),
        'mailbox examples': check_mailbox(pages[0]),
        'validation': check_validation(files),
    }


def check_failure(files):
    """Each check must be able to fail."""
    problems = []
    for name, pattern, replacement in MUTATIONS:
        changed, times = dict(files), 0
        for path in PAGES + ['docs/validation.md']:
            text, count = re.subn(pattern, replacement, files[path].text)
            changed[path] = tree.File(path, text)
            times += count
        if times == 0:
            problems.append('%s: nothing to change for %s' % (name, pattern))
        elif not check_all(changed)[name]:
            problems.append('%s: did not notice %s' % (name, pattern))
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('root', help='top of the tree')
    parser.add_argument('--write', action='store_true',
                        help='bring the table of generations up to date')
    args = parser.parse_args()
    files = {file.path: file for file in tree.load(args.root)}
    if args.write:
        return write_generations(args.root, files)
    tap = tree.Tap()
    missing = [path for path in HEADERS + PAGES if path not in files]
    tap.result('headers and pages are there', missing)
    if missing:
        return tap.done()
    for name, problems in check_all(files).items():
        tap.result(name, problems)
    tap.result('each check can fail', check_failure(files))
    return tap.done()


if __name__ == '__main__':
    sys.exit(main())
