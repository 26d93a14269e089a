"""Build the manifest of a commit from its files and the recipe's requirement sources."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from posixpath import basename, dirname, join, normpath

from packaging.utils import canonicalize_name

from curate.builders.git.tree import FileTree
from curate.builders.model import Failure
from curate.builders.requirements.backend_answer import (
    BackendAnswer,
    apply_answer,
    describe_changes,
    is_line_active,
)
from curate.builders.requirements.checkout_projects import ROOT
from curate.builders.requirements.conda_env import read_conda
from curate.builders.requirements.dev_tools import is_development_tool
from curate.builders.requirements.model import Manifest, Requirement
from curate.builders.requirements.pipfile import read_pipfile
from curate.builders.requirements.project import ProjectMetadata, resolve_extras
from curate.builders.requirements.project_folders import read_projects, unite_projects
from curate.builders.requirements.requirement_line import (
    InvalidRequirementLineError,
    add_marker,
    parse_requirement,
    parse_with_note,
)
from curate.builders.requirements.requirements_txt import ParsedRequirements, read_requirements_file
from curate.builders.requirements.text import decode_text
from curate.recipes.schema import RequirementSources

TEST_RUNNERS = frozenset({"pytest", "nose"})  # core requirements, as tests import them


def read_manifest(tree: FileTree, sources: RequirementSources) -> Manifest | Failure:
    """Read the requirements that *tree* declares in the places that *sources* names.

    Returns:
        A Failure of stage "lock" and reason "no-requirements" if nothing at all is declared.
    """
    return _make_manifest(tree, sources, read_projects(tree, sources.projects))


def read_answered_manifest(
    tree: FileTree, sources: RequirementSources, answer: BackendAnswer, python: str
) -> Manifest | Failure:
    """Read as `read_manifest`; what the build back-end requires replaces what was read.

    Notes of the manifest name the requirements that were added and removed, if any.
    """
    projects = read_projects(tree, sources.projects)
    read = _make_manifest(tree, sources, projects)
    told = [apply_answer(project, answer, python) for project in projects]
    answered = _make_manifest(tree, sources, told)
    if isinstance(answered, Failure):
        return answered
    before = () if isinstance(read, Failure) else read.requirements
    lines = [
        [item.line for item in items if is_line_active(item.line, python)]
        for items in (before, answered.requirements)
    ]
    changes = describe_changes(*lines)
    return replace(answered, notes=(*answered.notes, *changes))


def _make_manifest(
    tree: FileTree, sources: RequirementSources, projects: Sequence[ProjectMetadata]
) -> Manifest | Failure:
    project = _drop_dependencies(unite_projects(projects), sources)
    own_names = [canonicalize_name(it.name) for it in projects if it.name]
    contents = _read_requirement_files(tree, sources)
    collected = _RequirementCollector(own_names, sources)
    collected.add_all(((line, project.origin) for line in project.dependencies or ()), core=True)
    if sources.build_requires:
        collected.add_all(((line, "build-system") for line in project.build_requires), core=True)
    lines, missing = resolve_extras(project, [*sources.extras, *contents.extras])
    collected.add_all((line, f"{project.origin} extras") for line in lines)
    collected.add_all(_group_lines(project, sources.groups))
    collected.add_all(contents.lines)
    added = [line for line in sources.add if not line.startswith("-c ")]
    collected.add_all(((line, "recipe") for line in added), core=True)
    if not (collected.requirements or project.name or project.unknowns):
        return Failure(stage="lock", reason="no-requirements", detail="; ".join(project.notes))
    constraint_lines = [line[3:].strip() for line in sources.add if line.startswith("-c ")]
    requested = {canonicalize_name(name) for name in contents.extras}
    folders = dict.fromkeys((*map(normpath, project.folders), *contents.folders))
    left_out = [
        f"dropped {folder}: a folder that is not installed"
        for folder in folders
        if folder not in (sources.projects or (ROOT,))
    ]
    undeclared = [
        f"extra {name} is requested by a requirements file but not declared"
        for name in missing
        if name in requested
    ]
    return Manifest(
        requirements=tuple(collected.requirements),
        constraints=tuple(
            _valid_constraints([*contents.constraints, *constraint_lines], collected)
        ),
        project=canonicalize_name(project.name) if project.name else "",
        other_projects=tuple(dict.fromkeys(own_names[1:])),
        requires_python=project.requires_python,
        classifiers=project.classifiers,
        build_requires=project.build_requires,
        notes=(
            *project.notes,
            *contents.notes,
            *left_out,
            *undeclared,
            *dict.fromkeys(collected.unusable),
        ),
        unknowns=project.unknowns,
        excluded=tuple(collected.list_excluded()),
        dropped_tools=tuple(sorted(collected.tools)),
        files=tuple(dict.fromkeys(contents.files)),
        folders=tuple(folders),
        missing_sources=tuple(_find_absent(tree, sources, project, missing)),
    )


class _RequirementCollector:
    """Collects requirements: each line once, without unwanted names, for which it has notes."""

    def __init__(self, own_names: Sequence[str], sources: RequirementSources) -> None:
        self.own_names = frozenset(own_names)
        self.excluded = {canonicalize_name(name) for name in sources.exclude}
        self.force_included = {canonicalize_name(name) for name in sources.force_include}
        self.requirements: list[Requirement] = []
        self.tools: set[str] = set()
        self.dropped: list[str] = []  # by the recipe
        self.unusable: list[str] = []

    def add_all(self, lines: Iterable[tuple[str, str]], *, core: bool = False) -> None:
        for line, origin in lines:
            self._add_line(line, origin, core=core)

    def list_excluded(self) -> list[str]:
        """Return a sentence for each exclusion of the recipe, and one for all development tools."""
        tools = ", ".join(sorted(self.tools))
        return [*dict.fromkeys(self.dropped), *([f"dropped tools: {tools}"] if tools else [])]

    def _add_line(self, line: str, origin: str, *, core: bool) -> None:
        try:
            parsed, note = parse_with_note(line)
        except InvalidRequirementLineError as error:
            self.unusable.append(f"{error} ({origin})")
            return
        self.unusable += [f"{note} ({origin})"] if note else []
        name = canonicalize_name(parsed.name)
        if name in self.own_names:
            return  # comes from the checkout
        if name in self.excluded:
            self.dropped.append(f"dropped {name}: excluded by the recipe")
        elif is_development_tool(name) and not core and name not in self.force_included:
            self.tools.add(name)
        else:
            self._append(Requirement(line=str(parsed), name=name, origin=origin, is_core=core))

    def _append(self, item: Requirement) -> None:
        if item.name in TEST_RUNNERS and not item.is_core:
            item = Requirement(line=item.line, name=item.name, origin=item.origin, is_core=True)
        if not any(item.line == other.line for other in self.requirements):
            self.requirements.append(item)


def _drop_dependencies(project: ProjectMetadata, sources: RequirementSources) -> ProjectMetadata:
    """Return *project*, without its requirements if the recipe does not want them."""
    if sources.read_metadata:
        return project
    return ProjectMetadata(
        origin=project.origin,
        name=project.name,
        requires_python=project.requires_python,
        classifiers=project.classifiers,
        build_requires=project.build_requires,
    )


def _read_requirement_files(tree: FileTree, sources: RequirementSources) -> ParsedRequirements:
    total = ParsedRequirements()
    per_file = [_read_any_file(tree, path) for path in _match_files(tree, sources.files)]
    has_variants = len({contents.python for contents in per_file if contents.python}) > 1
    for contents in per_file:
        total.lines += _lines_for_python(contents) if has_variants else contents.lines
        total.constraints += contents.constraints
        total.extras += contents.extras
        total.notes += contents.notes
        total.files += contents.files
        total.folders += contents.folders
    return total


def _read_any_file(tree: FileTree, path: str) -> ParsedRequirements:
    if path.endswith((".yml", ".yaml")):
        return read_conda(tree, path)
    if basename(path) != "Pipfile":
        return read_requirements_file(tree, path)
    contents = read_pipfile(decode_text(tree.read(path) or b""), path)
    contents.files.append(path)
    return contents


def _lines_for_python(contents: ParsedRequirements) -> list[tuple[str, str]]:
    """Return the lines of a file, with a marker if the file is for one Python version only."""
    if not contents.python:
        return contents.lines
    marker = f"python_version == '{contents.python}'"
    return [(_mark_line(line, marker), path) for line, path in contents.lines]


def _mark_line(line: str, marker: str) -> str:
    try:
        return add_marker(line, marker)
    except InvalidRequirementLineError:
        return line  # the collector drops and notes it


def _match_files(tree: FileTree, patterns: Iterable[str]) -> Iterator[str]:
    """Yield matching files in the order of *patterns*; only the last segment may be a glob."""
    for pattern in patterns:
        folder = dirname(pattern)
        paths = (join(folder, name) if folder else name for name in tree.list_names(folder))
        yield from (path for path in paths if fnmatchcase(path, pattern))


def _group_lines(project: ProjectMetadata, group_names: Iterable[str]) -> Iterator[tuple[str, str]]:
    groups = {canonicalize_name(name): lines for name, lines in project.groups.items()}
    for name in group_names:
        for line in groups.get(canonicalize_name(name), ()):
            yield line, f"group {name}"


def _find_absent(
    tree: FileTree, sources: RequirementSources, project: ProjectMetadata, missing: Iterable[str]
) -> Iterator[str]:
    """Yield the recipe's requirement sources that this commit does not have."""
    for pattern in sources.files:
        if not any(_match_files(tree, (pattern,))):
            yield f"file {pattern}"
    for folder in sources.projects:
        if not any(it.origin for it in read_projects(tree, (folder,))):
            yield f"project {folder}"
    requested = {canonicalize_name(name) for name in sources.extras}
    yield from (f"extra {name}" for name in missing if name in requested)
    groups = {canonicalize_name(name) for name in project.groups}
    yield from (f"group {name}" for name in sources.groups if canonicalize_name(name) not in groups)


def _valid_constraints(lines: Iterable[str], collected: _RequirementCollector) -> Iterator[str]:
    for line in dict.fromkeys(lines):
        try:
            yield str(parse_requirement(line))
        except InvalidRequirementLineError as error:
            collected.unusable.append(f"{error} (constraint)")
