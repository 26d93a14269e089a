"""Record which tests there are, and which files each of them opens or lists.

Runs in sandboxes as part of the reporter's text, on Python 3.6 and later and pytest 4.6 and later.

Only paths in the checkout count, and are relative to it. What is opened while a file is collected
is recorded under the collector's id; what is opened in a test, under what selects that test on
pytest's command line: its path, followed by the rest of its node id.
"""

import contextlib
import hashlib
import os
import sys
from typing import Any

import pytest

from curate.builders.pytest_plugin.checkout_paths import find_checkout
from curate.builders.pytest_plugin.test_choice import stay_in_process

_EVENTS = ("open", "os.listdir", "os.scandir")
_MAX_TEXT, _MAX_VALUES = 300, 40


class FileRecorder:
    """Writes the records `item` (a collected test) and `opened` (its files) to the report.

    PYTEST_DONT_REWRITE
    """

    def __init__(self, write: Any, only_collect: bool) -> None:  # noqa: FBT001
        self._write = write
        self._only_collect = only_collect
        self._folder = os.path.join(os.getcwd(), "")  # noqa: PTH109, PTH118
        self._checkout = find_checkout(self._folder)
        self._abspath, self._exists = os.path.abspath, os.path.exists
        self._name = ""
        self._paths = {}  # type: Any
        self._reported = set()  # type: Any

    def watch(self) -> None:
        """Start to observe this process."""
        if hasattr(sys, "addaudithook"):
            sys.addaudithook(self._audit)
        else:
            _wrap_functions(self._note)

    def _audit(self, event: str, arguments: Any) -> None:
        if event in _EVENTS:
            self._note(arguments[0])
        elif event == "subprocess.Popen" and isinstance(arguments[1], (list, tuple)):
            for argument in arguments[1]:
                self._note(argument, arguments[2] or "", must_exist=True)

    def _note(self, path: Any, folder: Any = "", *, must_exist: bool = False) -> None:
        try:
            if path is None or isinstance(path, int):
                return
            text = self._abspath(os.path.join(os.fsdecode(folder), os.fsdecode(path)))  # noqa: PTH118
            if must_exist and not self._exists(text):
                return
        except Exception:  # what a test passes to `open` may be anything
            return
        if text.startswith(self._checkout):
            self._paths[_name_source(text[len(self._checkout) :])] = None

    def _report(self) -> None:
        """Write what was opened under the current name; nothing twice."""
        paths, self._paths = list(self._paths), {}
        fresh = [path for path in paths if (self._name, path) not in self._reported]
        self._reported.update((self._name, path) for path in fresh)
        if fresh:
            self._write("opened", id=self._name, paths=fresh)

    @pytest.hookimpl(tryfirst=True)
    def pytest_cmdline_main(self, config: Any) -> None:
        """Run all tests, whatever fails, and in this process, not in workers of xdist."""
        stay_in_process(config)
        for name, value in (("continue_on_collection_errors", True), ("maxfail", 0)):
            if hasattr(config.option, name):
                setattr(config.option, name, value)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_make_collect_report(self, collector: Any) -> Any:
        """Record what is opened while *collector* is collected."""
        self._report()
        outer, self._name = self._name, collector.nodeid
        yield
        self._report()
        self._name = outer

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, items: Any) -> Any:
        """Record the tests that are left when all plugins have deselected theirs."""
        yield
        self._report()
        for item in items:
            self._write("item", id=_make_argument(item, self._folder), values=_list_values(item))
        if self._only_collect:
            items[:] = []

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: Any) -> Any:
        """Record what is opened while *item* is set up, run and torn down."""
        self._report()
        self._name = _make_argument(item, self._folder)
        yield
        self._report()
        self._name = ""


def _name_source(path: str) -> str:
    """Return the source of a compiled module, other paths as they are."""
    folder, _, name = path.rpartition("/")
    if not folder.endswith("__pycache__"):
        return path
    return folder[: -len("__pycache__")] + name.partition(".")[0] + ".py"


def _make_argument(item: Any, folder: str) -> str:
    """Return what selects *item* on pytest's command line in *folder*."""
    path = str(getattr(item, "path", None) or item.fspath)
    if path.startswith(folder):
        path = path[len(folder) :]
    rest = item.nodeid.partition("::")[2]
    return path + "::" + rest if rest else path


def _list_values(item: Any) -> Any:
    """Return the texts among the parameters of *item*."""
    callspec = getattr(item, "callspec", None)
    found = []  # type: Any
    with contextlib.suppress(Exception):  # parameters are objects of the project
        _collect_texts(list(getattr(callspec, "params", {}).values()), found, 3)
    return found[:_MAX_VALUES]


def _collect_texts(value: Any, found: Any, depth: int) -> None:
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, str):
        data = value.encode("utf-8", "backslashreplace")
        if len(data) > _MAX_TEXT:  # enough to tell whether it has changed
            data = hashlib.sha256(data).hexdigest().encode("ascii")
        found.append(data.decode("utf-8"))
    elif depth and len(found) < _MAX_VALUES:
        fields = vars(value).values() if hasattr(value, "__dict__") else ()
        if isinstance(value, dict):
            fields = value.values()
        elif isinstance(value, (list, tuple)):
            fields = value
        for field in list(fields)[:_MAX_VALUES]:
            _collect_texts(field, found, depth - 1)


def _wrap_functions(note: Any) -> None:
    """Observe the functions that open and list, where Python has no audit hooks (before 3.8)."""
    import builtins
    import io
    import pathlib

    def wrap(owner: Any, name: str) -> None:
        function = getattr(owner, name)

        def observed(*arguments: Any, **options: Any) -> Any:
            note(arguments[0] if arguments else options.get("file", options.get("path", ".")))
            return function(*arguments, **options)

        setattr(owner, name, observed)

    for owner, name in ((builtins, "open"), (io, "open"), (os, "listdir"), (os, "scandir")):
        wrap(owner, name)
    accessor = getattr(pathlib, "_normal_accessor", None)  # holds the functions themselves
    for name in ("listdir", "scandir"):
        if hasattr(accessor, name):
            wrap(accessor, name)
