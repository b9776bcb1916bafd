"""enforcer-hostd with as many guests that wait for their image as there may be guests at all."""

from lib.expect import equal
from lib.hostd_bench import Bench, ask_waiting, image_that_takes_long_to_check, refusal
from lib.hostd_client import Link
from lib.runner import hang_guard

LEFT_TO_ALL = "the bound of guests that wait for their image"
ONE_SANITIZER = "talk with hostd, which has one thread"
MAX_GUESTS = 4096  # ENFORCER_MAX_GUESTS


@hang_guard(300)
def test_guests_that_wait_for_their_image_are_counted():
    with Bench() as bench:
        bench.enforcer.write_config(images={"roots": [image_that_takes_long_to_check(bench.folder)]})
        bench.start()
        link = Link(bench.socket_path).serve()
        for number in range(1, MAX_GUESTS + 1):
            ask_waiting(link, number, f"g{number}")
        ask_waiting(link, 9002, "one-more")
        equal(refusal(link), (9002, "unavailable"))
        link.send(type="delete_guest", request=9003, name="g7", slot=0)
        equal(refusal(link), (7, "conflict"))
        assert "error" not in link.until("reply")[0]
        ask_waiting(link, 9004, "one-more")  # there is room for one now
        ask_waiting(link, 9005, "two-more")
        equal(refusal(link), (9005, "unavailable"))
        link.close()
