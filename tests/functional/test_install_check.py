"""What an installed project requires, compared with the lock of its environment."""

import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from curate.builders.git.tree import GitTree
from curate.builders.model import BuiltInstance
from curate.builders.requirements import read_manifest
from curate.core.model import Candidate
from curate.environments.build import build_with_fallbacks, get_or_create_lock
from curate.environments.context import ValidationContext
from curate.environments.plan import ValidationPlan
from curate.environments.variants import RequirementsVariant
from curate.recipes import EnvRecipe
from tests.helpers.back_ends import BUNDLED, DATE, PYTHON, RECIPE, local_validation, setup_script
from tests.helpers.factories import make_candidate
from tests.helpers.fakes import UNUSED
from tests.helpers.git_history import GitHistory

pytestmark = pytest.mark.skipif(not BUNDLED, reason="this Python comes without setuptools")


@pytest.fixture
def ctx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ValidationContext]:
    with local_validation(tmp_path, monkeypatch) as made:
        yield made


@pytest.fixture
def git(tmp_path: Path) -> GitHistory:
    return GitHistory.new(tmp_path / "git")


def install_commands(*requires: str) -> tuple[str, ...]:
    """An editable install by hand: a path file, and metadata that require *requires*."""
    metadata = "Name: thing\n" + "".join(f"Requires-Dist: {it}\n" for it in requires)
    code = (
        "import os, site; place = site.getsitepackages()[0]; here = os.getcwd(); "
        "open(place + '/thing.pth', 'w').write(here); info = place + '/thing-1.dist-info'; "
        f"os.mkdir(info); open(info + '/METADATA', 'w').write({metadata!r}); "
        'open(info + "/direct_url.json", "w").write(\'{"url": "file://\' + here + \'"}\')'
    )
    return (f"python -c {shlex.quote(code)}",)


def build(
    git: GitHistory, ctx: ValidationContext, *requires: str, source: str = "base"
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Build an instance whose setup.py reads as requiring six; its packages and adjustments."""
    base = git.change({"setup.py": setup_script("['six']"), "thing/__init__.py": ""})
    env = EnvRecipe(install=install_commands(*requires))
    with GitTree(git.path / ".git", base) as tree:
        manifest: Any = read_manifest(tree, env.requirements)
    variant = RequirementsVariant(
        requirements_from=source, manifest=manifest, python=PYTHON, date=DATE, cutoff=DATE
    )
    candidate: Candidate = replace(make_candidate(1), base_commit=base)
    plan = ValidationPlan(
        candidate=candidate, recipe=RECIPE, env=env, selection=UNUSED, variants=(variant,)
    )
    lock: Any = get_or_create_lock(plan, variant, DATE, ctx)
    lock, built = build_with_fallbacks(plan, variant, lock, ctx)
    assert isinstance(built, BuiltInstance), built
    return lock.packages, lock.adjustments


def test_an_install_that_requires_what_was_read_changes_nothing(
    git: GitHistory, ctx: ValidationContext
) -> None:
    packages, adjustments = build(
        git, ctx, "six>=1", "absent; extra == 'x'", "toml; python_version < '3'"
    )
    assert packages == ("pytest==2.0", "six==2.0")
    assert adjustments == ("added pytest: it is not declared",)


def test_what_an_install_requires_further_is_locked(
    git: GitHistory, ctx: ValidationContext
) -> None:
    packages, adjustments = build(git, ctx, "six", "toml>=1")
    assert packages == ("pytest==2.0", "six==2.0", "toml==2.0")
    assert adjustments[1:] == ("the build back-end also requires toml>=1",)


def test_gold_requirements_get_what_is_missing_and_keep_their_versions(
    git: GitHistory, ctx: ValidationContext
) -> None:
    packages, adjustments = build(git, ctx, "six<2", "toml", source="gold")
    assert packages == ("pytest==2.0", "six==2.0", "toml==2.0")
    assert adjustments[1:] == ("the build back-end also requires toml",)


def test_what_does_not_resolve_is_said_and_left_out(
    git: GitHistory, ctx: ValidationContext
) -> None:
    packages, adjustments = build(git, ctx, "six", "toml>=9")
    assert packages == ("pytest==2.0", "six==2.0")
    assert adjustments[1:] == ("the build back-end also requires toml>=9, which does not resolve",)
