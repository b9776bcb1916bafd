"""What has to be true after an attack: it was denied under its own reason, nothing left, everybody else is served."""

import contextlib
import re

from lib.expect import equal
from lib.guest import exchange
from lib.processes import wait_for


@contextlib.contextmanager
def denies(lab, reason):
    """DENY(reason): one denial is counted and recorded, under this reason, and no other."""
    def counts():
        return {key: value for key, value in lab.enforcer.metrics().items() if key.startswith("enforcer_denied_total{")}
    before, recorded = counts(), len(lab.enforcer.records(type="decision", decision="deny", reason=reason))
    yield
    risen = {}

    def count():
        risen.clear()
        for key, value in counts().items():
            if value != before.get(key, 0):
                name = re.search('reason="([^"]*)"', key).group(1)
                risen[name] = risen.get(name, 0) + value - before.get(key, 0)
        return risen
    with contextlib.suppress(AssertionError):
        wait_for(count, 10)
    assert set(risen) == {reason}, f"denials counted, by reason: expected {reason}, got {risen}"
    wait_for(lambda: len(lab.enforcer.records(type="decision", decision="deny", reason=reason)) > recorded,
             what=f"a record of a denial by {reason}")
    equal(count(), {reason: 1}, "denials counted, by reason")


def live(lab, url="https://mitm.test/"):
    """LIVE: the legal flow of every guest of the lab succeeds."""
    for guest in lab.guests.values():
        reply = guest.curl(url)
        equal(reply.status, 200, f"the legal flow of {guest.name}: {reply.talk}")


def ask(lab, data, host="mitm.test"):
    """(everything that came back over one intercepted TLS connection, how it ended)."""
    with lab.guest.tls(host) as client:
        return exchange(client, data)


def ask_clear(lab, data, host="mitm.test"):
    """The same over clear HTTP on port 80."""
    with lab.guest.connect(host, 80) as client:
        return exchange(client, data)


def is_refusal(answer):
    return re.match(rb"HTTP/1\.[01] 4\d\d ", answer) is not None


def refused_everywhere(lab, requests, reason, clear_reason=None):
    """Each request is refused over TLS and over clear HTTP, under this reason, and no packet of it reaches the world.
    clear_reason: where nothing but the first line tells that it is HTTP, it may not count as such."""
    for request in requests:
        for way, expected in ((ask, reason), (ask_clear, clear_reason or reason)):
            try:
                with denies(lab, expected):
                    answer, how = way(lab, request)
            except AssertionError as error:
                raise AssertionError(f"{way.__name__} {request[:200]!r}: {error}") from error
            assert is_refusal(answer) or (not answer and how == "reset"), (way.__name__, request[:200], answer[:200], how)
            assert how != "timeout", (way.__name__, request[:200], answer[:200])
    lab.wire_silent()
