"""Propose the values of a recipe, each with its reason, from observations at several commits."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from packaging.utils import canonicalize_name

from curate.builders.requirements.checkout_projects import ROOT
from curate.patches.file_kinds import TEST_NAMES, FileClassifier
from curate.recipe_tools.draft.facts import (
    MIN_SYSTEM_SHARE,
    count_system_packages,
    has_several_projects,
    is_large,
    is_own_package,
)
from curate.recipe_tools.draft.observe import Observation, list_runners
from curate.recipe_tools.draft.version_ranges import DraftValue, RangeDraft, find_ranges

MAX_NAMED = 8  # projects that a warning names
STALE_VERSIONS = 3  # so many file versions with the same nearest tag: tags are on other branches

_WITH_DOCTESTS = ("doc", "src", "README")  # paths that contain doctests but are not test files


@dataclass(frozen=True, kw_only=True)
class RecipeDraft:
    """The values of a drafted recipe, and warnings for its author."""

    repo: str
    import_name: str  # "" = unknown
    version_file: DraftValue | None  # None: use the nearest tag
    ranges: tuple[RangeDraft, ...]  # oldest version first; at least one
    test_paths: tuple[DraftValue, ...]
    warnings: tuple[str, ...]
    seen: tuple[str, ...]  # "2019-03-02 1a2b3c4d5e", oldest first


def draft_recipe(repo: str, observations: Sequence[Observation]) -> RecipeDraft:
    """Draft a recipe for *repo* from *observations* (oldest first, at least one)."""
    version_file = _find_version_file(observations)

    def get_version(observation: Observation) -> str:
        declared = observation.declared_versions
        return declared[version_file.value] if version_file else observation.version

    ranges = tuple(map(_drop_matched_files, find_ranges(observations, get_version)))
    return RecipeDraft(
        repo=repo,
        import_name=_find_import_name(observations),
        version_file=version_file,
        ranges=ranges,
        test_paths=tuple(_find_test_paths(observations)),
        warnings=(*_find_warnings(observations), *_list_left_out(observations, ranges)),
        seen=tuple(f"{it.date:%Y-%m-%d} {it.commit[:10]}" for it in observations),
    )


def _drop_matched_files(each: RangeDraft) -> RangeDraft:
    """Return the range without requirement files that a glob among them matches."""
    globs = [it.value for it in each.facts.get("files", ()) if "*" in it.value]
    kept = tuple(
        it
        for it in each.facts.get("files", ())
        if not any(it.value != glob and fnmatchcase(it.value, glob) for glob in globs)
    )
    return replace(each, facts={**each.facts, **({"files": kept} if kept else {})})


def _find_test_paths(observations: Sequence[Observation]) -> Iterator[DraftValue]:
    """Yield globs of tests that the general rules miss, with the years of the commits."""
    reasons: dict[str, tuple[str, list[int]]] = {}
    for observation in observations:
        for glob, reason in dict(_pick_test_paths(observation)).items():
            reasons.setdefault(glob, (reason, []))[1].append(observation.date.year)
    for glob, (reason, years) in reasons.items():
        span = f"{years[0]}" if years[0] == years[-1] else f"{years[0]}-{years[-1]}"
        yield DraftValue(value=glob, reason=f"{reason}, {span}")


def _pick_test_paths(observation: Observation) -> Iterator[tuple[str, str]]:
    """Yield directories in `testpaths` that are not tests by the default classification."""
    for path in observation.pytest["testpaths"]:
        folder = path.strip("./")
        no_tests = folder in observation.packages or folder.startswith(_WITH_DOCTESTS)
        known = no_tests or folder.endswith(".py") or FileClassifier().is_test(f"{folder}/x.py")
        if folder and not known:
            yield f"{folder}/**", "testpaths"
    for pattern in observation.pytest.get("python_files", ()):
        if not _is_usual_name(pattern) and not pattern.endswith("__init__.py"):
            yield (pattern if "/" in pattern else f"**/{pattern}"), "python_files"
    runners = {kind for job in observation.jobs for kind in job.findings.runners}
    for pattern in sorted(observation.test_files) if runners - {"pytest"} else ():
        yield f"**/{pattern}", "by name"


def _is_usual_name(pattern: str) -> bool:
    """Whether the general rules know files of this pattern, or it is about all modules."""
    name = pattern.rpartition("/")[2]
    example = name.replace("*", "x")
    return name in ("*.py", "*", "test*.py") or bool(TEST_NAMES.fullmatch(example))


def _find_import_name(observations: Sequence[Observation]) -> str:
    """Find the package present at all commits: the one named like the project, or the only one."""
    if not all(it.projects for it in observations):
        return ""  # the checks of an import need an install
    if any(map(has_several_projects, observations)):
        return ""  # of which a candidate may need any
    common = frozenset.intersection(*(it.packages for it in observations))
    name = canonicalize_name(observations[-1].project.name or "-").replace("-", "_")
    alike = sorted(it for it in common if it.lower().strip("_") == name)
    packages = alike or sorted(common - {"setup", "conftest", "noxfile", "runtests", "versioneer"})
    return packages[0] if len(packages) == 1 else ""


def _find_version_file(observations: Sequence[Observation]) -> DraftValue | None:
    """Find a file with the version, for projects whose tags are not ancestors of their commits."""
    common = set.intersection(*(set(it.declared_versions) for it in observations))
    if not common:
        return None
    file = min(common, key=lambda path: (len(path), path))
    without = sum(not it.version for it in observations)
    if without:
        reason = f"{without} of {len(observations)} commits have no tag among their ancestors"
        return DraftValue(value=file, reason=reason)
    for version in {it.version for it in observations}:
        declared = {it.declared_versions[file] for it in observations if it.version == version}
        if len(declared) >= STALE_VERSIONS:
            reason = f"tag {version} is the nearest one for {len(declared)} versions of this file"
            return DraftValue(value=file, reason=reason)
    return None


def _find_warnings(observations: Sequence[Observation]) -> Iterator[str]:
    last = observations[-1]
    called = list_runners(observations)
    if called and "pytest" not in called:
        yield f"CI runs the tests with {', '.join(sorted(called))}; this recipe uses pytest."
    if not called:
        yield "No CI configuration that runs tests was found."
    if last.compiled_by:
        yield f"{last.compiled_by} compiles code: system_packages and install may be needed."
    if last.submodules:
        yield "Its git submodules are cloned; leave out in [submodules] what tests do not need."
    if not any(it.version for it in observations):
        yield "No commit has a tag among its ancestors: add a [version] rule if ranges are needed."
    several = [folder for it in observations[-1:] for folder in it.folders - {ROOT}]
    if len(several) > 1:
        named = ", ".join(sorted(several)[:MAX_NAMED])
        more = f" and {len(several) - MAX_NAMED} more" if len(several) > MAX_NAMED else ""
        yield f"It has several projects, installed where tests need them: {named}{more}."
    without_name = sum(not it.project.name for it in observations)
    if without_name:
        yield f"{without_name} of {len(observations)} commits have no readable project metadata."


def _list_left_out(
    observations: Sequence[Observation], ranges: Sequence[RangeDraft]
) -> Iterator[str]:
    """Yield which system packages of newer commits the recipe does not ask for, and why."""
    taken = {fact.value for it in ranges for fact in it.facts.get("system_packages", ())}
    left_out = set()
    for observation in observations[-max(len(observations) // 3, 1) :]:
        for name, (debian, share, _) in count_system_packages(observation).items():
            if is_own_package(name):
                continue
            if not debian:
                left_out.add(f"{name} (not known in Debian 12)")
            elif is_large(debian):
                left_out.add(f"{name} (large)")
            elif share < MIN_SYSTEM_SHARE and debian not in taken:
                left_out.add(f"{name} (few jobs)")
    if left_out:
        yield f"System packages left out: {', '.join(sorted(left_out))}."
