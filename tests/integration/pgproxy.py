"""A socket between the aggregator and PostgreSQL that a test can cut at one point: the COMMIT of a
transaction is passed on and done, and its answer is lost with the connection."""

import socket
import socketserver
import threading

NAME = ".s.PGSQL.5432"


class Proxy:
    """Listens in a folder of its own as PostgreSQL would; every connection is passed on."""

    def __init__(self, folder, server):
        self.server, self.armed, self.cuts = str(server / NAME), None, 0
        self.committed = threading.Event()
        folder.mkdir()
        proxy = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                proxy.pass_on(self.request)

        class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
            daemon_threads = True

        self.listener = Server(str(folder / NAME), Handler)
        threading.Thread(target=self.listener.serve_forever, daemon=True).start()

    def cut_commit_of(self, statement):
        """Of the next transaction whose statements hold these bytes."""
        self.armed = statement

    def pass_on(self, client):
        server = socket.socket(socket.AF_UNIX)
        server.connect(self.server)
        threading.Thread(target=self.answers, args=(server, client), daemon=True).start()
        sent = b""
        while data := receive(client):
            sent = (data if b"BEGIN\0" in data else sent + data)[-1 << 20:]
            cut = self.armed and self.armed in sent and b"COMMIT\0" in data
            if cut:
                self.armed = None
                self.drop_answer(server, client, data)
                break
            server.sendall(data)
        server.close()

    def drop_answer(self, server, client, data):
        """The answers' thread gets nothing more to pass on once its client's side is closed."""
        client.shutdown(socket.SHUT_RDWR)
        server.sendall(data)
        self.cuts += 1
        self.committed.wait(5)

    def answers(self, server, client):
        while data := receive(server):
            try:
                client.sendall(data)
            except OSError:
                self.committed.set()
        client.close()

    def close(self):
        self.listener.shutdown()
        self.listener.server_close()


def receive(link):
    try:
        return link.recv(65536)
    except OSError:
        return b""
