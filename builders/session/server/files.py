"""The files of the checkout, and copies of folders."""

import hashlib
import os
import shutil
import stat
import struct
from contextlib import suppress
from typing import Iterator

MAX_FILE = 64 << 20  # bytes of a file that is read as a whole
MAX_FILES = 256 << 20  # bytes of all files that are read at once
MISSING, TOO_LARGE = 2**64 - 1, 2**64 - 2  # in place of a length


class FileTooLargeError(OSError):
    """A file has more than MAX_FILE bytes."""


def walk(folder: bytes) -> "Iterator[tuple[bytes, os.stat_result]]":
    """Yield path below *folder*, and its status, of all files and links that are not git's own."""
    pending = [b""]
    while pending:
        relative = pending.pop()
        make_readable(os.path.join(folder, relative), 0o500)
        with suppress(OSError):
            for entry in os.scandir(os.path.join(folder, relative)):
                path = os.path.join(relative, entry.name)
                if entry.name == b".git":
                    continue
                if entry.is_dir(follow_symlinks=False):
                    pending.append(path)
                else:
                    with suppress(OSError):
                        yield path, entry.stat(follow_symlinks=False)


def list_checkout(checkout: str) -> "Iterator[bytes]":
    """Yield a line for each file: git's mode, digest, path, NUL."""
    folder = os.fsencode(checkout)
    for path, status in walk(folder):
        is_link = stat.S_ISLNK(status.st_mode)
        if not is_link and not stat.S_ISREG(status.st_mode):
            continue
        mode = "120000" if is_link else "100755" if status.st_mode & 0o100 else "100644"
        try:
            digest = hashlib.sha256(read_content(os.path.join(folder, path))).hexdigest()
        except OSError:
            digest = "%d-%d" % (status.st_size, status.st_mtime_ns)
        yield ("%s %s " % (mode, digest)).encode() + path + b"\0"


def make_readable(path: bytes, bits: int) -> None:
    """Let the owner read a file or folder, from whom nothing is to be kept that way."""
    with suppress(OSError):
        mode = os.lstat(path).st_mode
        if not stat.S_ISLNK(mode) and mode & bits != bits:
            os.chmod(path, mode | bits)


def read_content(path: bytes) -> bytes:
    """Return the content of a file, or the target of a link. Raises OSError if it is too large."""
    if os.path.islink(path):
        return os.readlink(path)
    make_readable(path, 0o400)
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with open(fd, "rb") as stream:
        if os.fstat(fd).st_size > MAX_FILE:
            raise FileTooLargeError
        return stream.read(MAX_FILE)


def pack_files(checkout: bytes, paths: "list[bytes]") -> "Iterator[bytes]":
    """Yield length and content of each file; lengths MISSING and TOO_LARGE have no content."""
    room = MAX_FILES
    for path in paths:
        try:
            content = read_content(os.path.join(checkout, path))
        except FileTooLargeError:
            yield struct.pack(">Q", TOO_LARGE)
            continue
        except OSError:
            yield struct.pack(">Q", MISSING)
            continue
        room -= len(content)
        yield (
            struct.pack(">Q", len(content)) + content if room >= 0 else struct.pack(">Q", TOO_LARGE)
        )


def copy_folders(folders: "list[str]", place: str) -> None:
    """Copy each of *folders* to a number below *place*."""
    for number, folder in enumerate(folders):
        copy_content(folder, os.path.join(place, str(number)))


def put_folders_back(place: str, folders: "list[str]") -> None:
    """Make each of *folders* as its copy is."""
    for number, folder in enumerate(folders):
        remove_content(folder)
        copy_content(os.path.join(place, str(number)), folder)


def copy_content(source: str, target: str) -> None:
    """Copy what is in a folder, files as they are, without sockets and pipes."""
    os.makedirs(target, exist_ok=True)
    for entry in os.scandir(source):
        place = os.path.join(target, entry.name)
        if entry.is_dir(follow_symlinks=False):
            copy_content(entry.path, place)
        elif entry.is_symlink():
            os.symlink(os.readlink(entry.path), place)
        elif entry.is_file(follow_symlinks=False):
            shutil.copy2(entry.path, place, follow_symlinks=False)
    with suppress(PermissionError):  # of /tmp
        shutil.copystat(source, target)


def remove_content(folder: str) -> None:
    """Remove what is in *folder*, if the user may."""
    with suppress(OSError):
        os.chmod(folder, os.stat(folder).st_mode | 0o700)
    for entry in os.scandir(folder):
        with suppress(OSError):
            if entry.is_dir(follow_symlinks=False):
                remove_content(entry.path)
                os.rmdir(entry.path)
            else:
                os.unlink(entry.path)
