"""Files that a run left in its container, read as archives from an engine near or far.

The folder holds whatever the tests have put there. All of it is taken at once, which serves for a
run that means no harm; where that does not work, each file is asked for by name.
"""

import io
import tarfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from docker.errors import NotFound
from docker.models.containers import Container

from builders.errors import SandboxError

_MAX_ARCHIVE_BYTES = 32 << 20  # bytes of an archive of the whole folder, at most
_FRAME = 64 << 10  # bytes an archive takes beyond the one file in it
_END = bytes(1024)  # without it an archive is cut short, though tarfile does not mind
_NO_FILE = 0x8F280000  # Go's bits for folder, link, device, pipe, socket and what else is no file


def copy_files_out(
    container: Container, folder: str, ceilings: Mapping[str, int]
) -> dict[str, bytes]:
    """Content of the files in *folder* that are named in *ceilings* and no longer than it says.

    Links and what else is no file are left out. Raises SandboxError if an archive is cut short.
    """
    found = _read_all_files(container, folder, ceilings)
    if found is not None:
        return found
    by_name = {
        name: _read_one_file(container, f"{folder}/{name}", most) for name, most in ceilings.items()
    }
    return {name: content for name, content in by_name.items() if content is not None}


def _read_all_files(
    container: Container, folder: str, ceilings: Mapping[str, int]
) -> dict[str, bytes] | None:
    """The same from one archive; None where it is too long, or the engine cannot make it."""
    archive = _read_archive(container, folder, _MAX_ARCHIVE_BYTES, lambda stat: True) or b""
    if len(archive) > _MAX_ARCHIVE_BYTES or not archive.endswith(_END):
        return None
    whole = PurePosixPath(folder).name
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            for member in tar:
                top, _, name = member.name.partition("/")
                if top == whole and member.size <= ceilings.get(name, -1):
                    stream = tar.extractfile(member) if member.isreg() else None
                    found |= {name: stream.read()} if stream else {}
    except tarfile.TarError:
        return None
    return found


def _read_one_file(container: Container, path: str, ceiling: int) -> bytes | None:
    def is_wanted(stat: Mapping[str, Any]) -> bool:
        return stat["size"] <= ceiling and not stat["mode"] & _NO_FILE

    try:
        archive = _read_archive(container, path, ceiling + _FRAME, is_wanted)
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
        raise SandboxError(f"the engine's archive of {path} is cut short: {error}") from error


def _read_archive(
    container: Container, path: str, limit: int, is_wanted: Callable[[Mapping[str, Any]], bool]
) -> bytes | None:
    """The archive of *path*, cut where it is longer than *limit*; None if it is not wanted."""
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
