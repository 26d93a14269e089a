"""Large distributions in a layer of their own, shared by environments, on a real engine.

What counts as large here is small.
"""

import json
import secrets
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from curate.builders.backends.docker import DockerBackend
from curate.builders.images import large_packages
from curate.builders.model import BuiltInstance, InstanceSpec
from curate.builders.package_facts import load_package_facts
from curate.publish.export.run import write_rows
from curate.releases.columns import TRAIN_COLUMNS
from curate.releases.table import make_table
from tests.helpers.rebuilt_images import rebuild_image, remove_layers
from tests.helpers.releases import good
from tests.integration.test_images import settings, spec  # noqa: F401
from tests.integration.test_shared_environments import backend, forget, layers  # noqa: F401

pytestmark = pytest.mark.xdist_group("builds")


def set_families(monkeypatch: pytest.MonkeyPatch, *large: tuple[str, ...]) -> None:
    facts = replace(load_package_facts(), large_families=large)
    monkeypatch.setattr(large_packages, "load_package_facts", lambda: facts)


@pytest.fixture(autouse=True)
def families(monkeypatch: pytest.MonkeyPatch) -> None:
    set_families(monkeypatch, ("six",), ("attrs",))


def build(backend: DockerBackend, spec: InstanceSpec, text: str) -> BuiltInstance:
    name = f"owner__thing-{secrets.token_hex(4)}"
    built = backend.build_instance(replace(spec, name=name, lock=replace(spec.lock, text=text)))
    assert isinstance(built, BuiltInstance), built
    return built


def said(backend: DockerBackend, built: BuiltInstance, *command: str) -> str:
    options: dict[str, Any] = {"network_mode": "none", "remove": True}
    return bytes(backend.engine.containers.run(built.handle, [*command], **options)).decode()


def test_environments_share_a_part_and_hold_what_they_would_without(
    backend: DockerBackend, spec: InstanceSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    pins = "attrs==23.1.0\nidna==3.4\nsix==1.16.0\n"
    first = build(backend, spec, pins)
    assert list(first.layer_bytes) == ["base", "python", "six", "attrs", "environment", "instance"]
    second = build(backend, spec, pins.replace("idna==3.4", "idna==3.6"))
    assert first.dockerfiles["attrs"] == second.dockerfiles["attrs"]
    assert first.environment_key != second.environment_key
    third = build(backend, spec, pins.replace("attrs==23.1.0", "attrs==23.2.0"))
    assert first.dockerfiles["six"] == third.dockerfiles["six"]
    set_families(monkeypatch)
    whole = build(backend, spec, pins)
    assert list(whole.layer_bytes) == ["base", "python", "environment", "instance"]
    freeze = ("python", "-m", "pip", "freeze", "--all")
    assert said(backend, first, *freeze) == said(backend, whole, *freeze)
    tree = ("sh", "-c", "cd /opt/venv && find . -type f ! -name uninstall ! -name '*.bak' | sort")
    assert said(backend, first, *tree) == said(backend, whole, *tree)


@pytest.mark.heavy
def test_parts_build_from_the_published_files(
    backend: DockerBackend, spec: InstanceSpec, tmp_path: Path
) -> None:
    built = build(backend, spec, "attrs==23.1.0\nsix==1.16.0\n")
    files = {"dockerfiles": dict(built.dockerfiles), "build_files": dict(built.build_files)}
    row = good(
        7, base_commit=spec.base_commit, **{name: json.dumps(it) for name, it in files.items()}
    )
    write_rows(make_table(TRAIN_COLUMNS, [row]), "verified", "folder", tmp_path / "export")
    tag = f"curate-test:{secrets.token_hex(8)}"
    try:
        rebuild_image(tmp_path / "export", row["instance_id"], tag, str(spec.mirror))
        freeze = ("python", "-m", "pip", "freeze", "--all")
        rebuilt = replace(built, handle=tag)
        assert said(backend, rebuilt, *freeze) == said(backend, built, *freeze)
    finally:
        remove_layers(backend.engine, tag, len(built.dockerfiles))


def test_a_part_is_found_in_the_registry_where_its_environment_is_not(
    backend: DockerBackend, spec: InstanceSpec
) -> None:
    build(backend, spec, "attrs==23.1.0\nsix==1.16.0\n")
    forget(backend)
    other = build(backend, spec, "attrs==23.1.0\nidna==3.4\nsix==1.16.0\n")
    assert layers(backend) == {"shared_packages", "env", "instance"}
    assert other.layer_bytes["environment"] > 0


def test_a_part_goes_with_the_last_environment_upon_it(
    backend: DockerBackend, spec: InstanceSpec, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(
        "curate.builders.image_gc.collect.package_cache_records", lambda records: ()
    )
    alone = DockerBackend(replace(backend.settings, layer_cache_registry="", cache_dir=tmp_path))
    first = build(alone, spec, "idna==3.4\nsix==1.16.0\n")
    second = build(alone, spec, "idna==3.6\nsix==1.16.0\n")
    alone.release_instance(first.name)
    alone.image_gc.free_space(0)
    assert layers(backend) == {"base", "python", "shared_packages", "env", "instance"}
    alone.release_instance(second.name)
    done = alone.image_gc.free_space(0)
    assert [each.name.split("/")[1].split(":")[0] for each in done.environments] == [
        "env",
        "shared_packages",
    ]
    assert layers(backend) == {"base", "python"}
