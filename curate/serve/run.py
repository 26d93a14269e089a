"""The server as a process has it: a socket, a thread, and an orderly end."""

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import uvicorn

from curate.core.errors import ConfigurationError
from curate.serve.app import make_app
from curate.serve.options import ServeOptions
from curate.serve.pool import EnvironmentPool
from curate.serve.tasks import TaskShelf

log = logging.getLogger(__name__)

REQUEST_SECONDS = 2  # that requests in progress have, when the server ends
END_SECONDS = 10.0  # for the end of the server as a whole
KEEP_ALIVE_SECONDS = 75  # that a connection may be unused, as while a model thinks
_BACKLOG = 512


class Server:
    """A server that listens until it is closed.

    Attributes:
        url: Its address.
        port: Its port.
    """

    def __init__(self, shelf: TaskShelf, options: ServeOptions) -> None:
        """Listen at the address; raises ConfigurationError if it cannot be had."""
        self.socket = listen(options.host, options.port)
        host, self.port = self.socket.getsockname()[:2]
        self.url = f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"
        self._app = make_app(shelf, options)
        self._server = uvicorn.Server(
            uvicorn.Config(
                self._app,
                log_config=None,
                access_log=False,
                lifespan="on",
                ws="none",
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=REQUEST_SECONDS + 2,
            )
        )
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="curate-serve", daemon=True)

    def start(self) -> None:
        """Begin to answer requests."""
        self._thread.start()

    def wait(self) -> None:
        """Wait until the server ends, which it does by itself only if it fails."""
        while not self._ended.wait(0.5):  # an interrupted `join` would take it for ended
            pass

    def close(self) -> None:
        """Close all environments, and end."""
        pool: EnvironmentPool | None = getattr(self._app.state, "pool", None)
        if pool is not None:
            with suppress(RuntimeError):  # it has ended
                pool.begin_closing(REQUEST_SECONDS)
        self._server.should_exit = True
        self._ended.wait(END_SECONDS)

    def _run(self) -> None:
        try:
            self._server.run([self.socket])
        finally:
            self.socket.close()  # or clients would wait for a server that has failed
            self._ended.set()


@contextmanager
def run_server(shelf: TaskShelf, options: ServeOptions) -> Iterator[Server]:
    """Run a server in a thread; it is closed in the end."""
    server = Server(shelf, options)
    server.start()
    try:
        yield server
    finally:
        server.close()


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens at *host* and *port*; 0 = a port that is free."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
        )[0]
        # of a socket without a protocol, asyncio would not send short replies at once
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(_BACKLOG)
        except BaseException:
            listener.close()
            raise
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigurationError(
            f"The server cannot listen at {host}, port {port}: {reason}.",
            hint="Choose another --port (0 takes one that is free), or another --host.",
        ) from error
    return listener
