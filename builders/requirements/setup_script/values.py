"""Values of a setup script that are not plain Python values, and limits on their size."""

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

ROOT = PurePosixPath("/project")  # stands for the folder of the script
MAX_ITEMS = 1_000_000  # characters of a text, or items of a list


class ScriptError(Exception):
    """The script would raise an exception here."""


class ScriptExit(Exception):  # noqa: N818 (ends the script, as SystemExit does)
    """The script would end here."""


class BudgetExceededError(Exception):
    """The script does more than a setup script should."""


@dataclass(frozen=True)
class Unknown:
    """A value that only running the script could tell; *origins* are the expressions for it."""

    origins: tuple[ast.AST, ...] = ()


class OrderedSet(dict[Any, None]):
    """A set that keeps the order of insertion, so that results do not depend on hashes."""

    def __init__(self, items: Iterable[Any] = ()) -> None:
        super().__init__(dict.fromkeys(items))

    def add(self, item: Any) -> None:
        """Add one item."""
        self[item] = None

    def update(self, *others: Iterable[Any]) -> None:  # type: ignore[override]
        """Add all items of *others*."""
        for other in others:
            super().update(dict.fromkeys(other))

    def union(self, *others: Iterable[Any]) -> "OrderedSet":
        """Return a set with the items of this one and *others*."""
        return OrderedSet(item for items in (self, *others) for item in items)

    def difference(self, *others: Iterable[Any]) -> "OrderedSet":
        """Return a set without the items of *others*."""
        removed = {item for items in others for item in items}
        return OrderedSet(item for item in self if item not in removed)

    __sub__ = difference
    __or__ = union  # type: ignore[assignment]


@dataclass
class ScriptFile:
    """An open file of the project, read as text; what is written to it is lost."""

    text: str

    def read(self, *_: object) -> str:
        """Return the whole text."""
        return self.text

    def readlines(self) -> list[str]:
        """Return the lines with their ends."""
        return self.text.splitlines(keepends=True)

    def __iter__(self) -> Iterator[str]:
        return iter(self.readlines())

    def close(self) -> None:
        """Do nothing."""

    def write(self, text: str) -> int:
        """Write nothing; return the number of characters."""
        return len(text)


class RequirementText(str):
    """A requirement as pip's or setuptools' parser returns it: an object whose text it is."""

    __slots__ = ()
    requirement = req = property(str)


@dataclass(frozen=True)
class LibraryModule:
    """A module of the standard library, or of a tool that setup scripts import."""

    name: str


@dataclass
class Namespace:
    """A module of the project; names that it does not define are unknown."""

    names: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ScriptFunction:
    """A function of the script, with the scope that defines it."""

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    scope: "Scope"


@dataclass
class Scope:
    """Variables of a module or a call, and the scope around it."""

    names: dict[str, Any] = field(default_factory=dict)
    parent: "Scope | None" = None
    globals_declared: set[str] = field(default_factory=set)

    def get(self, name: str) -> Any:
        """Return the value of *name*; raises KeyError if no scope has it."""
        if name in self.names:
            return self.names[name]
        if self.parent is None:
            raise KeyError(name)
        return self.parent.get(name)

    def set(self, name: str, value: Any) -> None:
        """Assign *name* in this scope, or in that of the module if it is declared global."""
        if name in self.globals_declared and self.parent is not None:
            self.module().names[name] = value
        else:
            self.names[name] = value

    def module(self) -> "Scope":
        """Return the outermost scope."""
        return self.parent.module() if self.parent else self


def merge_unknown(values: Iterable[Any], *nodes: ast.AST) -> Unknown:
    """Return one unknown value with the origins of all *values* that are unknown, and *nodes*."""
    found = [value for value in values if isinstance(value, Unknown)]
    return Unknown((*nodes, *(origin for value in found for origin in value.origins)))


def require_size(size: int) -> None:
    """Raise BudgetExceededError if a value would have more than MAX_ITEMS items."""
    if size > MAX_ITEMS:
        raise BudgetExceededError


def measure(value: Any) -> int:
    """Return the number of items of *value*, 1 for one that is no container."""
    return len(value) if isinstance(value, str | bytes | list | tuple | Mapping) else 1


def measure_all(values: Iterable[Any]) -> int:
    """Return the number of characters and items in *values* and all that they contain.

    Raises:
        BudgetExceededError: There are more than MAX_ITEMS; containers that hold one another twice
            can have exponentially many.
    """
    size = 0
    queue = list(values)
    while queue:
        value = queue.pop()
        size += measure(value)
        require_size(size)
        if isinstance(value, list | tuple | Mapping):
            queue += value
        if isinstance(value, Mapping):
            queue += value.values()
    return size


def as_unknown_list(value: Any) -> Any:
    """Return an unknown value as a list of it, so that what it is added to stays known."""
    return [value] if isinstance(value, Unknown) else value
