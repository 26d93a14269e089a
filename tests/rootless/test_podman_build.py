"""Images that rootless Podman builds itself, for validations without Docker."""

from dataclasses import replace
from pathlib import Path

import pytest

from curate.builders.backends.podman import PodmanBackend
from curate.builders.engine.podman import run_podman
from curate.builders.model import BuiltInstance, RunSpec, RunStatus
from tests.helpers.engine_settings import read_engine_settings
from tests.helpers.instance_spec import make_instance_spec

SETUP = "from setuptools import setup\nsetup(name='thing', version='1.0', packages=['thing'])\n"
TEST = "import six, thing\ndef test_thing(): assert six.PY3\n"


def test_an_instance_is_built_and_its_tests_are_run(kind: str, tmp_path: Path) -> None:
    if kind != "podman":
        pytest.skip("Apptainer builds no images of ours")
    files = {"thing/__init__.py": "import six\n", "setup.py": SETUP, "test_thing.py": TEST}
    spec = make_instance_spec(
        tmp_path / "mirror",
        files,
        "six==1.16.0\npytest==8.2.0\niniconfig==2.0.0\npackaging==24.0\npluggy==1.5.0\n",
        "3.11",
    )
    settings = read_engine_settings(tmp_path / "cache")
    base = f"localhost/{settings.base_image}"
    backend = PodmanBackend(
        replace(
            settings, base_image=base, image_namespace="curate-test", min_free_disk_bytes=1 << 30
        )
    )
    built = backend.build_instance(spec)
    assert isinstance(built, BuiltInstance), built
    try:
        assert built.digest.startswith("sha256:") and built.backend == "podman"
        result = backend.run_tests(built, RunSpec(command="python -m pytest -q"))
        assert result.status is RunStatus.COMPLETED, result.output.decode()
        assert list(result.outcomes.values()) == ["passed"]
        assert backend.build_instance(spec).environment_seconds == 0  # type: ignore[union-attr]
    finally:
        run_podman(["rmi", "--force", built.handle])
