"""Types a curate command without starting a process, which takes a second each time."""

import gc
import io
import logging
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import pytest

from curate.__main__ import main
from curate.cli.common import err_console
from curate.cli.logs import PACKAGES


@dataclass(frozen=True, kw_only=True)
class Typed:
    """What a command left on the terminal."""

    returncode: int
    stdout: str
    stderr: str


Curate = Callable[..., Typed]  # what a `curate` fixture is: it runs the command line


def typed(
    arguments: tuple[str, ...],
    folder: Path,
    variables: Mapping[str, str],
    *,
    stdout: TextIO | None = None,
    stderr: TextIO | None = None,
) -> Typed:
    """Run `curate` with *arguments* in *folder*, with *variables* and none of this machine's.

    What goes to *stdout* or *stderr*, if given, is not returned.
    """
    out, err = io.StringIO(), io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        redirect_stdout(stdout or out),
        redirect_stderr(stderr or err),
    ):
        for name in os.environ:
            if name.startswith(("CURATE_", "GITHUB_", "GH_")):
                patch.delenv(name)
        for name, value in variables.items():
            patch.setenv(name, value)
        patch.chdir(folder)
        patch.setattr(sys, "argv", ["curate", *arguments])
        try:
            with pytest.raises(SystemExit) as end:
                main()
        finally:
            _forget_logging()
            gc.unfreeze()  # as the end of a process would
    code = end.value.code
    assert isinstance(code, int)
    return Typed(returncode=code, stdout=out.getvalue(), stderr=err.getvalue())


def _forget_logging() -> None:
    """What the end of a process would do to its handlers."""
    err_console.quiet = False
    for name in PACKAGES:
        logger = logging.getLogger(name)
        for handler in logger.handlers:
            handler.close()
        logger.handlers, logger.propagate = [], True
