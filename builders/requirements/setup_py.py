"""Read the arguments of `setup` from setup.py, without running it."""

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from curate.builders.git.tree import FileTree
from curate.builders.requirements.project import ProjectMetadata, split_conditional_extras
from curate.builders.requirements.read_once import read_once
from curate.builders.requirements.requirement_line import InvalidRequirementLineError, add_marker
from curate.builders.requirements.requirements_txt import read_requirement_lines
from curate.builders.requirements.setup_script.calls import UNKNOWN_KEYWORDS, get_called_name
from curate.builders.requirements.setup_script.interpreter import ScriptInterpreter
from curate.builders.requirements.setup_script.values import ScriptFile, Unknown
from curate.builders.requirements.text import decode_text

PATH = "setup.py"
_OWN_METADATA = frozenset({"egg_info", "dist_info"})  # commands
MAX_DOUBT = 120  # characters
MINOR_VERSIONS = range(6, 15)  # of Python 3: those that a script is followed for
_FILE_SUFFIXES = (".txt", ".in", ".pip", ".req", ".reqs")


@read_once
def read_setup_py(tree: FileTree) -> ProjectMetadata | None:
    """Return the metadata of setup.py, or None if it is missing.

    The script is followed, not run, for each version of Python if it asks for the version; a
    requirement of some versions only gets a marker. Of an argument that stays unknown, the
    requirements files are read that its expression, or a function that it calls, names; if there
    are none, it is noted.
    """
    content = tree.read(PATH)
    if content is None:
        return None
    try:
        module = ast.parse(decode_text(content))
    except (SyntaxError, ValueError, RecursionError):
        note = f"{PATH} cannot be parsed"
        return ProjectMetadata(origin=PATH, notes=(note,), unknowns=(note,))
    calls = _follow_script(tree, module)
    if not calls:
        note = f"{PATH}: its call of setup is not reached"
        return ProjectMetadata(origin=PATH, notes=(note,), unknowns=(note,))
    newest = calls[max(calls)]
    install = {minor: call.get_lines("install_requires") for minor, call in calls.items()}
    extras = _merge_extras({minor: call.get_extras() for minor, call in calls.items()})
    conditional, named = split_conditional_extras(extras)
    notes = tuple(newest.list_notes())
    is_declared = conditional or any(lines is not None for lines in install.values())
    return ProjectMetadata(
        origin=PATH,
        name=newest.get_text("name"),
        dependencies=(*_merge_lines(install), *conditional) if is_declared else None,
        extras={name: tuple(lines) for name, lines in named.items()} if extras else None,
        groups={"tests_require": newest.get_lines("tests_require") or ()},
        requires_python=newest.get_text("python_requires"),
        classifiers=newest.get_lines("classifiers") or (),
        notes=notes,
        unknowns=(*notes, *newest.list_guesses()),
    )


@dataclass(frozen=True, kw_only=True)
class _SetupCall:
    """The arguments of `setup`, and what was unknown on the way to it."""

    tree: FileTree
    functions: Mapping[str, ast.FunctionDef]
    arguments: Mapping[str, Any]
    skipped: tuple[str, ...]
    doubts: tuple[str, ...]  # what was unknown on the way to the call, whatever depends on it

    def get_text(self, name: str) -> str:
        """Return an argument that is a text; "" for anything else."""
        value = self._get(name)
        return str(value) if isinstance(value, str) else ""

    def get_lines(self, name: str) -> tuple[str, ...] | None:
        """Return the lines of an argument; None if it is missing or wholly unknown."""
        value = self._get(name)
        lines = tuple(self._iter_lines(value))
        return lines if lines or _is_known(value) else None

    def get_extras(self) -> dict[str, tuple[str, ...]]:
        """Return name -> lines of the extras."""
        extras = self._get("extras_require")
        named = extras.items() if isinstance(extras, dict) else ()
        return {key: tuple(self._iter_lines(value)) for key, value in named if isinstance(key, str)}

    def list_notes(self) -> Iterator[str]:
        """Yield a sentence for each unknown argument, and for each unknown condition."""
        for name in ("install_requires", "extras_require"):
            value = self._get(name)
            if isinstance(value, Unknown) and not tuple(self._iter_lines(value)):
                yield f"{PATH}: {name} is not statically parseable"
            elif any(isinstance(item, Unknown) for item in _iter_items(value)):
                yield f"{PATH}: part of {name} is not statically parseable"
        for condition in dict.fromkeys(self.skipped):
            yield f"{PATH}: taken as false, because it cannot be evaluated: {condition}"

    def list_guesses(self) -> Iterator[str]:
        """Yield a sentence for each argument read from files that it names, and for each doubt."""
        for name in ("install_requires", "extras_require"):
            value = self._get(name)
            if isinstance(value, Unknown) and tuple(self._iter_lines(value)):
                yield f"{PATH}: {name} was read from the files that it names"

        commands = self._get("cmdclass")
        if isinstance(commands, dict) and not _OWN_METADATA.isdisjoint(commands):
            yield f"{PATH}: a command of its own makes the metadata"
        for doubt in dict.fromkeys(self.doubts):
            yield f"{PATH}: this is unknown: {doubt[:MAX_DOUBT]}"

    def _get(self, name: str) -> Any:
        return self.arguments.get(name, self.arguments.get(UNKNOWN_KEYWORDS))

    def _iter_lines(self, value: Any) -> Iterator[str]:
        """Yield the requirement lines of an argument, following `-r` from the project's folder."""
        for item in _iter_items(value):
            if isinstance(item, Unknown):
                yield from self._read_mentioned_files(item)
            elif isinstance(item, str):
                yield from _clean_lines(self.tree, item)

    def _read_mentioned_files(self, value: Unknown) -> tuple[str, ...]:
        """Return the lines of requirements files that the expressions of *value* name."""
        called = [
            self.functions.get(get_called_name(node))
            for origin in value.origins
            for node in ast.walk(origin)
            if isinstance(node, ast.Call)
        ]
        roots = [*value.origins, *(function for function in called if function)]
        paths = [
            node.value
            for root in roots
            for node in ast.walk(root)
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        ]
        files = [p for p in paths if p.endswith(_FILE_SUFFIXES) and self.tree.read(p) is not None]
        return read_requirement_lines(self.tree, dict.fromkeys(files))


