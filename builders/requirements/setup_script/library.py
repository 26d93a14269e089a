"""What a setup script sees of Python's library: paths, files of the project, the interpreter."""

import ast
import copy
import itertools
import json
import posixpath
import textwrap
from collections import namedtuple
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Any

from packaging.version import Version

from curate.builders.git.tree import FileTree
from curate.builders.requirements.requirements_txt import read_requirements_file, split_lines
from curate.builders.requirements.setup_script.values import (
    ROOT,
    LibraryModule,
    OrderedSet,
    RequirementText,
    ScriptExit,
    ScriptFile,
    Unknown,
)
from curate.builders.requirements.text import decode_text

_VersionInfo = namedtuple("_VersionInfo", ("major", "minor", "micro", "releaselevel", "serial"))
_MAX_RANGE = 10_000
# Attributes whose values depend on the minor version of the interpreter.
_VERSIONED = frozenset(
    {"sys.version_info", "sys.version", "sys.hexversion"}
    | {"platform.python_version", "platform.python_version_tuple"}
)


class ScriptLibrary:
    """Names and modules for a script of *tree*, run by CPython 3.*minor* on Linux.

    Environment variables are unset. `was_version_read` tells whether the script has asked for the
    interpreter's version.
    """

    def __init__(self, tree: FileTree, minor: int) -> None:
        self._tree = tree
        self.was_version_read = False
        self.search_path: list[str] = [str(ROOT)]
        self._values = {
            **_constants(minor),
            "sys.path": self.search_path,
            **dict.fromkeys(("io.open", "codecs.open"), self.open),
            **dict.fromkeys(("os.path.exists", "os.path.isfile"), self._has_file),
            "os.path.isdir": self._has_folder,
            "os.listdir": self._list_folder,
            "glob.glob": self._glob,
            "glob.iglob": self._glob,
            "json.load": lambda file: json.loads(file.read()),
        }
        self.builtins: dict[str, Any] = {
            **_BUILTINS,
            "open": self.open,
            "file": self.open,
        }

    def get_attribute(self, module: LibraryModule, name: str) -> Any:
        """Return an attribute of *module*: a value, a submodule, or an unknown value."""
        dotted = f"{module.name}.{name}"
        self.was_version_read |= dotted in _VERSIONED
        if name == "parse_requirements":  # of pip, which moved it often, or of pkg_resources
            return self._parse_requirements
        if dotted in self._values:
            return self._values[dotted]
        if any(known.startswith(f"{dotted}.") for known in self._values):
            return LibraryModule(dotted)
        return Unknown()

    def get_path_attribute(self, path: PurePosixPath, name: str) -> Any:
        """Return what an attribute of `pathlib.Path` gives for *path*."""
        file_access: dict[str, Any] = {
            "read_text": lambda *_, **__: self.open(path).text,
            "open": lambda *_, **__: self.open(path),
            "resolve": lambda *_: path,
            "absolute": lambda *_: path,
            "exists": lambda: self._has_file(path),
            "is_file": lambda: self.read_text(path) is not None,
        }
        if name in file_access:
            return file_access[name]
        return getattr(path, name) if hasattr(PurePosixPath, name) else Unknown()

    def read_text(self, path: Any) -> str | None:
        """Return the text of a file of the project; None if there is none."""
        relative = self.relative_path(path)
        content = self._tree.read(relative) if relative else None
        return None if content is None else decode_text(content)

    def relative_path(self, path: Any) -> str:
        """Return *path* relative to the project; "" if it is outside."""
        absolute = PurePosixPath(posixpath.normpath(ROOT / str(path)))
        return str(absolute.relative_to(ROOT)) if absolute.is_relative_to(ROOT) else ""

    def open(self, path: Any, *_: object, **__: object) -> ScriptFile:
        """Open a file of the project; raises FileNotFoundError if there is none."""
        text = self.read_text(path)
        if text is None:
            raise FileNotFoundError(str(path))
        return ScriptFile(text)

    def _has_file(self, path: Any) -> bool:
        relative = self.relative_path(path)
        return self._tree.read(relative) is not None or self._has_folder(path)

    def _has_folder(self, path: Any) -> bool:
        relative = self.relative_path(path)
        return bool(relative) and bool(self._list_folder(path))

    def _list_folder(self, path: Any = ".") -> list[str]:
        relative = self.relative_path(path)
        return list(self._tree.list_names("" if relative == "." else relative))

    def _glob(self, pattern: Any, **_: object) -> list[str]:
        folder, name = posixpath.split(str(pattern))
        return [
            posixpath.join(folder, entry)
            for entry in self._list_folder(folder or ".")
            if fnmatchcase(entry, name)
        ]

    def _parse_requirements(self, source: Any, *_: object, **__: object) -> list[RequirementText]:
        """Return the requirements of a file, named or open, of a text, or of lines."""
        if isinstance(source, str | PurePosixPath) and self.read_text(source) is not None:
            contents = read_requirements_file(self._tree, self.relative_path(source))
            return [RequirementText(line) for line, _ in contents.lines]
        text = source if isinstance(source, str) else "\n".join(source)
        return [RequirementText(line) for line in split_lines(text) if line[0] != "-"]


