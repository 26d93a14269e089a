"""Permissions that hold for root, too, and small or read-only file systems."""

import ctypes
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.helpers.loop_filesystem import MountError

_VERSION = 0x20080522
_OVERRIDES = (1 << 1) | (1 << 2)  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
_PR_GET_SECUREBITS, _PR_SET_SECUREBITS, _NOROOT = 27, 28, 1


@contextmanager
def ordinary_permissions() -> Iterator[bool]:
    """Take root's right to all files from this thread, its later threads and children, meanwhile.

    Yields whether permissions hold then.
    """
    if sys.platform != "linux":
        yield os.geteuid() != 0
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_VERSION, 0)
    before = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; the same of the rest
    libc.capget(header, before)
    bits = libc.prctl(_PR_GET_SECUREBITS)
    fewer = (ctypes.c_uint32 * 6)(*before)
    fewer[0] &= ~_OVERRIDES
    libc.prctl(_PR_SET_SECUREBITS, bits | _NOROOT)  # or executing a program would give it back
    libc.capset(header, fewer)
    try:
        yield _are_denied()
    finally:
        libc.capset(header, before)
        libc.prctl(_PR_SET_SECUREBITS, bits)


def _are_denied() -> bool:
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).chmod(0)
        return not os.access(file.name, os.R_OK, effective_ids=True)


@contextmanager
def small_filesystem(place: Path, kib: int) -> Iterator[None]:
    """A file system of *kib* KiB in the empty folder *place* meanwhile.

    Raises `MountError` if this user may not mount.
    """
    options = f"size={kib}k"
    command = ["mount", "-t", "tmpfs", "-o", options, "curate-test", str(place)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        raise MountError
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def make_read_only(place: Path) -> None:
    """Let the file system mounted at *place* take no more changes."""
    subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)


def make_writable(place: Path) -> None:
    """Let it take changes again."""
    subprocess.run(["mount", "-o", "remount,rw", str(place)], check=True)
