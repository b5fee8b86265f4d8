#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the verbs of trnctl that are about pods as a user would: topo, comm. TAP on standard output.
usage: trnctl_pod_test.py TRNCTL [TEST...]"""
import os
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

import trnctl_test
from trnctl_test import FAILURE, NO_DEVICE, OK, USAGE, Run, check, fails

# Chips, servers, racks, switches, links one way; links of a chip and GB/s by class.
PODS = {
    'trn2': (1, 1, 1, 0, 0, {}),
    'trn3': (1, 1, 1, 0, 0, {}),
    'trn2-48xl': (16, 1, 1, 0, 64, {'server': (4, 512)}),
    'trn2-ultraserver': (64, 4, 2, 0, 384, {'server': (4, 512), 'cross': (2, 128)}),
    'trn3-gen1': (64, 4, 2, 4, 256, {'server': (1, 512), 'rack': (1, 512), 'cross': (1, 128)}),
    'trn3-ultraserver': (144, 36, 2, 44, 720,
                         {'server': (1, 512), 'rack': (1, 512), 'cross': (1, 128)}),
    'trn4-ultraserver': (144, 36, 2, 1, 288, {'server': (1, 1800)}),
}


def topo(*args, pod='trn3-ultraserver'):
    return Run('-d', 'mock:' + pod, 'topo', '--json', *args).expect(OK).json('trn.topo/1')


def test_info_says_where_a_chip_stands():
    run = Run('-d', 'mock:trn3-ultraserver/77', 'info', '--json').expect(OK)
    document = run.json('trn.info/1')
    check(document['place'] == {'pod': 'trn3-ultraserver', 'chips': 144, 'index': 77, 'rack': 1,
                                'server': 1, 'position': 1, 'node_id': 19}, '%s', document['place'])
    check('peer' in document['device']['capabilities'], '%s', document['device'])
    text = Run('-d', 'mock:trn3-ultraserver/77', 'info').expect(OK).out
    check('chip 77 of 144: rack 1, server 1, position 1' in text, '%s', text)
    document = Run('-d', 'null:', 'info', '--json').expect(OK).json('trn.info/1')
    check(document['place'] is None, '%s', document['place'])


def test_selftest_of_one_of_many():
    run = Run('-d', 'mock:trn2-48xl/7', 'selftest', '--json').expect(OK)
    document = run.json('trn.selftest/1')
    check(document['result'] == 'ok' and document['failed'] == 0, '%s', document)
    check(document['skipped'] == 0, 'a chip of a pod skips %s', document)
    run = Run('-d', 'fault(link.jitter)+mock:trn3-ultraserver/143?seed=2', 'selftest', 'peer')
    check('2 ok' not in run.out and '1 ok, 0 failed' in run.expect(OK).out, '%s', run.out)
    run, _ = fails('-d', 'mock:trn2-48xl', 'selftest', status=FAILURE)
    check('mock:trn2-48xl/0 to /15' in run.err, '%s', run.err)


def test_topo_of_every_pod():
    for name, (chips, servers, racks, switches, links, classes) in PODS.items():
        document = topo(pod=name)
        pod = document['pod']
        check((pod['name'], pod['chips'], pod['servers'], pod['racks'], pod['switches'],
               pod['links']) == (name, chips, servers, racks, switches, links), '%s', pod)
        check(len(document['chips']) == chips, '%s: %d chips', name, len(document['chips']))
        if chips > 1:
            check(document['level'] == 'pod' and len(document['links']) == links, '%s', name)
            check(len(document['switches']) == switches, '%s', document['switches'])
        for cls, row in pod['of_a_chip_one_way'].items():
            count, rate = classes.get(cls, (0, 0))
            check(row['links'] == count, '%s %s: %s', name, cls, row)
            check(count == 0 or row['mbps'] == rate * 1000, '%s %s: %s', name, cls, row)
        check(sum(row['chips'] for row in document['hops']) == chips - 1, '%s', document['hops'])
        text = Run('-d', 'mock:' + name, 'topo').expect(OK).out
        check(name in text and 'chips      %d = ' % chips in text, '%s', text)
        check(('PREVIEW' in text) is name.startswith('trn4'), '%s', text)


def test_topo_levels():
    for level, chips, switches in (('chip', [77], 2), ('server', [76, 77, 78, 79], 5),
                                   ('rack', list(range(72, 144)), 22),
                                   ('pod', list(range(144)), 44)):
        document = topo('--level', level, '--at', '77')
        check(document['level'] == level and document['at'] == 77, '%s', document['level'])
        check([c['index'] for c in document['chips']] == chips, '%s: %s', level, document['chips'])
        check(len(document['switches']) == switches, '%s: %d', level, len(document['switches']))
        text = Run('-d', 'mock:trn3-ultraserver', 'topo', '--level', level, '--at', '77')
        check('from chip 77' in text.expect(OK).out, '%s', text.out)
    chip = next(c for c in topo()['chips'] if c['index'] == 77)
    check((chip['rack'], chip['server'], chip['position']) == (1, 19, 1), '%s', chip)
    check(topo(pod='trn3-ultraserver/77')['at'] == 77, 'the device that was named')


def test_topo_numbers_of_the_driver():
    chips = {c['index']: c for c in topo(pod='trn2-48xl')['chips']}
    check(chips[0]['neighbours'] == [12, 1, 3, 4], '%s', chips[0])
    check(chips[14]['neighbours'] == [2, 15, 13, 10], '%s', chips[14])
    routing = [0, 3, 4, 7, 12, 15, 8, 11, 1, 2, 5, 6, 13, 14, 9, 10]
    for index, chip in chips.items():
        check(routing[chip['routing_id'] % 16] == index, '%s', chip)
    chips = topo(pod='trn2-ultraserver')['chips']
    check({c['serial'] for c in chips} and len({c['serial'] for c in chips}) == 64, 'serials')
    check(all(c['node_id'] in (None, 0, 1, 2, 3) for c in chips), 'node ids')


def test_topo_routes():
    for pod, a, b, hops, nodes in (
            ('trn3-ultraserver', 0, 77, 4, [0, 72, 162, 73, None, 77]),
            ('trn3-ultraserver', 0, 4, 1, [0, None, 4]),
            ('trn2-48xl', 0, 2, 2, [0, 1, 2]), ('trn3', 0, 0, 0, [0])):
        route = topo('--route', '%d,%d' % (a, b), pod=pod)['route']
        check(route['hops'] == hops, '%s', route)
        check(len(route['nodes']) == len(nodes) == len(route['links']) + 1, '%s', route)
        check(all(want in (None, got) for want, got in zip(nodes, route['nodes'])), '%s', route)
    text = Run('-d', 'mock:trn3-ultraserver', 'topo', '--route', '0,77').expect(OK).out
    check('way from chip 0 to chip 77: 4 hops, 2800 ns' in text, '%s', text)
    check(topo()['route'] is None, 'a route that nobody asked for')


def test_topo_fabrics():
    for fabric, rates, switches, most in (('documented', (128, 160, 64), 38, 2),
                                          ('table', (448, 448, 128), 44, 4),
                                          ('lanes', (512, 512, 128), 44, 4)):
        document = topo(pod='trn3-ultraserver?fabric=' + fabric)
        check(document['pod']['fabric'] == fabric, '%s', document['pod'])
        got = tuple(row['mbps'] // 1000 for row in document['pod']['of_a_chip_one_way'].values())
        check(got == rates, '%s: %s', fabric, got)
        check(len(document['switches']) == switches, '%s', fabric)
        check(document['hops'][-1]['hops'] == most, '%s: %s', fabric, document['hops'])
    fails('-d', 'mock:trn3-ultraserver?fabric=wrong', 'topo', status=FAILURE)


def test_topo_probe():
    for pod in ('trn3-ultraserver', 'trn3-gen1', 'trn2-48xl', 'trn3-ultraserver?fabric=documented'):
        document = topo('--probe', pod=pod)
        for link in document['links']:
            check((link['state'], link['probe']) == ('up', 'ok'), '%s: %s', pod, link)
            check(link['bytes'] >= 4096 and link['busy_ps'] > 0, '%s: %s', pod, link)
    text = Run('-d', 'mock:trn3-gen1', 'topo', '--probe').expect(OK).out
    check('probe: 256 of 256 links carried a block' in text, '%s', text)
    check(topo()['links'][0]['bytes'] == 0 and 'probe' not in topo()['links'][0], 'unasked')
    fails('-d', 'mock:trn3-ultraserver/3', 'topo', '--probe', status=USAGE)
    fails('-d', 'null:', 'topo', '--probe', status=FAILURE)


def test_topo_states_of_links():
    uri = 'mock:trn3-ultraserver?fault=link.slow@0;link.down@5'
    run = Run('-d', uri, 'topo', '--probe', '--json').expect(FAILURE)
    links = run.json('trn.topo/1')['links']
    check([link['link'] for link in links] == list(range(720)), 'numbers')
    check({link['link']: link['state'] for link in links if link['state'] != 'up'} ==
          {0: 'degraded', 5: 'down'}, '%s', [x for x in links if x['state'] != 'up'])
    check([x['link'] for x in links if x['probe'] != 'ok'] == [5], 'who did not carry')
    check(links[5]['probe'] != 'ok' and links[0]['probe'] == 'ok', '%s %s', links[0], links[5])
    text = Run('-d', uri, 'topo', '--probe').expect(FAILURE).out
    check('links that are not up' in text and 'degraded' in text, '%s', text)
    run = Run('-d', 'mock:trn3-ultraserver?fault=link.down@0', 'topo', '--probe', '--json')
    links = run.expect(FAILURE).json('trn.topo/1')['links']
    check([x['link'] for x in links if x['probe'] != 'ok'] == [0], 'of a way of two links')
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'x.svg')
        Run('-d', uri, 'topo', '--probe', '--svg', path).expect(FAILURE)
        with open(path, encoding='ascii') as file:
            svg = file.read()
    check('class="chip e1"' in svg and 'class="chip e2"' in svg, 'boxes of chips')


def drawn(option, *args, pod='trn3-ultraserver'):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'a "b" & <c>')
        document = topo(option, path, *args, pod=pod)
        check(document['files'] == [path], '%s', document['files'])
        with open(path, encoding='ascii') as file:
            return file.read()


def test_topo_svg():
    for pod, (chips, _, racks, switches, _, _) in PODS.items():
        root = xml.etree.ElementTree.fromstring(drawn('--svg', pod=pod))
        check(root.tag == '{http://www.w3.org/2000/svg}svg', '%s', root.tag)
        words = [e.text for e in root.iter('{http://www.w3.org/2000/svg}text')]
        if chips > 1:
            check({str(i) for i in range(chips)} <= set(words), '%s: chips', pod)
            check({'rack %d' % i for i in range(racks)} <= set(words), '%s: racks', pod)
        for box in root.iter('{http://www.w3.org/2000/svg}rect'):
            check(float(box.get('width')) > 0 and float(box.get('x')) >= 0, '%s', box.attrib)
        check(switches != 44 or words.count('plane 3') == 2, '%s', words)
    for level in ('chip', 'server', 'rack', 'pod'):
        root = xml.etree.ElementTree.fromstring(drawn('--svg', '--level', level, '--at', '143'))
        words = ' '.join(e.text for e in root.iter('{http://www.w3.org/2000/svg}text'))
        check('143' in words and 'GB/s one way' in words, '%s: %s', level, words)


def test_topo_dot():
    if not shutil.which('dot'):
        return 'no graphviz'
    for pod, (chips, _, _, switches, links, _) in PODS.items():
        text = drawn('--dot', pod=pod)
        check(text.count(' -- ') == links // 2, '%s: %d edges', pod, text.count(' -- '))
        check(text.count(' [label=') == chips + switches, '%s: nodes', pod)
        done = subprocess.run(['dot', '-Tsvg'], input=text.encode(), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=120, check=False)
        check(done.returncode == 0 and not done.stderr, '%s: %s', pod, done.stderr)
        xml.etree.ElementTree.fromstring(done.stdout)
    return None


def test_topo_refuses():
    uri = 'mock:trn3-ultraserver'
    for args in (['--level', 'city'], ['--at', 'x'], ['--at', '144'], ['--at', '-1'],
                 ['--route', '1'], ['--route', '1,'], ['--route', ',1'], ['--route', '1,2,3'],
                 ['--route', '0,144'], ['--route', '99999999999,1'], ['extra'], ['--svg']):
        run, _ = fails('-d', uri, 'topo', *args, status=USAGE)
        check('trnctl' in run.err, '%s', run.err)
    fails('-d', uri, 'topo', '--svg', '/nonexistent/x.svg', status=FAILURE)
    fails('-d', uri, 'topo', '--dot', '/dev/full', status=FAILURE)
    fails('topo', status=NO_DEVICE)
    fails('-d', 'mock:trn3-ultraserver/144', 'topo', status=NO_DEVICE)


def test_pods_are_listed():
    document = Run('-d', 'mock:trn3-ultraserver', 'list', '--json').expect(OK).json('trn.list/1')
    uris = [d['uri'] for d in document['devices']]
    check(len(uris) == len(set(uris)) == 144, '%d', len(uris))
    check(all(uri.endswith('/%d' % i) for i, uri in enumerate(uris)), '%s', uris[:3])
    text = Run('-d', 'mock:trn3-ultraserver', 'list').expect(OK).out
    check(text.count('Trainium3') == 144, '%s', text)


def test_one_device_of_a_pod():
    for verb in (['info'], ['ps'], ['selftest', 'identity'], ['regs'], ['reset'], ['energy']):
        run, _ = fails('-d', 'mock:trn3-ultraserver', *verb, status=FAILURE)
        check('/INDEX' in run.err or '/0' in run.err, '%s: %s', verb, run.err)
    document = Run('-d', 'mock:trn3-ultraserver/5', 'info', '--json').expect(OK).json('trn.info/1')
    check(document['device']['uri'].endswith('/5'), '%s', document['device']['uri'])


# ---- comm ----

OPERATIONS = ('allr', 'redsct', 'redsctv', 'allg', 'allgv', 'alltoall', 'alltoallv', 'bcast',
              'reduce', 'sendrecv', 'permute', 'barrier')
IN_PLACE = ('allr', 'redsct', 'allg', 'bcast', 'reduce')
REDUCES = ('allr', 'redsct', 'reduce')
TYPES = ('u8', 's8', 'u16', 's16', 'u32', 's32', 'f32', 'bf16', 'f16', 'f8e4m3', 'f8e4m3fn',
         'f8e5m2', 'f8e3m4')


def comm(*args, pod='trn3-ultraserver'):
    run = Run('-d', 'mock:' + pod, 'comm', '--json', '-n', '1', '-w', '0', *args).expect(OK)
    document = run.json('trn.comm/1')
    for row in document['results']:
        check(row['wall_ns']['avg'] > 0 and row['device_ns']['avg'] > 0, '%s', row)
        if row['bound_ns']:
            check(row['times_of_bound'] >= 1, '%s: %s', args, row)
    return document


def test_comm_every_operation():
    for operation in OPERATIONS:
        document = comm(operation, '--ranks', '6', '--bytes', '8,10K', '--check', pod='trn2-48xl')
        check(document['errors'] == 0 and document['ranks'] == 6, '%s', document)
        check(operation == 'barrier' or len(document['results']) == 2, '%s', document['results'])
        for row in document['results']:
            check(row['checked'] > 0 or operation == 'barrier', '%s', row)
    for operation in IN_PLACE:
        document = comm(operation, '--ranks', '5', '--bytes', '4K', '--check', '--in-place',
                        '--root', '3', pod='trn3-gen1')
        check(document['errors'] == 0 and document['in_place'], '%s', document)


def test_comm_types_and_operators():
    for name in TYPES:
        document = comm('allreduce', '--ranks', '4', '--bytes', '1001', '--check', '-D', name,
                        pod='trn3-gen1')
        check(document['type'] == name and document['errors'] == 0, '%s', document)
    for op in ('sum', 'min', 'max', 'prod', 'avg'):
        for mode in ('random', 'ones'):
            document = comm('redsct', '--ranks', '6', '--bytes', '999', '-o', op, '--check', mode,
                            pod='trn2-48xl')
            check((document['op'], document['check']) == (op, mode), '%s', document)
            check(document['errors'] == 0, '%s', document)


def test_comm_144_ranks():
    document = comm('allreduce', '--ranks', '144', '--bytes', '8,64K', '--check')
    check(document['ranks'] == 144 and document['errors'] == 0, '%s', document)
    sizes = [row['size'] for row in document['results']]
    check(sizes == [8, 65536], '%s', sizes)


def test_comm_timing_only():
    document = comm('allreduce', '--bytes', '64M', pod='trn3-ultraserver?timing-only=1')
    row = document['results'][0]
    check(document['ranks'] == 144 and row['size'] == 1 << 26, '%s', document)
    check(1 <= row['times_of_bound'] < 2, '%s', row)
    fails('-d', 'mock:trn3-ultraserver?timing-only=1', 'comm', 'allr', '--check', status=USAGE)


def test_comm_text_and_csv():
    args = ('-d', 'mock:trn3-ultraserver', 'comm', 'allg', '-r', '4', '-n', '2')
    text = Run(*args, '-b', '4K', '-e', '16K', '-f', '2', '-c').expect(OK).out
    check('all_gather on 4 ranks of trn3-ultraserver' in text, '%s', text)
    for size in (4096, 8192, 16384):
        check('%12d %11d f32' % (size, size // 16) in text, '%d: %s', size, text)
    check('# avg bus bandwidth' in text and ' 0 errors' in text, '%s', text)
    text = Run(*args, '-b', '1K', '-e', '3K', '-i', '1K', '--csv', '--stats',
               'avg,p99,min').expect(OK).out
    head, *rows = [line.split(',') for line in text.splitlines()]
    check(len(rows) == 3 and all(len(row) == len(head) for row in rows), '%s', text)
    check([c for c in head if c.startswith('device')] ==
          ['device_us_avg', 'device_us_p99', 'device_us_min'], '%s', head)
    check([row[head.index('size_bytes')] for row in rows] == ['1024', '2048', '3072'], '%s', rows)


def test_comm_figures():
    document = comm('allreduce', '--ranks', '8', '--bytes', '1M')
    row = document['results'][0]
    algbw = row['size'] / row['device_ns']['avg']
    check(abs(row['algbw'] / algbw - 1) < 1e-6, '%s', row)
    check(abs(row['busbw'] / row['algbw'] - 14 / 8) < 1e-6, '%s', row)
    check(row['bound_ns'] == row['bound_latency_ns'] + row['bound_bandwidth_ns'], '%s', row)
    again = comm('allreduce', '--ranks', '8', '--bytes', '1M')['results'][0]
    check(again['device_ns'] == row['device_ns'], 'virtual time differs between two runs')
    for algorithm in ('ring', 'mesh', 'rdh', 'paired', 'grid'):
        document = comm('allreduce', '--ranks', '8', '--bytes', '4K', '--algorithm', algorithm,
                        '--check')
        check(document['results'][0]['algorithm'] == algorithm, '%s', document)
        check(document['errors'] == 0, '%s', document)


def test_comm_ranks_on_cores():
    document = comm('allreduce', '--cores', '4', '--bytes', '4K', '--check', pod='trn2')
    check(document['ranks'] == 4 and document['errors'] == 0, '%s', document)
    document = comm('alltoall', '--cores', '2', '-r', '6', '--bytes', '4K', '--check')
    check(document['ranks_of_a_chip'] == 2 and document['errors'] == 0, '%s', document)


def test_comm_with_faults():
    uri = 'mock:trn3-ultraserver?fault='
    args = ('comm', 'allr', '--bytes', '64K', '-n', '1', '--check')
    run, document = fails('-d', uri + 'link.down@2', *args, status=FAILURE)
    check(document['error']['name'] == 'TRN_ERANK', '%s', document['error'])
    # Link 2 is chip 0's to chip 72: one of them is named.
    check('rank 72 is' in run.err or 'rank 0 is' in run.err, '%s', run.err)
    uri = 'mock:trn2-48xl?fault='
    plain = Run('-d', uri[:-7], *args, '--json').expect(OK).json('trn.comm/1')
    for fault in ('link.slow@2', 'link.flap@2', 'link.jitter'):
        worse = Run('-d', uri + fault, *args, '--json').expect(OK).json('trn.comm/1')
        check(worse['errors'] == 0, '%s: %s', fault, worse)
        check(fault == 'link.flap@2' or worse['results'][0]['device_ns']['avg'] >=
              plain['results'][0]['device_ns']['avg'], '%s is faster', fault)


def together(count, folder, *args):
    """The same command line as processes of one job; (status, output) of each."""
    env = {k: v for k, v in os.environ.items() if not k.startswith('TRN_')}
    env['TRN_COMM_ROOT'] = 'file:' + os.path.join(folder, 'root')
    env['TRN_COMM_SIZE'] = str(count)
    runs = [subprocess.Popen([trnctl_test.TRNCTL, *args], stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             env=dict(env, TRN_COMM_RANK=str(i))) for i in range(count)]
    return [(run.communicate(timeout=120)[0].decode(), run.returncode) for run in runs]


def test_comm_between_processes():
    pod = ('-d', 'mock:trn2-48xl', '-r', '2', '--bytes', '4K')
    for operation, args in (('allr', ('--host', '--bytes', '8,100K')),
                            ('alltoall', ('--host', '--bytes', '100K')),
                            ('allgv', ('--host', '--bytes', '10K')), ('barrier', ('--host',)),
                            ('allr', ('--host=shared', '--bytes', '64K', '--in-place')),
                            ('allr', pod), ('barrier', pod)):
        with tempfile.TemporaryDirectory() as folder:
            done = together(3, folder, 'comm', operation, *args, '--check', '-n', '2')
        check(all(status == 0 for _, status in done), '%s: %s', args, done)
        check(' 0 errors' in done[0][0], '%s', done[0][0])
        check([text for text, _ in done[1:]] == ['', ''], '%s', done)
    alone = Run('comm', 'allr', '--host', '--bytes', '1K', '--check', '--json').expect(OK)
    document = alone.json('trn.comm/1')
    check(document['results'][0]['device_ns'] is None and document['pod'] is None, '%s', document)
    text = Run('comm', 'allr', '--host', '--bytes', '1K').expect(OK).out
    check('all_reduce on 1 ranks of host memory' in text, '%s', text)


def test_comm_refuses():
    uri = 'mock:trn3-ultraserver'
    for args in ([], ['nosuch'], ['allr', 'allg'], ['allr', '--ranks', '0'],
                 ['allr', '--ranks', '145'], ['allr', '--cores', '9'], ['allr', '--bytes', ''],
                 ['allr', '--bytes', '8,x'], ['allr', '--bytes', '0'], ['allr', '-b', '0'],
                 ['allr', '-b', '8', '-e', '4'], ['allr', '--bytes', '8', '-b', '8'],
                 ['allr', '-f', '1'], ['allr', '-n', '0'], ['allr', '-D', 'f64'],
                 ['allr', '-o', 'xor'], ['allg', '-o', 'max'], ['allr', '-o', 'avg', '-D', 's32'],
                 ['allr', '--check', 'zeros'], ['allr', '--check=zeros'], ['allr', '--seed', 'x'],
                 ['allr', '--algorithm', 'tree'], ['allr', '--stats', ''],
                 ['allr', '--stats', 'p101'], ['allr', '--stats', 'mean'],
                 ['alltoall', '--in-place'], ['bcast', '--root', '144'],
                 ['allr', '--priority', '4'], ['sendrecv', '-r', '1'],
                 ['allr', '-b', '1', '-e', '1T', '-i', '1'], ['allr', '--host=disk'],
                 ['allr', '--host', '--ranks', '2']):
        run, _ = fails('-d', uri, 'comm', *args, status=USAGE)
        check('trnctl' in run.err, '%s', run.err)
    Run('-d', uri, 'comm', 'allr', '--csv', '--json').expect(USAGE)
    fails('comm', 'allr', status=NO_DEVICE)
    fails('-d', 'null:', 'comm', 'allr', status=FAILURE)
    fails('-d', uri, 'comm', 'allr', '--bytes', '1T', status=FAILURE)


if __name__ == '__main__':
    trnctl_test.TRNCTL = sys.argv[1]
    sys.exit(trnctl_test.main(globals(), sys.argv[2:]))
