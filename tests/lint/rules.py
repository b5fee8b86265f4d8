# SPDX-License-Identifier: Apache-2.0
"""The rules of the tree, as tables and small functions. A rule takes one File and
yields (line, subject, text); the subject is what exceptions.txt may name."""
import ast
import re

# ---------------------------------------------------------------------------
# floors: what a folder may include. First matching row wins; docs/architecture.
# Row: path pattern, quoted folders or headers, other <...> headers (None: any; test code: any).
# ---------------------------------------------------------------------------

PURE_C = {'stddef.h', 'stdint.h', 'stdbool.h', 'stdarg.h', 'string.h', 'limits.h', 'float.h',
          'math.h', 'inttypes.h', 'stdalign.h', 'errno.h', 'assert.h'}
PUBLIC_C = {'stddef.h', 'stdint.h', 'stdbool.h', 'stdarg.h'}

TEST_FILE = r'(.*_test|test_\w+)\.[ch]$'

FLOORS = [
    (r'include/trn/', [], PUBLIC_C),
    (r'base/', ['base/'], None),
    (r'model/', ['base/', 'model/'], PURE_C),
    (r'kmod-shim/', ['base/', 'kmod-shim/'], None),
    (r'hal/.*mock', ['base/', 'hal/', 'model/'], None),
    (r'hal/.*drm', ['base/', 'hal/', 'kmod-shim/'], None),
    (r'hal/', ['base/', 'hal/'], None),
    (r'runtime/', ['base/', 'hal/hal.h', 'runtime/'], None),
    # Their tests run programs on the mock and compare: numbers and seeds come from base/.
    (r'(kernels|samples)/' + TEST_FILE, ['base/', 'kernels/'], None),
    (r'kernels/', ['kernels/'], None),
    (r'compat/', ['compat/'], None),
    (r'samples/', [], None),
    (r'predict/', ['base/', 'model/', 'predict/'], None),
    (r'tools/trnmockd', ['base/', 'model/', 'tools/'], None),
    (r'tools/', ['predict/', 'tools/'], None),
    (r'bench/fidelity', ['predict/', 'model/', 'bench/'], None),
    # Measures the sample's own code.
    (r'bench/decode', ['bench/', 'samples/'], None),
    (r'bench/', ['predict/', 'bench/'], None),
]
# The model has no clock, no lock and no log: its way out is struct trn_model_host.
NOT_IN_MODEL = {'base/clock.h', 'base/lock.h', 'base/log.h'}
# The test main and its helpers are base/'s, and every floor's tests use them.
FOR_TESTS = re.compile(r'base/test_\w+\.h$')
DIAG_USERS = re.compile(r'(include|runtime|predict|tools|bench|tests)/|kernels/test_')
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]', re.MULTILINE)


def floor_of(path):
    for pattern, quoted, system in FLOORS:
        if re.match(pattern, path):
            return quoted, system
    return None


def check_include(file, kind, target):
    """Returns why this include is wrong, or None."""
    if '..' in target.split('/'):
        return 'no ".." in an include'
    if file.path.startswith('tests/'):
        return None
    floor = floor_of(file.path)
    if floor is None:
        return 'this folder is on no floor (tests/lint/rules.py, FLOORS)'
    quoted, system = floor
    if target == 'trn/diag.h' and not DIAG_USERS.match(file.path) and not file.is_test:
        return 'trn/diag.h is for predict, tools, bench and tests'
    if kind == '<':
        if target.startswith('trn/') or system is None or file.is_test or target in system:
            return None
        return '<%s> is not for this floor' % target
    if file.path.startswith('model/') and target in NOT_IN_MODEL:
        return 'the model has no clock, lock or log'
    if file.is_test and FOR_TESTS.match(target):
        return None
    if file.path.startswith('samples/') and '/' not in target:
        return None  # a sample is copied out of the tree: its own header lies beside it
    for allowed in quoted:
        if target == allowed or (allowed.endswith('/') and target.startswith(allowed)):
            return None
    return '"%s" is above this floor, or not spelled from the root' % target


def floors(file):
    if not file.is_c:
        return
    for match in INCLUDE.finditer(file.text):
        why = check_include(file, match.group(1), match.group(2))
        if why:
            yield file.line_of(match.start()), match.group(2), why


# ---------------------------------------------------------------------------
# banned calls. Row: names, paths where they are banned, paths where they are
# allowed after all, whether test code is exempt, what to use instead.
# ---------------------------------------------------------------------------

