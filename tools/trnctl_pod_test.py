#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the verbs of trnctl that are about pods as a user would: topo. TAP on standard output.
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


def test_topo_states_of_links():
    uri = 'mock:trn3-ultraserver?fault=link.slow@0;link.down@5'
    for link in topo(pod=uri[5:])['links']:
        check(link['state'] in ('up', 'degraded', 'down'), '%s', link)


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
        return 'dot', 'no graphviz'
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


if __name__ == '__main__':
    trnctl_test.TRNCTL = sys.argv[1]
    sys.exit(trnctl_test.main(globals(), sys.argv[2:]))
