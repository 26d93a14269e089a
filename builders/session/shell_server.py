"""Keep a shell in a sandbox and run commands in it: the half of a session that is in the sandbox.

Run as a script by Python 3.6 or newer: `python -IS shell_server.py CONFIG`, a JSON object. Requests
come on stdin, replies go to stdout: 4 bytes of length, a JSON object, and as many bytes as its
`size` says. The script ends at the end of stdin, and all processes of the sandbox with it.

The shell is an interactive bash: an interrupt ends a command, not the shell. It has a terminal, of
which it only knows which process group is in the foreground. It reads its commands from a pipe, and
tells on another that one has ended, so nothing that a command prints is mistaken for that.
"""

import ctypes
import fcntl
import hashlib
import json
import os
import re
import select
import shutil
import signal
import stat
import struct
import sys
import tempfile
import termios
import time
from contextlib import suppress

OUTPUT, COMMAND, CONTROL = 61, 62, 63  # descriptors of the shell, which its commands do not get
PATIENCE = 2.0  # seconds that an interrupted command may take to end before it is killed
KILLS = 6  # attempts to free the shell from a command before the shell is killed, too
PAUSE = 0.25  # seconds between them
STATE_SECONDS = 5.0  # that the shell may take to tell its state
KEPT = 1 << 20  # bytes of output kept at the head, and at the tail, until they are asked for
MAX_FILE = 64 << 20  # bytes of a file that is read as a whole
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
    rb"set [-+]o (emacs|vi|monitor|onecmd)\n|declare -\S+ (BASH\w*|DIRSTACK|EPOCH\w+|EUID|FUNCNAME|GROUPS|HISTCMD|LINENO|PIPESTATUS"
    rb"|PPID|RANDOM|SECONDS|SHELLOPTS|SRANDOM|UID|_)(=.*)?\n",
)
STATE = "{ __curate_state; builtin printf '\\0'; } >&63 2>/dev/null 61>&- 62<&-\n"


class Buffer:
    """Keeps head and tail of what is printed between two commands and by the latter."""

    def __init__(self):
        self.head, self.tail, self.total = bytearray(), bytearray(), 0

    def add(self, data):
        """Append *data*."""
        self.total += len(data)
        room = KEPT - len(self.head)
        self.head += data[:room]
        self.tail += data[room:]
        if len(self.tail) > 4 * KEPT:
            del self.tail[:-KEPT]

    def take(self, limit):
        """Return at most about *limit* bytes, and the number of all, and forget them."""
        data, total = bytes(self.head + self.tail), self.total
        self.head, self.tail, self.total = bytearray(), bytearray(), 0
        if total > limit:
            half = limit // 2
            note = "\n[... %d bytes cut here ...]\n" % (total - 2 * half)
            data = data[:half] + note.encode() + data[-half:]
        return data, total


class Shell:
    """The process of the shell, and what connects it."""

    def __init__(self, config, output):
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
                os.execvpe("bash", shell, dict(config["variables"], PWD=config["checkout"]))
            finally:
                os._exit(127)
        for fd in (control, reading, terminal):
            os.close(fd)
        self.feed(START.encode())

    def feed(self, text):
        """Let the shell read *text*; it may have ended."""
        with suppress(BrokenPipeError):
            os.write(self.commands, text)

    def load(self, command, line, *values):
        """Let the shell read *line*, whose READ gets *command*."""
        os.ftruncate(self.command_file, 0)
        os.lseek(self.command_file, 0, os.SEEK_SET)
        view = memoryview(command)
        while view:
            view = view[os.write(self.command_file, view) :]
        os.lseek(self.command_file, 0, os.SEEK_SET)
        self.feed((line % values if values else line).encode())

    def read_message(self):
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

    def interrupt(self, attempt):
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

    def foreground(self):
        """Return the process group in the foreground."""
        try:
            return os.tcgetpgrp(self.terminal) or self.pid
        except OSError:
            return self.pid

    def close(self):
        """Close the descriptors."""
        for fd in (self.control, self.commands, self.terminal, self.command_file):
            os.close(fd)


