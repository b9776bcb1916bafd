"""WebSocket by python3-websockets: a server of the world that echoes, and clients inside guests."""

import asyncio
import http
import socket
import ssl
import threading

import websockets

from lib.processes import wait_for


class WebSocketServer:
    """wss, or ws where `clear`, at a name of the world. handshakes: (path, {field: value}); received: messages, as they come."""

    def __init__(self, lab, host="ws.test", port=None, clear=False, subprotocols=("lab.v1",)):
        self.handshakes, self.received, self.closed, self.sockets = [], [], [], []
        self.context = None
        if not clear:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(*lab.world.authority.issue([host])[:2])
            self.context.set_alpn_protocols(["http/1.1"])
        self._listener = lab.world.netns.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind((lab.world.records[host][0], port or (80 if clear else 443)))
        self._listener.listen(64)
        self._subprotocols, self._loop, self._stop = list(subprotocols), None, None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._thread.start()
        wait_for(lambda: self._stop is not None, what="the server")

    async def _run(self):
        self._loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        async with websockets.serve(self._serve, sock=self._listener, ssl=self.context, process_request=self._before,
                                    subprotocols=self._subprotocols, max_size=1 << 26):
            self._stop = stop
            await stop.wait()

    async def _before(self, path, fields):
        self.handshakes.append((path, {name.lower(): value for name, value in fields.raw_items()}))
        if path.startswith("/plain"):  # has no WebSocket here
            return http.HTTPStatus.OK, {"Content-Type": "text/plain"}, b"plain\n"
        return None

    async def _serve(self, connection):
        self.sockets.append(connection)
        if connection.path.startswith("/first"):
            await connection.send("the server speaks first")
        if connection.path.startswith("/mirror"):  # what the handshake carried: whole, in fragments, as octets
            seen = self.handshakes[-1][1].get("authorization", "none")
            for message in (f"seen: {seen}", [seen[:15], seen[15:16], seen[16:]], seen.encode()):
                await connection.send(message)
        try:
            async for message in connection:
                self.received.append(message)
                if message == "close, please":
                    await connection.close(4001, "asked for")
                else:
                    await connection.send(message)
        except websockets.ConnectionClosed:
            pass
        finally:
            self.closed.append(connection.close_code)

    def say(self, message):
        """To the newest connection, unasked."""
        asyncio.run_coroutine_threadsafe(self.sockets[-1].send(message), self._loop).result(20)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(20)
        assert not self._thread.is_alive(), "the WebSocket server goes on"


def talk(guest, host, path, conversation, clear=False, port=None, **options):
    """What conversation(connection), a coroutine, returns (trust_enforcer() first). Whatever the handshake raises is raised."""
    connection = guest.connect(host, port or (80 if clear else 443))
    connection.setblocking(False)
    context = None if clear else ssl.create_default_context(cafile=guest._certificate)

    async def run():
        more = {} if clear else {"ssl": context, "server_hostname": host}
        async with websockets.connect(f"{'ws' if clear else 'wss'}://{host}{f':{port}' if port else ''}{path}", sock=connection,
                                      max_size=1 << 26, open_timeout=30, close_timeout=10, **more, **options) as opened:
            return await asyncio.wait_for(conversation(opened), 60)
    try:
        return asyncio.run(run())
    finally:
        connection.close()
