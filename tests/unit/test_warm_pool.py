"""Things that are kept ready, and the end of what keeps them."""

import threading

from curate.builders.session.pool import WarmPool


def test_what_is_being_made_at_the_end_is_discarded() -> None:
    begun, may_end = threading.Event(), threading.Event()
    discarded: list[str] = []

    def make() -> str:
        begun.set()
        assert may_end.wait(30)
        return "made"

    pool = WarmPool(make, discarded.append, 1)
    pool.refill()
    assert begun.wait(30)
    ending = threading.Thread(target=pool.close)
    ending.start()
    may_end.set()
    ending.join()
    assert discarded == ["made"]
