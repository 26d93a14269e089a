"""The client where the network or the server is not as it should be."""

import re
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from curate.core.errors import ConfigurationError, NetworkError
from curate.serve import RemoteServer
from curate.serve.run import Server
from tests.helpers.serving import ID, TOKEN, connect, make_settings, request, serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(make_settings(tmp_path_factory.mktemp("serve"))) as server:
        yield server


@contextmanager
def lossy_proxy(server: Server) -> Iterator[str]:
    """Address where every other reply of *server* is lost: its connection ends before it."""
    numbers = iter(range(10**6))

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            asked = read_request(self.request)
            asked = asked.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
            with socket.create_connection(("127.0.0.1", server.port)) as onward:
                onward.sendall(asked)
                reply = b"".join(iter(lambda: onward.recv(1 << 16), b""))
            if next(numbers) % 2:
                self.request.sendall(reply)

    with listening(Handler) as url:
        yield url


@contextmanager
def listening(handler: type[socketserver.BaseRequestHandler]) -> Iterator[str]:
    """Address of a server that handles each connection with *handler*."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


def read_request(connection: socket.socket) -> bytes:
    """Bytes of one request, with its body."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(1 << 16)
    head, _, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head.lower())
    while length and len(body) < int(length[1]):
        body += connection.recv(1 << 16)
    return head + b"\r\n\r\n" + body


def test_requests_whose_reply_is_lost_are_not_run_twice(server: Server) -> None:
    with lossy_proxy(server) as url, RemoteServer(url, TOKEN) as client:
        assert client.list_tasks() == [ID]
        environment = client.make(ID)
        assert environment.reset()[0] == "It breaks.\nBadly."
        observation, *_, info = environment.step("echo more >> lines; wc -l < lines")
        assert (observation, info["steps"]) == ("1\n", 1)
        name = environment.snapshot()
        environment.step("echo more >> lines")
        environment.restore(name)
        with environment.fork() as twin:
            assert twin.step("wc -l < lines")[0] == "1\n"
        assert b"lines" in environment.diff()
        environment.close()
    listed = request(server, "GET", "/environments")
    assert b'"environments":[]' in listed.data


BAD_GATEWAY = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 6\r\nConnection: close\r\n\r\n<html>"


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (b"", "does not answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "does not answer as curate"),
        (BAD_GATEWAY, "status 502"),
        (b"SSH-2.0-OpenSSH\r\n", "does not answer"),
    ],
)
def test_what_is_no_server_of_curate_is_said(reply: bytes, said: str) -> None:
    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            read_request(self.request)
            self.request.sendall(reply)

    with listening(Handler) as url, pytest.raises(NetworkError, match=said):
        RemoteServer(url, TOKEN).get_health()


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(NetworkError, match="does not answer"):
        RemoteServer(f"http://127.0.0.1:{port}", TOKEN).get_health()


@pytest.mark.parametrize("url", ["", "127.0.0.1:8473", "ftp://host", "http://", "http://[::1"])
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(ConfigurationError, match="Invalid address"):
        RemoteServer(url, TOKEN)


def test_what_cannot_be_sent_is_said(server: Server) -> None:
    with pytest.raises(ConfigurationError, match="invalid character"):
        RemoteServer(server.url, "token with blanks")
    with connect(server).make(ID) as environment, pytest.raises(ConfigurationError):
        environment.step("echo \udc80")
    with pytest.raises(ConfigurationError, match="step_seconds"):
        connect(server).make(ID, step_seconds=-1.0)
