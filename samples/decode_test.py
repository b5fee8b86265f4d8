#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs decode as a user would: both precisions, both generations, weights from a file, and
everything that can be wrong with its files and options. TAP. usage: decode_test.py DECODE"""
import json
import os
import struct
import subprocess
import sys
import tempfile

TOKENS = '24'
SMALL = {'vocab_size': 256, 'hidden_size': 40, 'num_hidden_layers': 2, 'num_attention_heads': 4,
         'num_key_value_heads': 2, 'head_dim': 6, 'num_local_experts': 5,
         'num_experts_per_tok': 2, 'intermediate_size': 24, 'sliding_window': 4,
         'max_position_embeddings': 300, 'rope_theta': 10000, 'rms_norm_eps': 1e-5,
         'swiglu_limit': 7.0}


class Failed(Exception):
    pass


def check(condition, text, *args):
    if not condition:
        raise Failed(text % args)


def run(*args, status=0, device='mock:trn3'):
    env = {k: v for k, v in os.environ.items() if k != 'TRN_DEVICE'}
    if device:
        env['TRN_DEVICE'] = device
    done = subprocess.run([DECODE, *args], stdin=subprocess.DEVNULL, capture_output=True, env=env,
                          timeout=240, check=False)
    out, err = done.stdout.decode(), done.stderr.decode('utf-8', 'replace')
    check(done.returncode == status, '%s: exit status %d, not %d\n%s%s', args, done.returncode,
          status, out, err)
    check(status == 0 or err.strip() or out.strip(), '%s: no reason given', args)
    return out, err


def report(*args, **more):
    out, _ = run('--json', *args, **more)
    document = json.loads(out)
    check(document['schema'] == 'trn.decode/1', 'schema')
    return document


class Folder(tempfile.TemporaryDirectory):
    def file(self, name, content):
        path = os.path.join(self.name, name)
        with open(path, 'wb') as file:
            file.write(content if isinstance(content, bytes) else content.encode())
        return path


def test_default_model():
    document = report('-n', TOKENS)
    check(document['ok'] and document['tokens'] == int(TOKENS), '%s', document)
    check(document['worst_relative_error'] < 1e-4, '%s', document)
    check(document['top1_agree'] == int(TOKENS), '%s', document)
    check(document['router']['choices'] == 6 * int(TOKENS), '%s', document['router'])
    check(document['device_ns_per_token']['least'] > 0 and document['simulated'], '%s', document)
    check(document['wall_ns']['total'] >= document['wall_ns']['device'], '%s', document)


def test_bf16():
    document = report('-n', TOKENS, '--precision', 'bf16')
    check(document['ok'] and document['precision'] == 'bf16', '%s', document)
    check(1e-5 < document['worst_relative_error'] < 0.1, '%s', document)
    check(document['top1_agree'] >= 22, '%s', document)


def test_trn2():
    document = report('-n', '8', device='mock:trn2')
    check(document['ok'] and document['device'].startswith('mock:trn2'), '%s', document)


def test_falls_back_to_the_mock_and_says_so():
    out, err = run('-n', '2', device=None)
    check('mock:trn3' in err and 'simulated' in out, '%s%s', out, err)
    check('virtual' in out and 'wall' in out, '%s', out)


def test_same_seed_same_device_time():
    first, second = report('-n', '8', '--seed', '7'), report('-n', '8', '--seed', '7')
    for key in ('worst_relative_error', 'device_ns_per_token', 'loss_bits_per_byte', 'router'):
        check(first[key] == second[key], '%s: %s, %s', key, first[key], second[key])
    other = report('-n', '8', '--seed', '8')
    check(other['loss_bits_per_byte'] != first['loss_bits_per_byte'], 'the seed does nothing')


def test_odd_sizes_and_a_long_window():
    folder = Folder()
    config = folder.file('c.json', json.dumps(SMALL))
    text = folder.file('t', bytes(range(256)))
    document = report(text, '--config', config, '-n', '200')
    check(document['ok'] and document['tokens'] == 200, '%s', document)
    document = report(text, '--config', config, '-n', '1000', '--precision', 'bf16')
    check(document['tokens'] == 256, 'more tokens than text: %s', document['tokens'])
    long = folder.file('l', b'ab' * 200)
    document = report(long, '--config', config, '-n', '1000')
    check(document['tokens'] == 300, 'more tokens than positions: %s', document['tokens'])


def test_weights_through_a_file():
    folder = Folder()
    config = folder.file('c.json', json.dumps(SMALL))
    path = os.path.join(folder.name, 'w.safetensors')
    saved = report('--config', config, '--seed', '5', '--save', path, '-n', '4')
    read = report('--config', config, '--weights', path, '-n', '4')
    check(saved['worst_relative_error'] == read['worst_relative_error'] and
          saved['loss_bits_per_byte'] == read['loss_bits_per_byte'], '%s %s', saved, read)
    with open(path, 'rb') as file:
        content = file.read()
    length = struct.unpack('<Q', content[:8])[0]
    header = json.loads(content[8:8 + length])
    check(header['model.layers.1.mlp.experts.down_proj']['shape'] == [5, 24, 40], 'layout')
    for name, broken in (('short', content[:-2]), ('long', content + b'xx'), ('empty', b''),
                         ('header', b'\xff' * 8 + content[8:]),
                         ('nan', content[:-2] + b'\xc0\x7f'),
                         ('name', content.replace(b'q_proj.weight', b'q_proj.wright', 1))):
        out, err = run('--config', config, '--weights', folder.file(name, broken), status=1)
        check(name in err and out == '', '%s%s', out, err)
    run('--weights', path, status=1)  # the default sizes are others


def test_f32_and_f16_weights():
    """A file in FP32 decodes like its BF16 twin, and an FP16 one runs."""
    folder = Folder()
    config = folder.file('c.json', json.dumps(SMALL))
    path = os.path.join(folder.name, 'w.safetensors')
    twin = report('--config', config, '--save', path, '-n', '4')
    with open(path, 'rb') as file:
        content = file.read()
    length = struct.unpack('<Q', content[:8])[0]
    header, data = json.loads(content[8:8 + length]), content[8 + length:]
    count = len(data) // 2
    bits = struct.unpack('<%dH' % count, data)
    floats = struct.unpack('<%df' % count, struct.pack('<%dI' % count, *[b << 16 for b in bits]))
    for dtype, size, code in (('F32', 4, 'f'), ('F16', 2, 'e')):
        changed = {key: {**value, 'dtype': dtype,
                         'data_offsets': [x * size // 2 for x in value['data_offsets']]}
                   for key, value in header.items()}
        text = json.dumps(changed).encode()
        image = struct.pack('<Q', len(text)) + text + struct.pack('<%d%s' % (count, code), *floats)
        document = report('--config', config, '--weights', folder.file(dtype, image), '-n', '4')
        check(document['ok'], '%s', document)
        if dtype == 'F32':
            check(document['loss_bits_per_byte'] == twin['loss_bits_per_byte'], '%s', document)


def test_error_above_the_bound_fails():
    document = report('-n', '2', '--bound', '1e-12', status=1)
    check(document['ok'] is False and document['worst_relative_error'] > 1e-12, '%s', document)


def test_bad_input():
    folder = Folder()
    for text in ('/nonexistent', '/', '/dev/zero', folder.file('empty', b'')):
        out, err = run(text, status=1)
        check(text in err and out == '', '%s%s', out, err)
    for change in ({'hidden_size': 0}, {'head_dim': 7}, {'num_experts_per_tok': 9},
                   {'vocab_size': 1000}, {'num_key_value_heads': 3}, {'rope_theta': 'x'},
                   {'hidden_size': 10 ** 9}):
        config = folder.file('c.json', json.dumps({**SMALL, **change}))
        run('--config', config, status=1)
    run('--config', folder.file('c.json', '{'), status=1)
    run('--config', '/nonexistent', status=1)
    run('--device', 'mock:nothing', status=1)
    _, err = run('--device', 'null:', '-n', '1', status=1)
    check('TRN_CAP_COMPUTE' in err, '%s', err)
    run('--save', '/nonexistent/w', status=1)


def test_usage():
    for args in (['--bogus'], ['a', 'b'], ['-n', '0'], ['-n', 'x'], ['-n', '-1'], ['-n', ''],
                 ['--bound', '0'], ['--bound', 'nan'], ['--bound', 'x'], ['--precision', 'fp8'],
                 ['--seed', '99999999999999999999999']):
        run(*args, status=2)
    out, _ = run('--help')
    check('--tokens' in out and '--weights' in out, '%s', out)


def main():
    tests = [(name, function) for name, function in globals().items()
             if name.startswith('test_')]
    print('1..%d' % len(tests))
    for number, (name, function) in enumerate(tests, 1):
        try:
            function()
            print('ok %d - %s' % (number, name), flush=True)
        except (Failed, ValueError, KeyError, OSError, subprocess.TimeoutExpired) as error:
            for line in ('%s: %s' % (type(error).__name__, error)).splitlines():
                print('# ' + line)
            print('not ok %d - %s' % (number, name), flush=True)
    return 0


if __name__ == '__main__':
    DECODE = sys.argv[1]
    sys.exit(main())
