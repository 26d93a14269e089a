"""Record which files of the checkout decide the answer of a build back-end.

This file is the `sitecustomize` of every Python process of a question. It appends a line per path
to the file CURATE_RECORD: kind, tab, path relative to CURATE_CHECKOUT. Kinds are "read" (opened),
"checked" (looked whether it exists), "listed" (names in a folder), and "ran" for a program that is
not Python, whose reads nobody sees. What the back-end itself checks, lists and runs decides which
files are packaged, not what is required, and is left out. It runs on Python 3.6 and later.
"""

import os
import sys
from typing import Any

_CHECKOUT = os.path.realpath(os.environ.get("CURATE_CHECKOUT", "."))
_RECORD = os.environ.get("CURATE_RECORD", os.devnull)
_LIBRARY = os.path.dirname(os.__file__)
_PLACES = tuple(os.path.join(_LIBRARY, it) for it in ("site-packages", "dist-packages"))
_HARMLESS = ("uname", "ldconfig")  # programs that tell about the machine
_seen: Any = set()


def _is_asked_by_project() -> bool:
    """Whether the innermost caller outside the standard library is code of the project."""
    frame: Any = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        is_own = name == __file__ or name.startswith("<frozen")
        if not is_own and (name.startswith(_PLACES) or not name.startswith(_LIBRARY)):
            path = os.path.join(_CHECKOUT, name)
            return path.startswith(_CHECKOUT + os.sep) or name.startswith("<")
        frame = frame.f_back
    return False


def _add(kind: str, path: Any) -> None:
    if isinstance(path, int):
        return
    name = os.fsdecode(path) if path is not None else "."
    name = os.path.normpath(os.path.join(os.getcwd(), name))
    for each in dict.fromkeys((name, os.path.realpath(name))):  # a link, and what it points to
        _add_absolute(kind, each)


def _add_absolute(kind: str, name: str) -> None:
    if name != _CHECKOUT and not name.startswith(_CHECKOUT + os.sep):
        return
    name = os.path.relpath(name, _CHECKOUT)
    if name in (".git", ".git.hidden"):
        return
    if not name.startswith(".git" + os.sep):
        _write(kind, name)
    elif _is_asked_by_project():
        _write("ran", "?")


def _write(kind: str, name: str) -> None:
    if (kind, name) in _seen or "\n" in name:
        return
    _seen.add((kind, name))
    target = os.open(_RECORD, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(target, (kind + "\t" + name + "\n").encode("utf-8", "surrogateescape"))
    os.close(target)


def _note(kind: str, path: Any) -> None:
    """Record one access; a recorder that fails must not change the answer."""
    if getattr(_note, "busy", False):
        return
    _note.busy = True  # type: ignore[attr-defined]
    try:
        if kind == "ran":
            _write("ran", "?")
        elif kind == "read" or _is_asked_by_project():
            _add(kind, path)
    except (OSError, TypeError, ValueError):
        _write("ran", "?")
    finally:
        _note.busy = False  # type: ignore[attr-defined]


def _note_program(program: Any, arguments: Any, variables: Any) -> None:
    """Record a program, unless it records itself or is asked which files to package."""
    name = os.path.basename(os.fsdecode(program)) if program else ""
    given = list(map(str, arguments)) if isinstance(arguments, (list, tuple)) else []
    is_isolated = any(it in ("-I", "-E", "-S") for it in given)
    is_recorded = name.startswith("python") and not is_isolated
    if is_recorded and (variables is None or "PYTHONPATH" in variables):
        return
    if name in _HARMLESS or " ".join(given[-1:]).startswith("uname "):
        return
    if name == "git" and "CURATE_GIT" not in os.environ:
        return  # without a repository, it says the same at every commit
    if name not in ("git", "hg") or _is_asked_by_project():
        _note("ran", None)


def _audit(event: str, values: Any) -> None:
    if event == "open":
        _note("read", values[0])
    elif event in ("os.listdir", "os.scandir"):
        _note("listed", values[0])
    elif event == "subprocess.Popen":
        _note_program(values[0], values[1], values[3])
    elif event in ("os.system", "os.exec", "os.posix_spawn", "os.spawn"):
        _note("ran", None)


class _Recorded:
    """A function of a module that is recorded; as an attribute of a class it is not bound."""

    def __init__(self, original: Any, kind: str) -> None:
        self.original = original
        self.kind = kind
        self.__name__ = original.__name__

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        _note(self.kind, arguments[0] if arguments else options.get("path"))
        return self.original(*arguments, **options)


def _wrap(module: Any, name: str, kind: str) -> None:
    original = getattr(module, name)
    recorded = _Recorded(original, kind)
    for group in (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks):
        if original in group:  # what the function can do is asked for by its identity
            group.add(recorded)
    setattr(module, name, recorded)


def _watch_old_python() -> None:
    """Record what audit events tell from Python 3.8 on."""
    import builtins
    import io
    import subprocess

    for module in (builtins, io):
        _wrap(module, "open", "read")
    if "tokenize" in sys.modules:  # imported before, it has a name of its own for it
        sys.modules["tokenize"]._builtin_open = builtins.open  # type: ignore[attr-defined]
    _wrap(os, "open", "read")
    _wrap(os, "listdir", "listed")
    _wrap(os, "scandir", "listed")
    _wrap(os, "system", "ran")
    start = subprocess.Popen.__init__

    def init(self: Any, args: Any, *more: Any, **options: Any) -> None:
        words = [args] if isinstance(args, (str, bytes)) else list(args)
        program = "sh" if options.get("shell") or not words else words[0]  # as audit events do
        _note_program(program, words, options.get("env"))
        start(self, args, *more, **options)

    subprocess.Popen.__init__ = init  # type: ignore[method-assign]


def _record_modules() -> None:
    for module in list(sys.modules.values()):
        if isinstance(getattr(module, "__file__", None), str):
            _note("read", module.__file__)


def start() -> None:
    """Record from here on."""
    import atexit

    for name in ("stat", "lstat", "access"):
        _wrap(os, name, "checked")
    if hasattr(sys, "addaudithook"):
        sys.addaudithook(_audit)
    else:
        _watch_old_python()
        atexit.register(_record_modules)


if "CURATE_RECORD" in os.environ:
    start()
