"""The report of a store that grows, over HTTP, for browsers on this machine.

Only loopback is listened to. A request must name this server as its host, and must not come from
another site: pages of strangers that the user has open may neither read nor include what is served.
"""

import logging
import mimetypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from curate.core.errors import ConfigurationError, CurateError, report_bug
from curate.core.settings import Settings
from curate.publish.excluded import known_exclusions
from curate.report.browser.article import render_article
from curate.report.browser.list_rows import list_chunks
from curate.report.browser.write import (
    INSTANCE_PAGE,
    LIST_PAGE,
    BrowserSource,
    read_browser_source,
    render_instance_page,
    render_list_page,
)
from curate.store import Store
from curate.store.browsing import read_store_version

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_OWN_SITES = {"same-origin", "none"}  # of Sec-Fetch-Site; "none" = typed or bookmarked


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What a request gets."""

    body: bytes
    kind: str = "text/html; charset=utf-8"
    status: HTTPStatus = HTTPStatus.OK
    location: str = ""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The store as it was at a version, for the list."""

    version: str
    source: BrowserSource

    @cached_property
    def chunks(self) -> dict[str, str]:
        """Scripts of the rows by name."""
        return dict(list_chunks(self.source.rows))


class StorePages:
    """Answers requests from the store; other pages are files of a report."""

    def __init__(self, store: Store, settings: Settings, report: Path) -> None:
        self._store, self._settings, self._report = store, settings, report
        self._lock = threading.Lock()
        self._snapshot: Snapshot | None = None

    def answer(self, target: str) -> Reply:
        """Return the reply to a request for *target*, a path with its query."""
        address = urlsplit(target)
        path = unquote(address.path).lstrip("/")
        if path == LIST_PAGE:
            return self._list_page()
        if path == INSTANCE_PAGE:
            return self._instance_page(parse_qs(address.query).get("id", [""])[0])
        if path.startswith("data/rows-"):
            script = self._current().chunks.get(path.removeprefix("data/"))
            return _make_script(script) if script else _not_found(path)
        if path == "" and not (self._report / "index.html").is_file():
            return Reply(body=b"", status=HTTPStatus.FOUND, location=f"/{LIST_PAGE}")
        return self._file(path or "index.html")

    def _current(self) -> Snapshot:
        """Return the list of the store, read again if the store has changed."""
        with self._lock:
            version = read_store_version(self._store.folder)
            if self._snapshot is None or self._snapshot.version != version:
                exclusions = known_exclusions(self._settings, self._store).exclusions
                source = read_browser_source(self._store, self._settings, exclusions)
                self._snapshot = Snapshot(version=version, source=source)
            return self._snapshot

    def _list_page(self) -> Reply:
        snapshot = self._current()
        names = [f"{name}?v={snapshot.version}" for name in snapshot.chunks]
        return Reply(body=render_list_page(len(snapshot.source.rows), names).encode())

    def _instance_page(self, name: str) -> Reply:
        reader = self._current().source.reader
        if name not in reader.listing.by_id:
            return _not_found(name or "An instance without a name")
        for facts in reader.read([name]):
            article = render_article(facts)
            return Reply(body=render_instance_page(article.title, article.html).encode())
        return _not_found(name)

    def _file(self, path: str) -> Reply:
        """Return a file of the package's assets, or of the report: nothing outside of both."""
        kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
        kind = f"{kind}; charset=utf-8" if kind.startswith("text/") else kind
        parts = path.split("/")
        if "\0" in path or any(part in {"", ".", ".."} for part in parts):
            return _not_found(path)
        if parts[0] == "assets" and len(parts) == 2:
            asset = files("curate.report").joinpath(*parts)
            return (
                Reply(body=asset.read_bytes(), kind=kind) if asset.is_file() else _not_found(path)
            )
        found = self._report.joinpath(*parts).resolve()
        if not found.is_relative_to(self._report.resolve()) or not found.is_file():
            return _not_found(path)
        return Reply(body=found.read_bytes(), kind=kind)


def _make_script(text: str) -> Reply:
    return Reply(body=text.encode("ascii"), kind="text/javascript; charset=utf-8")


def _not_found(what: str) -> Reply:
    from markupsafe import escape

    text = f'<p class="notice" role="status">{escape(what[:200])} is not in this store.</p>'
    body = render_instance_page("Not found", text).encode("utf-8", "replace")
    return Reply(body=body, status=HTTPStatus.NOT_FOUND)


class BrowserServer(ThreadingHTTPServer):
    """A server on loopback; `url` is its address."""

    daemon_threads = True

    def __init__(self, pages: StorePages, port: int) -> None:
        self.pages = pages
        super().__init__((HOST, port), _Handler)
        self.url = f"http://{HOST}:{self.server_port}"
        self.hosts = {f"{name}:{self.server_port}" for name in (HOST, "localhost")}


class _Handler(BaseHTTPRequestHandler):
    server: BrowserServer
    server_version, sys_version = "curate", ""
    protocol_version = "HTTP/1.1"
    timeout = 60  # seconds that a connection may say nothing

    def do_GET(self) -> None:
        self._send(self._make_reply())

    do_HEAD = do_GET  # noqa: N815

    def _make_reply(self) -> Reply:
        is_own = self.headers.get("Sec-Fetch-Site", "none") in _OWN_SITES
        is_link = self.headers.get("Sec-Fetch-Mode") == "navigate"
        if self.headers.get("Host", "").lower() not in self.server.hosts or not (is_own or is_link):
            return Reply(body=b"Forbidden\n", kind="text/plain", status=HTTPStatus.FORBIDDEN)
        try:
            return self.server.pages.answer(self.path)
        except CurateError as error:
            problem = f"{error} {error.hint}\n"
        except Exception as error:
            problem = f"{report_bug(error, self.path)}\n"
        body = problem.encode("utf-8", "replace")
        kind = "text/plain; charset=utf-8"
        return Reply(body=body, kind=kind, status=HTTPStatus.INTERNAL_SERVER_ERROR)

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        headers = {**_HEADERS, "Content-Type": reply.kind, "Content-Length": str(len(reply.body))}
        for name, value in headers.items():
            self.send_header(name, value)
        if reply.location:
            self.send_header("Location", reply.location)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)

    def log_message(self, format: str, *args: object) -> None:
        """Log a request for `curate -v`."""
        log.debug(format, *args)


@contextmanager
def open_server(
    store: Store, settings: Settings, report: Path, port: int
) -> Iterator[BrowserServer]:
    """Yield a server of the store, which listens; raises ConfigurationError if it cannot."""
    try:
        server = BrowserServer(StorePages(store, settings, report), port)
    except OSError as error:
        raise ConfigurationError(
            f"The server cannot listen at {HOST}, port {port}: {error.strerror}.",
            hint="Choose another --port (0 takes one that is free).",
        ) from error
    try:
        yield server
    finally:
        server.server_close()
