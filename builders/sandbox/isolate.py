"""Execute a command with low priority and, if the kernel allows it, without network.

Run as a script: `python isolate.py PIDS NOTE_FILE ENVIRONMENT COMMAND...`. It is a separate
process because a program with threads cannot safely do this between fork and exec. NOTE_FILE gets
"isolated" if the command has no network except its own loopback, and what it changes in the folder
ENVIRONMENT goes with the run; else the reason why not. Where the kernel allows it, the host name is
that of containers, and resolves to the loopback.
"""

import ctypes
import fcntl
import os
import re
import resource
import socket
import struct
import sys
from contextlib import suppress
from pathlib import Path

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
MS_NOSUID_NODEV = 0x6
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
SIOCSIFFLAGS = 0x8914
IFF_UP_RUNNING = 0x41
HOST_NAME = "sandbox"
HOSTS = f"127.0.0.1 localhost {HOST_NAME}\n::1 localhost ip6-localhost ip6-loopback\n"
NICENESS = 5  # below what the user does meanwhile


def isolate_run(
    hosts: Path, environment: str = "", pids: int = 0, *, has_network: bool = False
) -> str:
    """Enter an empty network namespace; return "isolated", or why that is not possible.

    With *has_network*, the command stays in that of the machine. *hosts* is a file to create, which
    the command sees as /etc/hosts. The folder *environment* gets a layer in the folder of *hosts*,
    which takes all changes. In a user namespace, which counts its own processes since Linux 5.14,
    the kernel refuses more than *pids* + 1.
    """
    if sys.platform != "linux":
        return "the network is not isolated: this system has no namespaces"
    user, group = os.geteuid(), os.getegid()
    flags = (0 if has_network else CLONE_NEWNET) | (0 if user == 0 else CLONE_NEWUSER)
    libc = ctypes.CDLL(None, use_errno=True)
    has_own_files = libc.unshare(flags | CLONE_NEWNS | CLONE_NEWUTS) == 0
    if not has_own_files and libc.unshare(flags) != 0:
        return f"the network is not isolated: {os.strerror(ctypes.get_errno())}"
    if flags & CLONE_NEWUSER:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
        if pids and _kernel_version() >= (5, 14):
            _, hard = resource.getrlimit(resource.RLIMIT_NPROC)
            limit = pids + 1  # so that there are too many for the supervisor, too
            resource.setrlimit(
                resource.RLIMIT_NPROC, (limit if hard < 0 else min(limit, hard),) * 2
            )
    if not has_network:
        _enable_loopback()
    has_own_files = has_own_files and _make_mounts_private(libc)
    if has_own_files:
        _rename_host(libc, hosts)
    if environment and not (has_own_files and _lay_over(libc, environment, hosts.parent)):
        return "what tests change in the environment stays for later runs"
    return "isolated"


def _kernel_version() -> tuple[int, ...]:
    return tuple(map(int, re.findall("[0-9]+", os.uname().release)[:2]))


def _enable_loopback() -> None:
    with suppress(OSError):  # no IPv6, or settings are read-only
        Path("/proc/sys/net/ipv6/conf/all/disable_ipv6").write_text("0")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP_RUNNING))


def _rename_host(libc: ctypes.CDLL, hosts: Path) -> None:
    """Take the host name of containers, if /etc/hosts can be replaced for this process alone."""
    hosts.write_text(HOSTS)
    if libc.mount(os.fsencode(hosts), b"/etc/hosts", None, MS_BIND, None) == 0:
        with suppress(OSError):
            socket.sethostname(HOST_NAME)


def _make_mounts_private(libc: ctypes.CDLL) -> bool:
    return bool(libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None) == 0)


def _lay_over(libc: ctypes.CDLL, environment: str, folder: Path) -> bool:
    """Mount a layer in *folder* over *environment*, for this process alone; whether that worked."""
    lower, upper, work = os.path.realpath(environment), folder / "changes", folder / "overlay"
    if any(character in f"{lower}{folder}" for character in ",:\\"):
        return False  # which separate options
    upper.mkdir()
    work.mkdir()
    places = f"lowerdir={lower},upperdir={upper},workdir={work}"
    options = (places, f"{places},userxattr")  # the latter in a user namespace
    return any(
        libc.mount(b"overlay", os.fsencode(lower), b"overlay", MS_NOSUID_NODEV, it.encode()) == 0
        for it in options
    )


def main() -> None:
    """Lower the priority, isolate the network, write the note, and execute the command."""
    pids, note, environment, *command = sys.argv[1:]
    os.nice(NICENESS)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    hosts = Path(note).with_name("hosts")
    Path(note).write_text(isolate_run(hosts, environment, int(pids)), encoding="utf-8")
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
