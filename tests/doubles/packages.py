"""A double of a package index: JSON of the simple API, with the times of uploads."""

import hashlib
import io
import json
import tarfile
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import distribution
from types import MappingProxyType
from typing import Any

UPLOADED = "2020-01-01T00:00:00.000000Z"
_BUILD = """\
[build-system]
build-backend = "maker"
backend-path = ["."]
"""
_MAKER = """\
import os, zipfile
from importlib.metadata import distributions

def build_wheel(folder, config_settings=None, metadata_directory=None):
    there = {each.metadata["Name"]: each.version for each in distributions()}
    assert CHECK, there
    about, info = f"{NAME}-{VERSION}", f"{NAME}-{VERSION}.dist-info"
    tags = "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    with zipfile.ZipFile(os.path.join(folder, f"{about}-py3-none-any.whl"), "w") as out:
        out.writestr(f"{NAME}.py", f"BUILT_WITH = {there}\\n")
        head = f"Metadata-Version: 2.1\\nName: {NAME}\\nVersion: {VERSION}\\n"
        out.writestr(f"{info}/METADATA", head)
        out.writestr(f"{info}/WHEEL", tags)
        out.writestr(f"{info}/RECORD", "")
    return f"{about}-py3-none-any.whl"

"""


def wheel(name: str, version: str) -> tuple[str, bytes]:
    """File name and content of a wheel whose one module tells its version."""
    info = f"{name}-{version}.dist-info"
    tags = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files = {
        f"{name}.py": f"__version__ = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": tags,
        f"{info}/RECORD": "",
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return f"{name}-{version}-py3-none-any.whl", packed.getvalue()


def sdist(
    name: str, version: str, requires: str, *, check: str = "", suffix: str = "tar.gz"
) -> tuple[str, bytes]:
    """File name and content of a source distribution whose build asks for *requires*.

    Its wheel has one module, which tells what was there when it was built. *check* is an expression
    of `there`, name -> version, without which it does not build; *suffix* is that of its archive.
    """
    files = {
        "PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        "pyproject.toml": f"{_BUILD}requires = [{requires!r}]\n",
        "maker.py": _MAKER.replace("CHECK", check or "True")
        + f"NAME, VERSION = {name!r}, {version!r}\n",
    }
    packed = io.BytesIO()
    mode: Any = f"w:{suffix.rpartition('.')[2]}"
    with tarfile.open(fileobj=packed, mode=mode) as archive:
        for path, text in files.items():
            member = tarfile.TarInfo(f"{name}-{version}/{path}")
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return f"{name}-{version}.{suffix}", packed.getvalue()


def installed_wheel(name: str) -> tuple[str, bytes]:
    """File name and content of a wheel of the pure distribution *name* that is installed here."""
    found = distribution(name)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for file in found.files or ():
            if ".." not in file.parts and file.suffix != ".pyc":
                archive.writestr(str(file), file.read_binary())
    plain = found.metadata["Name"].replace("-", "_").lower()
    return f"{plain}-{found.version}-py3-none-any.whl", packed.getvalue()


@dataclass
class IndexState:
    """What an index has and was asked for; a test may change it while it is served."""

    contents: dict[str, bytes]
    uploaded: dict[str, str] = field(default_factory=dict)
    yanked: set[str] = field(default_factory=set)  # file names
    asked: list[str] = field(default_factory=list)  # paths


@contextmanager
def package_index(
    *releases: tuple[str, bytes], uploaded: Mapping[str, str] = MappingProxyType({})
) -> Iterator[str]:
    """Serve *releases* on loopback; the address of the index.

    *uploaded* has the day ("2021-01-01") of the upload by file name, where it is not the usual one.
    """
    with serve_index(IndexState(contents=dict(releases), uploaded=dict(uploaded))) as url:
        yield url


@contextmanager
def serve_index(state: IndexState) -> Iterator[str]:
    """Serve *state* on loopback; the address of the index."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            kind, name = self.path.strip("/").split("/")
            state.asked.append(self.path)
            body = state.contents.get(name) if kind == "files" else _project(name, state)
            self.send_response(200 if body else 404)
            if kind == "simple":
                self.send_header("Content-Type", "application/vnd.pypi.simple.v1+json")
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            if self.command == "GET":
                with suppress(ConnectionError):  # a client that has seen enough
                    self.wfile.write(body or b"")

        def log_message(self, format: str, *args: object) -> None:
            """Tests show what they asked for themselves."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/simple/"
        finally:
            server.shutdown()


def _project(name: str, state: IndexState) -> bytes | None:
    rows = [
        {
            "filename": file,
            "url": f"/files/{file}",
            "hashes": {"sha256": hashlib.sha256(content).hexdigest()},
            "upload-time": f"{state.uploaded[file]}T00:00:00Z"
            if file in state.uploaded
            else UPLOADED,
            "yanked": file in state.yanked,
        }
        for file, content in state.contents.items()
        if file.startswith(f"{name.replace('-', '_')}-") or file.startswith(f"{name}-")
    ]
    page = {"meta": {"api-version": "1.1"}, "name": name, "files": rows}
    return json.dumps(page).encode() if rows else None
