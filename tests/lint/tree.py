# SPDX-License-Identifier: Apache-2.0
"""What every lint script shares: the files of the tree, C text without comments
and strings, TAP output."""
import os
import re
import subprocess

TEXT_SUFFIXES = ('.c', '.h', '.cc', '.py', '.sh', '.md', '.map', '.ini', '.json', '.svg', '.txt',
                 '.trnasm')
TEXT_NAMES = ('meson.build', 'meson_options.txt', 'dev', 'run', '.clang-format', '.editorconfig')
C_TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)


def blank(match):
    """A comment becomes spaces, a string keeps its quotes; lines stay where they are."""
    text = match.group(0)
    if text[0] == '/':
        return re.sub(r'[^\n]', ' ', text)
    return text[0] + re.sub(r'[^\n]', ' ', text[1:-1]) + text[-1]


class File:
    """One file: path relative to the root with '/', and its text."""

    def __init__(self, path, text, executable=False):
        self.path = path
        self.text = text
        self.executable = executable
        self._code = None

    @property
    def folder(self):
        return self.path.rpartition('/')[0]

    @property
    def name(self):
        return self.path.rpartition('/')[2]

    @property
    def is_c(self):
        return self.path.endswith(('.c', '.h'))

    @property
    def is_test(self):
        """Test code: free to print, sleep not, but to allocate and to end its process."""
        return self.path.startswith('tests/') or re.search(r'(_test\.[ch]|/test_\w+\.[ch])$',
                                                            self.path) is not None

    @property
    def lines(self):
        return self.text.splitlines()

    @property
    def code(self):
        """C text with comments and strings blanked, same line numbers."""
        if self._code is None:
            self._code = C_TOKEN.sub(blank, self.text)
        return self._code

    def line_of(self, offset):
        return self.text.count('\n', 0, offset) + 1


def is_text(path):
    name = path.rpartition('/')[2]
    return name in TEXT_NAMES or path.endswith(TEXT_SUFFIXES)


def list_paths(root):
    """Tracked and not ignored files of a checkout, or every file of an unpacked archive."""
    git = subprocess.run(['git', '-C', root, 'ls-files', '-co', '--exclude-standard', '-z'],
                         capture_output=True, check=False)
    if git.returncode == 0 and git.stdout:
        return sorted(set(git.stdout.decode().rstrip('\0').split('\0')))
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = [f for f in folders if not f.startswith('build') and f != '.git']
        found += [os.path.relpath(os.path.join(folder, name), root) for name in names]
    return sorted(path.replace(os.sep, '/') for path in found)


def load(root):
    files = []
    for path in list_paths(root):
        full = os.path.join(root, path)
        if not is_text(path) or os.path.islink(full) or not os.path.isfile(full):
            continue
        if '/corpus/' in path:
            continue
        with open(full, encoding='utf-8', errors='replace', newline='') as handle:
            files.append(File(path, handle.read(), os.access(full, os.X_OK)))
    return files


class Tap:
    """Prints one line a subtest; diagnostics before the line they belong to."""

    def __init__(self):
        self.count = 0
        self.failed = 0

    def result(self, name, problems):
        self.count += 1
        for problem in problems[:40]:
            print('# ' + problem)
        if len(problems) > 40:
            print('# ... and %d more' % (len(problems) - 40))
        self.failed += bool(problems)
        print('%s %d - %s%s' % ('not ok' if problems else 'ok', self.count, name,
                                ' (%d)' % len(problems) if problems else ''), flush=True)

    def skip(self, name, reason):
        self.count += 1
        print('ok %d - %s # SKIP %s' % (self.count, name, reason), flush=True)

    def done(self):
        print('1..%d' % self.count)
        return 0
