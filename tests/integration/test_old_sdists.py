"""Source distributions of several ages, built by both backends from the real package index."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from curate.builders.backends.docker import DockerBackend
from curate.builders.backends.local import LocalBackend
from curate.builders.engine.client import connect_to_engine
from curate.builders.images.build_sdist import RECORD
from curate.builders.lock.resolve import compile_lock
from curate.builders.model import BuiltInstance, RequirementsLock
from curate.builders.python.choose import available_pythons
from curate.builders.requirements import Manifest, Requirement
from curate.builders.settings import BuildSettings
from tests.helpers.engine_settings import read_engine_settings
from tests.helpers.instance_spec import make_instance_spec

pytestmark = pytest.mark.xdist_group("builds")

INSTALL = ("pwd > \"$(python -c 'import site; print(site.getsitepackages()[0])')/thing.pth\"",)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> BuildSettings:
    return read_engine_settings(tmp_path_factory.mktemp("cache"))


CASES = [
    ("3.6", "2018-04-09", ["markupsafe==1.0", "pyyaml==3.12", "pycparser==2.18"]),
    ("3.10", "2022-06-01", ["pyyaml==5.4.1", "wrapt==1.13.3"]),  # Cython before 3
]
MORE = [
    ("3.7", "2019-07-09", ["twisted==19.2.1", "demjson==2.2.4"]),  # .tar.bz2; use_2to3
    ("3.8", "2020-06-01", ["markupsafe==1.0", "pyyaml==5.3.1"]),
    ("3.9", "2021-06-01", ["pyyaml==5.3.1", "docopt==0.6.2"]),
    ("3.11", "2023-02-01", ["pyyaml==5.4.1", "docopt==0.6.2"]),
    ("3.12", "2024-03-01", ["pyyaml==6.0", "docopt==0.6.2"]),  # neither old nor new tools build it
    ("3.13", "2025-01-10", ["docopt==0.6.2"]),
]


@pytest.mark.parametrize(
    ("python", "date", "pins"),
    [
        *(pytest.param(*case, id=case[0]) for case in CASES),
        *(pytest.param(*case, id=case[0], marks=pytest.mark.heavy) for case in MORE),
    ],
)
def test_both_backends_build_alike(
    settings: BuildSettings, tmp_path: Path, python: str, date: str, pins: list[str]
) -> None:
    if python not in available_pythons(settings.python_install_dir):
        pytest.skip(f"no Python {python} here")
    items = [Requirement(line=it, name=it.split("=")[0], origin="r", is_core=True) for it in pins]
    lock = compile_lock(
        Manifest(requirements=tuple(items)),
        python=python,
        cutoff=datetime.fromisoformat(date).replace(tzinfo=UTC),
        settings=settings,
    )
    assert isinstance(lock, RequirementsLock), lock
    spec = make_instance_spec(
        tmp_path / "mirror", {"thing/__init__.py": ""}, "", python, install=INSTALL
    )
    spec = replace(spec, lock=lock)
    local = LocalBackend(settings).build_instance(spec)
    assert isinstance(local, BuiltInstance), local
    built = DockerBackend(settings).build_instance(spec)
    assert isinstance(built, BuiltInstance), built
    engine = connect_to_engine()
    try:
        record = engine.containers.run(built.handle, ["cat", f"/opt/venv/{RECORD}"], remove=True)
    finally:
        engine.images.remove(built.handle, noprune=True)
    assert record.decode() == (Path(local.handle) / "venv" / RECORD).read_text()
    assert local.build_notes == built.build_notes
