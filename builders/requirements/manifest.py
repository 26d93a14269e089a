"""From the files of a commit and the recipe's sources to one manifest."""

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from posixpath import dirname, join

from packaging.utils import canonicalize_name

from builders.git.tree import Tree
from builders.model import Failure
from builders.requirements.conda_env import read_conda
from builders.requirements.dev_tools import is_tool
from builders.requirements.model import Manifest, Requirement, Sources
from builders.requirements.project import Project, expand, merge
from builders.requirements.pyproject_toml import read_pyproject
from builders.requirements.requirement_line import Unusable, parse, with_marker
from builders.requirements.requirements_txt import Contents, read_file
from builders.requirements.setup_cfg import read_setup_cfg
from builders.requirements.setup_py import read_setup_py

RUNNERS = frozenset({"pytest", "nose"})  # tests of both kinds are run, and import them


def read_manifest(tree: Tree, sources: Sources) -> Manifest | Failure:
    """Read what *tree* declares in the places that *sources* names.

    Returns a Failure of stage "lock", reason "no-requirements", where nothing at all is declared.
    """
    project = _without_dependencies(read_project(tree), sources)
    contents = _read_files(tree, sources)
    collected = _Collection(project.name, sources)
    collected.add_all(((line, project.origin) for line in project.dependencies or ()), core=True)
    if sources.build:
        collected.add_all(((line, "build-system") for line in project.build_requires), core=True)
    lines, missing = expand(project, [*sources.extras, *contents.extras])
    collected.add_all((line, f"{project.origin} extras") for line in lines)
    collected.add_all(_group_lines(project, sources.groups))
    collected.add_all(contents.lines)
    added = [line for line in sources.extra if not line.startswith("-c ")]
    collected.add_all(((line, "recipe") for line in added), core=True)
    if not collected.requirements and not project.name:
        return Failure(stage="lock", reason="no-requirements", detail="; ".join(project.notes))
    limits = [line[3:].strip() for line in sources.extra if line.startswith("-c ")]
    asked = {canonicalize_name(name) for name in contents.extras}
    absent = [f"extra {name} is asked for but not declared" for name in missing if name in asked]
    return Manifest(
        requirements=tuple(collected.requirements),
        constraints=tuple(_constraints([*contents.constraints, *limits], collected)),
        project=canonicalize_name(project.name) if project.name else "",
        requires_python=project.requires_python,
        classifiers=project.classifiers,
        build_requires=project.build_requires,
        notes=(*project.notes, *contents.notes, *absent, *collected.notes()),
        files=tuple(dict.fromkeys(contents.files)),
        absent=tuple(_absent(tree, sources, project, missing)),
    )


class _Collection:
    """Requirements as they come in: each line once, unwanted names left out and noted."""

    def __init__(self, project: str, sources: Sources) -> None:
        self.project = canonicalize_name(project) if project else ""
        self.drop = {canonicalize_name(name) for name in sources.drop}
        self.keep = {canonicalize_name(name) for name in sources.keep}
        self.requirements: list[Requirement] = []
        self.tools: set[str] = set()
        self.dropped: list[str] = []

    def add_all(self, lines: Iterable[tuple[str, str]], *, core: bool = False) -> None:
        for line, origin in lines:
            self._add(line, origin, core)

    def notes(self) -> list[str]:
        """Return one sentence per kind of thing left out."""
        tools = ", ".join(sorted(self.tools))
        return [*dict.fromkeys(self.dropped), *([f"dropped tools: {tools}"] if tools else [])]

    def _add(self, line: str, origin: str, core: bool) -> None:
        try:
            parsed = parse(line)
        except Unusable as error:
            self.dropped.append(f"{error} ({origin})")
            return
        name = canonicalize_name(parsed.name)
        if name == self.project:
            return  # comes from the checkout
        if name in self.drop:
            self.dropped.append(f"dropped {name}: the recipe says so")
        elif is_tool(name) and not core and name not in self.keep:
            self.tools.add(name)
        else:
            self._keep(Requirement(line=str(parsed), name=name, origin=origin, core=core))

    def _keep(self, item: Requirement) -> None:
        if item.name in RUNNERS and not item.core:
            item = Requirement(line=item.line, name=item.name, origin=item.origin, core=True)
        if not any(item.line == other.line for other in self.requirements):
            self.requirements.append(item)


def read_project(tree: Tree) -> Project:
    """Merge what pyproject.toml, setup.cfg and setup.py say, in this order."""
    readers = (read_pyproject, read_setup_cfg, read_setup_py)
    return merge(project for project in (read(tree) for read in readers) if project is not None)


def _without_dependencies(project: Project, sources: Sources) -> Project:
    """*project*; where the recipe leaves it aside, only what is no requirement of it."""
    if sources.project:
        return project
    return Project(
        origin=project.origin,
        name=project.name,
        requires_python=project.requires_python,
        classifiers=project.classifiers,
        build_requires=project.build_requires,
    )


def _read_files(tree: Tree, sources: Sources) -> Contents:
    total = Contents()
    parts = [_read_one(tree, path) for path in _matching(tree, sources.files)]
    variants = len({part.python for part in parts if part.python}) > 1
    for part in parts:
        total.lines += _under_python(part) if variants else part.lines
        total.constraints += part.constraints
        total.extras += part.extras
        total.notes += part.notes
        total.files += part.files
    return total


def _read_one(tree: Tree, path: str) -> Contents:
    if not path.endswith((".yml", ".yaml")):
        return read_file(tree, path)
    contents = read_conda((tree.read(path) or b"").decode("utf-8", errors="replace"), path)
    contents.files.append(path)
    return contents


def _under_python(part: Contents) -> list[tuple[str, str]]:
    """Lines of one of several files, each of which describes the environment of one Python."""
    if not part.python:
        return part.lines
    marker = f"python_version == '{part.python}'"
    return [(_marked(line, marker), path) for line, path in part.lines]


def _marked(line: str, marker: str) -> str:
    try:
        return with_marker(line, marker)
    except Unusable:
        return line  # left out, and noted, when it is collected


def _matching(tree: Tree, patterns: Iterable[str]) -> Iterator[str]:
    """Files that match, in the order of the patterns; only the last segment may be a glob."""
    for pattern in patterns:
        folder = dirname(pattern)
        paths = (join(folder, name) if folder else name for name in tree.names(folder))
        yield from (path for path in paths if fnmatchcase(path, pattern))


def _group_lines(project: Project, wanted: Iterable[str]) -> Iterator[tuple[str, str]]:
    groups = {canonicalize_name(name): lines for name, lines in project.groups.items()}
    for name in wanted:
        for line in groups.get(canonicalize_name(name), ()):
            yield line, f"group {name}"


def _absent(
    tree: Tree, sources: Sources, project: Project, missing: Iterable[str]
) -> Iterator[str]:
    """What the recipe names in vain at this commit."""
    for pattern in sources.files:
        if not any(_matching(tree, (pattern,))):
            yield f"file {pattern}"
    asked = {canonicalize_name(name) for name in sources.extras}
    yield from (f"extra {name}" for name in missing if name in asked)
    groups = {canonicalize_name(name) for name in project.groups}
    yield from (f"group {name}" for name in sources.groups if canonicalize_name(name) not in groups)


def _constraints(lines: Iterable[str], collected: _Collection) -> Iterator[str]:
    for line in dict.fromkeys(lines):
        try:
            yield str(parse(line))
        except Unusable as error:
            collected.dropped.append(f"{error} (constraint)")
