#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs trnctl as a user would: text and JSON of every verb, exit codes, bad command
lines, hostile arguments. TAP on standard output. usage: trnctl_test.py TRNCTL TEST_PROGRAMS"""
import json
import os
import struct
import subprocess
import sys
import tempfile

DEVICES = ['null:', 'mock:trn2', 'mock:trn3', 'mock:trn4']
OK, FAILURE, USAGE, NO_DEVICE = 0, 1, 2, 3


class Failed(Exception):
    pass


def check(condition, text, *args):
    if not condition:
        raise Failed(text % args)


class Run:
    """One call of the tool: status, standard output and error."""

    def __init__(self, *args, device=None, stdout=subprocess.PIPE):
        env = {k: v for k, v in os.environ.items() if k != 'TRN_DEVICE'}
        if device:
            env['TRN_DEVICE'] = device
        self.args = args
        done = subprocess.run([TRNCTL, *args], stdin=subprocess.DEVNULL, stdout=stdout,
                              stderr=subprocess.PIPE, env=env, timeout=120, check=False)
        self.status = done.returncode
        self.out = (done.stdout or b'').decode('utf-8')  # invalid UTF-8 is a failure
        self.err = done.stderr.decode('utf-8', 'replace')

    def expect(self, status):
        check(self.status == status, '%s: exit status %d, not %d\n%s%s', self.args, self.status,
              status, self.out, self.err)
        return self

    def json(self, schema):
        def twice(pairs):
            keys = [key for key, _ in pairs]
            check(len(keys) == len(set(keys)), 'a key twice in %s', keys)
            return dict(pairs)

        def constant(name):
            raise Failed('%s is not JSON' % name)

        document = json.loads(self.out, parse_constant=constant, object_pairs_hook=twice)
        check(document.get('schema') == schema, '%s: schema %s, not %s', self.args,
              document.get('schema'), schema)
        return document


def fails(*args, status, **more):
    """A call that fails: a reason on standard error, and as a document with --json."""
    run = Run(*args, **more).expect(status)
    check(run.err.strip() != '', '%s: nothing on standard error', args)
    check('{' not in run.out, '%s: a document without --json', args)
    document = Run('--json', *args, **more).expect(status).json('trn.error/1')
    check(document['exit'] == status, 'exit %s in the document', document['exit'])
    return run, document


# ---- the tests: every function test_* runs; a test may return why it was skipped ----

def test_version():
    Run('version').expect(OK)
    document = Run('version', '--json').expect(OK).json('trn.version/1')
    check(document['tool'] == document['library'], 'tool and library differ')


def test_dump():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'a.dump')
        document = Run('--json', '-d', 'mock:trn3', 'dump', 'take', path).expect(OK).json(
            'trn.dump.take/1')
        check(document['file'] == path, 'another file: %s', document)
        check(os.stat(path).st_mode & 0o077 == 0, 'others may read it')
        text = Run('dump', 'show', path).expect(OK).out
        check('== registers\n' in text and 'ext.id.magic 0x584e5254' in text, 'no registers')
        names = [line.split()[0] for line in Run('dump', 'list', path).expect(OK).out.splitlines()]
        document = Run('dump', 'show', '--json', path).expect(OK).json('trn.dump/1')
        check([s['name'] for s in document['sections']] == names, 'other sections in JSON')
        only = Run('dump', 'show', '--json', '--section', 'about', path).expect(OK).json(
            'trn.dump/1')
        check(len(only['sections']) == 1, 'more than one section')
        check('uri mock:trn3' in only['sections'][0]['lines'], 'no URI: %s', only)
        fails('dump', 'show', '--section', 'none', path, status=FAILURE)
        with open(path, 'r+b') as file:
            file.truncate(100)
        fails('dump', 'show', path, status=FAILURE)
        fails('dump', 'show', folder, status=FAILURE)
        fails('dump', 'take', path, status=NO_DEVICE)
        fails('-d', 'null:', 'dump', 'take', folder, status=FAILURE)
    for args in ([], ['show'], ['eat', 'x'], ['list', 'x', 'y'], ['list', '-s', 'a', 'x']):
        fails('dump', *args, status=USAGE)


def test_help_of_every_verb():
    text = Run('--help').expect(OK).out
    verbs = [line.split()[0] for line in text.splitlines() if line.startswith('  ') and
             line.split()[0].isalpha()]
    for verb in ('list', 'info', 'topo', 'comm', 'selftest', 'regs', 'run', 'predict', 'asm',
                 'disasm', 'check', 'ps', 'mem', 'metrics', 'reset', 'version'):
        check(verb in verbs, '--help does not name %s', verb)
        run = Run(verb, '--help').expect(OK)
        check(run.out.startswith('Usage: trnctl %s' % verb), '%s', run.out[:60])
        check('--device' in run.out and '--json' in run.out and '--timeout' in run.out, 'options')
        check(run.err == '', 'help on standard error')
        Run(verb, '--usage').expect(OK)
        check(Run(verb, '-?').expect(OK).out == run.out, '-?')
        check(Run(verb, '-h').expect(OK).out == run.out, '-h')


def test_predict_headlines():
    text = Run('predict', 'headlines', '--arithmetic-only').expect(OK).out
    document = Run('predict', 'headlines', '--json').expect(OK).json('trn.headlines/1')
    for claim in document['claims']:
        check('%-4s %s' % (claim['id'], claim['claim']) in text, '%s is not in the text', claim)
        check(claim['verdict'] in ('follows', 'does not follow', 'not provable'), '%s', claim)
    ids = [claim['id'] for claim in document['claims']]
    check({'H%d' % n for n in range(1, 11)} <= set(ids), '%s', ids)
    measured = {c['id']: c['measured'] for c in document['claims']}
    check(abs(measured['H1b'] - 2.25) < 0.02, 'BF16: %s', measured['H1b'])


def test_predict_a_model():
    args = ('predict', 'gpt-oss-20b', '--on', 'trn2,trn3', '--batch', '1,4', '--context', '1024')
    document = Run(*args, '--json').expect(OK).json('trn.predict/1')
    check(document['model'] == 'gpt-oss-20b', '%s', document['model'])
    rows = document['predictions']
    check([(r['gen'], r['batch']) for r in rows] == [('trn2', 1), ('trn2', 4), ('trn3', 1),
                                                     ('trn3', 4)], '%s', rows)
    for row in rows:
        check(row['chips'] == 1 and row['phase'] == 'decode', '%s', row)
        check(row['bound'] in ('compute', 'HBM', 'DMA', 'issue'), '%s', row['bound'])
        check(row['joules_per_token'] > row['joules_idle_per_token'] > 0, '%s', row)
        check(0.2 < row['share_of_roofline'] < 1, 'share %s', row['share_of_roofline'])
        check(abs(sum(p['ms'] for p in row['pieces']) - row['step_ms']) < 1e-6, '%s', row)
        check(set(row['utilisation']) == {'tensor', 'vector', 'scalar', 'gpsimd', 'sync', 'dma',
                                          'hbm'}, '%s', row['utilisation'])
        check(all(0 < u < 1 for u in row['utilisation'].values()), '%s', row['utilisation'])
        check(abs(row['tokens_per_s'] * row['step_ms'] / 1e3 / row['batch'] - 1) < 1e-6, '%s', row)
    text = Run(*args).expect(OK).out
    check(text.count('tokens/s') == 4 and 'roofline' in text, '%s', text)


def test_predict_refuses():
    fails('predict', status=USAGE)
    fails('predict', 'gpt-oss-20b', 'again', status=USAGE)
    fails('predict', 'gpt-oss-20b', '--batch', '1,x', status=USAGE)
    fails('predict', 'gpt-oss-20b', '--batch', ',', status=USAGE)
    fails('predict', 'gpt-oss-20b', '--on', '', status=USAGE)
    fails('predict', 'gpt-oss-20b', '--context', '0', status=USAGE)
    fails('predict', 'gpt-oss-20b', '--phase', 'training', status=USAGE)
    fails('predict', 'gpt-oss-20b', '--on', 'trn7', status=FAILURE)
    fails('predict', 'gpt-oss-120b', '--on', 'trn2', '--chips', '1', status=FAILURE)
    run, _ = fails('predict', 'no-such-model', status=FAILURE)
    check('no model "no-such-model"' in run.err, '%s', run.err)


def test_predict_clusters():
    args = ('predict', 'allreduce', '--chips', '1000000', '--pod',
            'trn2-ultraserver,trn3-ultraserver', '--bytes', '1M,1G')
    document = Run(*args, '--json').expect(OK).json('trn.scale/1')
    rows = document['predictions']
    check([(r['cluster']['pod'], r['bytes']) for r in rows] == [
        (pod, size) for pod in ('trn2-ultraserver', 'trn3-ultraserver')
        for size in (1 << 20, 1 << 30)], '%s', rows)
    check(rows[2]['cluster']['full_pods'] == 6944, '%s', rows[2])
    check(rows[2]['cluster']['part_chips'] == 64, '%s', rows[2])
    for row in rows:
        check(row['device_ns'] >= row['bound_ns'] > 0, '%s', row)
        check(0 < row['links']['network']['used'] <= row['links']['network']['used_most'] <= 1.001,
              '%s', row['links'])
        check(row['links']['network']['links'] == 2e6, '%s', row['links'])
    check(document['resident_kib'] < 2 << 20, 'memory %s', document['resident_kib'])
    check(all(p['source'] and p['confidence'] in 'ABC' for p in document['parameters']), 'sources')
    args = tuple('10000' if arg == '1000000' else arg for arg in args)
    text = Run(*args).expect(OK).out
    check('10000 chips: 69 x trn3-ultraserver of 144 and one of 64 of 144, fabric lanes' in
          text, '%s', text)
    check(text.count('predicted device time') == 4, '%s', text)
    exchange = Run('predict', 'alltoall', '--chips', '288', '--bytes', '1M', '--json')
    exchange = exchange.expect(OK).json('trn.scale/1')
    check(exchange['predictions'][0]['between_pods'] == 'mesh', '%s', exchange)


def test_predict_steps():
    document = Run('predict', 'step', '--chips', '1152', '--json').expect(OK).json('trn.scale/1')
    row = document['predictions'][0]
    check(row['tp'] == 8 and row['dp'] == 144, '%s', row)
    check(abs(sum(p['ms'] for p in row['pieces']) * 1e6 - row['device_ns']) < 1e3, '%s', row)
    check(0 < row['failures']['goodput_simulated'] < 1, '%s', row['failures'])
    none = Run('predict', 'step', '--chips', '144000', '--spares', '0', '--json').expect(OK)
    more = Run('predict', 'step', '--chips', '144000', '--json').expect(OK)
    goodput = [d.json('trn.scale/1')['predictions'][0]['failures']['goodput_simulated']
               for d in (none, more)]
    check(goodput[0] < goodput[1], 'spare pods: %s', goodput)


def test_predict_clusters_refuses():
    fails('predict', 'allreduce', status=USAGE)
    fails('predict', 'allreduce', '--chips', '10', '--bytes', '1X', status=USAGE)
    fails('predict', 'allreduce', '--chips', '10', '--inner', 'star', status=USAGE)
    fails('predict', 'allreduce', '--chips', '10', '--slow', '3', status=USAGE)
    fails('predict', 'allreduce', '--chips', '10', '--spares', '-1', status=USAGE)
    fails('predict', 'step', '--chips', '144', '--phase', 'prefill', status=USAGE)
    fails('predict', 'step', '--chips', '144', '--bytes', '1G', status=USAGE)
    fails('predict', 'step', '--chips', '144', '--interval', 'nan', status=USAGE)
    fails('predict', 'gpt-oss-20b', '--phase', 'train', status=USAGE)
    fails('predict', 'allreduce', '--chips', '1000001', status=FAILURE)
    fails('predict', 'allreduce', '--chips', '10', '--pod', 'trn7', status=FAILURE)
    fails('predict', 'allreduce', '--chips', '10', '--fabric', 'none', status=FAILURE)
    fails('predict', 'allreduce', '--chips', '10', '--network', '/nowhere', status=FAILURE)
    fails('predict', 'alltoall', '--chips', '1000', '--bytes', '999', status=FAILURE)
    fails('predict', 'step', '--chips', '144', '--tp', '1', status=FAILURE)


def test_list_without_device():
    run = Run('list').expect(NO_DEVICE)
    check('mock:trn3' in run.out, 'no hint')
    document = Run('list', '--json').expect(NO_DEVICE).json('trn.list/1')
    check(document['devices'] == [], 'a device from nowhere')
    schemes = {door['scheme'] for door in document['schemes']}
    check({'mock', 'null', 'vfio-user', 'vfio', 'drm', 'neuron'} <= schemes, '%s', schemes)


def test_list_with_device():
    for uri in DEVICES:
        run = Run('--device', uri, 'list').expect(OK)
        check(uri in run.out, 'the device is not named')
        document = Run('list', '--json', device=uri).expect(OK).json('trn.list/1')
        check([d['uri'].split('/')[0] for d in document['devices']] == [uri], '%s',
              document['devices'])
        check(document['devices'][0]['cores'] > 0, 'no cores')


def test_device_before_and_after_the_verb():
    for args in (('--device', 'null:', 'info', '--json'), ('info', '--device', 'null:', '--json'),
                 ('--device=null:', '--json', 'info'), ('-dnull:', 'info', '--json'),
                 ('info', '--json', '-d', 'null:')):
        document = Run(*args, device='mock:nothing').expect(OK).json('trn.info/1')
        check(document['device']['uri'] == 'null:', '%s', args)
    document = Run('-d', 'mock:nothing', 'info', '-d', 'null:', '--json').expect(OK)
    check(document.json('trn.info/1')['device']['uri'] == 'null:', 'the last one wins')


def test_info():
    for uri in DEVICES:
        text = Run('-d', uri, 'info').expect(OK).out
        check('capabilities' in text and 'hbm' in text, 'text')
        document = Run('-d', uri, 'info', '--json').expect(OK).json('trn.info/1')
        device = document['device']
        check(device['hbm_bytes'] >= device['hbm_free_bytes'] > 0, 'HBM sizes')
        check('simulated' in device['capabilities'], 'a mock that says it is silicon')
        if uri.startswith('mock:'):
            check(device['arch'] == uri[5:], 'arch %s', device['arch'])
            check(isinstance(document['telemetry']['tensor_busy_cycles'][7], int), 'telemetry')


def test_no_device():
    for verb in (['info'], ['selftest'], ['regs'], ['ps'], ['mem'], ['metrics'], ['reset'],
                 ['run', 'x.trnx']):
        run, document = fails(*verb, status=NO_DEVICE)
        check('mock:trn' in run.err, 'the mock is not named')
        check(document['error']['name'] == 'ENODEV', '%s', document['error'])


def test_bad_uris():
    for uri in ('bogus:x', 'mock:', 'mock:trn9', 'mock', ':', '%', 'mock:trn3?x=%zz', 'drm:0',
                'vfio:0000:00:00.0', 'x' * 5000, 'mock:trn3/99', '\x01\x7f', 'mock:\udcff'):
        run = Run('-d', uri, 'info')
        check(run.status in (FAILURE, NO_DEVICE) and run.err, '%r: %d', uri[:40], run.status)
        document = Run('-d', uri, 'info', '--json').json('trn.error/1')
        check(document['error']['code'] < 0, '%r', uri[:40])
        check(document['error']['cause'] or document['error']['meaning'], '%r', uri[:40])


def test_usage_errors():
    for args in ([], ['bogus'], ['--bogus'], ['info', '--bogus'], ['info', 'extra'], ['info', '-d'],
                 ['list', 'a', 'b'], ['--timeout', '0', 'info'], ['--timeout', '-1', 'info'],
                 ['--timeout', '5x', 'info'], ['--timeout', '', 'info'],
                 ['--timeout', '99999999999999999999', 'info'], ['--timeout', '2d', 'info'],
                 ['reset', '--cores', ''], ['reset', '--cores', '0,'], ['reset', '--cores', '3-1'],
                 ['reset', '--cores', '99'], ['reset', '--cores', '0-999999999999999999999'],
                 ['selftest', 'nosuch'], ['run'], ['run', 'a', 'b'], ['run', 'a', '--arg', 'x'],
                 ['run', 'a', '--core', 'x'], ['run', 'a', '--repeat', '0'],
                 ['run', 'a', '--save', 'x'], ['regs', 'nosuch'], ['regs', 'no*such'],
                 ['regs', '0x3'], ['regs', '0x100000000'], ['regs', '--limit', '0'],
                 ['regs', ''], ['-d', 'null:', 'regs', '--write', 'misc.ack=1'],
                 ['regs', '--yes-i-mean-it', '--write', 'misc.ack'],
                 ['regs', '--yes-i-mean-it', '--write', 'misc.ack='],
                 ['regs', '--yes-i-mean-it', '--write', 'misc.ack=0x100000000'],
                 ['regs', '--yes-i-mean-it', '--write', 'nosuch=1'],
                 ['regs', '--yes-i-mean-it', '--write', '=' * 3000]):
        fails(*args, status=USAGE)


def test_json_is_valid_after_bad_bytes():
    for junk in ('\udcff\udcfe', 'a\udc80b', '"\\\n\t\x1b', 'é\U0001f600', '\udced\udca0\udc80'):
        Run('--json', junk).expect(USAGE).json('trn.error/1')
        Run('--json', 'regs', junk).expect(USAGE).json('trn.error/1')
        Run('--json', '-d', 'null:', 'run', junk).expect(FAILURE).json('trn.error/1')


def test_closed_output():
    with open('/dev/full', 'wb') as full:
        run = Run('version', stdout=full).expect(FAILURE)
        check('cannot be written' in run.err, '%s', run.err)


def test_output_goes_to_no_other_file():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'record')
        command = '"$0" -d "record(file=$1)+mock:trn3" info --json >&-'
        done = subprocess.run(['sh', '-c', command, TRNCTL, path], stderr=subprocess.PIPE,
                              timeout=120, check=False)
        check(done.returncode == FAILURE, 'exit status %d', done.returncode)
        check(b'cannot be written' in done.stderr, '%s', done.stderr)
        with open(path, 'rb') as record:
            check(b'schema' not in record.read(), 'the document is in the record')


def test_info_constants():
    for uri, preview in (('mock:trn2', False), ('mock:trn3', False), ('mock:trn4', True)):
        generation = Run('-d', uri, 'info', '--json').expect(OK).json('trn.info/1')['generation']
        check(generation['preview'] is preview and generation['base'] == uri[5:], uri)
        constants = {c['name']: c for c in generation['constants']}
        check(len(constants) == len(generation['constants']) > 50, '%d', len(constants))
        for c in constants.values():
            check(c['confidence'] in 'ABC' and c['source'] and c['help'], '%s', c)
            check(c['least'] <= c['value'] <= c['most'], '%s', c)
        check('mx' in generation['features'] or uri == 'mock:trn2', '%s', generation['features'])
        text = Run('-d', uri, 'info').expect(OK).out
        check(('PREVIEW' in text) is preview, '%s', text)
        for c in constants.values():
            line = '%-27s %16d %-9s %s  %s' % (c['name'], c['value'], c['unit'], c['confidence'],
                                              c['source'])
            check(line in text, '%s is not in the text', line)
    check(Run('-d', 'null:', 'info', '--json').json('trn.info/1')['generation'] is None, 'null:')
    check('does not tell' in Run('-d', 'null:', 'info').expect(OK).out, 'null:')


def profile(constants, end):
    """A profile with every number at one end of what it may be."""
    fixed = ('pci_device', 'arch', 'ostand_wr_2', 'hbm_bytes', 'hbm_capacity_bytes',
             'udma_write_hbm_ns', 'udma_write_host_ns', 'udma_packet_ns', 'chips_server',
             'chips_ultraserver')
    fixed += ('sbuf_partition_bytes',) if end == 'least' else ('reset_ns', 'mailbox_ns')
    lines = ['%s = %d ; C ; test' % (c['name'], max(c[end], 1)) for c in constants
             if c['name'] not in fixed and not c['name'].startswith('link_')]
    return '\n'.join(lines) + '\n'


def test_profiles_at_the_limits():
    info = Run('-d', 'mock:trn3', 'info', '--json').json('trn.info/1')
    with tempfile.TemporaryDirectory() as folder:
        for end in ('least', 'most'):
            path = os.path.join(folder, end + '.txt')
            with open(path, 'w', encoding='ascii') as file:
                file.write(profile(info['generation']['constants'], end))
            uri = 'mock:trn3?hbm=1G&profile=' + path.replace('/', '%2f')
            document = Run('-d', uri, 'selftest', '--json').expect(OK).json('trn.selftest/1')
            check(document['failed'] == 0, '%s', document)
            values = Run('-d', uri, 'info', '--json').json('trn.info/1')['generation']
            clock = next(c for c in values['constants'] if c['name'] == 'clock_tensor_mhz')
            check(clock['value'] == clock[end] and clock['source'] == 'test', '%s', clock)


def test_energy():
    for uri, watts in (('mock:trn2', 500), ('mock:trn3', 692)):
        document = Run('-d', uri, 'energy', '--derive', '--json').expect(OK).json('trn.energy/1')
        energy, terms = document['energy'], document['derivation']
        check(abs(sum(t['mw'] for t in terms) / 1000 - watts) < 1, '%s', terms)
        check(sum(t['mw'] for t in terms) == energy['full_load_mw'], '%s', energy)
        check({t['part'] for t in terms} == {p['part'] for p in energy['parts']}, 'parts')
        check(all(t['confidence'] in 'BC' and t['source'] for t in terms), '%s', terms)
        idle = sum(p['idle_nj'] for p in energy['parts'])
        flowing = sum(t['mw'] for t in terms if t['what'] == 'idle')
        check(idle == energy['time_ps'] * flowing // 10 ** 6, '%d nJ of %d mW', idle, flowing)
        text = Run('-d', uri, 'energy', '--derive').expect(OK).out
        check("vendor's own figure" in text and 'pJ/FLOP' in text, '%s', text)
    check(Run('-d', uri, 'energy', '--json').json('trn.energy/1')['derivation'] is None, 'unasked')
    fails('-d', 'null:', 'energy', status=FAILURE)
    fails('-d', 'mock:trn3', 'energy', 'extra', status=USAGE)


def test_run_energy():
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([PROGRAMS, folder], check=True)
        add = os.path.join(folder, 'add.trnx')
        args = ('-d', 'mock:trn3', '--json', 'run', add, '--energy')
        one = Run(*args).expect(OK).json('trn.run/1')['energy']
        many = Run(*args, '--repeat', '10').expect(OK).json('trn.run/1')['energy']
        busy = [{p['part']: p['busy_nj'] for p in e['parts']} for e in (one, many)]
        check(busy[0]['dma'] > 0 and busy[0]['sram'] > 0 and busy[0]['tensor'] == 0, '%s', busy[0])
        for part, value in busy[0].items():
            check(10 * value <= busy[1][part] + 10 <= 10 * value + 20, '%s: %s', part, busy)
        check('energy' not in Run(*args[:-1]).json('trn.run/1'), 'unasked')
        check('busy uJ' in Run('-d', 'mock:trn3', 'run', add, '--energy').expect(OK).out, 'text')


def test_selftest_probes():
    """What the launch block goes around is asked for all the same."""
    for fault, name, word in (('dma.hang,count=0', 'engines', '128/0'),
                              ('dma.hang@130,count=0', 'engines', '130/0'),
                              ('mailbox.silent,count=0', 'mailbox', 'no answer')):
        uri = 'mock:trn3?fault=' + fault
        run = Run('-d', uri, 'selftest', name, '--json').expect(FAILURE)
        one = run.json('trn.selftest/1')['checks'][0]
        check(one['result'] == 'fail' and word in one['reason'], '%s', one)
        other = 'mailbox' if name == 'engines' else 'engines'
        Run('-d', uri, 'selftest', other).expect(OK)
    for name in ('mailbox', 'engines'):
        one = Run('-d', 'null:', 'selftest', name, '--json').expect(OK).json('trn.selftest/1')
        check(one['skipped'] == 1, '%s', one)


def test_regs_names():
    text = Run('regs', '--names', 'misc.routing_id').expect(OK).out
    check('0x06c84024' in text, '%s', text)
    document = Run('regs', '--json', '--names', 'udma0.m2s.q*.tail').expect(OK).json('trn.regs/1')
    check(len(document['registers']) == 16, '%d registers', len(document['registers']))
    check(all('value' not in reg for reg in document['registers']), 'values without a device')
    document = Run('regs', '--json', '--names', '--limit', '5', '*').expect(OK).json('trn.regs/1')
    check(len(document['registers']) == 5 and document['not_shown'] > 100000, 'limit')


def test_regs_read():
    for uri in ('mock:trn2', 'mock:trn3'):
        serial = Run('-d', uri, '--json', 'info').json('trn.info/1')['device']['serial']
        document = Run('-d', uri, '--json', 'regs', 'misc.serial_*').json('trn.regs/1')
        low, high = [next(reg['value'] for reg in document['registers']
                          if reg['name'] == 'misc.serial_' + half) for half in ('lo', 'hi')]
        check(high << 32 | low == serial, '%x %x %x', high, low, serial)
        check('misc.routing_id' in Run('-d', uri, 'regs').expect(OK).out, 'default pattern')
        document = Run('-d', uri, '--json', 'regs', '0x06c84024').expect(OK).json('trn.regs/1')
        check(document['registers'][0]['name'] == 'misc.routing_id', 'name of an offset')
    fails('-d', 'null:', 'regs', status=FAILURE)


def test_regs_write():
    args = ('-d', 'mock:trn3', '--json', 'regs', '--write', 'core0.sem9.set=0x1234',
            '--yes-i-mean-it')
    document = Run(*args, 'core0.sem9.read').expect(OK).json('trn.regs/1')
    values = {reg['name']: reg for reg in document['registers']}
    check(values['core0.sem9.set'].get('written') is True, 'the write is not marked')
    text = Run('-d', 'mock:trn3', 'regs', '--write', 'core0.sem9.set=7', '--yes-i-mean-it').out
    check('(written)' in text, '%s', text)


def test_selftest():
    checks = Run('selftest', '--list', '--json').expect(OK).json('trn.selftest-list/1')['checks']
    for uri in DEVICES:
        document = Run('-d', uri, 'selftest', '--json').expect(OK).json('trn.selftest/1')
        check(document['result'] == 'ok' and document['failed'] == 0, '%s', document)
        check([c['name'] for c in document['checks']] == [c['name'] for c in checks], 'names')
        skipped = [c['name'] for c in document['checks'] if c['result'] == 'skip']
        # One chip has no peers.
        check(uri == 'null:' or skipped == ['peer'], '%s skips %s', uri, skipped)
    text = Run('-d', 'mock:trn3', 'selftest', 'memory', 'queue').expect(OK).out
    check('2 ok, 0 failed' in text, '%s', text)
    document = Run('-d', 'mock:trn3', 'selftest', '--no-reset', 'reset', '--json').json(
        'trn.selftest/1')
    check(document['checks'][0]['result'] == 'skip', 'a reset that was not wanted')


def test_ps():
    for uri in ('mock:trn2', 'mock:trn3'):
        text = Run('-d', uri, 'ps').expect(OK).out
        check(len(text.splitlines()) == 9 and 'free' in text, '%s', text)
        document = Run('-d', uri, 'ps', '--json').expect(OK).json('trn.ps/1')
        check([c['core'] for c in document['cores']] == list(range(8)), 'cores')
        check(all(c['owner'] is None and c['since_ns'] is None for c in document['cores']), 'free')
    fails('-d', 'null:', 'ps', status=FAILURE)


def test_mem():
    for uri in ('mock:trn2', 'mock:trn3', 'mock:trn3?extension=0', 'null:'):
        text = Run('-d', uri, 'mem').expect(OK).out
        check('HBM stack 0  ' in text and 'host memory' in text, '%s', text)
        document = Run('-d', uri, 'mem', '--json').expect(OK).json('trn.mem/1')
        check([p['stack'] for p in document['places']][-1] is None, 'the host is the last place')
        for place in document['places'][:-1]:
            check(place['free_bytes'] == place['total_bytes'] > 0, '%s', place)
        check(set(document['places'][0]['by_category']) >= {'tensors', 'code', 'rings'}, 'by')
        check(document['holders'] == [], '%s', document['holders'])
    host = Run('-d', 'mock:trn3', 'mem', '--json').json('trn.mem/1')['places'][-1]
    check(host['by_category']['rings']['live_bytes'] > 0, 'the driver has rings: %s', host)


def test_metrics():
    text = Run('-d', 'mock:trn3', 'metrics').expect(OK).out
    check(text == Run('-d', 'mock:trn3', 'metrics', '--openmetrics').expect(OK).out, 'the same')
    check('trn_device_cores{device="mock:trn3/0"} 8\n' in text, '%s', text[:400])
    document = Run('-d', 'mock:trn3', 'metrics', '--json').expect(OK).json('trn.metrics/1')
    by_name = {m['name']: m for m in document['metrics']}
    check(by_name['trn_device_up']['samples'] ==
          [{'labels': {'device': 'mock:trn3/0'}, 'value': 1}], '%s', by_name['trn_device_up'])
    check(len(by_name['trn_tensor_busy_cycles']['samples']) == 8, 'a number of each core')
    check([e['kind'] for e in document['events']] == ['open'], '%s', document['events'])
    check(document['events_missed'] == 0, 'missed')
    check(' open' in Run('-d', 'mock:trn3', 'metrics', '--events').expect(OK).out, 'events')
    listed = Run('metrics', '--list', '--json').expect(OK).json('trn.metric-list/1')['families']
    check([f['name'] for f in listed] == list(by_name), 'the list is what there is')
    twice = Run('-d', 'mock:trn3', 'metrics', '--watch', '1', '--timeout', '1').expect(OK).out
    check(twice.count('# EOF\n') == 2, '%d looks', twice.count('# EOF\n'))
    for bad in ('0', '-1', 'x', '86401'):
        fails('-d', 'mock:trn3', 'metrics', '--watch=' + bad, status=USAGE)
    fails('-d', 'mock:trn3', 'metrics', 'more', status=USAGE)
    Run('-d', 'mock:trn3', 'metrics', '--watch', '1', '--json').expect(USAGE)


def test_reset():
    for uri in ('mock:trn2', 'mock:trn3'):
        Run('-d', uri, 'reset').expect(OK)
        document = Run('-d', uri, 'reset', '--json').expect(OK).json('trn.reset/1')
        check(document['scope'] == 'device' and document['ready'], '%s', document)
        document = Run('-d', uri, 'reset', '--cores', '0,2-3', '--json').json('trn.reset/1')
        check(document['cores'] == [0, 2, 3], '%s', document)
        fails('-d', uri, 'reset', '--cores', '31', status=FAILURE)


def test_run_refuses_what_is_no_program():
    with tempfile.TemporaryDirectory() as folder:
        junk = os.path.join(folder, 'junk.trnx')
        with open(junk, 'wb') as file:
            file.write(b'TRNX' + bytes(range(256)) * 40)
        empty = os.path.join(folder, 'empty.trnx')
        with open(empty, 'wb'):
            pass
        pipe = os.path.join(folder, 'pipe')
        os.mkfifo(pipe)
        for path in (junk, empty, pipe, folder, '/nonexistent', '/dev/zero'):
            _, document = fails('-d', 'mock:trn3', 'run', path, status=FAILURE)
            check(document['error']['code'] < 0, '%s', document)
        _, document = fails('-d', 'mock:trn3', 'run', junk, status=FAILURE)
        check(document['error']['name'] == 'TRN_EPROGRAM', '%s', document['error'])
        check(document['error']['cause'], 'no cause')
        fails('-d', 'mock:trn3', 'run', junk, '--core', '30', status=USAGE)


def test_run():
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([PROGRAMS, folder], check=True)
        name = lambda base: os.path.join(folder, base)
        with open(name('in'), 'wb') as file:
            file.write(struct.pack('<8f', *range(8)))
        text = Run('-d', 'mock:trn3', 'run', name('add.trnx'), '--arg', 'in=@' + name('in'),
                   '--show', 'out:f32:10', '--save', 'out=' + name('out')).expect(OK).out
        check('device time' in text and 'out, f32' in text, '%s', text)
        with open(name('out'), 'rb') as file:
            values = struct.unpack('<1024f', file.read())
        check(values[:9] == (1, 2, 3, 4, 5, 6, 7, 8, 1), '%s', values[:9])
        document = Run('-d', 'mock:trn3', '--json', 'run', name('add.trnx'), '--core', '7',
                       '--repeat', '3', '--arg', 'in=8K@' + name('in'), '--arg', 'out=1M',
                       '--show', 'out', '--show', 'in:u32:2', '--show', 'out:u8:4',
                       '--show', 'out:bf16:2').expect(OK).json('trn.run/1')
        check(document['device_ns'] > 0 and document['launches'] == 3, '%s', document)
        check([a['bytes'] for a in document['arguments']] == [8192, 1 << 20], 'sizes')
        shown = document['shown']
        check(len(shown[0]['values']) == 16 and shown[0]['values'][2] == 3.0, '%s', shown[0])
        check(shown[1]['values'] == [0, 0x3f800000], '%s', shown[1])
        check(shown[2]['values'] == [0, 0, 128, 63], '%s', shown[2])
        check(shown[3]['values'] == [0.0, 1.0], '%s', shown[3])
        document = Run('-d', 'mock:trn3', '--json', 'run', name('number.trnx'), '--arg',
                       'number=0xffc00001', '--show', 'out:u32', '--show', 'out:f32').json(
                           'trn.run/1')
        check(document['shown'][0]['values'] == [0xffc00001], '%s', document['shown'])
        check(document['shown'][1]['values'] == [None], 'a NaN is null: %s', document['shown'])
        for args in (['number'], ['number', '--arg', 'number=x'], ['number', '--arg', 'number='],
                     ['number', '--arg', 'number=1', '--arg', 'nosuch=1'],
                     ['add', '--arg', 'in=0'], ['add', '--arg', 'in=4x'], ['add', '--arg', 'in='],
                     ['add', '--arg', 'in=99999999999999999999'], ['add', '--show', 'nosuch'],
                     ['add', '--arg', 'in=1@' + name('in')], ['add', '--show', 'out:f99'],
                     ['add', '--show', 'out:f32:99999999999'], ['add', '--save', 'nosuch=x']):
            fails('-d', 'mock:trn3', 'run', name(args[0] + '.trnx'), *args[1:], status=USAGE)
        for args in (['--arg', 'in=4'], ['--arg', 'in=@/nonexistent'], ['--arg', 'in=1024T'],
                     ['--save', 'out=/nonexistent/x']):
            fails('-d', 'mock:trn3', 'run', name('add.trnx'), *args, status=FAILURE)


def test_run_that_fails():
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([PROGRAMS, folder], check=True)
        run, document = fails('-d', 'mock:trn3', 'run', os.path.join(folder, 'fault.trnx'),
                              '--core', '2', status=FAILURE)
        error = document['error']
        check(error['name'] == 'TRN_EINSN' and error['core'] == 2 and error['engine'] == 1 and
              error['pc'] is not None and error['rule'] == 10, '%s', error)
        check('hint' in run.err and 'cause' in run.err, '%s', run.err)
        for uri in ('mock:trn3', 'mock:trn3?threads=1'):
            _, document = fails('-d', uri, '--timeout', '300ms', 'run',
                                os.path.join(folder, 'endless.trnx'), status=FAILURE)
            check(document['error']['name'] == 'ETIMEDOUT', '%s', document['error'])
        fails('-d', 'null:', 'run', os.path.join(folder, 'add.trnx'), status=FAILURE)


def test_assembly():
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'samples',
                          'iota.trnasm')
    with tempfile.TemporaryDirectory() as folder:
        image, again, text = (os.path.join(folder, n) for n in ('a.trnx', 'b.trnx', 'c.trnasm'))
        Run('asm', source, '-o', image).expect(OK)
        document = Run('asm', source, '-o', again, '--json').expect(OK).json('trn.asm/1')
        with open(image, 'rb') as one, open(again, 'rb') as two:
            first = one.read()
            check(first == two.read() and len(first) == document['bytes'], '%s', document)
        run = Run('disasm', image).expect(OK)
        check('iota dst=sbuf:s32[0:2, 0, 4]' in run.out, '%s', run.out)
        check(Run('disasm', image, '--json').json('trn.disasm/1')['text'] == run.out, 'texts')
        with open(text, 'w', encoding='ascii') as file:
            file.write(run.out)
        Run('asm', text, '-o', again).expect(OK)
        with open(again, 'rb') as file:
            check(file.read() == first, 'other bytes after disasm and asm')
        for path, is_text in ((image, False), (source, True)):
            check('gpsimd 2 instructions, 3 words' in Run('check', path).expect(OK).out, path)
            document = Run('check', path, '--json').expect(OK).json('trn.check/1')
            check(document['text'] == is_text and document['name'] == 'iota', '%s', document)
            check(document['engines']['sync'] == {'instructions': 2, 'words': 4}, '%s', document)
            check([a['min_bytes'] for a in document['args']] == [32], '%s', document)
            check([s['kind'] for s in document['sections']] == ['code'] * 2, '%s', document)
            run = Run('-d', 'mock:trn3', 'run', path, '--show', 'out:s32').expect(OK)
            check('125' in run.out, '%s', run.out)


def test_assembly_errors():
    with tempfile.TemporaryDirectory() as folder:
        text, image = (os.path.join(folder, n) for n in ('a.trnasm', 'a.trnx'))
        with open(text, 'w', encoding='ascii') as file:
            file.write('.code sync\n\thalt x=5\n')
        for verb in (['asm', text, '-o', image], ['check', text], ['disasm', text]):
            run, document = fails(*verb, status=FAILURE)
            check(text + ':2:7: expected an operand' in run.err, '%s', run.err)
            check(document['error']['name'] == 'TRN_EPROGRAM', '%s', document)
        check(not os.path.exists(image), 'a program after an error')
        with open(text, 'w', encoding='ascii') as file:
            file.write('.code sync\nnop\nbranch to=7\n')
        _, document = fails('check', text, status=FAILURE)
        error = document['error']
        check((error['engine'], error['pc'], error['opcode'], error['rule']) == (4, 1, 3, 13),
              '%s', error)
        with open(image, 'wb') as file:
            file.write(b'\x89TRNX\r\n\x1a' + bytes(100))
        run, _ = fails('check', image, status=FAILURE)
        check(image + ': byte 8: ' in run.err, '%s', run.err)
        fails('disasm', image, status=FAILURE)
        for verb in ('asm', 'disasm', 'check'):
            fails(verb, status=USAGE)
            fails(verb, text, text, status=USAGE)
            fails(verb, folder, *(['-o', image] if verb == 'asm' else []), status=FAILURE)
        fails('asm', text, status=USAGE)
        with open(text, 'w', encoding='ascii') as file:
            file.write('.code sync\nhalt\n')
        fails('asm', text, '-o', os.path.join(folder, 'none', 'a.trnx'), status=FAILURE)
        fails('asm', text, '-o', '/dev/full', status=FAILURE)


def main(functions, only):
    tests = [(name, function) for name, function in functions.items()
             if name.startswith('test_')]
    failed = 0
    print('1..%d' % len(tests))
    for number, (name, function) in enumerate(tests, 1):
        try:
            if only and name not in only:
                print('ok %d - %s # SKIP not asked for' % (number, name))
                continue
            skip = function()
            print('ok %d - %s%s' % (number, name, ' # SKIP ' + skip if skip else ''), flush=True)
        except (Failed, ValueError, KeyError, IndexError, TypeError, OSError,
                subprocess.TimeoutExpired) as error:
            failed += 1
            for line in ('%s: %s' % (type(error).__name__, error)).splitlines():
                print('# ' + line)
            print('not ok %d - %s' % (number, name), flush=True)
    return 0


if __name__ == '__main__':
    TRNCTL, PROGRAMS = sys.argv[1:3]
    sys.exit(main(globals(), sys.argv[3:]))
