"""Machines of a small network on this one: each a network namespace with an address of its own.

They hang on a bridge that is in a namespace of its own, because the firewall of a container engine
does not let a bridge of the machine forward. A relay there leads to the network of this machine:
an HTTP proxy, and ports. Needs root and `ip`.
"""

import ctypes
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psutil

_CLONE_NEWNET = 0x40000000
PROXY_PORT = 3128


class NetworkLab:
    """Machines by name, made on entry and removed on exit with all that runs on them."""

    def __init__(
        self, name: str, machines: Sequence[str], ports: Mapping[int, int] | None = None
    ) -> None:
        """*ports* of the hub lead to those of this machine's loopback."""
        self.name = name[:6]
        self.machines = tuple(machines)
        self.hub = "10.77.0.1"
        self._ports = dict(ports or {})
        self._relay: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "NetworkLab":
        self._remove()
        self._add(f"{self.name}-hub")
        hub = self._inside("hub")
        _run(*hub, "ip", "link", "add", "br0", "type", "bridge")
        _run(*hub, "ip", "addr", "add", f"{self.hub}/24", "dev", "br0")
        _run(*hub, "ip", "link", "set", "br0", "up")
        for machine in self.machines:
            self._connect(machine)
        ports = [f"{here}={there}" for here, there in self._ports.items()]
        command = [sys.executable, __file__, f"/run/netns/{self.name}-hub", self.hub, *ports]
        self._relay = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert self._relay.stdout and self._relay.stdout.readline() == b"ready\n"
        return self

    def __exit__(self, *exc: object) -> None:
        if self._relay:
            self._relay.kill()
            self._relay.wait()
        self._remove()

    def address(self, machine: str) -> str:
        """Address of *machine*."""
        return f"10.77.0.{10 + self.machines.index(machine)}"

    @property
    def proxy(self) -> str:
        """Address of the HTTP proxy."""
        return f"http://{self.hub}:{PROXY_PORT}"

    def on(self, machine: str, *command: str) -> list[str]:
        """The command that runs *command* on *machine*."""
        return [*self._inside(machine), *command]

    def run_on(self, machine: str, command: list[str]) -> list[str]:
        """The same for a list."""
        return self.on(machine, *command)

    def cut(self, machine: str) -> None:
        """Take *machine* off the network, as if the cable was pulled."""
        _run(*self._inside("hub"), "ip", "link", "set", f"to-{machine}", "down")

    def join(self, machine: str) -> None:
        """Connect *machine* again."""
        _run(*self._inside("hub"), "ip", "link", "set", f"to-{machine}", "up")

    def processes(self, machine: str) -> list[psutil.Process]:
        """What runs on *machine*."""
        found = subprocess.run(
            ["ip", "netns", "pids", f"{self.name}-{machine}"],
            capture_output=True,
            text=True,
            check=False,
        )
        processes = []
        for pid in found.stdout.split():
            with suppress(psutil.NoSuchProcess):
                processes.append(psutil.Process(int(pid)))
        return processes

    def _connect(self, machine: str) -> None:
        space, end = f"{self.name}-{machine}", f"to-{machine}"
        self._add(space)
        peer = ("peer", "name", "eth0", "netns", space)
        _run(*self._inside("hub"), "ip", "link", "add", end, "type", "veth", *peer)
        _run(*self._inside("hub"), "ip", "link", "set", end, "master", "br0", "up")
        inside = self._inside(machine)
        _run(*inside, "ip", "addr", "add", f"{self.address(machine)}/24", "dev", "eth0")
        _run(*inside, "ip", "link", "set", "eth0", "up")
        _run(*inside, "ip", "route", "add", "default", "via", self.hub)

    def _add(self, space: str) -> None:
        _run("ip", "netns", "add", space)
        _run("ip", "netns", "exec", space, "ip", "link", "set", "lo", "up")

    def _inside(self, machine: str) -> list[str]:
        return ["nsenter", f"--net=/run/netns/{self.name}-{machine}"]

    def _remove(self) -> None:
        """Kill what is in the namespaces, and remove them."""
        for machine in (*self.machines, "hub"):
            processes = self.processes(machine)
            for process in processes:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            psutil.wait_procs(processes, timeout=10)
            command = ["ip", "netns", "del", f"{self.name}-{machine}"]
            subprocess.run(command, capture_output=True, check=False)


def available() -> bool:
    """Whether this user can make such a network here."""
    return os.geteuid() == 0 and bool(shutil.which("ip"))


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def _listen(address: tuple[str, int], space: str) -> socket.socket:
    """Return a socket that listens in the network namespace *space*."""
    libc = ctypes.CDLL(None, use_errno=True)
    with Path("/proc/self/ns/net").open() as own, Path(space).open() as other:
        assert libc.setns(other.fileno(), _CLONE_NEWNET) == 0
        try:
            return socket.create_server(address)
        finally:
            assert libc.setns(own.fileno(), _CLONE_NEWNET) == 0


def _serve(server: socket.socket, target: tuple[str, int] | None) -> None:
    while True:
        client, _ = server.accept()
        threading.Thread(target=_relay, args=(client, target), daemon=True).start()


def _relay(client: socket.socket, target: tuple[str, int] | None) -> None:
    """Pass on what *client* sends; without *target*, where its request says."""
    with suppress(OSError, ValueError):
        begin, reply = b"", b""
        if target is None:
            target, begin, reply = _read_request(client)
        with socket.create_connection(target) as other:
            client.sendall(reply)
            other.sendall(begin)
            threading.Thread(target=_copy, args=(other, client), daemon=True).start()
            _copy(client, other)
    client.close()


def _read_request(client: socket.socket) -> tuple[tuple[str, int], bytes, bytes]:
    """Read the head of a request to a proxy: (server, what it is sent, what the client is sent).

    Raises ValueError if the client sends none.
    """
    data = b""
    while b"\r\n\r\n" not in data:
        if not (chunk := client.recv(4096)):
            raise ValueError("no request")
        data += chunk
    first, rest = data.split(b"\r\n", 1)
    method, where, version = first.decode().split(" ")
    if method == "CONNECT":
        host, port = where.rsplit(":", 1)
        return (host, int(port)), b"", b"HTTP/1.1 200 OK\r\n\r\n"
    url = urlsplit(where)
    path = urlunsplit(("", "", url.path or "/", url.query, ""))
    lines = [it for it in rest.split(b"\r\n") if not it.lower().startswith(b"connection:")]
    head = f"{method} {path} {version}\r\nConnection: close\r\n".encode()
    return (url.hostname or "", url.port or 80), head + b"\r\n".join(lines), b""


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while chunk := source.recv(1 << 16):
            target.sendall(chunk)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def main() -> None:
    """The relay: namespace, address, and HERE=THERE ports."""
    space, address, *ports = sys.argv[1:]
    pairs: list[tuple[int, tuple[str, int] | None]] = [(PROXY_PORT, None)]
    for pair in ports:
        here, there = pair.split("=")
        pairs.append((int(here), ("127.0.0.1", int(there))))
    for here_port, target in pairs:
        server = _listen((address, here_port), space)
        threading.Thread(target=_serve, args=(server, target), daemon=True).start()
    print("ready", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
