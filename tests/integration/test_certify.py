"""Instances are certified in images of a registry: pulled clean by digest, whatever the tag is."""

import json
import os
import secrets
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import pytest

from curate.builders.engine.clean_pull import ImageGoneError, SharedPulls, forget, pull_clean
from curate.builders.engine.registry import RegistryUnavailableError, push_image
from curate.releases.image_names import image_repository_name
from curate.store import Store
from tests.helpers.containers import project_image
from tests.helpers.fakes import not_none
from tests.helpers.image_tags import list_tags, remove_images
from tests.integration.test_eval_check import CASES, FILES, SAVES, Case, run, save

pytestmark = pytest.mark.xdist_group("containers")
GOOD, WEAK = CASES[1], CASES[2]
EXPIRED = Case(  # as a certificate in a fixture does
    gold={"thing.py": SAVES},
    tests={"tests/test_new.py": b"import time\ndef test_new(): assert time.time() < 1700000000\n"},
    fail_to_pass="tests/test_new.py::test_new",
    expected="",
)
SAVED = b"import thing\ndef test_new(tmp_path): assert thing.save(tmp_path / 'x')\n"
AS_ROOT = Case(  # which evaluation clients are
    gold={"thing.py": SAVES},
    tests={"tests/test_new.py": SAVED},
    fail_to_pass="tests/test_new.py::test_new",
    expected="",
)
INSTANCES = {1: AS_ROOT, 2: EXPIRED, 3: WEAK, 4: GOOD, 5: GOOD}
DELETED, RETAGGED = 4, 5


@dataclass(frozen=True, kw_only=True)
class World:
    folder: Path
    registry: str
    image: str  # local
    references: Mapping[str, str]  # by instance id


def name_of(number: int) -> str:
    return f"owner__name-{number}"


@pytest.fixture
def world(client: docker.DockerClient, image_with_python: str, tmp_path: Path) -> Iterator[World]:
    """Five instances whose images were pushed; one was deleted, one has another image's tag."""
    registry = f"{os.environ['CURATE_TEST_REGISTRY']}/certify-{secrets.token_hex(4)}"
    with project_image(client, image_with_python, tmp_path / "testbed", FILES) as built:
        digest = not_none(client.images.get(built.handle).id)
        with Store(tmp_path / "data") as store:
            for number, case in INSTANCES.items():
                save(store, number, case, tmp_path / "testbed", built.handle, digest)
                repository = image_repository_name(registry, name_of(number))
                pushed = push_image(client, built.handle, repository, "latest")
                store.save_pushed_image(name_of(number), registry, digest, pushed.reference)
                client.images.remove(f"{repository}:latest", noprune=True)
            references = {it: ref for it, (_, ref) in store.pushed_images(registry).items()}
        delete_manifest(references[name_of(DELETED)])
        other = image_repository_name(registry, name_of(RETAGGED))
        push_image(client, image_with_python, other, "latest")
        client.images.remove(f"{other}:latest", noprune=True)
        yield World(folder=tmp_path, registry=registry, image=digest, references=references)
    remove_images(f"{registry}/")


def delete_manifest(reference: str) -> None:
    host, _, rest = reference.partition("/")
    repository, _, digest = rest.partition("@")
    url = f"http://{host}/v2/{repository}/manifests/{digest}"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    opener.open(urllib.request.Request(url, method="DELETE")).close()


def certify(world: World, *arguments: str, expected: int) -> Any:
    out, _ = run(world.folder, "certify", *arguments, "--json", "-j", "2", expected=expected)
    return json.loads(out)


