import gzip
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from curate.builders.engine.oci_layout import OciLayout, name_image
from curate.builders.errors import SandboxError
from tests.helpers.image_archives import (
    digest_of,
    make_config,
    make_layer,
    save_as_docker_20,
    save_as_docker_25,
)

SAVERS = [save_as_docker_20, save_as_docker_25]
# Names that the library of Podman, Skopeo and Apptainer takes.
WORD = "[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*"

Save = Callable[[bytes, Sequence[bytes]], bytes]


def chunks(archive: bytes, size: int = 777) -> list[bytes]:
    return [archive[start : start + size] for start in range(0, len(archive), size)]


def files_of(layout: OciLayout) -> set[str]:
    blobs = layout.folder / "blobs/sha256"
    return {f"sha256:{path.name}" for path in blobs.iterdir()}


def manifest_of(layout: OciLayout, digest: str) -> dict[str, list[dict[str, str]]]:
    found = layout.find(digest)
    assert found
    path = layout.folder / "blobs/sha256" / found.manifest.removeprefix("sha256:")
    manifest: dict[str, list[dict[str, str]]] = json.loads(path.read_bytes())
    return manifest


@pytest.mark.parametrize("save", SAVERS)
def test_what_images_share_is_stored_once(save: Save, tmp_path: Path) -> None:
    layout, below = OciLayout(tmp_path / "oci"), make_layer("below")
    for name in ("one", "two"):
        config = make_config(name)
        layers = [below, make_layer(name)]
        layout.add(f"o__{name}-1", digest_of(config), chunks(save(config, layers)))
        manifest = manifest_of(layout, digest_of(config))
        assert [it["digest"] for it in manifest["layers"]] == [digest_of(it) for it in layers]
    assert [it.instance for it in layout.images()] == ["o__one-1", "o__two-1"]
    wanted = {digest_of(make_layer(it)) for it in ("below", "one", "two")}
    wanted |= {digest_of(make_config(it)) for it in ("one", "two")}
    assert wanted == files_of(layout) - {it.manifest for it in layout.images()}
    for path in (layout.folder / "blobs/sha256").iterdir():
        assert digest_of(path.read_bytes()) == f"sha256:{path.name}"


def test_a_layer_that_occurs_twice(tmp_path: Path) -> None:
    layout, config, layer = OciLayout(tmp_path), make_config("x"), make_layer("x")
    layout.add("o__x-1", "sha256:d", chunks(save_as_docker_20(config, [layer, layer])))
    digests = [it["digest"] for it in manifest_of(layout, "sha256:d")["layers"]]
    assert digests == [digest_of(layer)] * 2


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (make_layer("x"), "tar"),
        (gzip.compress(b"x", mtime=0), "tar+gzip"),
        (b"\x28\xb5\x2f\xfd", "tar+zstd"),
    ],
)
def test_layers_say_how_they_are_compressed(content: bytes, kind: str, tmp_path: Path) -> None:
    layout = OciLayout(tmp_path)
    layout.add("o__x-1", "sha256:d", [save_as_docker_25(make_config("x"), [content])])
    (layer,) = manifest_of(layout, "sha256:d")["layers"]
    assert layer["mediaType"] == f"application/vnd.oci.image.layer.v1.{kind}"


@pytest.mark.parametrize("save", SAVERS)
@pytest.mark.parametrize("kept", [0.0, 0.3, 0.6, 0.9])
def test_a_truncated_archive_is_an_error_and_no_image(
    save: Save, kept: float, tmp_path: Path
) -> None:
    layout, archive = OciLayout(tmp_path), save(make_config("x"), [make_layer("x" * 90000)])
    with pytest.raises(SandboxError, match="damaged"):
        layout.add("o__x-1", "sha256:d", chunks(archive[: int(len(archive) * kept)]))
    assert not layout.images() and not list(tmp_path.rglob("*.part"))


def test_an_image_that_lost_a_file_is_not_there(tmp_path: Path) -> None:
    layout, layer = OciLayout(tmp_path), make_layer("x")
    archive = save_as_docker_20(make_config("x"), [layer])
    layout.add("o__x-1", "sha256:d", [archive])
    blob = tmp_path / "blobs/sha256" / digest_of(layer).removeprefix("sha256:")
    blob.write_bytes(b"short")
    assert layout.find("sha256:d") is None
    layout.add("o__x-1", "sha256:d", [archive])
    assert layout.find("sha256:d") and blob.read_bytes() == layer


def test_the_image_of_a_rebuilt_instance_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    layout = OciLayout(tmp_path)
    for name in ("old", "new"):
        layout.add("o__x-1", f"sha256:{name}", [save_as_docker_20(make_config(name), [])])
    assert [it.digest for it in layout.images()] == ["sha256:new"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"manifests": 3}'])
def test_a_damaged_index_is_said(text: str, tmp_path: Path) -> None:
    (tmp_path / "index.json").write_text(text)
    with pytest.raises(SandboxError, match=re.escape(f"{tmp_path / 'index.json'} is no index")):
        OciLayout(tmp_path).images()


def test_a_view_has_one_image(tmp_path: Path) -> None:
    layout, view = OciLayout(tmp_path / "all"), tmp_path / "view"
    view.mkdir()
    for name in ("one", "two"):
        layout.add(f"o__{name}-1", f"sha256:{name}", [save_as_docker_20(make_config(name), [])])
    chosen = layout.find("sha256:two")
    assert chosen
    layout.write_view(chosen, view)
    (entry,) = json.loads((view / "index.json").read_bytes())["manifests"]
    assert entry["digest"] == chosen.manifest
    assert (view / "blobs/sha256" / chosen.manifest.removeprefix("sha256:")).is_file()


@pytest.mark.parametrize(
    "instance",
    ["getmoto__moto-4847", "A.b__c_-1", "a__-b--c-2", "_x____y_-3", "o__n.-4", "o__..-5"],
)
def test_names_are_such_as_all_tools_take(instance: str) -> None:
    name = name_image(instance, "sha256:" + "ab" * 32)
    assert re.fullmatch(WORD, name) and name.endswith("abababababab")
