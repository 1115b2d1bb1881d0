"""A client's QUIC Initial packets of version 1 (RFC 9000, RFC 9001), by the standard library alone."""

import hashlib
import hmac
import struct

SALT = bytes.fromhex("38762cf7f55934b34d179ae6a4c80cadccbb7f0a")  # RFC 9001 section 5.2
SIZE = 1200  # what a client pads to, RFC 9000 section 14.1
TAG = 16


def double(byte):
    return byte << 1 ^ (0x11B if byte & 0x80 else 0)


def sbox():
    """FIPS 197 section 5.1.1: inverses by powers of 3, then the affine map."""
    powers, value = [], 1
    for _ in range(255):
        powers.append(value)
        value ^= double(value)
    logs, table = {power: n for n, power in enumerate(powers)}, [0x63] * 256
    for byte in range(1, 256):
        turned = inverse = powers[-logs[byte] % 255]
        for _ in range(4):
            turned = turned << 1 | turned >> 7
            turned &= 0xFF
            inverse ^= turned
        table[byte] = inverse ^ 0x63
    return table


SBOX = sbox()


def expand(key):
    words, round_constant = [key[i:i + 4] for i in range(0, 16, 4)], 1
    for i in range(4, 44):
        word = words[-1]
        if i % 4 == 0:
            word = bytes(SBOX[byte] for byte in word[1:] + word[:1])
            word = bytes([word[0] ^ round_constant]) + word[1:]
            round_constant = double(round_constant)
        words.append(bytes(a ^ b for a, b in zip(word, words[-4])))
    return [b"".join(words[i:i + 4]) for i in range(0, 44, 4)]


def aes(keys, block):
    state = [a ^ b for a, b in zip(block, keys[0])]
    for number, key in enumerate(keys[1:], 1):
        state = [SBOX[state[(i + 4 * (i % 4)) % 16]] for i in range(16)]  # with the rows shifted
        if number < 10:
            mixed = []
            for at in range(0, 16, 4):
                column = state[at:at + 4]
                every = column[0] ^ column[1] ^ column[2] ^ column[3]
                mixed += [column[i] ^ every ^ double(column[i] ^ column[(i + 1) % 4])
                          for i in range(4)]
            state = mixed
        state = [a ^ b for a, b in zip(state, key)]
    return bytes(state)


def multiply(a, b):
    """In GCM's field, whose bits count from the left."""
    product = 0
    for bit in range(127, -1, -1):
        if a >> bit & 1:
            product ^= b
        b = b >> 1 ^ (0xE1 << 120 if b & 1 else 0)
    return product


def seal(key, nonce, head, plain):
    """AES-128-GCM (NIST SP 800-38D) with a nonce of 12 bytes: what is hidden, and its tag."""
    keys, hidden = expand(key), b""
    for number in range(0, len(plain), 16):
        pad = aes(keys, nonce + struct.pack(">I", number // 16 + 2))
        hidden += bytes(a ^ b for a, b in zip(plain[number:number + 16], pad))
    hashed, by = 0, int.from_bytes(aes(keys, bytes(16)), "big")
    lengths = struct.pack(">QQ", 8 * len(head), 8 * len(hidden))
    for part in (head, hidden, lengths):
        for at in range(0, len(part), 16):
            hashed = multiply(hashed ^ int.from_bytes(part[at:at + 16].ljust(16, b"\0"), "big"), by)
    pad = aes(keys, nonce + struct.pack(">I", 1))
    return hidden + bytes(a ^ b for a, b in zip(hashed.to_bytes(16, "big"), pad))


def label(secret, name, size):
    """HKDF-Expand-Label of TLS 1.3 for at most one hash's length."""
    word = b"tls13 " + name
    info = struct.pack(">HB", size, len(word)) + word + b"\0" + b"\1"
    return hmac.digest(secret, info, hashlib.sha256)[:size]


def keys_of(chosen):
    """Key, IV and header protection key of the client's Initials to this connection id."""
    secret = label(hmac.digest(SALT, chosen, hashlib.sha256), b"client in", 32)
    return label(secret, b"quic key", 16), label(secret, b"quic iv", 12), label(secret, b"quic hp", 16)


def initial(message, chosen, number=0, offset=0):
    """A datagram: one Initial with a CRYPTO frame of this piece of the TLS message, padded."""
    key, iv, mask_key = keys_of(chosen)
    frame = b"\6" + struct.pack(">HH", 0x4000 | offset, 0x4000 | len(message)) + message
    head = b"\xc3\0\0\0\1" + bytes([len(chosen)]) + chosen + b"\0\0"  # no own id, no token
    rest = SIZE - len(head) - 2  # packet number of four bytes, payload and tag
    plain = frame.ljust(rest - 4 - TAG, b"\0")
    head += struct.pack(">HI", 0x4000 | rest, number)
    nonce = bytes(a ^ b for a, b in zip(iv, bytes(8) + struct.pack(">I", number)))
    hidden = seal(key, nonce, head, plain)
    mask = aes(expand(mask_key), hidden[:16])
    head = (bytes([head[0] ^ mask[0] & 0x0F]) + head[1:-4]
            + bytes(a ^ b for a, b in zip(head[-4:], mask[1:])))
    return head + hidden


def check():
    """FIPS 197's example, RFC 9001's keys (appendix A.1), and GCM's test case 2."""
    block = aes(expand(bytes(range(16))), bytes.fromhex("00112233445566778899aabbccddeeff"))
    assert block.hex() == "69c4e0d86a7b0430d8cdb78070b4c55a"
    assert [key.hex() for key in keys_of(bytes.fromhex("8394c8f03e515708"))] == [
        "1f369613dd76d5467730efcbe3b1a22d", "fa044b2f42a3fd3b46fb255c",
        "9f50449e04a0e810283a1e9933adedd2"]
    assert seal(bytes(16), bytes(12), b"", bytes(16)).hex() == (
        "0388dace60b6a392f328c2b971b2fe78ab6e47d42cec13bdf53a67b21257bddf")


check()
