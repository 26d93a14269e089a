"""Other versions of packages that are installed but do not fit, or the environment without them."""

from collections.abc import Iterator
from dataclasses import replace

from packaging.requirements import Requirement as Parsed
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from curate.environments.evidence import RepositoryEvidence
from curate.environments.providers import load_providers
from curate.environments.remedy import EnvironmentState, Remedy, Symptom

VERSION_KINDS = frozenset({"name", "attribute", "conflict", "numpy-abi", "broken-import"})
NUMPY_2 = Version("2")  # with another binary interface


def iter_version_remedies(
    symptom: Symptom, state: EnvironmentState, evidence: RepositoryEvidence
) -> Iterator[Remedy]:
    """Yield what may answer a *symptom* of `VERSION_KINDS`, the best first."""
    if symptom.kind == "numpy-abi":
        yield from _limit_numpy(symptom, state)
    elif symptom.kind == "broken-import":
        yield from _answer_broken_import(symptom, state, evidence)
    else:
        yield from _change_version(symptom, state, evidence)


def _change_version(
    symptom: Symptom, state: EnvironmentState, evidence: RepositoryEvidence
) -> Iterator[Remedy]:
    """Constrain a locked distribution as the message asks, or as the repository did later."""
    if symptom.kind == "conflict":
        line = str(_without_extras(symptom.name))
        yield Remedy(constraints=(line,), sentence=f"required {line}: {symptom.describe()}")
        return
    if evidence.is_own_module(symptom.name):
        return
    for name in load_providers().list_distributions(symptom.name):
        version = state.find_version(name)
        for found in evidence.iter_later_declarations(name) if version else ():
            line = _exclude_version(found.line, version)
            if line:
                sentence = f"required {line}: {symptom.describe()} ({found.origin})"
                yield Remedy(constraints=(line,), sentence=sentence)


def _limit_numpy(symptom: Symptom, state: EnvironmentState) -> Iterator[Remedy]:
    """Take the last series of numpy 1, against which other packages were compiled."""
    version = state.find_version("numpy")
    if version and Version(version) >= NUMPY_2:
        line = f"numpy<{NUMPY_2}"
        yield Remedy(constraints=(line,), sentence=f"required {line}: {symptom.describe()}")


def _answer_broken_import(
    symptom: Symptom, state: EnvironmentState, evidence: RepositoryEvidence
) -> Iterator[Remedy]:
    """Take another version of a package that fails at import, else do without it.

    The name of *symptom* is that of the package which the project imports, and of those through
    which this fails. Only what the project does without, by its metadata, is left out.
    """
    modules = symptom.name.split()
    for module in reversed(modules):
        version = Symptom(kind="name", name=module, where=symptom.where)
        for remedy in _change_version(version, state, evidence):
            sentence = f"required {remedy.label}: {symptom.describe()}"
            yield replace(remedy, sentence=sentence)
    for module in modules:
        names = load_providers().list_distributions(module)
        for name in names if not evidence.is_own_module(module) else ():
            if name in state.optional and state.find_version(name):
                sentence = f"left out {name}: {symptom.describe()}"
                yield Remedy(omitted=(name,), sentence=sentence)


def _exclude_version(line: str, version: str) -> str:
    """Return the bounds of *line* that *version* is above as a constraint; "" for none."""
    parsed = _without_extras(line)
    clauses = [
        it
        for it in parsed.specifier
        if it.operator not in (">", ">=") and not it.contains(version, prereleases=True)
    ]
    is_above = all(
        it.operator == "!=" or Version(version) >= Version(it.version.removesuffix(".*"))
        for it in clauses
    )
    parsed.specifier = SpecifierSet(",".join(map(str, clauses)))
    return str(parsed) if clauses and is_above else ""


def _without_extras(line: str) -> Parsed:
    parsed = Parsed(line)
    parsed.extras, parsed.marker = set(), None
    return parsed
