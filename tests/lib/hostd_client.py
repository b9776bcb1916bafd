"""A test in enforcerd's place: its connection to hostd, made by a process of the right user."""

import contextlib
import json
import os
import select
import socket

from lib.daemons import ENFORCERD_UID
from lib.expect import equal

VERSION = 6  # of the protocol


def connect_as(path, uid, kind=socket.SOCK_SEQPACKET, groups=()):
    """A connection whose peer is somebody else: who connects counts, not who has it later."""
    ours, childs = socket.socketpair()
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            os.setgroups(list(groups))
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            with socket.socket(socket.AF_UNIX, kind) as made:
                made.connect(path)
                socket.send_fds(childs, [b"."], [made.fileno()])
        os._exit(0)
    childs.close()
    _, descriptors, _, _ = socket.recv_fds(ours, 1, 1)
    os.waitpid(child, 0)
    ours.close()
    if not descriptors:
        raise PermissionError(path)
    return socket.socket(fileno=descriptors[0])


class Link:
    """enforcerd's end of the protocol. The socket is connected by a child that has the right uid."""

    def __init__(self, path, uid=ENFORCERD_UID):
        self.socket = connect_as(path, uid)
        self.socket.settimeout(15)
        self.listeners, self.guests, self.events, self.gone = [], {}, [], []
        self.dns = None

    def send(self, descriptors=(), **message):
        socket.send_fds(self.socket, [json.dumps(message).encode()], list(descriptors))

    def receive(self):
        text, descriptors, _, _ = socket.recv_fds(self.socket, 1 << 17, 253)
        if not text:
            raise EOFError("hostd closed the connection")
        message = json.loads(text)
        if message["type"] == "guest":
            self.guests[message["name"]] = message
        elif message["type"] == "event":
            self.events.append(message)
        elif message["type"] == "guest_gone":
            self.gone.append(message)
        return message, descriptors

    def until(self, kind):
        """The next message of that kind and its descriptors; what comes before it is kept as receive() does."""
        while True:
            message, descriptors = self.receive()
            if message["type"] == kind:
                return message, descriptors
            for descriptor in descriptors:
                os.close(descriptor)

    def hello(self):
        self.send(type="hello", version=VERSION)
        welcome, descriptors = self.until("welcome")
        equal(len(descriptors), welcome["workers"] + 2)
        self.listeners = [socket.socket(fileno=d) for d in descriptors[:welcome["workers"]]]
        self.dns = socket.socket(fileno=descriptors[-2])
        os.close(descriptors[-1])
        pipes, ends = self.until("pipes")
        equal(len(ends), 2 * pipes["count"])
        for end in ends:
            os.close(end)
        return welcome

    def serve(self):
        self.hello()
        self.send(type="ready")
        return self

    def request(self, **message):
        self.send(request=1, **message)
        return self.until("reply")[0]

    def create(self, workspaces=(), asked_by=None, **changes):
        """`asked_by`: the connection that goes beside a request for workspaces, a socket."""
        message = {"name": "g1", "labels": {}, "owner": 0, "owner_group": 0, "image": "none", "memory_mib": 0, "cpus": 1,
                   "disk_mib": 64, "ephemeral": False, **changes}
        shared = [{"path": path, "access": "ro"} for path in workspaces]
        return self.request(type="create_guest", workspaces=shared, descriptors=[asked_by.fileno()] if asked_by else [], **message)

    def delete(self, name, slot=0):
        return self.request(type="delete_guest", name=name, slot=slot)

    def attach(self, name, path):
        return self.request(type="attach_guest", name=name, labels={}, owner=0, netns=path)

    def accept(self, seconds=5):
        ready, _, _ = select.select(self.listeners, [], [], seconds)
        assert ready, "no connection arrived"
        return ready[0].accept()[0]

    def close(self):
        for end in [self.socket, self.dns, *self.listeners]:
            if end is not None:
                end.close()
