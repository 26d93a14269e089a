"""Stand-ins that pass for any type, and checks that tell mypy what a value is."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any, TypeVar

from curate.builders.model import RunResult, RunSpec
from curate.store import Store

T = TypeVar("T")

UNUSED: Any = None  # for an argument that the tested code never looks at


def fake(**attributes: Any) -> Any:
    """A stand-in with just these attributes."""
    return SimpleNamespace(**attributes)


def fake_run_context(store: Store, run_tests: Callable[[object, RunSpec], RunResult]) -> Any:
    """What runs of a validation ask of their context; *run_tests* takes the place of a sandbox."""
    return fake(
        store=store,
        backend=fake(run_tests=run_tests),
        stop_event=threading.Event(),
        report_step=lambda name, step: None,
        run_executor=ThreadPoolExecutor(1),
    )


def not_none(value: T | None) -> T:
    """*value*, which a test expects to be there."""
    assert value is not None
    return value


def expect(kind: type[T], value: object) -> T:
    """*value*, which a test expects to be of this class."""
    assert isinstance(value, kind), value
    return value
