"""Notice when tested code replaces parts of pytest, or tests (PYTEST_DONT_REWRITE).

Runs in sandboxes as part of a plugin's text, on Python 3.6 and later and pytest 2.8 and later.

It is no border: code in this process can also undo what it did, or replace this. It catches what a
patch would do to be taken for a solution, and nothing of the plugins and hooks that a project has.
"""

import builtins
import os
import sys
import time
import types
from typing import Any

_PACKAGES = ("_pytest", "ast", "builtins", "pluggy", "pytest", "unittest")


class InternalsWatch:
    """Compares functions of pytest with what they were, and finds plugins from *paths*.

    Only code from one of *paths*, or from no file at all, counts as a change.
    """

    def __init__(self, paths: Any) -> None:
        self._paths = frozenset(paths)
        self._realpath, self._stat = os.path.realpath, os.stat
        self._started = time.time()
        self._known = list(_list_functions()) if paths else []

    def find_changes(self, manager: Any) -> Any:
        """Return the names of what was replaced or registered since."""
        if not self._paths:
            return []
        found = []
        for owner, name, value, code in self._known:
            now = vars(owner).get(name)
            if (now is not value or _code_of(now) is not code) and self._is_foreign(now):
                found.append(_name_of(owner) + "." + name)
        for plugin in manager.get_plugins():
            members = _members(plugin) + _members(type(plugin))
            if any(self._is_foreign(it) for name, it in members if name.startswith("pytest_")):
                found.append("plugin " + _name_of(plugin))
        return sorted(set(found))

    def find_changed_tests(self, session: Any) -> Any:
        """Return the tests that run something else, and modules beside them written since."""
        if not self._paths:
            return []
        items = getattr(session, "items", ())
        changed = [it.nodeid for it in items if self._has_foreign_methods(it)]
        return changed + self._find_written_modules(
            {str(getattr(it, "fspath", "")) for it in items}
        )

    def _has_foreign_methods(self, item: Any) -> bool:
        return any(
            self._is_foreign(value)
            for name, value in _members(item)
            if callable(getattr(type(item), name, None)) and callable(value)
        )

    def _find_written_modules(self, tests: Any) -> Any:
        folders = {os.path.dirname(it) for it in tests}  # noqa: PTH120
        files = {getattr(it, "__file__", None) or "" for it in list(sys.modules.values())}
        beside = {it for it in files if os.path.dirname(it) in folders}  # noqa: PTH120
        written = [it for it in tests | beside if self._is_new(it)]
        return sorted({*written, *filter(_is_made_up, _list_modules(folders))})

    def _is_new(self, path: str) -> bool:
        """Whether *path* has changed since; the kernel alone sets this time."""
        try:
            return self._stat(path).st_ctime > self._started
        except OSError:
            return False  # an import from something else than a file

    def _is_foreign(self, value: Any) -> bool:
        function, code = _unwrap(value), _code_of(value)
        if code is None:
            module = sys.modules.get(getattr(type(value), "__module__", ""))
            return self._is_watched(getattr(module, "__file__", None))
        # Bytecode may have been compiled elsewhere: then the module knows its file.
        places = (code.co_filename, getattr(function, "__globals__", {}).get("__file__"))
        return code.co_filename.startswith("<") or any(map(self._is_watched, places))

    def _is_watched(self, place: Any) -> bool:
        return bool(place) and self._realpath(place) in self._paths


def _list_modules(folders: Any) -> Any:
    """Yield the names of the modules in *folders*."""
    for folder in folders:
        if os.path.isdir(folder):  # noqa: PTH112
            for name in os.listdir(folder):  # noqa: PTH208
                if name.endswith(".py"):
                    yield name[: -len(".py")]


def _is_made_up(name: str) -> bool:
    """Whether the module *name* was never imported, but put among those that are."""
    module = sys.modules.get(name)
    known = getattr(module, "__spec__", None) or getattr(module, "__loader__", None)
    return module is not None and known is None


def _list_functions() -> Any:
    """Yield (owner, name, value, code) of all functions in modules and classes of pytest."""
    for module in [it for name, it in sys.modules.items() if name.split(".")[0] in _PACKAGES]:
        for name, value in _members(module):
            if _code_of(value) is not None or module is builtins:
                yield module, name, value, _code_of(value)
            if isinstance(value, type) and value.__module__ == getattr(module, "__name__", ""):
                for inner, member in _members(value):
                    if _code_of(member) is not None:
                        yield value, inner, member, _code_of(member)


def _members(owner: Any) -> Any:
    return list(getattr(owner, "__dict__", {}).items())


def _code_of(value: Any) -> Any:
    """Return the code of a function; None for objects that only claim to have all attributes."""
    code = getattr(_unwrap(value), "__code__", None)
    return code if isinstance(code, types.CodeType) else None


def _unwrap(value: Any) -> Any:
    """Return the function that a decorator of Python wraps.

    Nothing else is asked: `unittest.mock.call` has every attribute, `pytest.mark` may raise.
    """
    for name in ("__func__", "fget", "func"):
        if type(value).__module__ in ("builtins", "functools"):
            value = getattr(value, name, None) or value
    return value


def _name_of(owner: Any) -> str:
    return str(getattr(owner, "__name__", None) or type(owner).__name__)
