"""End this process soon after Ctrl-C or SIGTERM, whatever it is doing.

The first signal raises KeyboardInterrupt in the main thread, which ends most work cleanly. That may
not suffice: the main thread may be in C code or in a destructor, and other threads may be building.
So a thread reads the signals, too, and ends the process if it is still there a moment later, or at
once at the second signal. It kills all child processes and calls what `on_forced_exit` was given.

Only the standard library is imported at the top: this is the first module of every command.
"""

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from types import FrameType

EXIT_INTERRUPTED = 130
CLEAN_EXIT_SECONDS = 1.4  # for a clean end after the first signal
DETACHED_VARIABLE = "CURATE_DETACHED"  # marks a child that cleans up after this process
_SHOW_CURSOR = "\x1b[?25h"  # progress bars hide it

_callbacks: list[Callable[[], object]] = []
_clean_exit_seconds = [CLEAN_EXIT_SECONDS]
_is_ending = threading.Event()


def on_forced_exit(callback: Callable[[], object]) -> None:
    """Let *callback* be called, in another thread, before this process is ended by force.

    It must take less than half a second.
    """
    _callbacks.append(callback)


def allow_clean_exit(seconds: float) -> None:
    """Give this process *seconds* for a clean end, because it has much to close."""
    _clean_exit_seconds[0] = seconds


def handle_interrupts() -> None:
    """Handle SIGTERM and, unless it is ignored, SIGINT; call this in the main thread."""
    numbers = {signal.SIGTERM}
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # as in background jobs of a shell
        numbers.add(signal.SIGINT)
    for number in numbers:
        signal.signal(number, _raise_keyboard_interrupt)
    writer = _start_watching(os.getpid(), frozenset(numbers))
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)


@cache
def _start_watching(_process: int, numbers: frozenset[signal.Signals]) -> int:
    """Start the threads that read signals, once a process; return the file that wakes them."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    threading.Thread(target=_wait_for_signals, args=(reader, numbers), daemon=True).start()
    threading.Thread(target=_limit_the_end, daemon=True).start()  # later, none may be started
    return writer


def _raise_keyboard_interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _wait_for_signals(reader: int, numbers: frozenset[signal.Signals]) -> None:
    count = 0
    poll = select.poll()  # `select` takes no descriptors above 1023
    poll.register(reader, select.POLLIN)
    while count < 2:
        if not poll.poll(_clean_exit_seconds[0] * 1000 if count else None):
            break
        count += sum(number in numbers for number in os.read(reader, 256))
    _exit_by_force()


def _limit_the_end() -> None:
    _is_ending.wait()
    time.sleep(1.0)
    os._exit(EXIT_INTERRUPTED)


def _exit_by_force() -> None:
    """Kill child processes and end this one; nothing may keep it from that."""
    _is_ending.set()
    for step in (*_callbacks, kill_children, _print_message):
        with suppress(BaseException):
            step()
    os._exit(EXIT_INTERRUPTED)


def kill_children() -> None:
    """Kill all processes that this one has started, directly or not, but for those detached."""
    import psutil

    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if child.environ().get(DETACHED_VARIABLE) != str(os.getpid()):
                child.kill()


def show_cursor() -> str:
    """Return what shows the cursor again, where stderr is a terminal that has one to hide."""
    try:
        has_cursor = sys.stderr.isatty() and os.environ.get("TERM") not in {"dumb", "unknown"}
    except (AttributeError, ValueError):  # closed
        has_cursor = False
    return _SHOW_CURSOR if has_cursor else ""


def _print_message() -> None:
    text = f"{show_cursor()}\nInterrupted. Run the same command again to continue.\n"
    os.write(2, text.encode())
