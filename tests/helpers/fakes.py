"""Stand-ins that pass for any type, and checks that tell mypy what a value is."""

from types import SimpleNamespace
from typing import Any, TypeVar

T = TypeVar("T")

UNUSED: Any = None  # for an argument that the tested code never looks at


def fake(**attributes: Any) -> Any:
    """A stand-in with just these attributes."""
    return SimpleNamespace(**attributes)


def not_none(value: T | None) -> T:
    """*value*, which a test expects to be there."""
    assert value is not None
    return value


def expect(kind: type[T], value: object) -> T:
    """*value*, which a test expects to be of this class."""
    assert isinstance(value, kind), value
    return value
