#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Carries every frame from one interface to another one and back, some milliseconds later: a long
wire, on kernels without netem. usage: relay.py INTERFACE INTERFACE MS"""
import fcntl
import heapq
import select
import socket
import struct
import sys
import time

ETH_P_ALL = 3
SIOCETHTOOL = 0x8946
# Checksums and segments as they are on a wire: nobody behind this relay would complete them.
OFFLOADS = (0x17, 0x1f, 0x24)  # ETHTOOL_STXCSUM, STSO, SGSO


def no_offload(name):
    import array
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for command in OFFLOADS:
            value = array.array('B', struct.pack('II', command, 0))
            request = struct.pack('16sP', name.encode(), value.buffer_info()[0])
            try:
                fcntl.ioctl(sock, SIOCETHTOOL, request)
            except OSError:
                pass  # this kind of interface has no such offload


def packet_socket(name):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    sock.bind((name, 0))
    sock.setblocking(False)
    return sock


def main():
    delay = float(sys.argv[3]) / 1000
    ends = [packet_socket(name) for name in sys.argv[1:3]]
    other = {ends[0]: ends[1], ends[1]: ends[0]}
    late, count = [], 0
    print('relaying', flush=True)
    while True:
        wait = max(0.0, late[0][0] - time.monotonic()) if late else None
        for end in select.select(ends, [], [], wait)[0]:
            frame, address = end.recvfrom(65536)
            if address[2] == socket.PACKET_OUTGOING:  # what this relay sent itself
                continue
            count += 1
            heapq.heappush(late, (time.monotonic() + delay, count, other[end], frame))
        while late and late[0][0] <= time.monotonic():
            _, _, end, frame = heapq.heappop(late)
            try:
                end.send(frame)
            except OSError:
                pass  # lost, as on a wire


if __name__ == '__main__':
    if len(sys.argv) == 3 and sys.argv[1] == 'no-offload':
        no_offload(sys.argv[2])
    else:
        main()
