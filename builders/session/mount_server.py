"""Mount overlays in containers: a process of root on the engine's machine.

Run as a script: `python -IS mount_server.py`. Requests come on stdin, one JSON object a line, and
replies go to stdout: "" or what failed. It is a process of its own because entering a mount
namespace is for processes with one thread only. It ends at the end of stdin.

A request has the process id `pid` of a container, its folder `target`, and `lower` (newest first),
`upper` and `work` of an overlay, which replaces the one that was mounted there. The container's
/proc, /dev, /sys and the engine's files in /etc are mounted in it, nothing else of the container.
"""

import ctypes
import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

AT_FDCWD, AT_RECURSIVE, MNT_DETACH = -100, 0x8000, 2
MOVE_EMPTY_SOURCE, TREE_CLONE, CLOSE_ON_EXEC = 4, 1, 0o2000000
CREATE, SET_FLAG, SET_STRING, FSMOUNT_CLOEXEC = 6, 0, 1, 1
CLONE_NEWNS = 0x00020000
# Numbers of system calls, the same on all machines
OPEN_TREE, MOVE_MOUNT, FSOPEN, FSCONFIG, FSMOUNT = 428, 429, 430, 431, 432
SHARED = ("proc", "dev", "sys")
ENGINE_FILES = ("etc/hosts", "etc/hostname", "etc/resolv.conf")

libc = ctypes.CDLL(None, use_errno=True)


def call(name: str, result: int) -> int:
    """Return *result* of a system call; OSError if it failed."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return result


def make_overlay(request: dict[str, Any]) -> int:
    """Return the descriptor of a new overlay that is mounted nowhere yet."""
    context = call("fsopen", libc.syscall(FSOPEN, b"overlay", 1))
    fds: list[int] = []
    try:
        options = [("lowerdir+", folder) for folder in request["lower"]]
        options += [("upperdir", request["upper"]), ("workdir", request["work"])]
        for key, folder in options:
            fds.append(os.open(folder, os.O_PATH))
            value = f"/proc/self/fd/{fds[-1]}".encode()  # a value has at most 255 bytes
            call(key, libc.syscall(FSCONFIG, context, SET_STRING, key.encode(), value, 0))
        libc.syscall(FSCONFIG, context, SET_FLAG, b"volatile", None, 0)  # no file is synced
        if request.get("in_user_namespace"):
            libc.syscall(FSCONFIG, context, SET_FLAG, b"userxattr", None, 0)
        call("overlay", libc.syscall(FSCONFIG, context, CREATE, None, None, 0))
        return call("fsmount", libc.syscall(FSMOUNT, context, FSMOUNT_CLOEXEC, 0x6))
    finally:
        for fd in (*fds, context):
            os.close(fd)


def move_mount(source: int, target: str) -> None:
    """Mount what *source* is at *target*."""
    arguments = (source, b"", AT_FDCWD, target.encode(), MOVE_EMPTY_SOURCE)
    call("move_mount", libc.syscall(MOVE_MOUNT, *arguments))


def unmount(target: str) -> None:
    """Remove all mounts at *target*; they stay for processes that are in them."""
    while libc.umount2(target.encode(), MNT_DETACH) == 0:
        pass


def bind(source: str, target: str) -> None:
    """Mount *source*, and what is mounted below it, at *target*, too."""
    flags = TREE_CLONE | CLOSE_ON_EXEC | AT_RECURSIVE
    tree = call("open_tree", libc.syscall(OPEN_TREE, AT_FDCWD, source.encode(), flags))
    try:
        move_mount(tree, target)
    finally:
        os.close(tree)


def mount_in_container(request: dict[str, Any], home: int) -> None:
    """Mount the overlay of *request* in the container; *home* is this machine's namespace."""
    overlay = make_overlay(request)
    try:
        enter(f"/proc/{request['pid']}/ns/mnt")
        target = request["target"]
        unmount(target)
        move_mount(overlay, target)
        for name in SHARED:
            bind(f"/{name}", f"{target}/{name}")
        for name in ENGINE_FILES:
            if os.path.exists(f"/{name}"):  # noqa: PTH110
                bind(f"/{name}", f"{target}/{name}")
    finally:
        os.close(overlay)
        call("setns", libc.setns(home, CLONE_NEWNS))


def enter(namespace: str) -> None:
    """Enter the mount namespace of the file *namespace*."""
    fd = os.open(namespace, os.O_RDONLY)
    try:
        call("setns", libc.setns(fd, CLONE_NEWNS))
    finally:
        os.close(fd)


def main() -> None:
    """Answer requests until stdin ends."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("-500")
    home = os.open("/proc/self/ns/mnt", os.O_RDONLY)
    for line in sys.stdin:
        problem = ""
        try:
            mount_in_container(json.loads(line), home)
        except (OSError, ValueError) as error:
            problem = str(error)
        sys.stdout.write(json.dumps(problem) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
