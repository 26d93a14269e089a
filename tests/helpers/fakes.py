"""Stand-ins that pass for any type, and checks that tell mypy what a value is."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

from curate.builders.model import BuiltInstance, RunResult, RunSpec
from curate.environments.context import ValidationContext
from curate.store import Store

T = TypeVar("T")

UNUSED: Any = None  # for an argument that the tested code never looks at

BUILT = BuiltInstance(
    name="n", backend="docker", handle="h", environment_key="k", digest="sha256:abc"
)


def fake(**attributes: Any) -> Any:
    """A stand-in with just these attributes."""
    return SimpleNamespace(**attributes)


def fake_run_context(
    store: Store, run_tests: Callable[[object, RunSpec], RunResult]
) -> ValidationContext:
    """Context of runs of a validation; *run_tests* takes the place of a sandbox."""
    return make_context(store, fake(run_tests=run_tests))


def make_context(store: Any, backend: Any, mirror: Path = Path("/m")) -> ValidationContext:
    """Context of a validation with these parts; all repositories have the same *mirror*."""
    return ValidationContext(
        store=store,
        backend=backend,
        settings=UNUSED,
        python_versions=(),
        get_mirror=lambda repo: mirror,
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
