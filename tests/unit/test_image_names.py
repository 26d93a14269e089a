"""Names of images: valid by OCI's grammar, never shared, SWE-Gym's if they can be."""

import itertools
import re

import pytest

from curate.builders.images.keys import safe_name
from curate.core.errors import ConfigurationError
from curate.releases.image_names import (
    derive_swebench_name,
    escape_instance_id,
    image_repository_name,
    normalize_registry,
)

# As distribution-spec has it, written down independently of the code.
PATH = re.compile(r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*")
ODD = [
    "some-lab__kestrel_-5",
    "some-lab__kestrel__-5",
    "some-lab__.github-1",
    "some-lab__-x-1",
    "some-lab__a._b-1",
    "some-lab__a.-1",
    "some-lab-__b-1",
    "some-lab__Kestrel_-5",
    "some-lab__a_s_b-1",
    "o__" + "a" * 100 + "_-12345",
    "o" * 39 + "__" + "_" * 100 + "-1",
]


@pytest.mark.parametrize(
    ("instance_id", "name"),
    [
        ("getmoto__moto-4847", "getmoto_s_moto-4847"),
        ("Project-MONAI__MONAI-3", "project-monai_s_monai-3"),
        ("a__b_c.d-1", "a_s_b_c.d-1"),
        ("a__b__c-1", "a_s_b_s_c-1"),
        ("a___b-1", "a_s__b-1"),
    ],
)
def test_names_of_ordinary_repositories_are_those_of_swe_gym(instance_id: str, name: str) -> None:
    full = f"ghcr.io/lab/sweb.eval.x86_64.{name}"
    assert image_repository_name("ghcr.io/lab/", instance_id) == full
    assert escape_instance_id(instance_id) == instance_id


@pytest.mark.parametrize("instance_id", ODD)
@pytest.mark.parametrize("namespace", ["lab", "registry.example:5000/" + "n/" * 90 + "n"])
def test_every_name_is_valid(instance_id: str, namespace: str) -> None:
    name = image_repository_name(namespace, instance_id)
    assert PATH.fullmatch(name.removeprefix("registry.example:5000/"))
    assert len(name) <= 255
    derived = derive_swebench_name(escape_instance_id(instance_id))
    assert PATH.fullmatch(derived.removesuffix(":latest"))
    assert len(derived) <= 255 + len(":latest")


def test_no_two_repositories_share_a_name() -> None:
    parts = ["a", "_", "__", ".", "-", "s", "_s_", "_1776_", "B"]
    repos = {"".join(chosen) for n in (1, 2, 3) for chosen in itertools.product(parts, repeat=n)}
    ids = {f"lab__{repo}-1" for repo in repos}
    folded = {instance_id.lower() for instance_id in ids}
    assert len({image_repository_name("r.example/x", it) for it in ids}) == len(folded)
    assert len({derive_swebench_name(escape_instance_id(it)) for it in ids}) == len(folded)
    assert len({escape_instance_id(it).lower() for it in ids}) == len(folded)


def test_spellings_of_one_repository_have_one_name() -> None:
    for one, other in (("Lab__Name-1", "lab__name-1"), ("Lab__Name_-1", "lab__name_-1")):
        assert image_repository_name("r.example", one) == image_repository_name("r.example", other)


@pytest.mark.parametrize("name", [*ODD, "---", "ü", "", "A" * 200])
def test_local_tags_are_valid(name: str) -> None:
    assert re.fullmatch(r"[\w][\w.-]{0,127}", f"{safe_name(name)}-{'0' * 20}", re.ASCII)


@pytest.mark.parametrize(
    "registry", ["ghcr.io/my-lab", "127.0.0.1:5055", "localhost/x", "my-lab", "[::1]:5000/x"]
)
def test_registries_are_taken_with_and_without_a_slash(registry: str) -> None:
    assert normalize_registry(registry) == normalize_registry(f"{registry}/") == registry


@pytest.mark.parametrize(
    ("registry", "hint"),
    [
        ("ghcr.io/My-Lab", "ghcr.io/my-lab"),
        ("My-Lab", "my-lab"),
        ("https://ghcr.io/x", "scheme"),
        ("", "HOST/NAMESPACE"),
        ("/", "HOST/NAMESPACE"),
        ("ghcr.io//x", "HOST/NAMESPACE"),
        ("ghcr.io/_x", "HOST/NAMESPACE"),
        ("ghcr.io/x:latest", "HOST/NAMESPACE"),
        ("ghcr.io/" + "b" * 250, "203 characters"),
    ],
)
def test_a_registry_where_nothing_can_be_named_is_told(registry: str, hint: str) -> None:
    with pytest.raises(ConfigurationError) as told:
        normalize_registry(registry)
    assert hint in told.value.hint
