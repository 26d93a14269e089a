"""What a build needs beside PyPI: Debian packages, and a build again after a patch."""

import re
import shlex
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files

from packaging.utils import canonicalize_name

from curate.builders.git.tree import FileTree
from curate.builders.metadata.build_system import read_build_system
from curate.builders.requirements.checkout_projects import ROOT
from curate.builders.requirements.project_folders import SubfolderTree
from curate.builders.requirements.requirement_line import InvalidRequirementLineError, parse_name
from curate.builders.requirements.text import decode_text

INSTALL = "python -m pip install --no-deps --no-build-isolation -e ."
# The environment is in the image, caches are not: a build after a patch finds its crates there.
CARGO_HOME = 'export CARGO_HOME="$VIRTUAL_ENV/cargo"'


@cache
def _load_table() -> dict[str, dict[str, list[str]]]:
    text = files("curate.recipe_tools.draft").joinpath("build_tools.toml").read_text("utf-8")
    return tomllib.loads(text)


def find_build_tools(
    tree: FileTree, paths: Iterable[str], projects: Sequence[str]
) -> dict[str, str]:
    """Return Debian package -> what shows that the build of one of *projects* needs it."""
    found: dict[str, str] = {}
    every = sorted(paths)
    for folder in projects:
        for packages, reason in _find_in_project(tree, every, folder):
            for package in packages:
                found.setdefault(package, reason)
    return found


def _find_in_project(
    tree: FileTree, paths: Sequence[str], folder: str
) -> Iterator[tuple[Sequence[str], str]]:
    table = _load_table()
    project = _open_project(tree, folder)
    script = decode_text(project.read("setup.py") or b"")
    place = "" if folder == ROOT else f"{folder}/"
    for name in _list_requirements(project, script):
        if name in table["requirements"]:
            yield table["requirements"][name], f"its build requires {name}"
    for pattern, packages in table["files"].items():
        if project.read(pattern) is not None:
            yield packages, f"{place}{pattern}"
    for command, packages in table["commands"].items():
        if re.search(rf"[\[(]\s*['\"]{re.escape(command)}['\" ]", script):
            yield packages, f"{place}setup.py runs {command}"
    if ".i'" in script or '.i"' in script:
        yield table["commands"]["swig"], f"{place}setup.py has SWIG interfaces"
    if "ext_modules" in script or project.read("meson.build") or project.read("CMakeLists.txt"):
        yield from _find_sources(path for path in paths if path.startswith(place))


def _find_sources(paths: Iterable[str]) -> Iterator[tuple[Sequence[str], str]]:
    patterns = _load_table()["sources"]
    for path in paths:
        for pattern, packages in patterns.items():
            if fnmatchcase(path.rpartition("/")[2].lower(), pattern):
                yield packages, path


def _list_requirements(project: FileTree, script: str) -> Iterator[str]:
    """Yield the normalized names of what the build requires, or its setup.py imports."""
    system = read_build_system(project)
    for line in system.requires if system else ():
        try:
            yield canonicalize_name(parse_name(line))
        except InvalidRequirementLineError:
            continue
    for module in re.findall(r"^\s*(?:from|import)\s+(\w+)", script, re.MULTILINE):
        yield canonicalize_name(module)


def _open_project(tree: FileTree, folder: str) -> FileTree:
    return tree if folder == ROOT else SubfolderTree(tree, folder)


def find_rebuilt(tree: FileTree, projects: Sequence[str]) -> Mapping[str, str]:
    """Return folder -> distribution that builds its extensions, of those that are built again."""
    rebuilt = _load_table()["rebuilt"]
    found: dict[str, str] = {}
    for folder in projects:
        project = _open_project(tree, folder)
        script = decode_text(project.read("setup.py") or b"")
        for name in _list_requirements(project, script):
            if name in rebuilt:
                found.setdefault(folder, name)
    return found


def install_command(folder: str) -> str:
    """Return the shell command that installs the project in *folder*, also again and offline."""
    return f"{CARGO_HOME}; {_in_folder(folder, INSTALL)}"


def rebuild_command(folder: str, builder: str) -> str:
    """Return the shell command that builds again, without a network, if a patch changed sources."""
    globs = " ".join(shlex.quote(f":/{it}") for it in _load_table()["rebuilt"][builder])
    changed = f"git status --porcelain -- {globs}"
    offline = f"{CARGO_HOME} CARGO_NET_OFFLINE=true"
    again = _in_folder(folder, f"{INSTALL} --no-index")
    return f'if [ -n "$({changed})" ]; then ({offline}; {again}) || exit 1; fi'


def _in_folder(folder: str, command: str) -> str:
    return command if folder == ROOT else f"(cd {shlex.quote(folder)} && {command})"
