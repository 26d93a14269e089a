"""Execute a command with resource limits and, if the kernel allows it, without network.

Run as a script: `python isolate.py MEMORY_BYTES NOTE_FILE COMMAND...`. It is a separate process
because a program with threads cannot safely do this between fork and exec. NOTE_FILE gets
"isolated" if the command has no network except its own loopback, else the reason why not.
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
    """Limit the memory of each process; the kernel has no such limit for a process tree."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        soft = memory_bytes if hard == resource.RLIM_INFINITY else min(memory_bytes, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (soft, soft))


def isolate_network() -> str:
    """Enter an empty network namespace; return "isolated", or why that is not possible."""
    if sys.platform != "linux":
        return "the network is not isolated: this system has no namespaces"
    user, group = os.geteuid(), os.getegid()
    flags = CLONE_NEWNET if user == 0 else CLONE_NEWNET | CLONE_NEWUSER
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(flags) != 0:
        return f"the network is not isolated: {os.strerror(ctypes.get_errno())}"
    if flags & CLONE_NEWUSER:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    _enable_loopback()
    return "isolated"


def _enable_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP_RUNNING))


def main() -> None:
    """Apply limits, isolate the network, write the note, and execute the command."""
    memory, note, *command = sys.argv[1:]
    limit_resources(int(memory))
    Path(note).write_text(isolate_network(), encoding="utf-8")
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
