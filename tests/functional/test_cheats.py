"""The list of cheats, graded in the local sandbox."""

from pathlib import Path

import pytest

from curate.builders.backends.local import LocalBackend
from curate.builders.model import BuiltInstance
from curate.builders.settings import BuildSettings
from tests import cheats
from tests.cheats import HONEST, Cheat, Honest, as_parameters
from tests.cheats.sample import BASE
from tests.helpers.editable import install_editable

CASES = cheats.cheats_for("local")
QUICK_HONEST = [it for it in HONEST if it.is_gold] + list(HONEST[:2])


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> BuiltInstance:
    """The sample, as an editable install."""
    return install_editable(tmp_path_factory.mktemp("sample"), BASE)


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> LocalBackend:
    return LocalBackend(BuildSettings(cache_dir=tmp_path_factory.mktemp("cache")))


@pytest.mark.parametrize("honest", as_parameters(HONEST, QUICK_HONEST))
def test_honest_patches_are_resolved(
    honest: Honest, built: BuiltInstance, backend: LocalBackend
) -> None:
    told = cheats.grade(honest, Path(built.handle) / "checkout", built, backend)
    assert told.resolved, (told.reason, told.detail, told.restored_paths, told.output[-3000:])


@pytest.mark.parametrize("cheat", as_parameters(CASES, cheats.one_for_each_guard(CASES)))
def test_cheats_earn_nothing(cheat: Cheat, built: BuiltInstance, backend: LocalBackend) -> None:
    told = cheats.grade(cheat, Path(built.handle) / "checkout", built, backend)
    assert told.resolved is not cheat.guarded, (told.reason, told.restored_paths)


@pytest.mark.parametrize("cheat", as_parameters([it for it in CASES if it.bites], ()))
def test_cheats_bite_where_nothing_guards(
    cheat: Cheat, built: BuiltInstance, backend: LocalBackend
) -> None:
    told = cheats.run_unguarded(cheat, Path(built.handle) / "checkout", built, backend)
    assert told.resolved, (told.reason, told.detail, told.output[-3000:])
