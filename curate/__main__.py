"""Entry point, and the only handler of user-facing errors.

Everything else is imported inside the handler: imports take long enough to be interrupted.
"""

import gc
import os
import sys

from curate.builders.process.interrupt import (
    EXIT_INTERRUPTED,
    handle_interrupts,
    kill_children,
)

EXIT_USAGE = 2


def main() -> None:
    """Run the command line and exit with its code; CURATE_TRACEBACK=1 shows tracebacks."""
    try:
        handle_interrupts()
        from curate.cli.app import app

        code = app(standalone_mode=False) or 0
    except KeyboardInterrupt:
        code = EXIT_INTERRUPTED
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException as error:
        code = _report_error(error)
    if code == EXIT_INTERRUPTED:
        kill_children()
        print("\nInterrupted. Run the same command again to continue.", file=sys.stderr)
    if code not in {0, EXIT_USAGE}:
        _name_log_file()
    gc.freeze()  # spares the collection at exit the traversal of all imported modules
    sys.exit(code)


def _report_error(error: BaseException) -> int:
    import typer

    from curate.core.errors import describe_error

    if isinstance(error, typer.Abort):
        return EXIT_INTERRUPTED
    show = getattr(error, "show", None)
    if callable(show):  # a usage error of click; typer bundles its own, so no class to import
        show()
        return int(getattr(error, "exit_code", EXIT_USAGE))
    description = describe_error(error)
    if description is None or os.environ.get("CURATE_TRACEBACK"):
        raise error
    message, hint, code = description
    print(f"Error: {message}", file=sys.stderr)
    if hint:
        print(f"Hint:  {hint}", file=sys.stderr)
    return code


def _name_log_file() -> None:
    """Name the log file, if this command has one, in the last line of its output."""
    if "curate.cli.logs" in sys.modules:
        from curate.cli.logs import written_log_file

        if path := written_log_file():
            print(f"Log:   {path}", file=sys.stderr)


if __name__ == "__main__":
    main()
