"""The tiers: unit, functional; integration and clients run on what `.ci/engine` prepares."""

import os
import signal
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
os.environ["COLUMNS"] = "200"  # consoles look at it when they are made


def pytest_configure() -> None:
    """A shell's background jobs ignore Ctrl-C, and so would the commands that tests interrupt."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_xdist_auto_num_workers() -> int:
    """With `-n auto`: a worker for each core, and two for tests that wait for time limits."""
    return len(os.sched_getaffinity(0)) + 2 if hasattr(os, "sched_getaffinity") else 4


def pytest_itemcollected(item: pytest.Item) -> None:
    """Skip what needs an engine where none was set up; keep a file's tests on one worker.

    Files that must not run beside each other name a group of their own, by which one worker has
    them all.
    """
    if item.get_closest_marker("heavy") and os.environ.get("CURATE_HEAVY") != "1":
        item.add_marker(pytest.mark.skip(reason="heavy: runs in make test-all"))
    tier = item.path.relative_to(TESTS).parts[0]
    if tier not in ("integration", "clients"):
        return
    if os.environ.get("CURATE_INTEGRATION") != "1":
        reason = "needs an engine: set CURATE_INTEGRATION=1 (see .ci/engine)"
        item.add_marker(pytest.mark.skip(reason=reason))
    if not item.get_closest_marker("xdist_group"):
        item.add_marker(pytest.mark.xdist_group(item.path.stem))
