"""Real uv against the configured package index."""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from curate.builders.errors import BuilderError
from curate.builders.lock.resolve import compile_lock
from curate.builders.model import Failure, RequirementsLock
from curate.builders.requirements import Manifest, Requirement
from curate.builders.settings import BuildSettings

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> BuildSettings:
    bundle = os.environ.get("SSL_CERT_FILE")
    interpreters = os.environ.get("CURATE_PYTHON_INSTALL_DIR")
    return BuildSettings(
        cache_dir=tmp_path_factory.mktemp("cache"),
        ca_bundle=Path(bundle) if bundle else None,
        python_install_dir=Path(interpreters) if interpreters else None,
    )


def lock(
    settings: BuildSettings,
    *lines: str,
    core: bool = True,
    project: str = "",
    when: tuple[int, int, int] = (2023, 11, 1),
) -> RequirementsLock | Failure:
    items = [
        Requirement(line=line, name=line.split("=")[0].split(">")[0], origin="r.txt", is_core=core)
        for line in lines
    ]
    manifest = Manifest(requirements=tuple(items), project=project)
    cutoff = datetime(*when, tzinfo=UTC)
    return compile_lock(manifest, python=PYTHON, cutoff=cutoff, settings=settings)


def test_cutoff_holds_to_the_moment(settings: BuildSettings) -> None:
    manifest = Manifest(
        requirements=(Requirement(line="pytest", name="pytest", origin="r", is_core=True),)
    )
    # 7.4.3 was uploaded on 2023-10-24 at 20:56:00 UTC, give or take the second
    for day, version in ((24, "pytest==7.4.2"), (25, "pytest==7.4.3")):
        cutoff = datetime(2023, 10, day, tzinfo=UTC)
        found = compile_lock(manifest, python=PYTHON, cutoff=cutoff, settings=settings)
        assert isinstance(found, RequirementsLock)
        assert version in found.packages
        assert found.adjustments == ()


def test_repairs_until_it_resolves(settings: BuildSettings) -> None:
    found = lock(settings, "pytest>=7", "six==99.9", "sklearn", "zzzz-not-there-really", core=False)
    assert isinstance(found, RequirementsLock)
    names = {package.split("==")[0] for package in found.packages}
    assert {"pytest", "six"} <= names
    assert not {"sklearn", "zzzz-not-there-really"} & names
    assert len(found.adjustments) == 3


def test_project_itself_never_comes_from_the_index(settings: BuildSettings) -> None:
    found = lock(settings, "pytest-mock", project="pytest")
    assert isinstance(found, RequirementsLock)
    assert [package.split("==")[0] for package in found.packages] == ["pytest-mock"]


def test_core_that_cannot_be_had(settings: BuildSettings) -> None:
    missing = lock(settings, "zzzz-not-there-really")
    assert isinstance(missing, Failure)
    assert (missing.stage, missing.reason) == ("lock", "unsatisfiable")
    broken = lock(settings, "sklearn")
    assert isinstance(broken, Failure)
    assert broken.reason == "unbuildable"
    assert "sklearn" in broken.detail


def test_releases_of_before_pep_440(settings: BuildSettings) -> None:
    """Uv by itself would give pandas 0.11 and pytest 3.5, and say nothing."""
    items = [Requirement(line=n, name=n, origin="r", is_core=True) for n in ("pandas", "pytest")]
    cutoff = datetime(2019, 3, 1, tzinfo=UTC)
    found = compile_lock(
        Manifest(requirements=tuple(items)), python="3.7", cutoff=cutoff, settings=settings
    )
    assert isinstance(found, RequirementsLock)
    assert {"pandas==0.24.1", "pytest==4.3.0"} <= set(found.packages)
    assert [sentence for sentence in found.adjustments if "pytz>=2011" in sentence]
    assert [sentence for sentence in found.adjustments if "atomicwrites" in sentence]


def test_index_out_of_reach_is_no_verdict(tmp_path: Path) -> None:
    settings = BuildSettings(cache_dir=tmp_path, index_url="http://127.0.0.1:9/simple")
    with pytest.raises(BuilderError):
        lock(settings, "six")


def test_a_pytest_that_does_not_run_on_the_interpreter_is_raised(settings: BuildSettings) -> None:
    found = lock(settings, "pytest==2.7.3", "six")
    assert isinstance(found, RequirementsLock)
    (version,) = (it.removeprefix("pytest==") for it in found.packages if it.startswith("pytest="))
    assert int(version.partition(".")[0]) >= 6
    (sentence,) = found.adjustments
    assert sentence.startswith("raised pytest 2.7.3 to 6.2.5 or later: no older one runs on Python")
