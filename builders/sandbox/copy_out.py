"""Copy files out of a container as archives, from a local or a remote engine.

Tests may have written anything to the folder. So it is first requested as a whole, which works for
well-behaved runs, and if that fails, each file is requested by name.
"""

import io
import tarfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from docker.errors import NotFound
from docker.models.containers import Container

from curate.builders.errors import SandboxError

MAX_ARCHIVE_BYTES = 32 << 20  # maximum size of an archive of the whole folder
_FRAME = 64 << 10  # maximum size of an archive beyond that of the one file in it
_END = bytes(1024)  # end of a complete archive, which tarfile does not check
_NOT_REGULAR = 0x8F280000  # Go's mode bits of folders, links, devices, pipes, sockets etc.


def copy_files_out(
    container: Container, folder: str, max_sizes: Mapping[str, int]
) -> dict[str, bytes]:
    """Return name -> content of regular files in *folder*.

    *max_sizes* has the names of the files and their maximum sizes in bytes; other, longer and
    missing files are left out.

    Raises:
        SandboxError: The engine's archive is truncated.
    """
    found = _read_all_files(container, folder, max_sizes)
    if found is not None:
        return found
    by_name = {
        name: _read_one_file(container, f"{folder}/{name}", max_size)
        for name, max_size in max_sizes.items()
    }
    return {name: content for name, content in by_name.items() if content is not None}


def _read_all_files(
    container: Container, folder: str, max_sizes: Mapping[str, int]
) -> dict[str, bytes] | None:
    """Do the same from one archive; None if it is too long or incomplete."""
    archive = _read_archive(container, folder, MAX_ARCHIVE_BYTES, lambda stat: True) or b""
    if len(archive) > MAX_ARCHIVE_BYTES or not archive.endswith(_END):
        return None
    folder_name = PurePosixPath(folder).name
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            for member in tar:
                top, _, name = member.name.partition("/")
                if top == folder_name and member.size <= max_sizes.get(name, -1):
                    stream = tar.extractfile(member) if member.isreg() else None
                    found |= {name: stream.read()} if stream else {}
    except tarfile.TarError:
        return None
    return found


def _read_one_file(container: Container, path: str, max_size: int) -> bytes | None:
    def is_wanted(stat: Mapping[str, Any]) -> bool:
        return stat["size"] <= max_size and not stat["mode"] & _NOT_REGULAR

    try:
        archive = _read_archive(container, path, max_size + _FRAME, is_wanted)
    except NotFound:
        return None
    if archive is None:
        return None
    try:
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            member = next(iter(tar))
            stream = tar.extractfile(member) if member.isreg() else None
            return stream.read() if stream else None
    except (tarfile.TarError, StopIteration) as error:
        raise SandboxError(f"the engine's archive of {path} is truncated: {error}") from error


def _read_archive(
    container: Container, path: str, limit: int, is_wanted: Callable[[Mapping[str, Any]], bool]
) -> bytes | None:
    """Return the archive of *path*, truncated beyond *limit* bytes; None if it is not wanted."""
    chunks, stat = container.get_archive(path)
    close: Callable[[], None] = getattr(chunks, "close", lambda: None)
    try:
        if stat is None or not is_wanted(stat):
            return None
        return b"".join(_take_bytes(chunks, limit))
    finally:
        close()


def _take_bytes(chunks: Iterator[bytes], limit: int) -> Iterator[bytes]:
    for chunk in chunks:
        yield chunk
        limit -= len(chunk)
        if limit < 0:
            return
