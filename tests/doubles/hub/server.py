"""The HTTP server of the Hub double, and the faults it can be told to make."""

import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self
from urllib.parse import parse_qs, urlsplit

from tests.doubles.hub.http import Answer, Request
from tests.doubles.hub.routes import answer
from tests.doubles.hub.state import HubError, State


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A request that came in and the status it got (0 = the connection was dropped)."""

    method: str
    path: str
    status: int


@dataclass(kw_only=True)
class Fault:
    """What to do to the next requests whose path contains *part*."""

    part: str
    method: str = "POST"
    kind: str = "lose-answer"  # or "drop": not even done; or "status": refuse with `status`
    status: int = 503
    times: int = 1


class HubDouble:
    """A Hub on loopback; a context manager. Port 0 takes a free one."""

    def __init__(
        self,
        port: int = 0,
        token: str = "hf_test",
        *,
        user: str = "curator",
        folder: Path | None = None,
        page_size: int = 1000,
    ) -> None:
        self.state = State(token, user, folder)
        self.page_size = page_size
        self.requests: list[Seen] = []
        self.faults: list[Fault] = []
        handler = type("Handler", (_Handler,), {"hub": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def forget(self) -> None:
        """Be as new: no repositories, no faults, nothing seen."""
        self.state = State(self.state.token, self.state.user, self.state.folder)
        self.requests.clear()
        self.faults.clear()

    @property
    def url(self) -> str:
        """Address without a slash at its end."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def environment(self, home: Path, *, token: bool = True) -> dict[str, str]:
        """Variables that make a client process talk to this Hub and to no other."""
        variables = {
            "HF_ENDPOINT": self.url,
            "HF_HUB_DISABLE_XET": "1",
            "HF_HOME": str(home),
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
        }
        return {**variables, "HF_TOKEN": self.state.token if token else ""}

    def files(
        self, repo_id: str, revision: str = "main", kind: str = "dataset"
    ) -> dict[str, bytes]:
        """Content of a repository by path."""
        commit = self.state.repositories[kind, repo_id].find(revision)
        return {path: self.state.blobs[entry.sha256] for path, entry in commit.files.items()}

    def respond(self, request: Request) -> Answer | None:
        """The answer to *request*; None drops the connection."""
        fault = self._fault(request)
        if fault is not None and fault.kind == "drop":
            return None
        if fault is not None and fault.kind == "status":
            return Answer(status=fault.status, body=b"told to fail")
        try:
            with self.state.lock:
                found = answer(self.state, request, self.page_size)
                if request.method not in {"GET", "HEAD"}:
                    self.state.save()
        except HubError as error:
            headers = {"X-Error-Message": str(error)}
            if error.code:
                headers["X-Error-Code"] = error.code
            return Answer(status=error.status, body=str(error).encode(), headers=headers)
        return None if fault is not None else found

    def _fault(self, request: Request) -> Fault | None:
        for fault in self.faults:
            if fault.times > 0 and fault.method == request.method and fault.part in request.path:
                fault.times -= 1
                return fault
        return None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    hub: HubDouble
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _handle(self) -> None:
        address = urlsplit(self.path)
        request = Request(
            method=self.command,
            path=address.path,
            query=parse_qs(address.query),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self._body(),
            base=self.hub.url,
        )
        found = self.hub.respond(request)
        status = 0 if found is None else found.status
        self.hub.requests.append(Seen(method=self.command, path=self.path, status=status))
        if found is None:
            self.close_connection = True
        else:
            self._send(found)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _handle

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        content = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            content += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return content

    def _send(self, found: Answer) -> None:
        self.send_response(found.status)
        for name, value in found.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(found.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(found.body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: `HubDouble.requests` has them."""
