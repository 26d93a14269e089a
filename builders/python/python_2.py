"""Whether a project needs Python 2: what it declares, and syntax that Python 3 does not have."""

import ast
import re
import warnings
from collections.abc import Iterable

from curate.builders.requirements import Manifest

_PYTHON_3 = re.compile(r"Programming Language :: Python :: 3\b")

# CPython's messages for syntax that was valid in Python 2 only.
_MESSAGES = (
    "Missing parentheses in call to 'print'",
    "Missing parentheses in call to 'exec'",
    "multiple exception types must be parenthesized",
    "leading zeros in decimal integer literals are not permitted",
)
_OTHER_SYNTAX = re.compile(r"^\s*raise\s+[\w.]+\s*,|\bexcept\s+[\w.]+\s*,\s*\w+\s*:|<>|`\w+`")


def names_python_3(manifest: Manifest) -> bool:
    """Whether a classifier or requires-python names Python 3."""
    return "3" in manifest.requires_python or any(
        _PYTHON_3.match(classifier.strip()) for classifier in manifest.classifiers
    )


def find_python_2_syntax(files: Iterable[tuple[str, bytes | None]]) -> str:
    """Return "path:line" of the first of *files* (path, content) that only Python 2 can parse.

    "" if there is none. Files that are not valid for other reasons do not count.
    """
    for path, content in files:
        line = _find_line(content) if content else 0
        if line:
            return f"{path}:{line}"
    return ""


def _find_line(content: bytes) -> int:
    """Return the number of the line with Python 2's syntax, 0 if there is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the project's own strings
            ast.parse(content)
    except SyntaxError as error:
        line = _line_of(content, error.lineno or 1)
        is_old = (error.msg or "").startswith(_MESSAGES) or _OTHER_SYNTAX.search(line)
        return (error.lineno or 1) if is_old else 0
    except (ValueError, RecursionError, MemoryError):
        return 0
    return 0


def _line_of(content: bytes, number: int) -> str:
    lines = content.decode("utf-8", "replace").splitlines()
    return lines[number - 1] if 0 < number <= len(lines) else ""
