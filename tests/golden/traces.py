"""Connections of which every round trip is known, since it was made here."""

import math
import random

from packets import ACK, FIN, PSH, SYN, stamps, tcp

START = 1_700_000_000.0
CLIENT, SERVER = ("10.0.0.1", 40000), ("10.0.0.2", 80)


class Conversation:
    """Requests and answers, one after the other; ledger: the round trips of each side in µs, keyed
    by (who acknowledges, whom). With timestamps, or like Windows without."""

    def __init__(self, client_us, server_us, stamped=True):
        self.frames, self.ledger = [], {(CLIENT, SERVER): [], (SERVER, CLIENT): []}
        self.at_us, self.next, self.stamped, self.ident = 0, {CLIENT: 100, SERVER: 900}, stamped, 0
        self.seen = {CLIENT: 0, SERVER: 0}  # the newest timestamp of that end
        self.send(CLIENT, SERVER, SYN)
        self.wait(CLIENT, SERVER, server_us)
        self.send(SERVER, CLIENT, SYN | ACK)
        self.wait(SERVER, CLIENT, client_us)
        self.send(CLIENT, SERVER, ACK)

    def send(self, source, target, flags, payload=b"", back=0):
        """A segment; `back` bytes below what comes next are sent again instead."""
        self.ident += 1
        seq = self.next[source] - back
        value = self.at_us // 1000 + 1
        options = stamps(value, self.seen[target]) if self.stamped else b""
        ack = self.next[target] if flags & ACK else 0
        self.frames.append((START + self.at_us / 1e6, tcp(*source, *target, seq, ack, flags, payload,
                                                          ident=self.ident, options=options)))
        self.seen[source] = value
        if not back:
            self.next[source] += len(payload) + (1 if flags & (SYN | FIN) else 0)

    def wait(self, source, target, us):
        """So long does what source has sent take to target and back."""
        self.at_us += us
        self.ledger[target, source].append(us)

    def data(self, source, target, size, us):
        self.send(source, target, PSH | ACK, bytes(size))
        self.wait(source, target, us)
        self.send(target, source, ACK)

    def exchange(self, client_us, server_us):
        self.data(CLIENT, SERVER, 100, server_us)
        self.at_us += 100
        self.data(SERVER, CLIENT, 500, client_us)

    def keep_alive(self, us):
        """One byte that was acknowledged long ago; that it is answered is no round trip of ours."""
        self.send(CLIENT, SERVER, ACK, b"\0", back=1)
        self.at_us += us
        self.send(SERVER, CLIENT, ACK)

    def needless(self, us):
        """The server's last segment once more, which the client acknowledges at once."""
        self.send(SERVER, CLIENT, PSH | ACK, bytes(500), back=500)
        self.at_us += us
        self.send(CLIENT, SERVER, ACK)

    def pause(self, us):
        self.at_us += us


def steady():
    talk = Conversation(20_000, 80_000)
    for _ in range(200):
        talk.exchange(20_000, 80_000)
    return talk


def wandering(stamped):
    """Four minutes, several records: each side's round trips spread log-normally."""
    chance, talk = random.Random(7), Conversation(9_000, 31_000, stamped)
    for _ in range(600):
        talk.exchange(round(8_000 * math.exp(.5 * chance.gauss(0, 1))),
                      round(40_000 * math.exp(.25 * chance.gauss(0, 1))))
        talk.pause(330_000)
    return talk


def new_way():
    """Nine busy seconds by the short way, then four minutes with little traffic by a long one: most
    windows and most records tell of the long one, most round trips of the short."""
    talk = Conversation(5_000, 6_000)
    for _ in range(400):
        talk.exchange(5_000, 6_000)
        talk.pause(10_000)
    for _ in range(80):
        talk.exchange(65_000, 90_000)
        talk.pause(3_000_000)
    return talk


def delayed():
    """Two ACKs in five wait for 40 ms."""
    chance, talk = random.Random(11), Conversation(900, 15_000)
    for _ in range(300):
        late = 40_000 if chance.random() < .4 else 0
        talk.exchange(chance.randrange(800, 1_200) + late, chance.randrange(14_000, 17_000))
        talk.pause(150_000)
    return talk


def idle():
    """Keep-alives and needless repetitions, answered faster than anything else."""
    talk = Conversation(30_000, 50_000, stamped=False)
    for _ in range(20):
        talk.exchange(30_000, 50_000)
        talk.needless(2_000)
        talk.pause(45_000_000)
        talk.keep_alive(3_000)
    return talk


def round_trips():
    """{name: (frames, ledger)}"""
    talks = {"steady": steady(), "wandering": wandering(True), "without timestamps": wandering(False),
             "new way": new_way(), "delayed": delayed(), "idle": idle()}
    return {name: (talk.frames, talk.ledger) for name, talk in talks.items()}
