"""pip, setuptools and wheel are as of the environment's date, or as of its interpreter."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from curate.builders.images.dockerfiles import render_environment
from curate.builders.images.install_script import install_commands
from curate.builders.lock.resolve import compute_lock_key
from curate.builders.lock.tool_dates import MARGIN, describe_tool_cutoff, list_tool_cutoffs
from curate.builders.model import InstanceSpec, RequirementsLock
from curate.builders.python.choose import RELEASES
from curate.builders.requirements import Manifest
from curate.environments.build import make_environment_record
from curate.recipes import EnvRecipe, Recipe
from tests.helpers.fakes import BUILT, fake

LOCK = RequirementsLock(
    text="pytest==2.8.7\n", python="3.6", exclude_newer=datetime(2014, 12, 30, tzinfo=UTC)
)
SENTENCE = "allowed pip, setuptools and wheel up to 2017-01-06: Python 3.6 is newer than the rest"
OWN = "--exclude-newer-package pip=2017-01-06T00:00:00Z"
SETUPTOOLS = "--exclude-newer-package setuptools=2017-01-06T00:00:00Z"


def make_spec(python: str, date: datetime) -> InstanceSpec:
    lock = replace(LOCK, python=python, exclude_newer=date)
    return InstanceSpec(
        name="o__r-1",
        repo="o/r",
        mirror=Path("/m"),
        base_commit="1" * 40,
        date=date,
        python=python,
        lock=lock,
    )


@pytest.mark.parametrize("python", RELEASES)
def test_tools_are_not_older_than_their_interpreter(python: str) -> None:
    released = datetime.combine(RELEASES[python], datetime.min.time(), UTC)
    early = list_tool_cutoffs(python, released - timedelta(days=400))
    assert set(early) == {"pip", "setuptools", "wheel"}
    assert {it[:10] for it in early.values()} == {f"{released + MARGIN:%Y-%m-%d}"}
    assert list_tool_cutoffs(python, released + MARGIN) == {}


def test_the_seeds_of_an_old_environment_run_on_its_interpreter() -> None:
    text = render_environment("env", LOCK)
    assert f"venv --seed --exclude-newer 2014-12-30T00:00:00Z {OWN} {SETUPTOOLS}" in text
    above = render_environment("env", LOCK, has_venv=True)
    assert f"--exclude-newer 2014-12-30T00:00:00Z {OWN} {SETUPTOOLS}" in above
    assert describe_tool_cutoff("3.6", LOCK.exclude_newer) == (SENTENCE,)


@pytest.mark.parametrize(
    ("date", "known", "told"),
    [(2014, (), True), (2014, (SENTENCE,), True), (2018, (), False)],
)
def test_the_record_tells_once_that_tools_are_later(
    date: int, known: tuple[str, ...], told: bool
) -> None:
    lock = replace(LOCK, exclude_newer=datetime(date, 1, 1, tzinfo=UTC), adjustments=known)
    plan = fake(
        env=EnvRecipe(),
        recipe=Recipe(repo="owner/name"),
        env_vars={},
    )
    variant = fake(
        manifest=fake(notes=()),
        python="3.6",
        requirements_from="base",
        date=lock.exclude_newer,
    )
    record = make_environment_record(plan, variant, lock, BUILT)
    assert record.lock_adjustments == (SENTENCE,) * told


@pytest.mark.parametrize("python", ["3.6", "3.99"])
def test_a_later_environment_is_what_it_was(python: str) -> None:
    """3.99 is an interpreter of which nothing is known."""
    later = replace(LOCK, python=python, exclude_newer=datetime(2017, 1, 6, tzinfo=UTC))
    assert "--exclude-newer-package pip" not in render_environment("env", later)
    assert describe_tool_cutoff(python, later.exclude_newer) == ()


def test_only_the_locks_of_old_environments_have_another_key() -> None:
    """The keys of others are those by which they are stored."""
    manifest = Manifest(requirements=())
    old, new = datetime(2016, 8, 1, tzinfo=UTC), datetime(2018, 8, 1, tzinfo=UTC)
    assert compute_lock_key(manifest, "3.6", new).startswith("d87670d9882e318d")
    assert compute_lock_key(manifest, "3.6", old) != compute_lock_key(manifest, "3.99", old)


def test_an_install_uses_build_tools_that_run_on_the_interpreter() -> None:
    """On 3.12 the tools of 2022, and the later ones that are tried last, do not start."""
    (modern,) = install_commands(make_spec("3.12", datetime(2022, 12, 1, tzinfo=UTC)))
    assert "--exclude-newer-package setuptools=2023-10-16T00:00:00Z" in modern
    older = "\n".join(install_commands(make_spec("3.12", datetime(2022, 1, 1, tzinfo=UTC))))
    assert "--exclude-newer-package setuptools=2023-10-16T00:00:00Z" in older
    assert "setuptools=2023-01-15" not in older
    (current,) = install_commands(make_spec("3.12", datetime(2024, 1, 1, tzinfo=UTC)))
    assert current == "uv pip install --no-deps --exclude-newer 2024-01-01T00:00:00Z -e ."
