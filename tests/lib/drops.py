"""What must become of frames: dropped in the kernel, under their own reason, counted exactly and summed up in the audit log."""

import contextlib
import re
import time

from lib.expect import equal
from lib.frames import FAMILIES
from lib.oracles import live
from lib.processes import wait_for


def drop_counts(lab):
    """{(guest, reason): frames}; what kernels say on a young link apart."""
    found = {}
    for key, value in lab.enforcer.metrics().items():
        if match := re.fullmatch(r'enforcer_datapath_drops_total\{guest="([^"]*)",reason="([^"]*)"\}', key):
            if match.group(2) != "mld":
                found[match.groups()] = int(value)
    return found


@contextlib.contextmanager
def drops(lab, reason, count, guest=None):
    """DROP(reason): so many frames are dropped meanwhile, for this guest and reason, and none for another guest or reason."""
    who = (guest or lab.guest).name
    before = drop_counts(lab)
    yield
    risen = {}

    def arrived():
        now = drop_counts(lab)
        risen.clear()
        risen.update({key: value - before.get(key, 0) for key, value in now.items() if value != before.get(key, 0)})
        return risen.get((who, reason), 0) >= count
    with contextlib.suppress(AssertionError):
        wait_for(arrived, 20 if count else 0)
    arrived()  # one more look: a frame too many may come last
    equal(risen, {(who, reason): count} if count else {}, "frames dropped, by guest and reason")


@contextlib.contextmanager
def drops_nothing(lab):
    with drops(lab, "", 0):
        yield


def dropped(lab, reason, frames, link, what=None):
    """Sends the frames, each of which is dropped under this reason."""
    try:
        with drops(lab, reason, len(frames), link.guest):
            link.send(frames)
    except AssertionError as error:
        raise AssertionError(f"{what or frames[0].hex()}: {error}") from error


def summarised(lab):
    """The audit log has at most one record a second for each guest and reason, and they add up to what was counted."""
    def sums():
        added = {}
        for record in lab.enforcer.records(type="datapath"):
            key = record["guest"], record["drop"]
            added[key] = added.get(key, 0) + record["count"]
        return added
    counted = {key: value for key, value in drop_counts(lab).items() if value and key[0]}
    with contextlib.suppress(AssertionError):
        wait_for(lambda: sums() == counted)
    equal(sums(), counted, "frames recorded, by guest and reason")
    seconds = {}
    for record in lab.enforcer.records(type="datapath"):
        seconds.setdefault((record["guest"], record["drop"]), []).append(record["time"])
    for key, times in seconds.items():  # the first may be late
        span = _seconds(times[-1]) - _seconds(times[0])
        assert len(times) <= span / 0.9 + 2, f"{key}: {len(times)} records within {span:.1f} s"


def _seconds(text):
    whole, _, fraction = text.rstrip("Z").partition(".")
    return time.mktime(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) + float(f"0.{fraction or 0}")


def answered(lab, *links):
    """The control: legal frames of these links are answered, and LIVE (ok.test is allowed, and passes through)."""
    for link in links:
        for version in FAMILIES:
            link.syn_answered(version)
    live(lab, "https://ok.test/")
    wait_for(lambda: not lab.world.witness.silence(0.1), what="the legal flows to end")


def summarised_and_answered(lab, *links):
    """The control, and the audit log knows of every frame that was dropped."""
    summarised(lab)
    answered(lab, *links)
