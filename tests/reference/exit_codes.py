"""Every exit code."""

from curate.core.errors import EXIT_CODES
from tests.reference.tables import make_table

ADVICE = {
    0: "Also if the reader of stdout closed it, as `head` does.",
    1: "A check failed, or work remains at the end of `--max-time`. stdout or the log says which.",
    2: "Correct the option, file or setting that the message names.",
    3: "The engine or sandbox failed, so nothing was concluded; the same command tries again.",
    4: "A repository, instance, file or directory does not exist.",
    5: "A token is missing or lacks a permission, or a file may not be read or written.",
    6: "A server did not answer after all retries; the same command goes on where it stopped.",
    7: "The store cannot be used, or another process works in it.",
    8: "Free some space; the same command goes on where it stopped.",
    130: "By Ctrl-C; the same command goes on where it stopped.",
}
INTRODUCTION = """\
# Exit codes

Every error is one sentence on stderr, with what to do about it. `CURATE_TRACEBACK=1` shows the
traceback as well. `curate run` ends with the exit code of the command that it ran.
"""


def render() -> str:
    """The page."""
    rows = [(str(number), name, ADVICE[number]) for number, name in EXIT_CODES.items()]
    return f"{INTRODUCTION}\n{make_table(('code', 'meaning', ''), rows)}"
