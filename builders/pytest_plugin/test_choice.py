"""Run only some of the collected tests, and end at the first failure.

Runs in sandboxes as part of the reporter's text, on Python 3.6 and later and pytest 3.0 and later.
"""

from typing import Any

import pytest

from curate.builders.pytest_plugin.node_ids import escape_node_id


class TestChoice:
    """Deselects all tests but those with given node ids. PYTEST_DONT_REWRITE."""

    __test__ = False  # not a test class: keeps pytest from collecting it

    def __init__(self, names: Any, stop: bool) -> None:  # noqa: FBT001
        self._names = set(names)
        self._stop = stop
        self._session = None  # type: Any

    @pytest.hookimpl(tryfirst=True)
    def pytest_cmdline_main(self, config: Any) -> None:
        """Run the tests in this process."""
        stay_in_process(config)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: Any) -> None:
        """Keep the session, to end it."""
        self._session = session

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, config: Any, items: Any) -> Any:
        """Leave the chosen tests in their order, after all plugins have deselected theirs."""
        yield
        if not self._names:
            return
        others = [item for item in items if escape_node_id(item.nodeid) not in self._names]
        items[:] = [item for item in items if escape_node_id(item.nodeid) in self._names]
        config.hook.pytest_deselected(items=others)

    def pytest_runtest_logreport(self, report: Any) -> None:
        """End the session after the first failure."""
        if self._stop and report.outcome == "failed" and self._session is not None:
            self._session.shouldstop = "a test failed"


def stay_in_process(config: Any) -> None:
    """Run the tests in this process, not in workers of xdist."""
    for name, value in (("numprocesses", None), ("dist", "no"), ("tx", [])):
        if hasattr(config.option, name):
            setattr(config.option, name, value)
