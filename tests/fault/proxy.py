"""A bad wire of our own for one TCP or Unix connection path, real programs at both ends: delay,
throttling, silence in one or both directions, resets, flipped bits, and ends that come too soon."""

import asyncio
import contextlib
import random
import socket
import struct
import threading

AWAY, BACK = "away", "back"  # from the one who connects to the server, and the other way
CHUNK = 16384


class Proxy:
    """`server` and `listen` are (host, port) or the path of a Unix socket. The faults are plain
    attributes and hold for the bytes that pass from then on."""

    def __init__(self, server, listen=("127.0.0.1", 0), seed=1):
        self.server, self.listen, self.dice = server, listen, random.Random(seed)
        self.heal()
        self.flipped = self.swallowed = 0
        self.links, self.loop, self.started = set(), asyncio.new_event_loop(), threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        assert self.started.wait(10), "the proxy does not listen"

    def heal(self):
        self.delay_s = 0.0      # each chunk waits so long
        self.rate = None        # bytes a second, each way
        self.silent = set()     # AWAY and BACK: what is sent that way vanishes, nobody is told
        self.flip_each = None   # one bit of about so many bytes is turned
        self.cut_after = None   # a connection ends in the middle, after so many more bytes
        self.refuse = False     # new connections are reset

    # --- the thread of the loop ---------------------------------------------------------------

    def run(self):
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self.begin())
        self.started.set()
        self.loop.run_forever()

    async def begin(self):
        if isinstance(self.listen, tuple):
            self.listener = await asyncio.start_server(self.join, *self.listen)
            self.port = self.listener.sockets[0].getsockname()[1]
        else:
            self.listener = await asyncio.start_unix_server(self.join, self.listen)

    async def join(self, reader, writer):
        link = [writer]
        self.links.add(tuple(link))
        try:
            if self.refuse:
                return
            far_reader, far_writer = await (
                asyncio.open_connection(*self.server) if isinstance(self.server, tuple)
                else asyncio.open_unix_connection(self.server))
            self.links.add((far_writer,))
            link.append(far_writer)
            ways = [asyncio.ensure_future(self.pass_on(reader, far_writer, AWAY)),
                    asyncio.ensure_future(self.pass_on(far_reader, writer, BACK))]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
        except OSError:
            pass
        finally:
            for end in link:
                self.links.discard((end,))
                abort(end)

    async def pass_on(self, reader, writer, way):
        while data := await reader.read(CHUNK):
            if self.delay_s:
                await asyncio.sleep(self.delay_s)
            if self.rate:
                await asyncio.sleep(len(data) / self.rate)
            if way in self.silent:
                self.swallowed += len(data)
                continue
            if self.flip_each:
                data = self.flip(data)
            if self.cut_after is not None:
                data, self.cut_after = data[:self.cut_after], max(0, self.cut_after - len(data))
                writer.write(data)
                await writer.drain()
                if self.cut_after == 0:
                    self.cut_after = None
                    return
                continue
            writer.write(data)
            await writer.drain()

    def flip(self, data):
        data = bytearray(data)
        for at in range(len(data)):
            if self.dice.random() * self.flip_each < 1:
                data[at] ^= 1 << self.dice.randrange(8)
                self.flipped += 1
        return bytes(data)

    # --- for tests ----------------------------------------------------------------------------

    def reset(self):
        """Every connection ends at once, with a reset where there is TCP."""
        def now():
            for end, in list(self.links):
                abort(end)
        self.loop.call_soon_threadsafe(now)

    def close(self):
        def stop():
            self.listener.close()
            for end, in list(self.links):
                abort(end)
            for task in asyncio.all_tasks(self.loop):
                task.cancel()
            self.loop.call_later(0.1, self.loop.stop)
        self.loop.call_soon_threadsafe(stop)
        self.thread.join(5)


def abort(writer):
    with contextlib.suppress(OSError, AttributeError):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                                   struct.pack("ii", 1, 0))
    writer.transport.abort()
