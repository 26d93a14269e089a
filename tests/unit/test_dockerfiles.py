"""Dockerfiles are texts: the same input gives the same text, and a text holds no secret."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from curate.builders.images.build import fill_environment_context
from curate.builders.images.dockerfiles import (
    render_base,
    render_build_env,
    render_environment,
    render_instance,
    render_python,
    render_python_dockerignore,
    render_shared_packages,
)
from curate.builders.images.install_packages import describe_builds, render_wheel_lock
from curate.builders.images.plan import plan_image
from curate.builders.lock.build_constraints import build_constraint
from curate.builders.model import InstanceSpec, SdistArchive
from curate.builders.settings import BuildSettings
from tests.helpers.instance_spec import imagine_instance_spec

DATE = datetime(2021, 5, 4, 10, tzinfo=UTC)
SPEC = imagine_instance_spec(
    DATE,
    "# made by uv\nattrs==21.2.0\nsix==1.16.0\n",
    name="Owner__Repo-7",
    env_vars={"GREETING": 'say "hi" for $5'},
)
LOCK = SPEC.lock
SETTINGS = BuildSettings(cache_dir=Path("/cache"))
PREFIX = Path("/pythons/3.8.18")


def _tags(
    spec: InstanceSpec = SPEC, settings: BuildSettings = SETTINGS, prefix: Path = PREFIX
) -> dict[str, str]:
    return {layer.name: layer.tag for layer in plan_image(spec, settings, prefix).layers}


def test_environment_text() -> None:
    assert render_environment("curate/python:1", LOCK, system_packages=("zip", "cmake")) == (
        "FROM curate/python:1\n"
        "RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y"
        " --no-install-recommends cmake zip"
        " && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old"
        " /var/cache/ldconfig/aux-cache /var/log/apt /var/log/dpkg.log"
        " /var/log/alternatives.log\n"
        "RUN --mount=type=bind,target=/mnt"
        " --mount=type=cache,id=curate-builds,target=/media . /mnt/build.env"
        " && /mnt/uv venv --seed --exclude-newer 2021-05-04T10:00:00Z"
        " --python /opt/python/bin/python3.8 /opt/venv"
        " && { /mnt/uv pip install --python /opt/venv/bin/python --no-deps"
        " -r /mnt/lock.txt"
        " || /mnt/uv pip install --python /opt/venv/bin/python --no-deps"
        " -r /mnt/lock.txt --exclude-newer-package cmake=2021-05-04T10:00:00Z"
        " --exclude-newer-package cython=2021-05-04T10:00:00Z"
        " --exclude-newer-package numpy=2021-05-04T10:00:00Z"
        " --exclude-newer-package scikit-build=2021-05-04T10:00:00Z"
        " --exclude-newer-package setuptools=2021-05-04T10:00:00Z"
        " --exclude-newer-package setuptools-scm=2021-05-04T10:00:00Z"
        " --exclude-newer-package wheel=2021-05-04T10:00:00Z; }"
        " && /opt/venv/bin/python -I /mnt/compile_bytecode.py /media"
        " && find /opt/venv ! -user 1000 -exec chown -h 1000:1000 {} +\n"
        "ENV VIRTUAL_ENV=/opt/venv PATH=/opt/venv/bin:$PATH\n"
    )


def test_the_context_has_every_file_that_the_text_names(tmp_path: Path) -> None:
    fill_environment_context(tmp_path, SPEC, replace(SETTINGS, cache_dir=tmp_path))
    named = set(re.findall(r"/mnt/([\w.]+)", render_environment("curate/python:1", LOCK)))
    assert named == {path.name for path in tmp_path.iterdir()}


def test_extensions_are_built_against_a_numpy_that_all_locks_have() -> None:
    lock = replace(LOCK, text=LOCK.text + "numpy==1.19.4\n")
    text = render_environment("curate/python:1", lock)
    assert "echo 'numpy<=1.17.3' > /tmp/build-constraints.txt && { " in text
    first, second, third = text.partition("{ ")[2].partition("; }")[0].split(" || ")
    bound = " --build-constraints /tmp/build-constraints.txt"
    assert first.endswith(f"-r /mnt/lock.txt{bound}")
    assert second.startswith(f"{first} --exclude-newer-package cmake=")
    assert third == second.replace(bound, "")
    assert "; } && rm /tmp/build-constraints.txt && " in text


LATER = "2023-01-15T00:00:00Z,2023-07-15T00:00:00Z"
SDISTS = replace(
    LOCK,
    text="# made by uv\nlxml==4.9.0\n    # via -r r.in\nsix==1.16.0\ntwisted==19.2.1\n",
    sdists={
        "lxml==4.9.0": datetime(2022, 6, 1, 12, tzinfo=UTC),
        "twisted==19.2.1": datetime(2019, 6, 6, 12, tzinfo=UTC),
    },
    archives=(
        SdistArchive(
            name="twisted",
            version="19.2.1",
            filename="Twisted-19.2.1.tar.bz2",
            url="https://files.test/Twisted-19.2.1.tar.bz2",
            sha256="0" * 64,
            uploaded=datetime(2019, 6, 6, 12, tzinfo=UTC),
        ),
    ),
)


def test_source_distributions_are_built_one_by_one_with_the_tools_of_their_dates() -> None:
    text = render_environment("curate/python:1", SDISTS)
    build = " && /opt/venv/bin/python -I /mnt/build_sdist.py /mnt/uv"
    links = "--find-links /mnt/archives"
    assert (
        "; }"
        + (
            f"{build} lxml==4.9.0 2022-06-02T00:00:00Z,{LATER} {links}"
            f"{build} twisted==19.2.1 2019-06-07T00:00:00Z,2021-05-04T10:00:00Z"
            f",{LATER}"
            f" {links} && "
        )
        in text
    )
    assert render_wheel_lock(SDISTS) == "six==1.16.0\n"
    with_numpy = replace(SDISTS, text=SDISTS.text + "numpy==1.19.4\n")
    text = render_environment("curate/python:1", with_numpy)
    assert f",{LATER} --constraint /tmp/build-constraints.txt {links} && " in text


@pytest.mark.parametrize(("version", "is_named"), [("2.9.2", True), ("3.0.0", False)])
def test_the_program_of_old_pytest_has_its_later_name(version: str, is_named: bool) -> None:
    lock = replace(LOCK, text=f"pytest=={version}\n")
    text = render_environment("curate/python:1", lock)
    assert ("ln -sf py.test /opt/venv/bin/pytest" in text) is is_named


def test_builds_that_the_tools_of_their_date_did_not_do_are_on_record() -> None:
    record = "lxml==4.9.0 2022-06-02T00:00:00Z\ntwisted==19.2.1 2021-05-04T10:00:00Z\n"
    assert describe_builds(record, SDISTS) == (
        "built twisted 19.2.1 with build tools of 2021-05-04:"
        " those of its own date did not build it",
    )
    assert describe_builds("lxml==4.9.0 environment\n", SDISTS) == (
        "built lxml 4.9.0 in the environment itself: no isolated build worked",
    )


@pytest.mark.parametrize(
    ("python", "numpy", "bound"),
    [
        ("3.8", "numpy==1.9.2", "numpy<=1.9.2"),
        ("3.12", "numpy==2.1.0", "numpy<=1.26.2"),
        ("3.13", "numpy==2.1.0", ""),
        ("3.8", "numpydoc==1.1", ""),
    ],
)
def test_bounds_of_builds(python: str, numpy: str, bound: str) -> None:
    assert build_constraint(replace(LOCK, text=f"{numpy}\n", python=python)) == bound


TORCH = replace(
    LOCK,
    text="nvidia-cudnn-cu11==8.5.0.96\nnvidia-ml-py==11.5\npyspark==3.4.0\nsix==1.16.0\n"
    "torch==1.13.1\ntorchvision==0.14.1\n",
)


def test_part_text() -> None:
    owner = " && find /opt/venv ! -user 1000 -exec chown -h 1000:1000 {} +"
    install = "/mnt/uv pip install --python /opt/venv/bin/python --no-deps"
    mounts = "--mount=type=bind,target=/mnt --mount=type=cache,id=curate-builds,target=/media"
    assert render_shared_packages("curate/python:1", "3.8", ("a==1", "b==2"), lowest=True) == (
        "FROM curate/python:1\n"
        f"RUN {mounts} . /mnt/build.env"
        " && /mnt/uv venv --python /opt/python/bin/python3.8 /opt/venv"
        f" && {install} a==1 b==2"
        f" && /opt/venv/bin/python -I /mnt/compile_bytecode.py /media{owner}\n"
    )
    assert render_shared_packages("curate/shared_packages:1", "3.8", ("c==3",), lowest=False) == (
        "FROM curate/shared_packages:1\n"
        f"RUN {mounts} . /mnt/build.env && {install} c==3"
        f" && /opt/venv/bin/python -I /mnt/compile_bytecode.py /media{owner}\n"
    )


@pytest.mark.parametrize(
    ("python", "seeds"), [("3.11", "pip setuptools wheel"), ("3.12", "pip"), ("3.9", "pip set")]
)
def test_an_environment_upon_parts_goes_on_with_theirs(python: str, seeds: str) -> None:
    text = render_environment("p:1", replace(TORCH, python=python), has_venv=True)
    own = r"(?: --exclude-newer-package \S+)*"  # of an interpreter that is newer
    assert re.search(rf" --exclude-newer 2021-05-04T10:00:00Z{own} {seeds}", text)
    assert "/mnt/uv venv" not in text
    assert "--no-deps -r /mnt/lock.txt" in text


def test_large_distributions_lie_below_the_environment_each_family_by_itself() -> None:
    plan = plan_image(replace(SPEC, lock=TORCH), SETTINGS, PREFIX)
    names = ["base", "python", "torch", "pyspark", "environment", "instance"]
    assert [layer.name for layer in plan.layers] == names
    torch, spark = plan.layers[2:4]
    assert "--no-deps nvidia-cudnn-cu11==8.5.0.96 torch==1.13.1 &&" in torch.dockerfile
    assert "--no-deps pyspark==3.4.0 &&" in spark.dockerfile
    for below, layer in zip(plan.layers, plan.layers[1:], strict=False):
        assert layer.dockerfile.startswith(f"FROM {below.tag}\n")


def test_environments_that_differ_elsewhere_share_their_parts() -> None:
    other = replace(TORCH, text=TORCH.text.replace("six==1.16.0", "six==1.15.0"))
    one, two = (_tags(replace(SPEC, lock=lock)) for lock in (TORCH, other))
    assert {name for name in one if one[name] == two[name]} == {
        "base", "python", "torch", "pyspark",
    }  # fmt: skip
    later = replace(TORCH, text=TORCH.text.replace("8.5.0.96", "8.6.0"))
    assert _tags(replace(SPEC, lock=later))["torch"] != one["torch"]


def test_nothing_of_a_family_is_a_part_without_its_head() -> None:
    lock = replace(LOCK, text="nvidia-cudnn-cu11==8.5.0.96\ntriton==2.0.0\ntensorboard==2.0\n")
    assert "torch" not in _tags(replace(SPEC, lock=lock))
    lock = replace(LOCK, text="torch @ https://host/torch.whl\n")
    assert "torch" not in _tags(replace(SPEC, lock=lock))


def test_instance_text_quotes_variables_and_stores_the_checkout_once() -> None:
    text = render_instance("curate/env:1", SPEC)
    assert 'ENV GREETING="say \\"hi\\" for \\$5"\n' in text
    assert text.count("RUN ") == 1
    assert " || true;" in text  # in braces: a failing install must fail the RUN
    assert "COPY" not in text
    assert text.endswith(
        f'WORKDIR /testbed\nLABEL curate.instance="Owner__Repo-7" curate.commit={"a" * 40}\n'
    )


def test_a_tree_lies_below_the_instances_that_step_from_it() -> None:
    older = "b" * 40
    plan = plan_image(replace(SPEC, checkout_layer_commit=older), SETTINGS, PREFIX)
    environment, tree, instance = plan.layers[2:]
    assert (tree.name, instance.name) == ("checkout", "instance")
    assert tree.dockerfile.startswith(f"FROM {environment.tag}\n")
    assert instance.dockerfile.startswith(f"FROM {tree.tag}\n")
    assert "/mnt/checkout" in tree.dockerfile
    assert "/mnt/checkout" not in instance.dockerfile
    assert f"git read-tree --reset -u {SPEC.base_commit}" in instance.dockerfile
    itself = plan_image(replace(SPEC, checkout_layer_commit=SPEC.base_commit), SETTINGS, PREFIX)
    assert "read-tree" not in itself.layers[-1].dockerfile


def test_submodules_that_moved_take_their_own_step() -> None:
    moved = {"deep/b": ("1" * 40, "2" * 40), "a": ("3" * 40, "4" * 40)}
    text = render_instance(
        "x/checkout:1", replace(SPEC, checkout_layer_commit="b" * 40, moved_submodules=moved)
    )
    places = [
        text.index(part)
        for part in (
            f"git read-tree --reset -u {SPEC.base_commit}",
            "cd /testbed/a && git index-pack --stdin < /mnt/step-0.pack",
            f"git read-tree --reset -u {'4' * 40}",
            "cd /testbed/deep/b && git index-pack --stdin < /mnt/step-1.pack",
            f"git read-tree --reset -u {'2' * 40} && cd /testbed && PATH",
        )
    ]
    assert places == sorted(places)


def test_base_text_starts_from_the_image_of_the_settings() -> None:
    text = render_base("debian@sha256:1234")
    assert text.startswith("FROM debian@sha256:1234\n")
    assert " git " in text


def test_python_layer_leaves_site_packages_behind() -> None:
    assert "lib/python3.8/site-packages/*" in render_python_dockerignore("3.8").splitlines()
    assert "COPY . /opt/python\n" in render_python("base", "3.8")


@pytest.mark.parametrize(
    "text", [layer.dockerfile for layer in plan_image(SPEC, SETTINGS, PREFIX).layers]
)
def test_dialect_is_that_of_docker_20_10(text: str) -> None:
    assert "<<" not in text
    assert "--link" not in text
    assert "--network" not in text


def test_no_layer_names_this_machine() -> None:
    bundled = replace(SETTINGS, ca_bundle=Path("/secret/ca.pem"), index_url="https://index.test")
    for layer in plan_image(SPEC, bundled, PREFIX).layers:
        assert not re.search(r"secret|index\.test|/mirrors|/pythons", layer.dockerfile)


def test_settings_of_the_build_name_bundle_and_index() -> None:
    text = render_build_env(ca_bundle=True, index_url="https://index.test/a b")
    assert "export SSL_CERT_FILE=/mnt/ca.pem\n" in text
    assert "export UV_DEFAULT_INDEX='https://index.test/a b'\n" in text
    assert "ca.pem" not in render_build_env(ca_bundle=False, index_url="")


def test_plan_is_deterministic_and_stacked() -> None:
    plan = plan_image(SPEC, SETTINGS, PREFIX)
    assert plan == plan_image(SPEC, SETTINGS, PREFIX)
    for below, layer in zip(plan.layers, plan.layers[1:], strict=False):
        assert layer.dockerfile.startswith(f"FROM {below.tag}\n")
    assert plan.layers[-1].tag.startswith("curate/instance:owner__repo-7-")


def test_comments_of_a_lock_do_not_part_environments() -> None:
    other = replace(LOCK, text="six==1.16.0 # via a\n# made later\nattrs==21.2.0\n")
    assert _tags(replace(SPEC, lock=other)) == _tags()


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        ({"base_commit": "b" * 40}, {"base", "python", "environment"}),
        ({"env_vars": {}}, {"base", "python", "environment"}),
        ({"install": ("make",)}, {"base", "python", "environment"}),
        ({"system_packages": ("zip",)}, {"base", "python"}),
        ({"lock": replace(LOCK, text="attrs==21.1.0\n")}, {"base", "python"}),
        ({"python": "3.9"}, {"base"}),
    ],
)
def test_a_change_renames_the_layers_above_it(change: dict[str, Any], kept: set[str]) -> None:
    before, after = _tags(), _tags(replace(SPEC, **change))
    assert {name for name in before if before[name] == after[name]} == kept


def test_another_patch_release_or_base_is_another_environment() -> None:
    assert _tags(prefix=Path("/pythons/3.8.17"))["environment"] != _tags()["environment"]
    other = replace(SETTINGS, base_image="debian:trixie")
    assert set(_tags(settings=other).values()).isdisjoint(_tags().values())
