#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The metrics that the library has, the table of docs/telemetry.md and the text it writes: each
family stands on the page as the library says it, and the text is OpenMetrics 1.0 by a strict
reader. usage: metrics.py TRNCTL PAGE [--write]. TAP on standard output."""
import re
import subprocess
import sys

START, END = '<!-- metrics -->\n', '<!-- end of metrics -->\n'
NAME = r'[a-zA-Z_:][a-zA-Z0-9_:]*'
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)')
SAMPLE = re.compile(r'(%s)(?:\{(.*)\})? (\S+)$' % NAME)
NUMBER = re.compile(r'-?\d+(\.\d+)?([eE][-+]?\d+)?$|\+Inf$')
SUFFIXES = {'counter': ('_total',), 'gauge': ('',), 'info': ('_info',),
            'histogram': ('_bucket', '_count', '_sum')}


class Wrong(Exception):
    """A rule that the text breaks."""


def labels_of(text):
    """The labels of a sample as a tuple of pairs."""
    found, at = [], 0
    while text and at < len(text):
        match = LABEL.match(text, at)
        if not match:
            raise Wrong('labels: %s' % text)
        found.append((match.group(1), match.group(2)))
        at = match.end()
    if text and text.endswith(','):
        raise Wrong('a comma at the end: %s' % text)
    if len({name for name, _ in found}) != len(found):
        raise Wrong('a label twice: %s' % text)
    return tuple(found)


class Reader:
    """A strict reader: what it does not know is wrong."""

    def __init__(self):
        self.families, self.samples, self.name, self.ended = {}, {}, None, False

    def metadata(self, kind, name, rest):
        if kind == 'TYPE':
            if name in self.families:
                raise Wrong('family twice: %s' % name)
            if rest not in SUFFIXES:
                raise Wrong('type %s of %s' % (rest, name))
            self.families[name] = {'type': rest, 'unit': '', 'help': None}
            self.name = name
            return
        if name != self.name:
            raise Wrong('%s of %s inside of %s' % (kind, name, self.name))
        if kind == 'UNIT':
            if rest and not name.endswith('_' + rest):
                raise Wrong('%s does not end with its unit %s' % (name, rest))
            self.families[name]['unit'] = rest
        else:
            self.families[name]['help'] = rest

    def sample(self, line):
        match = SAMPLE.match(line)
        if not match or not NUMBER.match(match.group(3)):
            raise Wrong('neither metadata nor sample: %s' % line)
        kind = self.families[self.name]['type'] if self.name else None
        if kind is None or match.group(1) not in [self.name + s for s in SUFFIXES[kind]]:
            raise Wrong('a sample outside of its family: %s' % line)
        key = (match.group(1), labels_of(match.group(2) or ''))
        if key in self.samples:
            raise Wrong('a sample twice: %s' % line)
        if kind == 'counter' and match.group(3).startswith('-'):
            raise Wrong('a counter below 0: %s' % line)
        self.samples[key] = float(match.group(3))

    def read(self, text):
        if not text.endswith('# EOF\n'):
            raise Wrong('no # EOF at the end')
        for line in text.splitlines():
            if self.ended:
                raise Wrong('something behind # EOF')
            match = re.match(r'# (TYPE|UNIT|HELP) (%s) (.*)$' % NAME, line)
            if line == '# EOF':
                self.ended = True
            elif match:
                self.metadata(*match.groups())
            else:
                self.sample(line)
        self.check_histograms()

    def check_histograms(self):
        """Buckets grow with le, end with +Inf, and that is the count."""
        rows = {}
        for (name, labels), value in self.samples.items():
            if name.endswith('_bucket') and self.families.get(name[:-7], {}).get('type') == \
                    'histogram':
                rest = tuple(pair for pair in labels if pair[0] != 'le')
                rows.setdefault((name[:-7], rest), []).append((dict(labels)['le'], value))
        for (name, labels), buckets in rows.items():
            bounds = [float(le.replace('+Inf', 'inf')) for le, _ in buckets]
            counts = [value for _, value in buckets]
            if bounds != sorted(set(bounds)) or counts != sorted(counts) or \
                    bounds[-1] != float('inf'):
                raise Wrong('buckets of %s%s' % (name, labels))
            if self.samples.get((name + '_count', labels)) != counts[-1]:
                raise Wrong('count of %s%s' % (name, labels))


def output(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=100, check=False)
    if done.returncode != 0:
        raise Wrong('%s: %s' % (' '.join(command[1:]), done.stderr.strip()))
    return done.stdout


def check_page(trnctl, page):
    want = output(trnctl, 'metrics', '--list')
    with open(page, encoding='utf-8') as file:
        text = file.read()
    have = text[text.index(START) + len(START):text.index(END)]
    have = ''.join(line + '\n' for line in have.splitlines() if line.startswith('| `'))
    if have != want:
        raise Wrong('the table is not what the library has: metrics.py --write')


def check_text(trnctl, uri):
    reader = Reader()
    reader.read(output(trnctl, '-d', uri, 'metrics'))
    listed = set(re.findall(r'^\| `(\w+)`', output(trnctl, 'metrics', '--list'), re.MULTILINE))
    if set(reader.families) != listed:
        raise Wrong('families: %s' % sorted(set(reader.families) ^ listed))
    if not any(name == 'trn_device_up' and value == 1
               for (name, _), value in reader.samples.items()):
        raise Wrong('no device that is up')


BAD = ['', 'trn_a 1\n# EOF\n', '# TYPE a counter\na 1\n# EOF\n',
       '# TYPE a counter\na_total{x="1",x="2"} 1\n# EOF\n', '# TYPE a gauge\na{x="1} 1\n# EOF\n',
       '# TYPE a gauge\na 1\na 1\n# EOF\n', '# TYPE a gauge\n# UNIT a bytes\n# EOF\n',
       '# TYPE a gauge\na 1\n', '# TYPE a counter\na_total -1\n# EOF\n',
       '# TYPE a histogram\na_bucket{le="1"} 2\na_bucket{le="+Inf"} 1\na_count 1\n# EOF\n',
       '# TYPE a histogram\na_bucket{le="+Inf"} 1\na_count 2\n# EOF\n']


def check_reader(_trnctl, _page):
    for text in BAD:
        try:
            Reader().read(text)
        except Wrong:
            continue
        raise Wrong('the reader takes: %r' % text)


def write(trnctl, page):
    rows = output(trnctl, 'metrics', '--list')
    with open(page, encoding='utf-8') as file:
        text = file.read()
    head = '| name | type | unit | labels | what |\n|---|---|---|---|---|\n'
    before, after = text[:text.index(START) + len(START)], text[text.index(END):]
    with open(page, 'w', encoding='utf-8') as file:
        file.write(before + head + rows + after)


def main():
    trnctl, page = sys.argv[1:3]
    if '--write' in sys.argv[3:]:
        write(trnctl, page)
        return 0
    tests = [('the page has the table', check_page, page),
             ('the reader is strict', check_reader, '')]
    tests += [('text of ' + uri, check_text, uri) for uri in
              ('mock:trn2', 'mock:trn3', 'mock:trn3?extension=0', 'null:',
               'mock:trn3-ultraserver/5')]
    print('1..%d' % len(tests))
    failed = 0
    for number, (name, check, argument) in enumerate(tests, 1):
        try:
            check(trnctl, argument)
            print('ok %d - %s' % (number, name))
        except Wrong as wrong:
            failed += 1
            print('not ok %d - %s\n# %s' % (number, name, wrong))
    return int(failed > 0)


if __name__ == '__main__':
    sys.exit(main())
