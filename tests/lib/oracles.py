"""What has to be true after an attack: it was denied under its own reason, nothing left, everybody else is served."""

import contextlib
import re

from lib.expect import equal
from lib.guest import exchange
from lib.processes import wait_for
from lib.tls_hello import client_hello, server_name


def denial_counts(lab):
    """{reason: denials} so far."""
    found = {}
    for key, value in lab.enforcer.metrics().items():
        if key.startswith("enforcer_denied_total{"):
            reason = re.search('reason="([^"]*)"', key).group(1)
            found[reason] = found.get(reason, 0) + value
    return found


@contextlib.contextmanager
def denies(lab, reason, times=1):
    """DENY(reason): so many denials are counted and recorded, under this reason, and no other. Those that are alike share a record a
    second (invariant 3), whose counts are added up."""
    def risen():
        return {key: value - before.get(key, 0) for key, value in denial_counts(lab).items() if value != before.get(key, 0)}

    def recorded():
        return sum(record.get("count", 1) for record in lab.enforcer.records(type="decision", decision="deny", reason=reason))
    before, known = denial_counts(lab), recorded()
    yield
    with contextlib.suppress(AssertionError):
        wait_for(lambda: sum(risen().values()) >= times)
    equal(risen(), {reason: times}, "denials counted, by reason")
    wait_for(lambda: recorded() - known == times, what=f"records of {times} denials by {reason}")
    equal(risen(), {reason: times}, "denials counted, by reason")


def live(lab, url="https://mitm.test/"):
    """LIVE: the legal flow of every guest of the lab succeeds."""
    for guest in lab.guests.values():
        reply = guest.curl(url)
        equal(reply.status, 200, f"the legal flow of {guest.name}: {reply.talk}")


def served(lab):
    """LIVE, by guests that trust what is intercepted and nothing else."""
    for guest in lab.guests.values():
        guest.trust_enforcer()
    live(lab)


def sessions(lab):
    """Connections that enforcerd has taken, ever."""
    return lab.enforcer.metric("enforcer_connections_total") + lab.enforcer.metric("enforcer_connections_active")


def settled(lab):
    """Nothing is under way any more; how many sessions there have been."""
    wait_for(lambda: not lab.enforcer.metric("enforcer_connections_active"), 40, "the end of all sessions")
    lab.world.witness.silence()
    return sessions(lab)


def dialled(lab):
    """Where connections went since the last look."""
    return {packet.destination for packet in lab.world.witness.packets() if packet.is_syn}


def opened(lab, name, address=None, sni=None, guest=None):
    """What comes back first for a hello: b"\\x16" from an origin or an interception, b"" for a reset."""
    with (guest or lab.guest).connect(address or name, 443, timeout=30) as client:
        return exchange(client, client_hello(server_name(sni or name)), limit=1)[0][:1]


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
