#!/usr/bin/env python3
"""Writes a large Ethernet capture out of small ones: copies with addresses of their own, packet by
packet side by side, so that many flows live at one time; what took longer than a quarter of an hour
is told in one. What is no plain Ethernet capture, or has more than PACKETS packets, is left out.
Usage: make_capture.py OUT COPIES PACKETS IN..."""

import struct
import sys

GLOBAL = struct.Struct("<IHHIIII")
RECORD = struct.Struct("<IIII")
MAGIC_US = 0xA1B2C3D4
ETHERNET = 1
LONGEST_US = 900 * 1_000_000


def read(path):
    """The packets of one capture as (time in us, bytes), in their order; times begin at 0. None of
    another form than little-endian Ethernet with microseconds."""
    with open(path, "rb") as file:
        data = file.read()
    magic, _, _, _, _, _, link = GLOBAL.unpack_from(data)
    if magic != MAGIC_US or link != ETHERNET:
        return []
    at, packets, start, last = GLOBAL.size, [], None, 0
    while at + RECORD.size <= len(data):
        seconds, micros, caplen, _ = RECORD.unpack_from(data, at)
        at += RECORD.size
        time = seconds * 1_000_000 + micros
        start = time if start is None else start
        last = max(last, time - start)
        packets.append((last, data[at : at + caplen]))
        at += caplen
    if last > LONGEST_US:
        packets = [(time * LONGEST_US // last, packet) for time, packet in packets]
    return packets


def ip_fields(packet):
    """Where source and destination address begin, and which byte of each a copy changes."""
    at, kind = 14, packet[12:14]
    while kind in (b"\x81\x00", b"\x88\xa8"):
        kind, at = packet[at + 2 : at + 4], at + 4
    if kind == b"\x08\x00" and len(packet) >= at + 20:
        return (at + 12 + 1, at + 16 + 1)  # second octet
    if kind == b"\x86\xdd" and len(packet) >= at + 40:
        return (at + 8 + 5, at + 24 + 5)  # within the prefix
    return ()


def main():
    if len(sys.argv) < 5:
        sys.exit(__doc__)
    copies, most = int(sys.argv[2]), int(sys.argv[3])
    captures = [capture for path in sys.argv[4:] if 0 < len(capture := read(path)) <= most]
    packets = sorted((p for capture in captures for p in capture), key=lambda p: p[0])
    base = 1_700_000_000_000_000
    last = base
    with open(sys.argv[1], "wb") as out:
        out.write(GLOBAL.pack(MAGIC_US, 2, 4, 0, 0, 262144, ETHERNET))
        for time, packet in packets:
            fields = ip_fields(packet)
            for copy in range(copies):
                changed = bytearray(packet)
                for field in fields:
                    changed[field] = (changed[field] + copy) & 0xFF
                last = max(last, base + time + copy * 7)
                out.write(RECORD.pack(last // 1_000_000, last % 1_000_000, len(packet), len(packet)))
                out.write(changed)
    print(f"{len(packets) * copies} packets, {copies} copies of {len(captures)} captures")


if __name__ == "__main__":
    main()