@pytest.mark.heavy
def test_every_kind_of_rot_is_told_apart(client: docker.DockerClient, world: World) -> None:
    report = certify(world, "--all", expected=1)
    assert report["errors"] == {}
    found = {it["instance_id"]: it for it in report["certifications"]}
    assert {it: one["result"] for it, one in found.items()} == {
        name_of(1): "certified",
        name_of(2): "failed",
        name_of(3): "passes-without-patch",
        name_of(DELETED): "image-missing",
        name_of(RETAGGED): "certified",
    }
    assert found[name_of(RETAGGED)]["image"] == world.references[name_of(RETAGGED)]
    assert [found[name_of(n)]["pulled"] for n in (1, 2, 3, 4, 5)] == [True] * 3 + [False, True]
    assert {it["instance_id"] for it in report["drift"]} == {name_of(n) for n in (2, 3, 4)}
    (expired,) = (it for it in report["drift"] if it["instance_id"] == name_of(2))
    assert expired["got"] == "failed in 3 of 3 gold runs" and expired["good_source"] == "validated"
    assert any(change.startswith("date: ") for change in expired["changes"])
    digests = client.images.get(world.image).attrs["RepoDigests"]
    assert not [it for it in digests if world.registry in it]  # what was pulled is gone again

    status, _ = run(world.folder, "status", "--json")
    excluded = json.loads(status)["repositories"]["owner/name"]["excluded"]
    assert excluded == {"certification-failed": 3}
    run(world.folder, "publish", "images", "--registry", world.registry)  # the lost one again
    status, _ = run(world.folder, "status", "--json")
    excluded = json.loads(status)["repositories"]["owner/name"]["excluded"]
    assert excluded == {"certification-failed": 2}
    options = ("--registry", world.registry, "--no-verify")
    run(world.folder, "publish", *options)
    certificate = json.loads((world.folder / "data/release/CERTIFICATE.json").read_text())
    assert certificate["counts"] == {"certified": 2, "instances": 3, "never_certified": 1}
    again = certify(world, name_of(DELETED), "--rerun", expected=0)
    assert again["counts"]["certified"] == 1


def test_a_registry_that_is_away_is_no_result(world: World) -> None:
    with Store(world.folder / "data") as store:
        reference = "127.0.0.1:1/x/i@" + world.references[name_of(1)].partition("@")[2]
        store.save_pushed_image(name_of(1), "127.0.0.1:1/x", world.image, reference)
    report = certify(world, name_of(1), "--registry", "127.0.0.1:1/x", expected=3)
    assert "cannot be pulled" in report["errors"][name_of(1)]
    assert report["certifications"] == []
    with Store(world.folder / "data") as store:
        assert store.certifications.history(name_of(1)) == []


def test_an_image_is_pulled_from_the_registry_though_it_is_here(
    client: docker.DockerClient, world: World
) -> None:
    reference = world.references[name_of(1)]
    first = pull_clean(client, reference)
    assert (first.reference, first.was_here) == (reference, False)
    assert pull_clean(client, reference).was_here
    delete_manifest(reference)
    with pytest.raises(ImageGoneError, match="cannot be pulled"):
        pull_clean(client, reference)
    forget(client, first)
    shared = SharedPulls()
    reference = world.references[name_of(2)]
    with shared.use(client, reference) as one:
        with shared.use(client, reference) as other:
            assert other is one
        assert client.images.get(reference)  # the first still needs it
    with pytest.raises(docker.errors.ImageNotFound):
        client.images.get(reference)
    tagged = pull_clean(
        client, f"{image_repository_name(world.registry, name_of(RETAGGED))}:latest"
    )
    assert tagged.digest != first.digest and tagged.reference.endswith(tagged.digest)
    forget(client, tagged)
    assert not [tag for tag in list_tags(client) if world.registry in tag]  # tags are left alone
    with pytest.raises(RegistryUnavailableError):
        pull_clean(client, "127.0.0.1:1/x/y:latest")


@pytest.mark.heavy
def test_rows_of_a_published_set_run_in_their_own_images(world: World) -> None:
    """A tag is resolved to a digest; a row whose image is gone needs an environment of ours."""
    rows = []
    with Store(world.folder / "data") as store:
        for number in (1, 2, DELETED):
            one = not_none(store.get_candidate(name_of(number)))
            (fixed,) = not_none(store.get_validation(name_of(number))).verdict.fail_to_pass
            rows.append(
                {
                    "instance_id": name_of(number),
                    "repo": one.repo,
                    "base_commit": one.base_commit,
                    "patch": one.patch.decode(),
                    "test_patch": one.test_patch.decode(),
                    "FAIL_TO_PASS": json.dumps([fixed]),
                    "PASS_TO_PASS": "[]",
                }
            )
    path = world.folder / "published.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    (world.folder / "data").rename(world.folder / "elsewhere")
    namespace = ("--image-namespace", world.registry)
    report = certify(world, str(path), "--all", *namespace, expected=1)
    found = {it["instance_id"]: it for it in report["certifications"]}
    assert {it: one["result"] for it, one in found.items()} == {
        name_of(1): "certified",
        name_of(2): "failed",
    }
    assert found[name_of(1)]["image"] == world.references[name_of(1)]
    assert found[name_of(1)]["pulled"] is True
    assert "No mirror of owner/name" in report["invalid"][name_of(DELETED)]
