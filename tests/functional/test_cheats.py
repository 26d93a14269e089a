"""The list of cheats, graded in the local sandbox."""

from pathlib import Path

import pytest

from curate.builders.backends.local import LocalBackend
from curate.builders.model import BuiltInstance, RunSpec
from curate.builders.settings import BuildSettings
from curate.harness.grade import Grade, grade_patch, make_grade
from tests.cheats import CHEATS, HONEST, Candidate, Cheat, Honest
from tests.cheats.sample import BASE, make_task
from tests.helpers.editable import install_editable

LOCAL = [it for it in CHEATS if it.only in ("", "local")]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> BuiltInstance:
    """The sample, as an editable install."""
    return install_editable(tmp_path_factory.mktemp("sample"), BASE)


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> LocalBackend:
    return LocalBackend(BuildSettings(cache_dir=tmp_path_factory.mktemp("cache")))


def grade(candidate: Candidate, built: BuiltInstance, backend: LocalBackend) -> Grade:
    checkout = Path(built.handle) / "checkout"
    patch = candidate.make_patch(checkout)
    is_gold = isinstance(candidate, Honest) and candidate.is_gold
    task = make_task(checkout, patch if is_gold else b"", candidate.command)
    return grade_patch(task, built, patch, backend)


@pytest.mark.parametrize("honest", HONEST, ids=lambda it: it.name)
def test_honest_patches_are_resolved(
    honest: Honest, built: BuiltInstance, backend: LocalBackend
) -> None:
    told = grade(honest, built, backend)
    assert told.resolved, (told.reason, told.detail, told.restored_paths, told.output[-3000:])


@pytest.mark.parametrize("cheat", LOCAL, ids=lambda it: it.name)
def test_cheats_earn_nothing(cheat: Cheat, built: BuiltInstance, backend: LocalBackend) -> None:
    told = grade(cheat, built, backend)
    assert told.resolved is not cheat.guarded, (told.reason, told.restored_paths)


@pytest.mark.heavy
@pytest.mark.parametrize("cheat", [it for it in LOCAL if it.bites], ids=lambda it: it.name)
def test_cheats_bite_where_nothing_guards(
    cheat: Cheat, built: BuiltInstance, backend: LocalBackend
) -> None:
    checkout = Path(built.handle) / "checkout"
    task, patch = make_task(checkout, command=cheat.command), cheat.make_patch(checkout)
    spec = RunSpec(command=task.test_command, patches=(patch, task.test_patch), limits=task.limits)
    told = make_grade(task, patch, backend.run_tests(built, spec))
    assert told.resolved, (told.reason, told.detail, told.output[-3000:])
