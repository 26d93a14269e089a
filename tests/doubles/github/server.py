"""The double itself: a real HTTP server that answers as api.github.com does."""

import json
import sys
import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import urlsplit

from graphql import GraphQLSchema

from tests.doubles.github import rest, rest_issues
from tests.doubles.github.data import Json, World
from tests.doubles.github.execute import Executor, Prepared
from tests.doubles.github.faults import (
    UNEXECUTED,
    Answer,
    Asked,
    Fault,
    Plan,
    bad_credentials,
    spoil,
)
from tests.doubles.github.ledger import Ledger
from tests.doubles.github.rest import Diff
from tests.doubles.github.schema import load_schema


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request as it was answered; `points` are those charged."""

    index: int  # of the GraphQL requests; -1 for REST
    method: str
    path: str
    operation: str = ""
    query: str = ""
    variables: Json | None = None
    token: str = ""
    page: int = 0
    points: int = 0
    nodes: int = 0
    status: int = 200
    fault: str = ""


class GitHubDouble:
    """GitHub on a port of this machine, while the context lasts.

    Args:
        world: What is served; it may change between requests.
        schema: `load_schema()`, or GitHub's own.
        port: 0 takes a free one.
        token: The tokens that are good; None takes any and none.
        faults: What goes wrong, first match first.
        latency: Seconds before each answer.
        budget: Points of each token in a window.
        window: Seconds until a token has its points again.
        diff: Text of a pull's `.diff`, by repository and number; None serves none.
    """

    def __init__(
        self,
        world: World,
        schema: GraphQLSchema | None = None,
        *,
        port: int = 0,
        token: str | Iterable[str] | None = None,
        faults: Iterable[Fault] = (),
        latency: float = 0.0,
        budget: int = 5000,
        window: float = 3600.0,
        diff: Diff | None = None,
    ) -> None:
        self.world = world
        self._diff = diff
        self.latency = latency
        self.requests: list[Request] = []
        self.redirects: dict[str, tuple[int, str]] = {}  # by path: status and address
        self.refusals: dict[str, tuple[int, str]] = {}  # by path: status and message
        self.closing = threading.Event()
        self._tokens = {token} if isinstance(token, str) else token and set(token)
        self._executor = Executor(world, schema or load_schema())
        self._plan = Plan(faults)
        self._budget, self._window = budget, window
        self._ledgers: dict[str, Ledger] = {}
        self._lock = threading.Lock()
        self._count = 0
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.double = self

    @property
    def url(self) -> str:
        """Base URL, without a slash at the end."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def points(self) -> int:
        """Points charged so far, over all tokens."""
        return sum(it.total for it in self._ledgers.values())

    @property
    def graphql_requests(self) -> list[Request]:
        """The requests that went to GraphQL."""
        return [it for it in self.requests if it.index >= 0]

    def ledger(self, token: str = "") -> Ledger:
        """Points of a token; "" is the client without one."""
        with self._lock:
            new = Ledger(limit=self._budget, window=self._window)
            return self._ledgers.setdefault(token, new)

    def __enter__(self) -> Self:
        serve = self._server.serve_forever
        threading.Thread(target=serve, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()

    def serve_forever(self) -> None:
        """Serve in this thread until interrupted."""
        self._server.serve_forever()

    def get(self, path: str, token: str) -> Answer:
        """Answer a REST request and log it."""
        special = self._redirect(path) or self._refuse(path)
        if special:
            answer = special
        elif not self._knows(token):
            answer = bad_credentials()
        else:
            place = rest.Place(world=self.world, site=self.url, diff=self._diff)
            answer = rest.respond(path, place, self.ledger(token))
        self._log(Request(index=-1, method="GET", path=path, token=token, status=answer.status))
        return replace(answer, delay=answer.delay + self.latency)

    def post(self, path: str, body: bytes, token: str) -> Answer:
        """Answer a GraphQL request, with its fault if it has one, and log it."""
        with self._lock:
            index, self._count = self._count, self._count + 1
        record = Request(index=index, method="POST", path=path, token=token)
        special = self._redirect(path) or self._refuse(path)
        if special:
            answer = special
        elif "/repos/" in path and self._knows(token):
            answer = self._write(rest_issues.create_issue, path, body)
            record = replace(record, index=-1)
        elif urlsplit(path).path.rstrip("/") not in ("/graphql", "/api/graphql"):
            answer = Answer.of(404, {"message": "Not Found", "status": "404"})
        elif not self._knows(token):
            answer = bad_credentials()
        else:
            answer, record = self._graphql(body, record)
        self._log(replace(record, status=answer.status))
        return replace(answer, delay=answer.delay + self.latency)

    def patch(self, path: str, body: bytes, token: str) -> Answer:
        """Answer a REST request that changes an issue, and log it."""
        answer = self._refuse(path) or (
            self._write(rest_issues.edit_issue, path, body)
            if self._knows(token)
            else bad_credentials()
        )
        self._log(Request(index=-1, method="PATCH", path=path, token=token, status=answer.status))
        return replace(answer, delay=answer.delay + self.latency)

    def _write(self, change: rest_issues.Change, path: str, body: bytes) -> Answer:
        asked = _read(body)
        if asked is None:
            return Answer.of(400, {"message": "Problems parsing JSON", "status": "400"})
        with self._lock:
            return change(self.world, urlsplit(path).path, asked)

    def _graphql(self, body: bytes, record: Request) -> tuple[Answer, Request]:
        asked = _read(body)
        if asked is None:
            return Answer.of(400, {"message": "Problems parsing JSON", "status": "400"}), record
        query, variables = asked.get("query"), asked.get("variables") or {}
        prepared = self._executor.prepare(query, variables, asked.get("operationName"))
        record = _priced(record, prepared, str(query or ""), variables)
        fault = self._plan.choose(_asked(record))
        ledger = self.ledger(record.token)
        if fault and fault.extra:
            ledger.charge(fault.extra)
        if fault and fault.kind in UNEXECUTED:
            answer = spoil(fault, Answer(status=200, body=b"", headers=ledger.headers()))
            return answer, replace(record, fault=fault.kind.value, points=0)
        before = ledger.total
        answer = Answer.of(200, self._executor.execute(prepared, variables, ledger))
        answer = replace(answer, headers={**answer.headers, **ledger.headers()})
        record = replace(record, points=record.points if ledger.total > before else 0)
        if fault is None:
            return answer, record
        return spoil(fault, answer), replace(record, fault=fault.kind.value)

    def _redirect(self, path: str) -> Answer | None:
        status, address = self.redirects.get(urlsplit(path).path, (0, ""))
        moved = {"message": "Moved Permanently", "url": address}
        return Answer.of(status, moved, location=address) if status else None

    def _refuse(self, path: str) -> Answer | None:
        status, message = self.refusals.get(urlsplit(path).path, (0, ""))
        if status == 204:
            return Answer(status=status, body=b"")
        return Answer.of(status, {"message": message}) if status else None

    def _knows(self, token: str) -> bool:
        return self._tokens is None or token in self._tokens

    def _log(self, record: Request) -> None:
        with self._lock:
            self.requests.append(record)


def _read(body: bytes) -> Json | None:
    try:
        read = json.loads(body)
    except ValueError:
        return None
    return read if isinstance(read, dict) else None


def _priced(record: Request, prepared: Prepared, query: str, variables: Json) -> Request:
    cost = prepared.cost
    return replace(
        record,
        operation=prepared.operation,
        query=query,
        variables=variables,
        page=cost.page if cost else 0,
        points=cost.points if cost else 0,
        nodes=cost.nodes if cost else 0,
    )


def _asked(record: Request) -> Asked:
    return Asked(
        index=record.index,
        operation=record.operation,
        query=record.query,
        variables=record.variables or {},
        token=record.token,
        page=record.page,
        points=record.points,
        nodes=record.nodes,
    )


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    double: GitHubDouble

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone away is no error here; anything else is printed."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "github.com"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body leave together
    server: _Server

    def do_GET(self) -> None:
        self._send(self.server.double.get(self.path, self._token()))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        self._send(self.server.double.post(self.path, body, self._token()))

    def do_PATCH(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        self._send(self.server.double.patch(self.path, body, self._token()))

    def _token(self) -> str:
        return (self.headers.get("authorization") or "").rpartition(" ")[2]

    def _send(self, answer: Answer) -> None:
        if answer.delay:
            self.server.double.closing.wait(answer.delay)
        if answer.silent:
            self.close_connection = True
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name.title(), value)  # some clients mind the case
        self.send_header("content-length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body if answer.keep is None else answer.body[: answer.keep])
        self.close_connection |= answer.keep is not None

    def log_message(self, *_: Any) -> None:
        """Stay quiet: `GitHubDouble.requests` is the log."""