class Server:
    """Answers requests, one after the other."""

    def __init__(self, config):
        self.config = config
        self.buffer = Buffer()
        self.status = 0  # exit code of the command before
        self.shell = None
        self.output, self.output_end = os.pipe()
        os.set_blocking(self.output, False)
        with suppress(OSError):
            fcntl.fcntl(self.output, 1031, 1 << 20)  # F_SETPIPE_SZ
        self.woken, waker = os.pipe()
        for fd in (self.woken, waker):
            os.set_blocking(fd, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(waker)
        with suppress(Exception):
            ctypes.CDLL(None).prctl(36, 1)  # PR_SET_CHILD_SUBREAPER
            ctypes.CDLL(None).prctl(4, 0)  # PR_SET_DUMPABLE: no process may look into this one

    def serve(self):
        """Answer requests until stdin ends; then end all processes."""
        try:
            while True:
                while 0 not in self.wait([0], None):
                    self.reap()
                request, payload = read_frame()
                try:
                    reply, content = getattr(self, "do_" + request["do"])(request, payload)
                except (OSError, shutil.Error) as error:
                    reply, content = {"error": str(error)}, b""
                write_frame(reply, content)
        except EOFError:
            self.end_processes()

    def do_start(self, request, payload):
        """End all processes and start a shell, in the state of the payload."""
        self.end_processes()
        self.buffer.take(0)
        self.config["variables"].update(request.get("variables", {}))
        self.status = 0
        self.start_shell(payload)
        return {}, b""

    def do_run(self, request, payload):
        """Run the command of the payload."""
        limit = request["limit"]
        started = time.monotonic()
        new_shell = "" if self.shell and self.shell.exit_code is None else "the shell had ended"
        if new_shell:
            self.start_shell(b"")
        counts = read_limit_counts()
        self.shell.load(payload, RUN, self.status)
        message, timed_out = self.await_message(request["seconds"], interrupt=True)
        self.drain()
        seconds = time.monotonic() - started
        reached = find_reached(counts, read_limit_counts())
        if message is None:
            new_shell = describe_end(self.shell.exit_code)
            self.status = 0
            if reached == "out-of-pids":
                self.end_processes()
            self.start_shell(b"")
        else:
            self.status = int(message)
        data, total = self.buffer.take(limit)
        code = None if message is None or timed_out else self.status
        reply = {"code": code, "seconds": seconds, "timed_out": timed_out, "total": total}
        return dict(reply, new_shell=new_shell, reached=reached), data

    def do_state(self, _request, _payload):
        """Tell the state of the shell, and how many other processes there are."""
        if self.shell is None or self.shell.exit_code is not None:
            self.start_shell(b"")
        self.shell.feed(STATE.encode())
        message, _ = self.await_message(STATE_SECONDS)
        lines = (message or b"").splitlines(keepends=True)
        state = b"".join(line for line in lines if not NO_STATE.fullmatch(line))
        return {"others": len(find_descendants()) - 1}, state

    def do_stop(self, _request, _payload):
        """Stop all processes but this one, so that the files do not change."""
        for pid in find_descendants():
            signal_process(pid, signal.SIGSTOP)
        return {}, b""

    def do_continue(self, _request, _payload):
        """Let stopped processes continue."""
        for pid in find_descendants():
            signal_process(pid, signal.SIGCONT)
        return {}, b""

    def do_end(self, _request, _payload):
        """End all processes; tell whether they left anything outside of the files."""
        self.end_processes()
        return {"clean": not find_remains()}, b""

    def do_list(self, _request, _payload):
        """List the files of the checkout: mode, digest and path of each."""
        return {}, self.as_user(lambda: b"".join(list_checkout(self.config["checkout"])))

    def do_read(self, _request, payload):
        """Return the content of files of the checkout, each after its length."""
        paths = [path for path in payload.split(b"\0") if path]
        return {}, self.as_user(lambda: b"".join(map(self.read_file, paths)))

    def do_copy(self, request, _payload):
        """Copy the folders of the configuration to a place called `name`."""
        place = os.path.join(self.config["copies"], request["name"])
        self.as_user(lambda: copy_folders(self.config["copied"], place))
        return {}, b""

    def do_put_back(self, request, _payload):
        """Put the folders back as the copy `name` has them."""
        place = os.path.join(self.config["copies"], request["name"])
        self.as_user(lambda: put_folders_back(place, self.config["copied"]))
        return {}, b""

    def read_file(self, path):
        """Return length and content of a file of the checkout; length 2**64 - 1 if it is gone."""
        place = os.path.join(os.fsencode(self.config["checkout"]), path)
        try:
            content = read_content(place)
        except OSError:
            return struct.pack(">Q", 2**64 - 1)
        return struct.pack(">Q", len(content)) + content

    def start_shell(self, state):
        """Start a shell in place of the one before, which has ended."""
        if self.shell:
            self.shell.close()
        self.shell = Shell(self.config, self.output_end)
        self.shell.load(state, LOAD)
        self.await_message(STATE_SECONDS)

    def await_message(self, seconds, interrupt=False):
        """Return what the shell tells, None if it ends first, and whether it was interrupted."""
        deadline, attempt = time.monotonic() + seconds, 0
        while True:
            remaining = deadline - time.monotonic()
            watched = [self.shell.control, 0] if interrupt else [self.shell.control]
            ready = self.wait(watched, max(remaining, 0))
            if 0 in ready:  # the caller gives up, or has ended
                read_frame()
                self.kill_processes()
            self.reap()
            message = self.shell.read_message() if ready else None
            if message is not None or self.shell.exit_code is not None:
                return message, attempt > 0
            if remaining <= 0:
                if not interrupt:
                    signal_process(self.shell.pid, signal.SIGKILL)
                self.shell.interrupt(attempt)
                deadline = time.monotonic() + (PAUSE if attempt else PATIENCE)
                attempt += 1

    def wait(self, files, seconds):
        """Return which of *files* are ready; keep what is printed meanwhile."""
        watched = [*files, self.output, self.woken]
        if self.shell:
            watched.append(self.shell.terminal)
        ready = select.select(watched, [], [], seconds)[0]
        if self.output in ready:
            self.read_output(self.output, 16)
        if (
            self.shell
            and self.shell.terminal in ready
            and not self.read_output(self.shell.terminal, 16)
        ):
            time.sleep(0.001)  # nobody has the terminal open any more
        return ready

    def drain(self):
        """Read what was printed until now."""
        for fd in (self.output, self.shell.terminal):
            self.read_output(fd, 1 << 10)

    def read_output(self, fd, blocks):
        """Read at most so many blocks; return whether there was anything."""
        for count in range(blocks):
            try:
                data = os.read(fd, BLOCK)
            except OSError:
                return count > 0
            self.buffer.add(data)
        return True

    def reap(self):
        """Collect processes that have ended."""
        with suppress(BlockingIOError):
            os.read(self.woken, BLOCK)
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    break
                if self.shell and pid == self.shell.pid:
                    ended = os.WEXITSTATUS(status)
                    self.shell.exit_code = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else ended

    def end_processes(self):
        """Kill all processes but this one, and wait until they are gone."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            if not self.kill_processes():
                break
            time.sleep(0.0005)
            self.reap()
        else:
            raise OSError("processes of the sandbox do not end")
        if self.shell:
            self.shell.close()
            self.shell = None
        self.drain_output()

    def kill_processes(self):
        """Kill all processes but this one; return how many there were."""
        pids = find_descendants()
        for pid in pids:
            signal_process(pid, signal.SIGKILL)
        return len(pids)

    def drain_output(self):
        """Discard what is left in the pipe."""
        self.read_output(self.output, 1 << 10)

    def as_user(self, function):
        """Return the bytes that *function* returns in a process with the rights of the shell."""
        reading, writing = os.pipe()
        pid = os.fork()
        if not pid:
            code = 1
            try:
                become_user(self.config)
                with open(writing, "wb") as stream:
                    stream.write(function() or b"")
                code = 0
            except BaseException as error:
                os.write(2, ("%s: %s\n" % (type(error).__name__, error)).encode())
            finally:
                os._exit(code)
        os.close(writing)
        with open(reading, "rb") as stream:
            content = stream.read()
        if os.waitpid(pid, 0)[1]:
            raise OSError("files cannot be read or copied")
        return content


def become_user(config):
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
    os.chdir(config["checkout"])


def silence_terminal(terminal):
    """Let it neither echo what is written nor change line ends."""
    values = termios.tcgetattr(terminal)
    values[1] &= ~termios.OPOST
    values[3] &= ~termios.ECHO
    termios.tcsetattr(terminal, termios.TCSANOW, values)


def open_unnamed_file():
    """Return the descriptor of a file that has no name, in memory if possible."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("command")
    fd, path = tempfile.mkstemp()
    os.unlink(path)
    return fd


def read_frame():
    """Return the next request and its payload; EOFError at the end."""
    size = struct.unpack(">I", read_exactly(4))[0]
    request = json.loads(read_exactly(size).decode())
    return request, read_exactly(request.get("size", 0))


def read_exactly(size):
    """Return *size* bytes of stdin."""
    data = bytearray()
    while len(data) < size:
        chunk = os.read(0, min(size - len(data), 1 << 20))
        if not chunk:
            raise EOFError
        data += chunk
    return bytes(data)


def write_frame(reply, content):
    """Write a reply and its payload to stdout."""
    header = json.dumps(dict(reply, size=len(content))).encode()
    view = memoryview(struct.pack(">I", len(header)) + header + content)
    while view:
        view = view[os.write(1, view[: 1 << 20]) :]


def signal_group(group, number):
    """Send a signal to a process group, if there is one."""
    if group > 1:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, number)


