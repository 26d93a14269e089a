"""Integration tests run when CURATE_INTEGRATION=1, on what `.ci/engine` prepares."""

import os
import signal

import pytest

os.environ["COLUMNS"] = "200"  # consoles look at it when they are made


def pytest_configure() -> None:
    """A shell's background jobs ignore Ctrl-C, and so would the commands that tests interrupt."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Integration tests watch one engine, so one worker has them all."""
    if not item.get_closest_marker("integration"):
        return
    if os.environ.get("CURATE_INTEGRATION") == "1":
        item.add_marker(pytest.mark.xdist_group("engine"))
    else:
        reason = "integration test: set CURATE_INTEGRATION=1 (see .ci/engine)"
        item.add_marker(pytest.mark.skip(reason=reason))
