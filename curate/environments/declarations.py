"""Where a repository names a distribution: metadata, requirement files, CI and other scripts."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from packaging.utils import canonicalize_name
from packaging.version import Version

from curate.builders.git.tree import GitTree
from curate.builders.requirements.conda_env import read_conda
from curate.builders.requirements.pipfile import read_pipfile
from curate.builders.requirements.project_folders import read_project
from curate.builders.requirements.requirement_line import (
    InvalidRequirementLineError,
    is_valid_requirement,
    parse_requirement,
)
from curate.builders.requirements.requirements_txt import ParsedRequirements, read_requirements_file
from curate.builders.requirements.text import decode_text

MAX_SCRIPT_BYTES = 200_000

_REQUIREMENTS = re.compile(
    r"(?:^|/)(?:[\w.-]*(?:requirements?|reqs?|constraints)[\w.-]*\.(?:txt|in|pip)"
    r"|(?:requirements?|reqs?)/[^/]+\.(?:txt|in|pip))$"
)
_CONDA = re.compile(
    r"(?:^|/)(?:[\w.-]*env(?:ironment)?[\w.-]*"
    r"|(?:\.?ci|conda|continuous_integration|deps|envs?|environments|requirements|reqs)/.+)\.ya?ml$"
)
_SCRIPTS = re.compile(
    r"^(?:tox\.ini|setup\.cfg|noxfile\.py|nox\.py|Makefile|\.travis\.yml|appveyor\.yml|"
    r"\.appveyor\.yml|azure-pipelines\.yml|\.gitlab-ci\.yml|\.cirrus\.yml|tasks\.py|"
    r"\.github/workflows/[^/]+\.ya?ml|\.github/actions/.+\.ya?ml|\.circleci/[^/]+\.yml|"
    r"(?:\.ci|ci|\.travis|\.github|\.azure|continuous_integration|scripts|tools|build_tools)/"
    r".+\.(?:sh|py|ya?ml)|[^/]+\.sh|(?:.*/)?Dockerfile[^/]*|CONTRIBUTING\.\w+|README\.\w+)$"
)
_ASSIGNMENT = re.compile(r"^\s*[\w.:{},-]+\s*=(?!=)")
_LIST_ITEM = re.compile(r"^\s+-?\s*['\"]?[\w.\[\]=<>~!-]+['\"]?[,\\]?$")


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """A requirement line that names a distribution, and the file that has it."""

    line: str
    origin: str


def find_declaration(tree: GitTree, names: Iterable[str]) -> Declaration | None:
    """Return where the commit of *tree* names one of the distributions *names*; None if nowhere.

    Earlier names come first; of one name, what a tool can read comes before scripts.
    """
    wanted = [canonicalize_name(name) for name in names]
    declared: dict[str, Declaration] = {}
    for item in _iter_declared(tree):
        try:
            parsed = parse_requirement(item.line)
        except InvalidRequirementLineError:
            continue
        declared.setdefault(
            canonicalize_name(parsed.name), Declaration(line=str(parsed), origin=item.origin)
        )
    found = next((declared[name] for name in wanted if name in declared), None)
    return found or _find_in_scripts(tree, wanted)


def _iter_declared(tree: GitTree) -> Iterator[Declaration]:
    project = read_project(tree)
    groups = {**(project.extras or {}), **project.groups}
    for line in project.dependencies or ():
        yield Declaration(line=line, origin=project.origin)
    for name, lines in groups.items():
        yield from (Declaration(line=line, origin=f"{project.origin} {name}") for line in lines)
    for path in tree.paths:
        contents = _read_requirements(tree, path)
        yield from (Declaration(line=line, origin=origin) for line, origin in contents.lines)


def _read_requirements(tree: GitTree, path: str) -> ParsedRequirements:
    if _REQUIREMENTS.search(path):
        return read_requirements_file(tree, path)
    if _CONDA.search(path):
        return read_conda(tree, path)
    if path.rpartition("/")[2] == "Pipfile":
        return read_pipfile(decode_text(tree.read(path) or b""), path)
    return ParsedRequirements()


def _find_in_scripts(tree: GitTree, wanted: Iterable[str]) -> Declaration | None:
    scripts = (path for path in tree.paths if _SCRIPTS.match(path))
    texts = {it: _read_script(tree, it) for it in scripts if not _read_requirements(tree, it).lines}
    for name in wanted:
        spelling = "[-_.]+".join(map(re.escape, name.split("-")))
        pattern = re.compile(
            rf"(?<![\w./@$-])({spelling})((?:\[[\w,.-]*\])?(?:[=<>!~]=?[\w.*]+,?)*)(?![\w/.:=-])",
            re.IGNORECASE,
        )
        for path, text in texts.items():
            lines = (line for line in text.splitlines() if _names_packages(path, line))
            matches = filter(None, map(pattern.search, lines))
            found = [_make_line(match[1], match[2]) for match in matches]
            if found:  # of several versions that CI tests, the newest is what the tests are for
                return Declaration(line=max(found, key=_find_newest), origin=path)
    return None


def _find_newest(line: str) -> Version:
    """Return the highest version that a requirement names; a very high one without any."""
    clauses = parse_requirement(line).specifier
    versions = [Version(it.version.removesuffix(".*")) for it in clauses]
    return max(versions, default=Version("9999"))


def _names_packages(path: str, line: str) -> bool:
    """Whether a line of a script may name distributions: an install, or a list of tox."""
    if path.endswith(("tox.ini", "setup.cfg")):
        return not _ASSIGNMENT.match(line) or line.lstrip().startswith("deps")
    return "install" in line.lower() or _LIST_ITEM.match(line) is not None


def _make_line(name: str, specifier: str) -> str:
    line = name + specifier.rstrip(",")
    return line if is_valid_requirement(line) else name


def _read_script(tree: GitTree, path: str) -> str:
    return decode_text((tree.read(path) or b"")[:MAX_SCRIPT_BYTES])


def find_variable(tree: GitTree, name: str) -> tuple[str, str] | None:
    """Return (value, file) where a script of *tree* sets the environment variable *name*.

    Values that a shell or Python would compute do not count.
    """
    pattern = re.compile(
        rf"(?<![\w$]){re.escape(name)}['\"]?\]?\s*[:=]\s*(['\"]?)([\w./:@,+-]+)\1\s*(?:$|[\s\\;,#])"
    )
    for path in tree.paths:
        if _SCRIPTS.match(path) or path.endswith((".ini", "/run.py")):
            match = pattern.search(_read_script(tree, path))
            if match:
                return match[2], path
    return None
