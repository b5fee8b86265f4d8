#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One launch of a time trace (docs/traces.md) as an SVG: engines, DMAs, bandwidth of memory.
usage: trace_picture.py TRACE.json LAUNCH OUT.svg [TITLE]; launches count from 0, -1 is the last"""
import html
import json
import sys
import textwrap

WIDTH, LEFT, TOP, ROW, GAP = 1120, 90, 46, 26, 8
LANES, LANE = 16, 6  # DMAs under way at once that are drawn, and the height of one
BAND = 60
ENGINES = ['tensor', 'vector', 'scalar', 'gpsimd', 'sync']
# What an instruction does, by the beginning of its name; the last one is for the rest.
KINDS = [
    ('matrix', '#c0504d', ('matmul', 'transpose', 'quantize')),
    ('elementwise', '#4f81bd', ('tensor_', 'memset', 'select', 'copy_', 'scalar_', 'recip')),
    ('functions', '#8064a2', ('activat', 'exponential')),
    ('searches', '#9bbb59', ('max8', 'find_', 'match_', 'range_', 'affine_', 'iota', 'topk')),
    ('DMA trigger', '#f79646', ('dma_', 'sendrecv')),
    ('sequencer', '#7f7f7f', ('',)),
]


def kind_of(name):
    return next(i for i, (_, _, starts) in enumerate(KINDS) if name.startswith(starts))


class Picture:
    def __init__(self, begin, end):
        self.begin, self.scale, self.parts = begin, (WIDTH - LEFT - 20) / (end - begin), []
        self.y = TOP

    def x(self, ts):
        return LEFT + (ts - self.begin) * self.scale

    def text(self, x, y, words, more=''):
        self.parts.append('<text x="%.0f" y="%.0f"%s>%s</text>' %
                          (x, y, more, html.escape(words, quote=False)))

    def bars(self, spans, y, height, color):
        """Rectangles as one path: hundreds of them in a few bytes each."""
        widths = ((b, max((e - b) * self.scale, 0.3)) for b, e in spans)
        path = ' '.join('M%.1f %.1fh%.2fv%gh-%.2fz' % (self.x(b), y, w, height, w)
                        for b, w in widths)
        if path:
            self.parts.append('<path fill="%s" d="%s"/>' % (color, path))


def spans_of(events, category, begin, end):
    return [e for e in events if e.get('cat') == category and e['ph'] == 'X' and
            begin <= e['ts'] < end]


def names_of(events):
    return {(e['pid'], e['tid']): e['args']['name'] for e in events
            if e['ph'] == 'M' and e['name'] == 'thread_name'}


def draw_engines(picture, events, names, pid, begin, end):
    done = spans_of(events, 'instruction', begin, end)
    waits = spans_of(events, 'wait', begin, end)
    for engine in ENGINES:
        mine = [e for e in done if e['pid'] == pid and names[pid, e['tid']] == engine]
        busy = sum(e['dur'] for e in mine) / (end - begin)
        picture.text(LEFT - 8, picture.y + 17, engine, ' text-anchor="end"')
        picture.text(LEFT - 8, picture.y + 28, '%.0f %%' % (100 * busy),
                     ' class="s" text-anchor="end"')
        picture.bars([(e['ts'], e['ts'] + e['dur']) for e in waits if e['pid'] == pid and
                      names[pid, e['tid']] == engine + ' waits'], picture.y + 11, 4, '#dddddd')
        for index, (_, color, _) in enumerate(KINDS):
            picture.bars([(e['ts'], e['ts'] + e['dur']) for e in mine
                          if kind_of(e['name']) == index], picture.y, ROW, color)
        picture.y += ROW + GAP


def draw_dmas(picture, events, pid, begin, end):
    starts = {e['id']: e for e in events if e['ph'] == 'b' and e['pid'] == pid}
    spans = sorted((starts[e['id']]['ts'], e['ts']) for e in events if e['ph'] == 'e' and
                   e['id'] in starts and begin <= e['ts'] <= end)
    lanes, drawn = [0.0] * LANES, [[] for _ in range(LANES)]
    for start, stop in spans:
        lane = next((i for i, free in enumerate(lanes) if free <= start), None)
        if lane is not None:
            lanes[lane] = stop
            drawn[lane].append((start, stop))
    used = 1 + max((i for i, lane in enumerate(drawn) if lane), default=0)
    picture.text(LEFT - 8, picture.y + 14, 'DMAs', ' text-anchor="end"')
    picture.text(LEFT - 8, picture.y + 26, '%d' % len(spans), ' class="s" text-anchor="end"')
    for lane in range(used):
        picture.bars(drawn[lane], picture.y + lane * LANE, LANE - 1, '#4bacc6')
    picture.y += used * LANE + GAP


def draw_bandwidth(picture, events, begin, end):
    stacks = {}
    for event in events:
        if event['ph'] == 'C' and event['name'].startswith('HBM'):
            stacks.setdefault(event['name'], []).append((event['ts'], event['args']['bytes/s']))
    times = sorted({t for points in stacks.values() for t, _ in points if begin - 1 <= t <= end})
    values, now, at = [], dict.fromkeys(stacks, 0), dict.fromkeys(stacks, 0)
    for time in times:
        for name, points in stacks.items():
            while at[name] < len(points) and points[at[name]][0] <= time:
                now[name] = points[at[name]][1]
                at[name] += 1
        values.append(sum(now.values()))
    top = max(values, default=1) or 1
    picture.text(LEFT - 8, picture.y + 14, 'HBM', ' text-anchor="end"')
    picture.text(LEFT - 8, picture.y + 26, '%.0f GB/s' % (top / 1e9),
                 ' class="s" text-anchor="end"')
    path = 'M%.1f %.1f' % (LEFT, picture.y + BAND)
    for i, time in enumerate(times):
        until = times[i + 1] if i + 1 < len(times) else end
        path += ' L%.1f %.1fH%.1f' % (picture.x(max(time, begin)),
                                      picture.y + BAND * (1 - values[i] / top),
                                      picture.x(min(until, end)))
    picture.parts.append('<path fill="#76923c" fill-opacity="0.6" d="%sV%.1fz"/>' %
                         (path, picture.y + BAND))
    picture.y += BAND + GAP


def draw_axis(picture, begin, end):
    step = next(s for s in (1, 2, 5, 10, 20, 50, 100, 200, 500, 10 ** 3, 10 ** 6)
                if (end - begin) / s <= 14)
    for tick in range(int((end - begin) / step) + 1):
        x = picture.x(begin + tick * step)
        picture.parts.append('<path stroke="#bbbbbb" stroke-width="0.5" d="M%.1f %dV%.0f"/>' %
                             (x, TOP - 4, picture.y))
        picture.text(x, picture.y + 12, '%d µs' % (tick * step), ' class="s" text-anchor="middle"')
    x = LEFT
    for name, color, _ in KINDS + [('waits for a semaphore', '#dddddd', ())]:
        picture.parts.append('<rect x="%d" y="%.0f" width="10" height="10" fill="%s"/>' %
                             (x, picture.y + 22, color))
        picture.text(x + 14, picture.y + 31, name, ' class="s"')
        x += 34 + 7 * len(name)
    picture.y += 42


def main():
    with open(sys.argv[1], encoding='utf-8') as file:
        events = json.load(file)['traceEvents']
    launch = [e for e in events if e.get('cat') == 'launch'][int(sys.argv[2])]
    begin, end = launch['ts'], launch['ts'] + launch['dur']
    picture = Picture(begin, end)
    picture.text(LEFT, 24, sys.argv[4] if len(sys.argv) > 4 else 'one launch', ' class="t"')
    draw_engines(picture, events, names_of(events), launch['pid'], begin, end)
    draw_dmas(picture, events, launch['pid'], begin, end)
    draw_bandwidth(picture, events, begin, end)
    draw_axis(picture, begin, end)
    # Short lines, but none inside a text.
    body = '\n'.join(textwrap.fill(part, 98, break_long_words=False, break_on_hyphens=False)
                     if part.startswith('<path') else part for part in picture.parts)
    with open(sys.argv[3], 'w', encoding='utf-8') as file:
        file.write('<!-- SPDX-License-Identifier: Apache-2.0 -->\n'
                   '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %.0f">\n'
                   '<style>text{font:13px sans-serif}.s{font-size:10px;fill:#555}'
                   '.t{font-size:15px}</style>\n<rect width="100%%" height="100%%" fill="white"/>\n'
                   '%s\n</svg>\n' % (WIDTH, picture.y, body))


if __name__ == '__main__':
    main()
