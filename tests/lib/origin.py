"""A server of the test's world, run as a program inside a namespace: `origin.py SPEC.json`.

SPEC is {"log": file, "watch": file or null, "listeners": [{"address", "port", "kind", "certificates": {name: [chain, key]},
"token"}]}; with a token, requests without "Authorization: Bearer TOKEN" are answered 401.
What happens is written to the log as JSON Lines: {"event", "listener", "connection", ...}, so that a test can prove who was
contacted, under which name, with which bytes. `watch` is a file (the audit log) whose text so far is noted when the first
byte of a connection arrives: the proof that a decision was recorded before.

Kinds: http (TLS when certificates are given; what it answers depends on the target: respond()), echo, banner (speaks first, then
echoes), digest (reads to the end of file, then answers with the MD5: needs half-close), mute (notes what it reads, never answers),
canary (nobody may come here), garbage (answers with what is no protocol).
"""

import asyncio
import collections
import hashlib
import itertools
import json
import os
import random
import socket
import ssl
import sys
import time

BLOCK = random.Random(7).randbytes(1 << 16)


def blob(size):
    """The body of /bytes/<size>."""
    return (BLOCK * (size // len(BLOCK) + 1))[:size]


class Origin:
    def __init__(self, spec):
        self.log = open(spec["log"], "a", buffering=1)
        self.watch = spec.get("watch")
        self.numbers = itertools.count(1)
        self.tasks = set()
        self.gates, self.crowds = collections.defaultdict(asyncio.Event), collections.Counter()

    def note(self, event, listener, connection, **more):
        self.log.write(json.dumps({"time": time.time(), "event": event, "listener": listener,
                                   "connection": connection, **more}) + "\n")

    async def serve(self, listener):
        address, port = listener["address"], listener["port"]
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        server = socket.socket(family, socket.SOCK_STREAM)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        server.bind((address, port))
        server.listen(1024)
        server.setblocking(False)
        place = f"{address}:{port}"
        loop = asyncio.get_running_loop()
        while True:
            client, peer = await loop.sock_accept(server)
            task = asyncio.create_task(self.connection(listener, place, client, peer))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def connection(self, listener, place, client, peer):
        number = next(self.numbers)
        self.note("connect", place, number, peer=peer[0])
        kind = listener["kind"]
        seen = {}
        transport = None
        try:
            client.setblocking(False)
            if kind != "banner":
                await self.first_byte(client, place, number)
            context = tls_context(listener["certificates"], seen) if listener.get("certificates") else None
            reader = asyncio.StreamReader(limit=1 << 20)
            protocol = asyncio.StreamReaderProtocol(reader)
            loop = asyncio.get_running_loop()
            transport, _ = await loop.connect_accepted_socket(lambda: protocol, client, ssl=context)
            writer = asyncio.StreamWriter(transport, protocol, reader, loop)
            if context:
                self.note("handshake", place, number, sni=seen.get("sni"),
                          alpn=transport.get_extra_info("ssl_object").selected_alpn_protocol())
            await (self.http(reader, writer, place, number, listener.get("token")) if kind == "http" else
                   getattr(self, kind)(reader, writer, place, number))
            writer.close()
            await writer.wait_closed()
            self.note("close", place, number)
        except (OSError, EOFError, ssl.SSLError, asyncio.IncompleteReadError) as error:
            self.note("error", place, number, error=type(error).__name__, sni=seen.get("sni"))
            # A socket that is closed behind its transport: asyncio refuses to watch the next connection with that descriptor.
            transport.abort() if transport else client.close()

    async def first_byte(self, client, place, number):
        loop = asyncio.get_running_loop()
        readable = loop.create_future()
        loop.add_reader(client, lambda: readable.done() or readable.set_result(None))
        try:
            await readable
        finally:
            loop.remove_reader(client)
        if not client.recv(1, socket.MSG_PEEK):
            raise EOFError
        recorded = None
        if self.watch and os.path.exists(self.watch):
            with open(self.watch, errors="replace") as file:
                recorded = file.read()
        self.note("first_byte", place, number, recorded=recorded)

    async def http(self, reader, writer, place, number, token=None):
        while True:
            try:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            except asyncio.IncompleteReadError as end:
                if end.partial:
                    self.note("partial", place, number, text=end.partial.decode("latin-1"))
                return
            request, *lines = head.rstrip("\r\n").split("\r\n")
            method, target, _ = request.split(" ", 2)
            headers = {key.lower(): value.strip() for key, value in (line.split(":", 1) for line in lines)}
            headers["head"] = head
            if target == "/early-keep":  # answers before it has read the body, and goes on with what it then finds
                writer.write(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 5\r\n\r\nearly")
                await writer.drain()
                await read_body(reader, headers)
                continue
            if target.startswith("/early"):  # answers without reading the body
                writer.write(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 5\r\nConnection: close\r\n\r\nearly")
                await writer.drain()
                self.note("request", place, number, method=method, target=target, host=headers.get("host"), head=head)
                return
            digest, size = await read_body(reader, headers)
            self.note("request", place, number, method=method, target=target, host=headers.get("host"), head=head,
                      body_bytes=size)
            if token and headers.get("authorization") != f"Bearer {token}":
                writer.write(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 13\r\n\r\nno credential")
                await writer.drain()
            elif await self.respond(writer, method, target, headers, digest, size) == "end":
                await writer.drain()
                return
            if headers.get("connection", "").lower() == "close":
                return

    async def respond(self, writer, method, target, headers, digest, size):
        """"end": the connection is to be closed."""
        if target.startswith("/bytes/"):
            body = blob(int(target.split("/")[2]))
        elif target.startswith("/drip/"):  # /drip/N: N pieces, ten a second
            await self.drip(writer, int(target.split("/")[2]))
            return
        elif target.startswith("/events/"):  # /events/N: N server-sent events, ten a second, chunked
            await self.events(writer, int(target.split("/")[2]))
            return
        elif target.startswith("/held/"):  # /held/NAME: two server-sent events, the second when somebody has asked for /release/NAME
            await self.held(writer, target.split("/")[2])
            return
        elif target.startswith("/raw/"):  # /raw/HEX: exactly these bytes, then the end
            writer.write(bytes.fromhex(target.split("/")[2]))
            return "end"
        elif target == "/never":  # no answer, for longer than anybody waits
            await asyncio.sleep(60)
            return "end"
        elif target == "/drop":  # not a byte, then the end
            return "end"
        elif target.startswith("/big-head/"):  # /big-head/N: a field of N octets
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: " + b"a" * int(target.split("/")[2]) + b"\r\n\r\n")
        elif target.startswith("/until-close/"):  # a body that ends with the connection
            writer.write(b"HTTP/1.1 200 OK\r\nServer: origin\r\n\r\n" + blob(int(target.split("/")[2])))
            return "end"
        elif target.startswith("/release/"):
            self.gates[target.split("/")[2]].set()
            body = b"released\n"
        elif target.startswith("/together/"):  # /together/N/...: answered when N of them are waiting
            _, _, number, *rest = target.split("/")
            await self.together(int(number))
            body = ("/".join(rest) + "\n").encode()
        elif target.startswith("/head"):  # what arrived, head and all
            body = headers["head"].encode("latin-1")
        elif method in ("PUT", "POST"):
            body = json.dumps({"bytes": size, "md5": digest}).encode()
        else:
            body = f"hello from {headers.get('host', '?')}\n".encode()
        writer.write(b"HTTP/1.1 200 OK\r\nServer: origin\r\nContent-Length: %d\r\n\r\n" % len(body))
        if method != "HEAD":
            writer.write(body)
        await writer.drain()

    async def drip(self, writer, pieces):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (pieces * 8))
        for _ in range(pieces):
            writer.write(b"dripped\n")
            await writer.drain()
            await asyncio.sleep(0.1)

    async def events(self, writer, count):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for number in range(count):
            event = b"data: %d\n\n" % number
            writer.write(b"%x\r\n%s\r\n" % (len(event), event))
            await writer.drain()
            await asyncio.sleep(0.1)
        writer.write(b"0\r\n\r\n")
        await writer.drain()

    async def held(self, writer, name):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for event in (b"data: first\n\n", b"data: second\n\n"):
            writer.write(b"%x\r\n%s\r\n" % (len(event), event))
            await writer.drain()
            await self.gates[name].wait()
        writer.write(b"0\r\n\r\n")
        await writer.drain()

    async def together(self, number):
        self.crowds[number] += 1
        if self.crowds[number] >= number:
            self.gates[number].set()
        await self.gates[number].wait()

    async def echo(self, reader, writer, place, number):
        total = 0
        while data := await reader.read(1 << 16):
            total += len(data)
            writer.write(data)
            await writer.drain()
        self.note("end_of_file", place, number, bytes=total)
        if writer.can_write_eof():
            writer.write_eof()

    async def banner(self, reader, writer, place, number):
        writer.write(b"220 the server speaks first\r\n")
        await self.echo(reader, writer, place, number)

    async def digest(self, reader, writer, place, number):
        digest = hashlib.md5()
        while data := await reader.read(1 << 16):
            digest.update(data)
        self.note("end_of_file", place, number)
        await asyncio.sleep(0.3)  # the other direction has been closed for a while when the answer comes
        writer.write(digest.hexdigest().encode())
        await writer.drain()

    async def mute(self, reader, writer, place, number):
        while data := await reader.read(1 << 16):
            self.note("data", place, number, hex=data.hex())

    async def garbage(self, reader, writer, place, number):
        await reader.read(1)
        writer.write(b"SSH-2.0-OpenSSH_9.2p1\r\n")
        await writer.drain()
        await self.mute(reader, writer, place, number)

    async def canary(self, reader, writer, place, number):
        self.note("canary", place, number)


async def read_body(reader, headers):
    """(MD5, length) of the request's body."""
    digest, size = hashlib.md5(), 0
    if headers.get("transfer-encoding", "").lower() == "chunked":
        while length := int((await reader.readline()).split(b";")[0], 16):
            digest.update(await reader.readexactly(length))
            size += length
            await reader.readline()
        await reader.readuntil(b"\r\n")
        return digest.hexdigest(), size
    left = int(headers.get("content-length", 0))
    while left:
        data = await reader.read(min(left, 1 << 16))
        if not data:
            raise EOFError
        digest.update(data)
        size, left = size + len(data), left - len(data)
    return digest.hexdigest(), size


def tls_context(certificates, seen):
    """A context that answers with the certificate of the name asked for (the first one when none was)."""
    contexts = {}
    for name, (chain, key) in certificates.items():
        context = contexts[name] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain, key)
        context.set_alpn_protocols(["http/1.1"])

    def choose(connection, name, _):
        seen["sni"] = name
        if name in contexts:
            connection.context = contexts[name]

    first = next(iter(contexts.values()))
    first.sni_callback = choose
    return first


async def main():
    with open(sys.argv[1]) as file:
        spec = json.load(file)
    origin = Origin(spec)
    serving = [asyncio.create_task(origin.serve(listener)) for listener in spec["listeners"]]
    await asyncio.sleep(0)  # each has now bound its address, or failed to
    for task in serving:
        if task.done():
            task.result()
    origin.note("ready", "", 0)
    await asyncio.gather(*serving)


if __name__ == "__main__":
    asyncio.run(main())