def _follow_script(tree: FileTree, module: ast.Module) -> dict[int, _SetupCall]:
    """Return minor version -> call of `setup`, for the versions that reach it.

    Only one version if the script does not ask for it. If no version reaches the call, its
    arguments are evaluated where it stands.
    """
    functions = {node.name: node for node in ast.walk(module) if isinstance(node, ast.FunctionDef)}
    calls: dict[int, _SetupCall] = {}
    for is_forced in (False, True):
        for minor in reversed(MINOR_VERSIONS):
            script = ScriptInterpreter(tree, minor)
            script.run(module, is_forced=is_forced)
            if script.setup_arguments is not None:
                calls[minor] = _SetupCall(
                    tree=tree,
                    functions=functions,
                    arguments=script.setup_arguments,
                    skipped=tuple(script.skipped),
                    doubts=(*script.doubts, *(["where it stands"] if is_forced else [])),
                )
            if not script.library.was_version_read:
                break
        if calls:
            break
    return calls


def _is_known(value: Any) -> bool:
    return value is not None and not isinstance(value, Unknown)


def _iter_items(value: Any) -> Iterable[Any]:
    if isinstance(value, str | Unknown):
        return (value,)
    return value if isinstance(value, list | tuple | dict | ScriptFile) else ()


def _clean_lines(tree: FileTree, text: str) -> Iterator[str]:
    for line in text.splitlines():
        bare = line.split(" #")[0].strip()
        if bare.startswith(("-r ", "--requirement ")):
            yield from read_requirement_lines(tree, [bare.split(maxsplit=1)[1]])
        elif bare and bare[0] not in "#-":
            yield bare


def _merge_lines(lines_by_minor: Mapping[int, Sequence[str] | None]) -> tuple[str, ...]:
    """Merge the lines for several versions; those that some versions lack get a marker."""
    minors: dict[str, set[int]] = {}
    for minor, lines in lines_by_minor.items():
        for line in lines or ():
            minors.setdefault(line, set()).add(minor)
    every = sorted(lines_by_minor)
    return tuple(_mark_line(line, _version_marker(minors[line], every)) for line in minors)


def _merge_extras(
    extras_by_minor: Mapping[int, Mapping[str, tuple[str, ...]]],
) -> dict[str, tuple[str, ...]]:
    names = dict.fromkeys(name for extras in extras_by_minor.values() for name in extras)
    return {
        name: _merge_lines({minor: extras.get(name) for minor, extras in extras_by_minor.items()})
        for name in names
    }


def _mark_line(line: str, marker: str) -> str:
    try:
        return add_marker(line, marker) if marker else line
    except InvalidRequirementLineError:
        return line  # the manifest notes it


def _version_marker(minors: set[int], every: Sequence[int]) -> str:
    """Return the marker for *minors* among the versions *every*, which is sorted."""
    spans: list[list[int]] = []  # first and last index of versions that follow one another
    for index, minor in enumerate(every):
        if minor not in minors:
            continue
        if spans and spans[-1][1] == index - 1:
            spans[-1][1] = index
        else:
            spans.append([index, index])
    return " or ".join(_span_marker(every, *span) for span in spans)


def _span_marker(every: Sequence[int], first: int, last: int) -> str:
    lower = [f"python_version >= '3.{every[first]}'"] if first else []
    upper = [f"python_version < '3.{every[last + 1]}'"] if last + 1 < len(every) else []
    return " and ".join(lower + upper)
