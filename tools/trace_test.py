#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Time traces as a user makes them: the JSON holds what docs/traces.md says, for trnctl run and
for the demo. TAP. usage: trace_test.py TRNCTL PROGRAM [DECODE]"""
import collections
import json
import os
import subprocess
import sys
import tempfile

KEYS = {
    'M': {'name', 'pid', 'tid', 'args'},
    'X': {'name', 'pid', 'tid', 'cat', 'ts', 'dur', 'args'},
    'b': {'name', 'pid', 'tid', 'cat', 'ts', 'id', 'args'},
    'e': {'name', 'pid', 'tid', 'cat', 'ts', 'id'},
    'C': {'name', 'pid', 'tid', 'ts', 'args'},
}
METADATA = {'process_name', 'process_sort_index', 'thread_name', 'thread_sort_index'}
CATEGORIES = {'instruction', 'wait', 'launch', 'command', 'dma'}
SLACK = 1e-6  # a picosecond, in the microseconds of the format


def check(condition, text, *args):
    if not condition:
        raise ValueError(text % args)


def number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def load(path):
    def constant(name):
        raise ValueError('%s is not JSON' % name)

    with open(path, encoding='utf-8') as file:
        trace = json.load(file, parse_constant=constant)
    check(set(trace) == {'displayTimeUnit', 'otherData', 'traceEvents'}, '%s', set(trace))
    check(trace['otherData']['schema'] == 'trn.trace/1', '%s', trace['otherData'])
    return trace['traceEvents']


def check_event(event):
    phase = event.get('ph')
    check(phase in KEYS, 'phase %s', phase)
    check(set(event) == KEYS[phase] | {'ph'}, '%s', event)
    for key in ('pid', 'tid'):
        check(isinstance(event[key], int) and event[key] > 0, '%s', event)
    check(isinstance(event['name'], str) and event['name'], '%s', event)
    for key in {'ts', 'dur'} & set(event):
        check(number(event[key]) and event[key] >= 0, '%s', event)
    if phase == 'M':
        check(event['name'] in METADATA, '%s', event)
    if 'cat' in event:
        check(event['cat'] in CATEGORIES, '%s', event)
    if phase == 'C':
        check(event['args'] and all(number(v) for v in event['args'].values()), '%s', event)


def check_order(events):
    """Spans of a track follow each other; counters go forward; every track has a name."""
    ends, counters, names = collections.defaultdict(float), {}, set()
    for event in events:
        key = (event['pid'], event['tid'])
        if event['ph'] == 'M':
            names.add(key + (event['name'],))
        elif event['ph'] == 'X':
            check(key + ('thread_name',) in names, 'no name before %s', event)
            check(event['ts'] >= ends[key] - SLACK, 'overlaps what is before it: %s', event)
            ends[key] = event['ts'] + event['dur']
        elif event['ph'] == 'C':
            key = (event['pid'], event['name'])
            check(event['ts'] >= counters.get(key, 0), 'goes back: %s', event)
            counters[key] = event['ts']


def check_dma(events):
    """Each begins once, ends once, inside a launch of its core."""
    launches = collections.defaultdict(list)
    for event in events:
        if event['ph'] == 'X' and event['cat'] == 'launch':
            launches[event['pid']].append((event['ts'], event['ts'] + event['dur']))
    begun, count = {}, 0
    for event in events:
        if event['ph'] == 'b':
            check(event['id'] not in begun, 'begins twice: %s', event)
            begun[event['id']] = event
        elif event['ph'] == 'e':
            start = begun.pop(event['id'])
            count += 1
            check(start['name'] == event['name'], '%s', event)
            check(any(low - SLACK <= start['ts'] <= event['ts'] <= high + SLACK
                      for low, high in launches[event['pid']]), 'outside a launch: %s', start)
    check(not begun, 'never ends: %s', begun)
    return count


def check_trace(path, want):
    events = load(path)
    for event in events:
        check_event(event)
    check_order(events)
    found = collections.Counter(e['cat'] for e in events if e['ph'] == 'X')
    found['dma'] = check_dma(events)
    found['counter'] = sum(e['ph'] == 'C' for e in events)
    for kind, least in want.items():
        check(found[kind] >= least, 'only %d of %s', found[kind], kind)
    return events


def call(*args):
    env = {k: v for k, v in os.environ.items() if k != 'TRN_DEVICE'}
    return subprocess.run(args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, env=env, timeout=120, check=False)


def run(folder, uri, trace):
    return call(TRNCTL, '-d', uri, 'run', PROGRAM, '--repeat', '3', '--trace',
                os.path.join(folder, trace))


def test_run(folder):
    want = {'instruction': 6, 'wait': 3, 'launch': 3, 'command': 9, 'dma': 3, 'counter': 3}
    hooked = 'record(file=%s)+mock:trn3' % os.path.join(folder, 'record')
    for uri in ('mock:trn2', 'mock:trn3', 'mock:trn3?threads=1', hooked):
        done = run(folder, uri, 'run.json')
        check(done.returncode == 0, '%s: %s', uri, done.stdout)
        check_trace(os.path.join(folder, 'run.json'), want)


def test_same_again(folder):
    texts = []
    for _ in range(2):
        run(folder, 'mock:trn3', 'same.json')
        with open(os.path.join(folder, 'same.json'), encoding='utf-8') as file:
            texts.append(file.read())
    check(texts[0] == texts[1], 'two runs, two traces')


def test_where_it_cannot_be(folder):
    done = call(TRNCTL, '-d', 'mock:trn3', 'run', PROGRAM, '--trace', folder)
    check(done.returncode == 1 and b'trace' in done.stdout, '%s', done.stdout)
    done = run(folder, 'mock:trn3', os.path.join('none', 'x.json'))
    check(done.returncode == 1, '%s', done.stdout)
    done = call(TRNCTL, '-d', 'mock:trn3', 'run', PROGRAM, '--trace', '/dev/full')
    check(done.returncode == 1 and b'trace' in done.stdout, '%s', done.stdout)


def test_decode(folder):
    if not DECODE:
        return
    path = os.path.join(folder, 'decode.json')
    done = call(DECODE, '-n', '2', '--trace', path)
    check(done.returncode == 0, '%s', done.stdout)
    events = check_trace(path, {'instruction': 2000, 'wait': 100, 'launch': 2, 'dma': 100,
                                'counter': 1000})
    hbm = [e['args']['bytes/s'] for e in events if e['name'].startswith('HBM')]
    check(max(hbm) > 1e9 and min(hbm) == 0, 'bandwidth from %s to %s', min(hbm), max(hbm))
    check(call(DECODE, '-n', '1', '--trace', folder).returncode == 1, 'a folder as a trace')


def main():
    tests = [(n, f) for n, f in globals().items() if n.startswith('test_')]
    print('1..%d' % len(tests))
    for count, (name, function) in enumerate(tests, 1):
        with tempfile.TemporaryDirectory() as folder:
            try:
                function(folder)
                print('ok %d - %s' % (count, name), flush=True)
            except (ValueError, KeyError, OSError, subprocess.TimeoutExpired) as error:
                for line in str(error).splitlines():
                    print('# ' + line)
                print('not ok %d - %s' % (count, name), flush=True)


if __name__ == '__main__':
    TRNCTL, PROGRAM = sys.argv[1:3]
    DECODE = sys.argv[3] if len(sys.argv) > 3 else None
    main()
