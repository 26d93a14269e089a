"""Integration tests run when CURATE_INTEGRATION=1, on what `.ci/engine` prepares."""

import os
import signal

import pytest

os.environ["COLUMNS"] = "200"  # consoles look at it when they are made


def pytest_configure() -> None:
    """A shell's background jobs ignore Ctrl-C, and so would the commands that tests interrupt."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)  # before xdist looks at the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.environ.get("CURATE_INTEGRATION") == "1":
        for item in items:
            if item.get_closest_marker("integration"):
                item.add_marker(pytest.mark.xdist_group("engine"))  # they watch one engine
        return
    skip = pytest.mark.skip(reason="integration test: set CURATE_INTEGRATION=1 (see .ci/engine)")
    for item in items:
        if item.get_closest_marker("integration"):
            item.add_marker(skip)
