"""Entry point: the one handler of user-facing errors."""

import os
import signal
import sys
from types import FrameType

from curate.errors import BadInput, described

INTERRUPTED = 130


def main() -> None:
    """Run the command line and exit with its code; a traceback only with CURATE_TRACEBACK=1."""
    signal.signal(signal.SIGTERM, _as_interrupt)
    from curate.cli.app import app

    try:
        code = app(standalone_mode=False) or 0
    except (KeyboardInterrupt, SystemExit) as end:
        code = _ended(end)
    except BaseException as error:
        code = _explained(error)
    sys.exit(code)


def _as_interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _ended(end: BaseException) -> int:
    if isinstance(end, KeyboardInterrupt):
        print("\nInterrupted. The same command goes on where this one stopped.", file=sys.stderr)
        return INTERRUPTED
    return end.code if isinstance(end, SystemExit) and isinstance(end.code, int) else 1


def _explained(error: BaseException) -> int:
    import typer

    if isinstance(error, typer.Abort):
        return _ended(KeyboardInterrupt())
    show = getattr(error, "show", None)
    if callable(show):  # a usage error: typer carries a click of its own, so no class to name
        show()
        return int(getattr(error, "exit_code", BadInput.exit_code))
    told = described(error)
    if told is None or os.environ.get("CURATE_TRACEBACK"):
        raise error
    message, hint, code = told
    print(f"Error: {message}", file=sys.stderr)
    if hint:
        print(f"Hint:  {hint}", file=sys.stderr)
    return code


if __name__ == "__main__":
    main()
