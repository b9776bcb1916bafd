"""Servers that a test writes itself: a thread for each connection to a listener of a namespace."""

import contextlib
import socket
import threading


class Serving:
    """serve(client) of a subclass is one connection; what it raises on a closed socket, or at its end, ends it."""

    def __init__(self, namespace, address, port):
        self.listener = namespace.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((address, port))
        self.listener.listen(64)
        self.place = self.listener.getsockname()
        self.clients = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                self.clients.append(client)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with contextlib.suppress(OSError, EOFError), client:
            self.serve(client)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for each in [self.listener, *self.clients]:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits for it
            each.close()


def read_head(client):
    """To the empty line, and not an octet further."""
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        octet = client.recv(1)
        if not octet:
            raise EOFError
        data += octet
    return data