LIBRARY = r'(base|model|kmod-shim|hal|runtime|kernels|predict|compat)/'
LIBM = ' '.join(name + suffix for suffix in ('', 'f', 'l') for name in (
    'exp exp2 exp10 expm1 log log2 log10 log1p pow cbrt hypot sin cos tan asin acos atan atan2 '
    'sinh cosh tanh asinh acosh atanh erf erfc lgamma tgamma sincos').split())

BANNED = [
    ('strcpy strcat sprintf vsprintf gets strtok strncpy stpcpy', r'', None, False,
     'snprintf, or memcpy with a checked size'),
    ('atoi atol atoll atof', r'', None, False, 'base/number.h, or strtol and its end pointer'),
    ('alloca', r'', None, False, 'memory of the object'),
    ('malloc calloc realloc free strdup strndup asprintf vasprintf aligned_alloc posix_memalign',
     LIBRARY, r'base/alloc\.c$', True, 'struct trn_alloc'),
    ('clock_gettime gettimeofday time clock timespec_get', r'(?!samples/|bench/)',
     r'base/clock\.c$', True, 'base/clock.h'),
    ('sleep usleep nanosleep clock_nanosleep', r'', r'base/clock\.c$', False,
     'a deadline and trn_clock_backoff()'),
    ('abort exit _exit _Exit quick_exit', LIBRARY, None, True, 'an error code'),
    ('ioctl', r'', r'(kmod-shim/|hal/(.*/)?(drm|neuron|vfio))', False,
     'the backend that owns the ABI'),
    ('printf vprintf puts putchar perror', LIBRARY, None, True, 'the log sink of the user'),
    ('system popen fork vfork signal atexit', LIBRARY, None, True,
     'nothing: the library leaves the process alone'),
    # There it undoes what drivers of libfabric did.
    ('sigaction', LIBRARY, r'runtime/handlers\.h$', True,
     'nothing: the library leaves the process alone'),
    ('rand srand random srandom drand48 getenv_s', r'', None, False, 'base/prng.h and a seed'),
    (LIBM, r'model/', None, True, "the model's own tables (same bits on every machine)"),
]


def is_plain_call(code, start):
    """A call by this name, not member->name(), not a member's or function's declaration."""
    before = code[:start].rstrip(' \t')
    return not before.endswith(('->', '.', '*'))


def banned_calls(file):
    if not file.is_c:
        return
    for names, where, allowed, tests_exempt, instead in BANNED:
        if not re.match(where, file.path) or (allowed and re.match(allowed, file.path)):
            continue
        if tests_exempt and file.is_test:
            continue
        pattern = re.compile(r'(?<![\w])(%s)\s*\(' % '|'.join(names.split()))
        for match in pattern.finditer(file.code):
            if is_plain_call(file.code, match.start()):
                yield file.line_of(match.start()), match.group(1), \
                    '%s() is banned here; use %s' % (match.group(1), instead)


BANNED_WORDS = [
    (re.compile(r'\b(stdout|stderr)\b'), re.compile(LIBRARY), 'the library prints nothing'),
    (re.compile(r'\b(_Atomic|atomic_\w+|pthread_\w+|thrd_\w+|_Thread_local|thread_local)\b'),
     re.compile(r'model/'), 'the model has no threads'),
    (re.compile(r'\btypedef\s+(struct|union|enum)\b'), re.compile(r''),
     'no typedef for structs, unions and enums'),
    (re.compile(r'HANDLE_OK(?=\([^;{}]*\)\)\s*return -E)'), re.compile(r'runtime/'),
     'trn_handle_refused() says why: in a child of fork() it is -EPERM'),
]


def banned_words(file):
    if not file.is_c or file.is_test:
        return
    for pattern, where, why in BANNED_WORDS:
        if where.match(file.path):
            for match in pattern.finditer(file.code):
                yield file.line_of(match.start()), match.group(0), \
                    "'%s': %s" % (match.group(0), why)


# ---------------------------------------------------------------------------
# sizes
# ---------------------------------------------------------------------------

FUNCTION_LINES = 70
FILE_LINES = {'.c': 800, '.h': 400, '.py': 800}
SAMPLE_LINES = 150  # of the file that has main()
HAS_MAIN = re.compile(r'^int main\(', re.MULTILINE)
COLUMNS = 100


