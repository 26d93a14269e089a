"""Errors of the interface for Python: all that a caller can act on are `CurateError`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from curate.core.errors import (
    AuthenticationError,
    ConfigurationError,
    CurateError,
    NetworkError,
    NotFoundError,
    StoreError,
    describe_error,
)

P = ParamSpec("P")
R = TypeVar("R")


class EngineError(CurateError):
    """The container engine or a sandbox failed, or an image cannot be had; `__cause__` has more."""

    exit_code = 3


class NoDiskSpaceError(CurateError):
    """The disk is full."""

    exit_code = 8


_CLASSES: dict[int, type[CurateError]] = {
    found.exit_code: found
    for found in (
        ConfigurationError,
        EngineError,
        NotFoundError,
        AuthenticationError,
        NetworkError,
        StoreError,
        NoDiskSpaceError,
    )
}


@contextmanager
def raise_curate_errors() -> Iterator[None]:
    """Raise what a caller can act on as `CurateError`; a bug in curate stays what it is."""
    try:
        yield
    except CurateError:
        raise
    except Exception as error:
        described = describe_error(error)
        if described is None:
            raise
        message, hint, code = described
        raise _CLASSES.get(code, CurateError)(message, hint=hint) from error


def translated(function: Callable[P, R]) -> Callable[P, R]:
    """Return *function*, whose errors are raised as `CurateError`."""

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        with raise_curate_errors():
            return function(*args, **kwargs)

    return call


def translated_iterator(values: Iterator[Any]) -> Iterator[Any]:
    """Yield *values*; errors of the iterator are raised as `CurateError`."""
    with raise_curate_errors():
        yield from values
