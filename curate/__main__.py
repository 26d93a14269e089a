"""Entry point, and the only handler of user-facing errors.

Everything else is imported inside the handler: imports take long enough to be interrupted.
"""

import gc
import io
import os
import select
import sys
from contextlib import suppress
from typing import TextIO

from curate.builders.process.interrupt import (
    EXIT_INTERRUPTED,
    handle_interrupts,
    kill_children,
    show_cursor,
)

EXIT_USAGE = 2


def main() -> None:
    """Run the command line and exit with its code; CURATE_TRACEBACK=1 shows tracebacks."""
    _prepare_streams()
    streams = sys.stdout, sys.stderr  # click may replace them
    try:
        handle_interrupts()
        from curate.cli.app import app

        code = app(prog_name="curate", standalone_mode=False) or 0
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = EXIT_INTERRUPTED
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
        if isinstance(end.__context__, BrokenPipeError):  # which click turns into this
            code = _report_error(end.__context__)
    except BaseException as error:
        code = _report_error(error)
    if code == EXIT_INTERRUPTED:
        kill_children()
        # A progress bar that was about to appear may have hidden the cursor.
        _say(f"{show_cursor()}\nInterrupted. Run the same command again to continue.")
    if code not in {0, EXIT_USAGE}:
        _name_log_file()
    for stream in streams:
        _finish_stream(stream)
    gc.freeze()  # spares the collection at exit the traversal of all imported modules
    sys.exit(code)


def _prepare_streams() -> None:
    """Make streams that are closed or cannot encode a character harmless; data is UTF-8."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # closed: files opened later must not take its number
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            encoding = None if stream.isatty() else "utf-8"
            stream.reconfigure(encoding=encoding, errors="backslashreplace")


def _report_error(error: BaseException) -> int:
    if isinstance(error, BrokenPipeError) and _is_reader_gone(sys.stdout):
        return 0  # as `| head` does: it has read all it wanted
    import typer

    from curate.core.errors import describe_error

    if isinstance(error, typer.Abort):
        return EXIT_INTERRUPTED
    show = getattr(error, "show", None)
    if callable(show):  # a usage error of click; typer bundles its own, so no class to import
        if isinstance(text := getattr(error, "message", None), str):
            from curate.cli.suggestions import suggest_choice

            text = suggest_choice(text.removeprefix("Value error, "))
            error.message = text  # type: ignore[attr-defined]
        with suppress(OSError):
            show()
        return int(getattr(error, "exit_code", EXIT_USAGE))
    description = describe_error(error)
    if description is None or os.environ.get("CURATE_TRACEBACK"):
        raise error
    message, hint, code = description
    _say(f"Error: {message}")
    if hint:
        from curate.cli.suggestions import complete_commands

        _say(f"Hint:  {complete_commands(hint)}")
    from curate.core.troubleshooting import find_anchor, locate_entry

    _say(f"Docs:  {locate_entry(find_anchor(error, message))}")
    return code


def _is_reader_gone(stream: TextIO) -> bool:
    """Whether *stream* is a pipe or socket that nobody reads any more.

    Where rich has found that out, when it prints help, it has put the null device in its place.
    """
    poll = select.poll()
    try:
        poll.register(stream.fileno(), 0)
        is_replaced = os.path.samestat(os.fstat(stream.fileno()), os.stat(os.devnull))  # noqa: PTH116
    except (OSError, ValueError):
        return False
    return is_replaced or bool(poll.poll(0))


def _finish_stream(stream: TextIO) -> None:
    """Write what is left; what nobody can read must not be an error at the end of the process."""
    try:
        stream.flush()
    except (OSError, ValueError):
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _say(text: str) -> None:
    """Print *text* on stderr, if anybody can read it."""
    with suppress(OSError, ValueError):
        print(text, file=sys.stderr, flush=True)


def _name_log_file() -> None:
    """Name the log file, if this command has one, in the last line of its output."""
    if "curate.cli.logs" in sys.modules:
        from curate.cli.logs import written_log_file

        if path := written_log_file():
            _say(f"Log:   {path}")


if __name__ == "__main__":
    main()