def _constants(minor: int) -> dict[str, Any]:
    version = f"3.{minor}.0"
    return {
        **{f"os.path.{name}": getattr(posixpath, name) for name in _PURE_PATH_FUNCTIONS},
        **dict.fromkeys(("os.path.abspath", "os.path.realpath"), _absolute_path),
        "os.getcwd": lambda: str(ROOT),
        "os.chdir": lambda _: None,
        "os.environ": {},
        "os.getenv": lambda _, default=None: default,
        "os.name": "posix",
        "os.sep": "/",
        "os.curdir": ".",
        "sys.version_info": _VersionInfo(3, minor, 0, "final", 0),
        "sys.version": f"{version} (main)",
        "sys.hexversion": 0x030000F0 | minor << 16,
        "sys.platform": "linux",
        "sys.argv": ["setup.py", "egg_info"],
        "sys.maxsize": 2**63 - 1,
        "sys.byteorder": "little",
        "sys.modules": {},
        "sys.exit": _exit,
        "platform.system": lambda: "Linux",
        "platform.machine": lambda: "x86_64",
        "platform.python_implementation": lambda: "CPython",
        "platform.python_version": lambda: version,
        "platform.python_version_tuple": lambda: ("3", str(minor), "0"),
        "pathlib.Path": PurePosixPath,
        "pathlib.PurePath": PurePosixPath,
        "json.loads": json.loads,
        "ast.literal_eval": ast.literal_eval,
        "copy.copy": copy.copy,
        "copy.deepcopy": copy.deepcopy,
        "textwrap.dedent": textwrap.dedent,
        "itertools.chain": lambda *items: list(itertools.chain(*items)),
        "itertools.chain.from_iterable": lambda items: list(itertools.chain.from_iterable(items)),
        "collections.OrderedDict": dict,
        "six.PY2": False,
        "six.PY3": True,
        **dict.fromkeys(_VERSION_PARSERS, _parse_version),
    }


_PURE_PATH_FUNCTIONS = ("join", "dirname", "basename", "normpath", "split", "splitext", "relpath")
_VERSION_PARSERS = (
    *("packaging.version.parse", "packaging.version.Version", "pkg_resources.parse_version"),
    *("distutils.version.LooseVersion", "distutils.version.StrictVersion"),
)


def _absolute_path(path: Any) -> str:
    return posixpath.normpath(ROOT / str(path))


def _parse_version(text: Any) -> Version:
    return Version(str(text))


def _exit(*_: object) -> None:
    raise ScriptExit


def _make_range(*bounds: int) -> list[int]:
    if any(abs(bound) > _MAX_RANGE for bound in bounds):
        raise ValueError("range")
    return list(range(*bounds))


def _make_text(value: Any = "", *_: object) -> str:
    if not isinstance(value, str | int | float | PurePosixPath | Version | None):
        raise TypeError("str")  # the text of nested containers can be exponentially long
    return str(value)


def _sum_values(items: Iterable[Any], start: Any = 0) -> Any:
    known = [item for item in items if not isinstance(item, Unknown)]
    if isinstance(start, list | tuple):
        return type(start)([*start, *itertools.chain.from_iterable(known)])
    return sum(known, start)


def _make_list(function: Callable[..., Iterable[Any]]) -> Callable[..., list[Any]]:
    return lambda *items: list(function(*items))


_BUILTINS: dict[str, Any] = {
    "__name__": "__main__",
    "__file__": str(ROOT / "setup.py"),
    **{kind.__name__: kind for kind in (bool, dict, float, int, list, tuple, bytes)},
    **{each.__name__: each for each in (len, sorted, min, max, any, all, isinstance, ValueError)},
    **{each.__name__: _make_list(each) for each in (zip, enumerate, reversed)},
    **dict.fromkeys(("set", "frozenset"), OrderedSet),
    **dict.fromkeys(("exit", "quit", "SystemExit"), _exit),
    "str": _make_text,
    "unicode": _make_text,
    "basestring": str,
    "range": _make_range,
    "sum": _sum_values,
    "print": lambda *_, **__: None,
    "compile": lambda source, *_, **__: source,
}