def signal_process(pid, number):
    """Send a signal to a process, if it is there."""
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def find_descendants():
    """Return the ids of all processes below this one, also of those that have ended."""
    get_children = read_children
    if not os.path.exists("/proc/self/task/%d/children" % os.getpid()):
        get_children = map_children().get  # a kernel that does not list them
    found, level = [], [os.getpid()]
    while level:
        level = [child for pid in level for child in get_children(pid) or ()]
        found += level
    return found


def read_children(pid):
    """Return the children of a process, which the kernel lists for each of its threads."""
    found = []
    with suppress(OSError):
        for thread in os.listdir("/proc/%d/task" % pid):
            path = "/proc/%d/task/%s/children" % (pid, thread)
            with suppress(OSError), open(path, "rb") as stream:
                found += map(int, stream.read().split())
    return found


def map_children():
    """Return parent -> children of all processes."""
    children = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with suppress(OSError), open("/proc/%s/stat" % name, "rb") as stream:
                parent = int(stream.read().rpartition(b")")[2].split()[1])
                children.setdefault(parent, []).append(int(name))
    return children


def find_remains():
    """Return what processes can leave behind them outside of files: System V and POSIX objects."""
    found = []
    if os.getpid() != 1:
        return found  # they belong to the machine
    for name in ("shm", "sem", "msg"):
        with suppress(OSError), open("/proc/sysvipc/" + name) as stream:
            found += stream.read().splitlines()[1:]
    for folder in ("/dev/shm", "/dev/mqueue"):
        with suppress(OSError):
            found += os.listdir(folder)
    return found


