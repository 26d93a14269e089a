"""The shell: an interactive bash, of whose terminal nothing but its foreground is used."""

import fcntl
import os
import re
import signal
import tempfile
import termios
from contextlib import suppress
from typing import Any

from curate.builders.session.server.processes import signal_group, signal_process

KILLS = 6  # attempts to free the shell from a command before the shell is killed, too
BLOCK = 1 << 16

START = """\
PS1= PS2= HISTFILE=; unset MAILCHECK; set +o history +o histexpand
__curate_status() { return "$1"; }
__curate_state() {
  unset CURATE_COMMAND
  builtin printf 'builtin cd -- %q\\n' "$PWD"
  declare -p; declare -f; declare -F; alias -p; umask -p; shopt -p; trap -p; set +o
}
"""
READ = 'IFS= read -rd "" -u 62 CURATE_COMMAND || :; '
RUN = (
    READ + '[[ $- == *e* ]] || __curate_status %d; eval "$CURATE_COMMAND"'
    " </dev/null >&61 2>&1 61>&- 62<&- 63>&-\n"
    "builtin printf '%%d\\0' \"$?\" >&63\n"
)
LOAD = (
    READ + 'eval "$CURATE_COMMAND" </dev/null >/dev/null 2>&1 61>&- 62<&- 63>&-\n'
    "builtin printf '0\\0' >&63\n"
)
# Variables that the shell sets itself, and options that let it read its commands anew.
NO_STATE = re.compile(
    rb"set [-+]o (emacs|vi|monitor|onecmd)\n|declare -\S+ (BASH\w*|DIRSTACK|EPOCH\w+|EUID"
    rb"|FUNCNAME|GROUPS|HISTCMD|LINENO|PIPESTATUS|PPID|RANDOM|SECONDS|SHELLOPTS|SRANDOM|UID|_)"
    rb"(=.*)?\n"
)
STATE = "{ __curate_state; builtin printf '\\0'; } >&63 2>/dev/null 61>&- 62<&-\n"


class Shell:
    """The process of the shell, and what connects it."""

    def __init__(self, config: Any, output: int) -> None:
        self.exit_code = None  # once it has ended
        self.message = b""
        self.control, control = os.pipe()
        reading, self.commands = os.pipe()
        self.terminal, terminal = os.openpty()
        silence_terminal(terminal)
        self.command_file = open_unnamed_file()
        for fd in (self.control, self.terminal):
            os.set_blocking(fd, False)
        self.pid = os.fork()
        if not self.pid:
            try:
                os.setsid()
                fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
                null = os.open(os.devnull, os.O_RDWR)
                for source, target in ((reading, 0), (null, 1), (null, 2)):
                    os.dup2(source, target)
                for source, target in ((output, 61), (self.command_file, 62), (control, 63)):
                    os.dup2(source, target)
                become_user(config)
                shell = ["bash", "--noprofile", "--norc", "--noediting", "-i"]
                variables = dict(config["variables"], PWD=config["checkout"], SHELL="/bin/bash")
                os.execvpe("bash", shell, variables)
            finally:
                os._exit(127)
        for fd in (control, reading, terminal):
            os.close(fd)
        self.feed(START.encode())

    def feed(self, text: bytes) -> None:
        """Let the shell read *text*; it may have ended."""
        with suppress(BrokenPipeError):
            os.write(self.commands, text)

    def load(self, command: bytes, line: str, *values: int) -> None:
        """Let the shell read *line*, whose READ gets *command*."""
        os.ftruncate(self.command_file, 0)
        os.lseek(self.command_file, 0, os.SEEK_SET)
        view = memoryview(command)
        while view:
            view = view[os.write(self.command_file, view) :]
        os.lseek(self.command_file, 0, os.SEEK_SET)
        self.feed((line % values if values else line).encode())

    def read_message(self) -> "bytes | None":
        """Return what the shell has told, or None if it has not told all of it yet."""
        with suppress(BlockingIOError):
            while True:
                data = os.read(self.control, BLOCK)
                if not data:
                    break
                self.message += data
        if b"\0" not in self.message:
            return None
        message, _, self.message = self.message.partition(b"\0")
        return message

    def interrupt(self, attempt: int) -> None:
        """Interrupt the foreground at first, then kill it, and the shell at last."""
        group = self.foreground()
        if attempt == 0:
            signal_group(group, signal.SIGINT)
        elif attempt <= KILLS:
            if group != self.pid:
                signal_group(group, signal.SIGKILL)
            signal_process(self.pid, signal.SIGINT)
        else:
            signal_group(group, signal.SIGKILL)
            signal_process(self.pid, signal.SIGKILL)

    def foreground(self) -> int:
        """Return the process group in the foreground."""
        try:
            return os.tcgetpgrp(self.terminal) or self.pid
        except OSError:
            return self.pid

    def close(self) -> None:
        """Close the descriptors."""
        for fd in (self.control, self.commands, self.terminal, self.command_file):
            os.close(fd)


def become_user(config: Any) -> None:
    """Enter the root folder, take the user's identity, and enter the checkout."""
    for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    if config["root"]:
        os.chroot(config["root"])
    if config["user"]:
        user, group = map(int, config["user"].split(":"))
        os.setgroups([])
        os.setgid(group)
        os.setuid(user)
    os.umask(0o022)
    try:
        os.chdir(config["checkout"])
    except PermissionError:  # the user, whom it belongs to, has made it so
        os.chmod(config["checkout"], 0o755)
        os.chdir(config["checkout"])


def silence_terminal(terminal: int) -> None:
    """Let it neither echo what is written nor change line ends."""
    values = termios.tcgetattr(terminal)
    values[1] &= ~termios.OPOST
    values[3] &= ~termios.ECHO
    termios.tcsetattr(terminal, termios.TCSANOW, values)


def open_unnamed_file() -> int:
    """Return the descriptor of a file that has no name, in memory if possible."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("command")
    fd, path = tempfile.mkstemp()
    os.unlink(path)
    return fd
