"""Installed packages that fail while they are imported, read from the tracebacks of a log.

Pure functions of text, which has no decoration of pytest any more.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

_FRAME = re.compile(
    r"^(?:([^\s:'\"]+\.py):\d+: in (\S+)|([^\s:'\"]+\.py):\d+:? ?$"
    r"|File \"([^\"]+)\", line \d+(?:, in (\S+))?)"
)
_INSTALLED = re.compile(r"/(?:site|dist)-packages/([^/]+?)(?:\.py)?(?:/|$)")
_STANDARD = re.compile(r"/lib/python[\d.]+/|^<")
_EXCEPTION = re.compile(r"^(?:\w+\.)*(\w*(?:Error|Exception|Warning))(?:: ?(.*))?$")
_BEGIN = re.compile(
    r"^_{3,} |^\w+ while (?:loading conftest|importing test module)|^Traceback \(most recent"
    r"|^During handling of the above exception"
)
_TOOLS = frozenset({"pytest", "_pytest", "pluggy", "py", "xdist", "importlib_metadata"})
_CHECKOUT = "/testbed/"


@dataclass(frozen=True, kw_only=True)
class BrokenImport:
    """An import of an installed package that ended in an exception of its own."""

    modules: tuple[str, ...]  # top-level, from the one that the project imports to the failing one
    where: str  # file of the project that imports the first; "" if a tool does
    exception: str  # with the first line of its text


@dataclass(kw_only=True)
class _Traceback:
    """The frames read since the last one of the project."""

    where: str = ""
    modules: list[str] = field(default_factory=list)
    is_import: bool = False
    pending: str = ""  # an exception whose text is on a later line

    def read_frame(self, path: str, function: str) -> None:
        installed = _INSTALLED.search(path)
        if installed and installed[1] not in _TOOLS:
            self.modules.append(installed[1])
            self.is_import |= function == "<module>"
        elif not installed and not _STANDARD.search(path):
            self.where, self.modules, self.is_import = path.removeprefix(_CHECKOUT), [], False

    def finish(self, exception: str) -> Iterator[BrokenImport]:
        """Yield the import that ended in *exception*, unless a module is missing."""
        is_missing = "No module named" in exception or exception.startswith("ModuleNotFound")
        if self.modules and self.is_import and not is_missing:
            modules = tuple(dict.fromkeys(self.modules))
            yield BrokenImport(modules=modules, where=self.where, exception=exception[:300])
        self.modules, self.is_import, self.pending = [], False, ""


def find_broken_imports(lines: Iterable[str]) -> Iterator[BrokenImport]:
    """Yield what failed at import, other than for a missing module, in order."""
    traceback = _Traceback()
    for line in lines:
        if traceback.pending and line.strip("E "):
            yield from traceback.finish(f"{traceback.pending}: {line}")
        frame, exception = _FRAME.match(line), _EXCEPTION.match(line)
        if _BEGIN.match(line):
            traceback = _Traceback()
        elif frame:
            path = frame[1] or frame[3] or frame[4]
            traceback.read_frame(path, frame[2] or frame[5] or "")
        elif exception and exception[2]:
            yield from traceback.finish(line)
        elif exception:
            traceback.pending = line.rstrip(": ")
    if traceback.pending:
        yield from traceback.finish(traceback.pending)