def read_limit_counts():
    """Return how often the sandbox has reached its limits, from cgroup v2 or v1."""
    counts = {"out-of-memory": 0, "out-of-pids": 0}
    if os.getpid() != 1:
        return counts
    names = {"pids.events": "out-of-pids", "pids/pids.events": "out-of-pids"}
    names.update({"memory.events": "out-of-memory", "memory/memory.oom_control": "out-of-memory"})
    for name, limit in names.items():
        with suppress(OSError), open("/sys/fs/cgroup/" + name) as stream:
            words = dict(line.split() for line in stream)
            counts[limit] += int(words.get("oom_kill" if "memory" in name else "max", 0))
    return counts


def find_reached(before, after):
    """Return the limit that was reached meanwhile, or ""."""
    return next((name for name, count in after.items() if count > before[name]), "")


def describe_end(code):
    """Say how the shell ended."""
    if code is not None and code < 0:
        return "the shell was killed by signal %d" % -code
    return "the shell ended with exit code %s" % code


def walk(folder):
    """Yield path below *folder*, and its status, of all files and links that are not git's own."""
    pending = [b""]
    while pending:
        relative = pending.pop()
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


def list_checkout(checkout):
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


def read_content(path):
    """Return the content of a file, or the target of a link. Raises OSError if it is too large."""
    if os.path.islink(path):
        return os.readlink(path)
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with open(fd, "rb") as stream:
        if os.fstat(fd).st_size > MAX_FILE:
            raise OSError("too large")
        return stream.read(MAX_FILE)


def copy_folders(folders, place):
    """Copy each of *folders* to a number below *place*."""
    for number, folder in enumerate(folders):
        copy_content(folder, os.path.join(place, str(number)))


def put_folders_back(place, folders):
    """Make each of *folders* as its copy is."""
    for number, folder in enumerate(folders):
        remove_content(folder)
        copy_content(os.path.join(place, str(number)), folder)


def copy_content(source, target):
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


def remove_content(folder):
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


def main():
    """Serve by the configuration of the command line."""
    Server(json.loads(sys.argv[1])).serve()


if __name__ == "__main__":
    main()