def c_functions(file):
    """(first line, last line, name): bodies open with a brace in column 0, as formatted."""
    lines = file.code.splitlines()
    start = None
    for number, line in enumerate(lines):
        if line.startswith('{'):
            start = number
        elif line.startswith('}') and start is not None:
            head = start
            while head > 0 and lines[head - 1].strip() and not lines[head - 1].startswith(
                    ('}', '#')) and not lines[head - 1].rstrip().endswith((';', '}')):
                head -= 1
            signature = ' '.join(lines[head:start])
            name = re.search(r'START_TEST\s*\(\s*(\w+)|(\w+)\s*\(', signature)
            yield head + 1, number + 1, (name.group(1) or name.group(2)) if name else '?'
            start = None


def py_functions(file):
    for node in ast.walk(ast.parse(file.text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.lineno, node.end_lineno, node.name


def sh_functions(file):
    start, name = None, ''
    for number, line in enumerate(file.lines, 1):
        match = re.match(r'(\w+)\(\) \{', line)
        if match:
            start, name = number, match.group(1)
        elif line == '}' and start:
            yield start, number, name
            start = None


def function_length(file):
    if file.is_c:
        found = c_functions(file)
    elif file.path.endswith('.py'):
        found = py_functions(file)
    elif is_shell(file):
        found = sh_functions(file)
    else:
        return
    for first, last, name in found:
        if last - first + 1 > FUNCTION_LINES:
            yield first, name, '%s has %d lines, at most %d' % (name, last - first + 1,
                                                                FUNCTION_LINES)


def file_length(file):
    limit = FILE_LINES.get('.' + file.name.rpartition('.')[2])
    if file.path.startswith('samples/') and not file.is_test and HAS_MAIN.search(file.code):
        limit = SAMPLE_LINES
    if limit and len(file.lines) > limit:
        yield 1, file.name, '%d lines, at most %d' % (len(file.lines), limit)


def columns(file):
    if file.path.endswith(('.md', '.json', '.txt')):
        return
    for number, line in enumerate(file.lines, 1):
        width = len(line.expandtabs(8))
        if width > COLUMNS:
            yield number, str(number), '%d columns, at most %d' % (width, COLUMNS)


# ---------------------------------------------------------------------------
# text
# ---------------------------------------------------------------------------

SPDX = re.compile(r'SPDX-License-Identifier: Apache-2\.0\b')
# Spelled in halves, or this file would break its own rule.
LEFTOVERS = re.compile(r'\b(%s)\b' % '|'.join(
    (a + b) for a, b in (('TO', 'DO'), ('FIX', 'ME'), ('XX', 'X'), ('HA', 'CK'), ('st', 'ub'),
                         ('st', 'ubs'), ('st', 'ubbed'))))
MACHINE_PATHS = re.compile(r'(?<![\w.$}/])/(home|root|work|Users|workspace|builds)/\w')


def is_shell(file):
    return file.path.endswith('.sh') or re.match(r'#!/bin/(ba)?sh\b', file.text) is not None


def spdx(file):
    if file.path.endswith(('.json', '.txt')) and file.name != 'meson_options.txt':
        return
    if file.path.endswith('.md'):
        if not SPDX.search(file.text):
            yield 1, file.name, 'no SPDX line (in a comment, anywhere)'
        return
    lines = (file.lines + ['', ''])[:2]
    first = lines[1] if lines[0].startswith('#!') else lines[0]
    if not SPDX.search(first):
        yield 1, file.name, 'the first line is not the SPDX line'


def leftovers(file):
    for match in LEFTOVERS.finditer(file.text):
        yield file.line_of(match.start()), match.group(0), "the word '%s'" % match.group(0)


def machine_paths(file):
    for match in MACHINE_PATHS.finditer(file.text):
        yield file.line_of(match.start()), match.group(0), \
            "a machine's own path: %s..." % match.group(0)


def whitespace(file):
    if '\r' in file.text:
        yield 1, file.name, 'carriage returns'
    if file.text and not file.text.endswith('\n'):
        yield len(file.lines), file.name, 'no newline at the end'
    for number, line in enumerate(file.lines, 1):
        if line != line.rstrip():
            yield number, str(number), 'blanks at the end of the line'


def file_mode(file):
    if file.text.startswith('#!') != file.executable:
        yield 1, file.name, 'a script begins with #! and is executable, other files do neither'


# ---------------------------------------------------------------------------
# C habits
# ---------------------------------------------------------------------------

def header_guard(file):
    if not file.path.endswith('.h'):
        return
    path = file.path[len('include/'):] if file.path.startswith('include/') else file.path
    guard = re.sub(r'\W', '_', path).upper()
    if not re.search(r'^#ifndef %s\n#define %s$' % (guard, guard), file.text, re.MULTILINE):
        yield 1, file.name, 'the guard is not %s' % guard


def static_prefix(file):
    if not file.path.endswith('.c'):
        return
    for match in re.finditer(r'^static [^;={]*?\b(trn_\w+)\s*\(', file.code, re.MULTILINE):
        yield file.line_of(match.start()), match.group(1), \
            'static %s: trn_ is for external linkage' % match.group(1)


def tests_registered(file):
    """A START_TEST that no test case has is a test that never runs."""
    if not file.path.endswith('.c') or 'START_TEST' not in file.code:
        return
    added = set(re.findall(r'tcase_add_\w+\(\s*[^,]+,\s*(\w+)', file.code))
    for match in re.finditer(r'^START_TEST\s*\(\s*(\w+)\s*\)', file.code, re.MULTILINE):
        name = match.group(1)
        # Registered by a table counts: the name appears again outside its definition.
        if name not in added and len(re.findall(r'\b%s\b' % name, file.code)) < 2:
            yield file.line_of(match.start()), name, 'test %s is in no test case' % name


def public_decls(file):
    if not file.path.startswith('include/trn/') or 'TRN_API' not in file.code:
        return
    if file.name == 'types.h':
        return
    if 'TRN_BEGIN_DECLS' not in file.code or 'TRN_END_DECLS' not in file.code:
        yield 1, file.name, 'functions outside TRN_BEGIN_DECLS ... TRN_END_DECLS'


FILE_RULES = {
    'floors': floors,
    'banned-calls': banned_calls,
    'banned-words': banned_words,
    'function-length': function_length,
    'file-length': file_length,
    'columns': columns,
    'spdx': spdx,
    'leftovers': leftovers,
    'machine-paths': machine_paths,
    'whitespace': whitespace,
    'file-mode': file_mode,
    'header-guard': header_guard,
    'static-prefix': static_prefix,
    'tests-registered': tests_registered,
    'public-decls': public_decls,
}


# ---------------------------------------------------------------------------
# rules over the whole tree: (files) -> (path, line, subject, text)
# ---------------------------------------------------------------------------

def named_by(text, path):
    """Whether a meson.build's text names this path, whole or as stem + suffix."""
    if "'%s'" % path in text:
        return True
    suffixes = re.findall(r"\+ '([^']+)'", text) + re.findall(r"'@0@([^'@]+)'", text)
    return any(path.endswith(suffix) and "'%s'" % path[:-len(suffix)] in text
               for suffix in suffixes)


def sources_built(files):
    """A .c file that no meson.build names is dead."""
    builds = {f.folder: f.text for f in files if f.name == 'meson.build'}
    for file in files:
        if not file.path.endswith('.c'):
            continue
        parts = file.path.split('/')
        if not any(named_by(builds.get('/'.join(parts[:n]), ''), '/'.join(parts[n:]))
                   for n in range(len(parts))):
            yield file.path, 1, file.name, 'no meson.build names this file'


def markdown_links(files):
    paths = {f.path for f in files}
    folders = {'/'.join(p.split('/')[:n]) for p in paths for n in range(1, p.count('/') + 1)}
    for file in files:
        if not file.path.endswith('.md'):
            continue
        for match in re.finditer(r'\]\(([^)#\s]+)(#[^)]*)?\)', file.text):
            target = match.group(1)
            if re.match(r'\w+:', target):
                continue
            parts = file.folder.split('/') if file.folder else []
            for part in target.split('/'):
                if part == '..':
                    parts = parts[:-1]
                elif part not in ('', '.'):
                    parts = parts + [part]
            full = '/'.join(parts)
            if full not in paths and full not in folders and full != 'LICENSE':
                yield file.path, file.line_of(match.start()), target, \
                    'link to %s, which is not there' % target


def changelog(files):
    """The newest entry is the project's version."""
    text = {f.path: f.text for f in files}
    version = re.search(r"^\s*version: '([^']+)'", text.get('meson.build', ''), re.MULTILINE)
    newest = re.search(r'^## (\S+)', text.get('CHANGELOG.md', ''), re.MULTILINE)
    if not version or not newest or version.group(1) != newest.group(1):
        yield 'CHANGELOG.md', 1, 'version', 'newest entry %s, project version %s' % (
            newest and newest.group(1), version and version.group(1))


TREE_RULES = {
    'sources-built': sources_built,
    'markdown-links': markdown_links,
    'changelog': changelog,
}
