"""What goes wrong between a crawler and GitHub, planned by request number or by predicate."""

import json
import threading
import time
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from tests.doubles.github.data import Json
from tests.doubles.github.execute import rate_limited

_DOCS = "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api"
_TRY_AGAIN = "Something went wrong while executing your query. Please include `0A1B:2C3D` "
_TRY_AGAIN += "when reporting this issue."


class Kind(StrEnum):
    """What the client sees."""

    ERROR = "error"  # `status` (500, 502, 503, 504) with GitHub's JSON body
    HTML = "html"  # `status` with a page for people
    TIMEOUT = "timeout"  # nothing for `seconds`, then a 504
    REFUSE = "refuse"  # the connection closed without an answer
    DROP = "drop"  # the connection closed in the middle of the body
    TRUNCATE = "truncate"  # a complete answer of 200 with half the JSON
    PARTIAL = "partial"  # 200 with the last node missing, and errors
    RATE_LIMITED = "rate-limited"  # 200 with errors, reset `seconds` from now
    FORBIDDEN = "forbidden"  # 403 of the primary limit, reset `seconds` from now
    SECONDARY = "secondary"  # 403 of the secondary limit, `retry_after` if given
    SECONDARY_200 = "secondary-200"  # the same message with a status of 200, as documented
    TOO_MANY = "too-many"  # 429, `retry_after` if given
    REVOKED = "revoked"  # 401, the token is no longer good
    CHANGED = "changed"  # the true answer after `change`


UNEXECUTED = frozenset(Kind) - {Kind.DROP, Kind.TRUNCATE, Kind.PARTIAL, Kind.CHANGED}


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A GraphQL request, as predicates see it."""

    index: int  # 0 is the first GraphQL request the double got
    operation: str
    query: str
    variables: Json
    token: str
    page: int  # largest page size in the query
    points: int
    nodes: int


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What is sent: `keep` bytes of the body, then the connection closes; None sends all."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    keep: int | None = None
    silent: bool = False  # close without sending anything

    @classmethod
    def of(cls, status: int, body: Json | list[Json], **headers: str) -> "Answer":
        """Make an answer of JSON; underscores in header names stand for hyphens."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named = {"content-type": "application/json; charset=utf-8"} | named
        return cls(status=status, body=json.dumps(body).encode(), headers=named)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One thing that goes wrong: at these requests, or when the predicate holds, `times` times."""

    kind: Kind
    at: Container[int] | None = None  # request indices, e.g. (3,) or range(5, 10**9)
    when: Callable[[Asked], bool] | None = None
    times: int | None = None
    status: int = 502
    seconds: float = 60.0
    retry_after: int | None = None
    token: str | None = None  # only for this token
    change: Callable[[Json], object] | None = None  # changes the body in place
    extra: int = 0  # points charged all the same, as GitHub does for queries that time out

    def meets(self, asked: Asked) -> bool:
        """Whether this request is one to spoil."""
        return (
            (self.at is None or asked.index in self.at)
            and (self.when is None or self.when(asked))
            and (self.token is None or self.token == asked.token)
        )


def larger_than(size: int) -> Callable[[Asked], bool]:
    """Predicate: the query asks for pages larger than this."""
    return lambda asked: asked.page > size


class Plan:
    """Faults in order of precedence, and how often each has happened."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._left = [(fault, [fault.times]) for fault in faults]
        self._lock = threading.Lock()

    def choose(self, asked: Asked) -> Fault | None:
        """The fault of this request, which is thereby used once."""
        with self._lock:
            for fault, left in self._left:
                if left[0] != 0 and fault.meets(asked):
                    left[0] = None if left[0] is None else left[0] - 1
                    return fault
        return None


def spoil(fault: Fault, true: Answer) -> Answer:
    """The answer a fault makes of the true one (which may be empty for kinds in UNEXECUTED)."""
    match fault.kind:
        case Kind.REFUSE:
            return replace(true, silent=True)
        case Kind.DROP:
            return replace(true, keep=len(true.body) // 2)
        case Kind.TRUNCATE:
            return replace(true, body=true.body[: len(true.body) // 2])
        case Kind.PARTIAL:
            return replace(
                true, body=json.dumps(_without_last_node(json.loads(true.body))).encode()
            )
        case Kind.CHANGED:
            body = json.loads(true.body)
            assert fault.change is not None
            fault.change(body)
            return replace(true, body=json.dumps(body).encode())
        case Kind.TIMEOUT:
            return replace(_upstream(504), delay=fault.seconds)
        case Kind.ERROR:
            return replace(_upstream(fault.status), headers=true.headers)
        case Kind.HTML:
            page = f"<html><head><title>{fault.status}</title></head><body>Unicorn!</body></html>"
            headers = {"content-type": "text/html; charset=utf-8"}
            return Answer(status=fault.status, body=page.encode(), headers=headers)
        case _:
            return _limit(fault, true)


def bad_credentials() -> Answer:
    """What a wrong or revoked token gets."""
    body = {"message": "Bad credentials", "documentation_url": "https://docs.github.com/graphql"}
    return Answer.of(401, {**body, "status": "401"})


def _limit(fault: Fault, true: Answer) -> Answer:
    after = {} if fault.retry_after is None else {"retry_after": str(fault.retry_after)}
    reset = str(int(time.time() + fault.seconds) + 1)
    spent = {**true.headers, "x-ratelimit-remaining": "0", "x-ratelimit-reset": reset}
    primary = "API rate limit exceeded for user ID 583231."
    secondary = "You have exceeded a secondary rate limit. Please wait a few minutes before you "
    secondary += "try again."
    match fault.kind:
        case Kind.RATE_LIMITED:
            return replace(Answer.of(200, rate_limited()), headers=spent)
        case Kind.FORBIDDEN:
            body = {"message": primary, "documentation_url": _DOCS, "status": "403"}
            return replace(Answer.of(403, body), headers=spent)
        case Kind.SECONDARY | Kind.SECONDARY_200:
            body = {
                "message": secondary,
                "documentation_url": f"{_DOCS}#about-secondary-rate-limits",
            }
            status = 403 if fault.kind is Kind.SECONDARY else 200
            return Answer.of(status, {**body, "status": str(status)}, **after)
        case Kind.TOO_MANY:
            body = {"message": secondary, "documentation_url": _DOCS, "status": "429"}
            return Answer.of(429, body, **after)
        case _:
            return bad_credentials()


def _upstream(status: int) -> Answer:
    if status == 504:
        late = "We couldn't respond to your request in time. Sorry about that. Please try "
        return Answer.of(504, {"message": f"{late}resubmitting your request."})
    return Answer.of(status, {"data": None, "errors": [{"message": _TRY_AGAIN}]})


def _without_last_node(body: Json) -> Json:
    path = _nodes_path(body.get("data"), [])
    if path is None:
        return {**body, "errors": [{"message": _TRY_AGAIN}]}
    nodes: Any = body["data"]
    for step in path:
        nodes = nodes[step]
    nodes[-1] = None
    error = {"path": [*path, len(nodes) - 1], "message": _TRY_AGAIN}
    return {**body, "errors": [*body.get("errors", []), error]}


def _nodes_path(value: Any, path: list[str]) -> list[str] | None:
    """Where the outermost filled list of nodes is."""
    if not isinstance(value, dict):
        return None
    if value.get("nodes"):
        return [*path, "nodes"]
    found = (_nodes_path(below, [*path, key]) for key, below in value.items())
    return next((it for it in found if it is not None), None)
