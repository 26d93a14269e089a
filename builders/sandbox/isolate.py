"""Replaces itself by a command under limits and, where the kernel allows it, without network.

Run as a script: `python launch.py <bytes of memory> <file to note in> command...`. It is a process
of its own because a threaded program may not do such things between fork and exec. The note says
`cut` if the command has no network but a loopback of its own, and why not otherwise.
"""

import ctypes
import fcntl
import os
import resource
import socket
import struct
import sys
from pathlib import Path

CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
SIOCSIFFLAGS = 0x8914
IFF_UP_RUNNING = 0x41


def limit_resources(memory_bytes: int) -> None:
    """Limit what each process may allocate; the kernel has no limit for a tree of processes."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        soft = memory_bytes if hard == resource.RLIM_INFINITY else min(memory_bytes, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (soft, soft))


def isolate_network() -> str:
    """Enter an empty network namespace; "cut", or why this is not possible here."""
    if sys.platform != "linux":
        return "the network is not cut: no namespaces on this system"
    user, group = os.geteuid(), os.getegid()
    flags = CLONE_NEWNET if user == 0 else CLONE_NEWNET | CLONE_NEWUSER
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(flags) != 0:
        return f"the network is not cut: {os.strerror(ctypes.get_errno())}"
    if flags & CLONE_NEWUSER:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    _raise_loopback()
    return "cut"


def _raise_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP_RUNNING))


def main() -> None:
    """Limit, cut, note, become the command."""
    memory, note, *command = sys.argv[1:]
    limit_resources(int(memory))
    Path(note).write_text(isolate_network(), encoding="utf-8")
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
