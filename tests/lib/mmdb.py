"""A writer of MMDB files, after the format's own description (MaxMind DB File Format, version 2.0).

A tree of nodes with two 24-bit records each, one bit of an address a level; then 16 zero bytes;
then the values; then a mark and the metadata. IPv4 addresses lie below ::/96, as everywhere.
"""

import ipaddress
import os
import struct

MAP, TEXT, UINT16, UINT32, UINT64, ARRAY = 7, 2, 5, 6, 9, 11
MARK = b"\xab\xcd\xefMaxMind.com"


def control(kind, size):
    """The byte (or bytes) that say what follows, and how long it is."""
    first, more = (kind << 5, b"") if kind < 8 else (0, bytes([kind - 7]))
    if size < 29:
        return bytes([first | size]) + more
    if size < 285:
        return bytes([first | 29]) + more + bytes([size - 29])
    return bytes([first | 30]) + more + struct.pack(">H", size - 285)


def number(kind, value):
    data = value.to_bytes(8, "big").lstrip(b"\0")
    return control(kind, len(data)) + data


def encode(value):
    if isinstance(value, dict):
        return control(MAP, len(value)) + b"".join(
            encode(key) + encode(value[key]) for key in value)
    if isinstance(value, list):
        return control(ARRAY, len(value)) + b"".join(encode(item) for item in value)
    if isinstance(value, str):
        return control(TEXT, len(value.encode())) + value.encode()
    return number(UINT32, value)


def bits_of(network):
    """The bits of the path to a network in the tree of IPv6."""
    network = ipaddress.ip_network(network)
    value, length = int(network.network_address), network.prefixlen
    if network.version == 4:
        length += 96
    return [(value >> (127 - i)) & 1 for i in range(length)]


class Tree:
    def __init__(self):
        self.nodes = [[None, None]]

    def add(self, network, offset):
        at, bits = 0, bits_of(network)
        for bit in bits[:-1]:
            if self.nodes[at][bit] is None:
                self.nodes.append([None, None])
                self.nodes[at][bit] = len(self.nodes) - 1
            at = self.nodes[at][bit]
        self.nodes[at][bits[-1]] = ("data", offset)

    def encode(self):
        count, out = len(self.nodes), b""
        for node in self.nodes:
            for record in node:
                if record is None:
                    record = count  # nothing is known
                elif isinstance(record, tuple):
                    record = count + 16 + record[1]
                out += struct.pack(">I", record)[1:]
        return out


def metadata(kind, nodes, built):
    fields = {"node_count": number(UINT32, nodes), "record_size": number(UINT16, 24),
              "ip_version": number(UINT16, 6), "database_type": encode(kind),
              "languages": encode([]), "binary_format_major_version": number(UINT16, 2),
              "binary_format_minor_version": number(UINT16, 0), "build_epoch": number(UINT64, built),
              "description": encode({})}
    return control(MAP, len(fields)) + b"".join(encode(k) + v for k, v in fields.items())


def write_mmdb(path, kind, networks, built=1_700_000_000):
    """A file of this kind ("GeoLite2-Country"); networks are {network: value}, none in another."""
    tree, data = Tree(), b""
    for network, value in networks.items():
        tree.add(network, len(data))
        data += encode(value)
    whole = tree.encode() + bytes(16) + data + MARK + metadata(kind, len(tree.nodes), built)
    temporary = f"{path}.new"
    with open(temporary, "wb") as out:
        out.write(whole)
    os.replace(temporary, path)


def country(code):
    return {"country": {"iso_code": code}}


def asn(value, organisation):
    return {"autonomous_system_number": value, "autonomous_system_organization": organisation}
