"""Unit tests are pure: while one runs, no process may be started and no socket opened."""

import sys
from collections.abc import Generator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
IMPURE = frozenset(
    {"subprocess.Popen", "os.fork", "os.posix_spawn", "os.system", "socket.bind", "socket.connect"}
)


class Guard:
    """An audit hook, which cannot be taken back: it does nothing between unit tests."""

    active = False

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.active and event in IMPURE:
            self.active = False  # pytest may need to start something to report it
            pytest.fail(f"A unit test called {event}{arguments}: move it to tests/functional.")


guard = Guard()
sys.addaudithook(guard)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Switch the guard on for tests in this folder only."""
    guard.active = HERE in item.path.parents
    try:
        return (yield)
    finally:
        guard.active = False
