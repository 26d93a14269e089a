"""Parts of GitHub's answers as records, and what to do where they are not as documented."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, get_type_hints

from curate.github.retry import MalformedAnswerError

if TYPE_CHECKING:
    from pydantic import TypeAdapter

P = ParamSpec("P")
T = TypeVar("T")

MAX_EMPTY_PAGES = 10
LIST_DOES_NOT_GO_ON = "GitHub's list has a next page, but no new cursor for it."


@contextmanager
def checking_answer(part: object = None) -> Iterator[None]:
    """Turn the errors of code that reads an answer into `MalformedAnswerError`.

    *part* is the object that is read; the error names its fields that are null.
    """
    try:
        yield
    except (LookupError, TypeError, AttributeError, ValueError, OverflowError) as error:
        raise MalformedAnswerError(
            f"GitHub's answer is not as documented: {_describe_fault(error, part)}."
        ) from error


def parse_record(parse: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
    """Return the dataclass that *parse* makes of part of an answer, the first argument.

    Raises `MalformedAnswerError` if *parse* fails or the type of a field is wrong.
    """
    with checking_answer(arguments[0] if arguments else None):
        record = parse(*arguments, **options)
        kind: Any = type(record)
        for name, adapter in _field_types(kind).items():
            adapter.validate_python(getattr(record, name), strict=True)
    return record


def read_number(node: Mapping[str, Any]) -> int:
    """Return the number of an issue or a PR; ValueError if it is none."""
    number = node["number"]
    if not isinstance(number, int) or not 0 < number < 1 << 31:
        raise ValueError(f"{number!r} is not the number of an issue or a pull request")
    return number


class PageCursors:
    """The cursors of a list, so that a list that does not go on is not asked for without end."""

    def __init__(self, cursor: str | None = None) -> None:
        """*cursor* is the one of the first request."""
        self._seen = {cursor}
        self._empty_pages = 0

    def find_next(self, connection: Mapping[str, Any]) -> str | None:
        """Return the cursor of the page after *connection*; None if it is the last one.

        Raises `MalformedAnswerError` if there is a next page but no new cursor, or if there are
        many empty pages.
        """
        info = connection["pageInfo"]
        if not info["hasNextPage"]:
            return None
        cursor = info["endCursor"]
        self._empty_pages = 0 if connection["nodes"] else self._empty_pages + 1
        if not isinstance(cursor, str) or not cursor or cursor in self._seen:
            raise MalformedAnswerError(LIST_DOES_NOT_GO_ON)
        if self._empty_pages > MAX_EMPTY_PAGES:
            raise MalformedAnswerError("GitHub's list goes on with empty pages only.")
        return cursor

    def add(self, cursor: str | None) -> None:
        """Remember the cursor of the next request."""
        self._seen.add(cursor)


@cache
def _field_types(kind: Any) -> dict[str, "TypeAdapter[Any]"]:
    """Validators of the fields of the dataclass *kind*."""
    from pydantic import TypeAdapter

    return {name: TypeAdapter(hint) for name, hint in get_type_hints(kind).items()}


def _describe_fault(error: Exception, part: object) -> str:
    from pydantic import ValidationError

    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{first['msg']}, not {first['input']!r:.80}"
    if isinstance(error, KeyError):
        return f"no field {error.args[0]}"
    fields = part if isinstance(part, Mapping) else {}
    nulls = [name for name, value in fields.items() if value is None]
    return f"null: {', '.join(nulls)}" if nulls else f"{error}"
