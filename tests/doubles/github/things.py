"""Dictionaries with a type, and the table of rules that answers fields from them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.doubles.github.data import Json, Repository, World


@dataclass(frozen=True, slots=True)
class Thing:
    """A dictionary with the type it is served as and the repository it belongs to."""

    kind: str
    data: Json
    home: Repository | None = None

    @property
    def repo(self) -> Repository:
        """The repository of a thing that has one."""
        assert self.home is not None
        return self.home


@dataclass(frozen=True, kw_only=True)
class Context:
    """What resolvers know of a request besides its query."""

    world: World
    rate: Json
    site: str = "https://github.com"


Rule = Callable[..., Any]
_RULES: dict[tuple[str, str], Rule] = {}
_DEFAULTS: dict[str, Json] = {
    "Repository": {
        "description": None,
        "createdAt": "2012-01-01T00:00:00Z",
        "updatedAt": "2025-01-01T00:00:00Z",
        "pushedAt": "2025-01-01T00:00:00Z",
        "stargazerCount": 0,
        "forkCount": 0,
        "diskUsage": 0,
        "isFork": False,
        "isArchived": False,
        "isDisabled": False,
        "isEmpty": False,
        "isPrivate": False,
    },
    "PullRequest": {
        "isDraft": False,
        "locked": False,
        "isCrossRepository": True,
        "authorAssociation": "CONTRIBUTOR",
    },
    "Issue": {"locked": False, "stateReason": None, "authorAssociation": "NONE"},
    "IssueComment": {
        "authorAssociation": "NONE",
        "isMinimized": False,
        "minimizedReason": None,
    },
    "UserContentEdit": {"deletedAt": None, "editor": None},
    "RenamedTitleEvent": {"actor": None},
    "User": {"name": None},
    "Ref": {"prefix": "refs/heads/"},
    "GitActor": {"email": None, "user": None},
}


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Register a function as the answer of the fields `Type.field`."""

    def register(function: Rule) -> Rule:
        for name in names:
            kind, _, field = name.partition(".")
            _RULES[kind, field] = function
        return function

    return register


def resolve(source: Any, info: Any, **arguments: Any) -> Any:
    """Answer one field: by its rule, else from the dictionary, else by default.

    Raises:
        LookupError: GitHub has this field, but this double does not serve it.
    """
    kind, field = info.parent_type.name, info.field_name
    special = _RULES.get((kind, field))
    if special is not None:
        return special(source, info, **arguments)
    data = source.data if isinstance(source, Thing) else source
    if field in data:
        return data[field]
    if field in _DEFAULTS.get(kind, {}):
        return _DEFAULTS[kind][field]
    raise LookupError(f"the double does not serve {kind}.{field}")


def type_name(value: Thing, *_: Any) -> str:
    """Name the object type of a value of an interface or a union."""
    return value.kind
