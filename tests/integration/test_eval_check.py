"""Evaluation scripts are run in their image as clients run them, once, before a release."""

import io
import json
import os
import secrets
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import docker
import pytest

from curate.builders.engine.registry import pull_image
from curate.builders.model import Outcome
from curate.builders.sandbox.docker import OWNER_LABEL
from curate.core.model import CrawlState, Verdict
from curate.core.settings import Settings
from curate.store import Store
from tests.functional.test_eval_script import git, patch_of
from tests.helpers.containers import project_image
from tests.helpers.factories import make_candidate, make_pull, make_validation
from tests.helpers.fakes import not_none
from tests.helpers.serving import wait_until

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.xdist_group("containers")

FILES = {
    "thing.py": "def save(path):\n    return None\n",
    "tests/test_old.py": "def test_old(): pass\n",
}
SAVES = b"def save(path):\n    with open(path, 'w') as file:\n        return file\n"
REFUSED = b"""\
import pytest, thing
def test_new(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError):
        thing.save(tmp_path / "x")
"""
AS_VALIDATED = b"""\
import os, pathlib
def test_new():
    assert __import__("thing").save("/tmp/x")
    assert (os.getuid(), os.getgid(), os.getgroups()) in [(1000, 1000, []), (1000, 1000, [1000])]
    assert (pathlib.Path.home(), os.environ["USER"]) == (pathlib.Path("/tmp"), "curate")
    pathlib.Path("pkg/written").touch()
"""


@dataclass(frozen=True, kw_only=True)
class Case:
    """An instance: what gold and test patch write, and what FAIL_TO_PASS says."""

    gold: Mapping[str, bytes]
    tests: Mapping[str, bytes]
    fail_to_pass: str
    expected: str  # part of the problem; "" = none


CASES = {
    1: Case(
        gold={"thing.py": SAVES},
        tests={"tests/test_new.py": REFUSED},
        fail_to_pass="tests/test_new.py::test_new",
        expected="",
    ),
    2: Case(
        gold={"thing.py": SAVES},
        tests={"tests/test_new.py": b"def test_new(): pass\n"},
        fail_to_pass="tests/test_new.py::test_new",
        expected="no patch: passes tests/test_new.py::test_new",
    ),
    3: Case(
        gold={"thing.py": SAVES},
        tests={"tests/test_new.py": b"def test_new(): assert 0\n"},
        fail_to_pass="tests/test_new.py::test_new",
        expected="gold patch: tests/test_new.py::test_new: FAILED",
    ),
    4: Case(  # the patch is applied by root, and makes a folder that the tests write to
        gold={"thing.py": SAVES, "pkg/__init__.py": b""},
        tests={"pkg/tests/test_new.py": AS_VALIDATED},
        fail_to_pass="pkg/tests/test_new.py::test_new",
        expected="",
    ),
}
SLEEPS = Case(
    gold={"thing.py": SAVES},
    tests={"tests/test_new.py": b"import time\ndef test_new(): time.sleep(600)\n"},
    fail_to_pass="tests/test_new.py::test_new",
    expected="",
)


def save(store: Store, number: int, case: Case, folder: Path, handle: str, digest: str) -> None:
    tests = patch_of(folder, case.tests)
    path = case.fail_to_pass.partition("::")[0]
    environment = replace(not_none(make_validation().environment), handle=handle, digest=digest)
    verdict = Verdict(
        fail_to_pass=(case.fail_to_pass,),
        pass_to_pass=("tests/test_old.py::test_old",),
        pre_fix_outcomes={case.fail_to_pass: Outcome.FAILED},
    )
    statement = f"It does not save {'very ' * number * number} well."
    store.save_page("owner/name", [make_pull(number, repo="owner/name")], CrawlState())
    store.save_candidate(
        make_candidate(
            number,
            base_commit=git(folder, "rev-parse", "HEAD").decode().strip(),
            patch=patch_of(folder, case.gold),
            test_patch=tests,
            problem_statement=statement,
        )
    )
    store.save_validation(
        "owner/name",
        make_validation(
            number,
            environment=environment,
            verdict=verdict,
            test_command=f"python -m pytest -q -p no:cacheprovider {path} tests/test_old.py",
        ),
    )


@contextmanager
def stored_cases(client: docker.DockerClient, image: str, folder: Path) -> Iterator[Path]:
    """A folder whose store has the cases, all in one image, and one whose image is gone."""
    checkout = folder / "testbed"
    with project_image(client, image, checkout, FILES) as built:
        digest = not_none(client.images.get(built.handle).id)
        with Store(folder / "data") as store:
            for number, case in CASES.items():
                save(store, number, case, checkout, built.handle, digest)
            gone = "sha256:" + "0" * 64
            save(store, 5, CASES[1], checkout, "curate-test:gone", gone)
        yield folder


@pytest.fixture
def folder(client: docker.DockerClient, image_with_python: str, tmp_path: Path) -> Iterator[Path]:
    with stored_cases(client, image_with_python, tmp_path) as folder:
        yield folder


def begin(folder: Path, *arguments: str, **variables: str) -> subprocess.Popen[str]:
    (folder / "filters.toml").write_text("near_duplicate_threshold = 0\n")
    kept = {k: v for k, v in os.environ.items() if not k.startswith("CURATE_")}
    mine = {"PYTHONPATH": str(ROOT), "COLUMNS": "300", "CURATE_RELEASE_FILTERS": "filters.toml"}
    return subprocess.Popen(
        [sys.executable, "-m", "curate", *arguments],
        cwd=folder,
        env=kept | mine | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(folder: Path, *arguments: str, expected: int = 0, **variables: str) -> tuple[str, str]:
    process = begin(folder, *arguments, **variables)
    out, said = process.communicate(timeout=300)
    assert process.returncode == expected, said
    assert "Traceback" not in said
    return out, said


def containers(client: docker.DockerClient, folder: Path) -> list[str]:
    owner = f"{Settings(data_dir=folder / 'data').run_owner}-eval"
    found = client.containers.list(
        all=True, ignore_removed=True, filters={"label": f"{OWNER_LABEL}={owner}"}
    )
    return [not_none(container.name) for container in found]


def test_a_release_has_what_clients_grade_as_validation_did(
    client: docker.DockerClient, folder: Path
) -> None:
    found = json.loads(run(folder, "publish", "verify", "-j", "2", "--json", expected=1)[0])
    assert found["verified"] == sum(not case.expected for case in CASES.values())
    bad = {f"owner__name-{n}": case.expected for n, case in CASES.items() if case.expected}
    assert found["failed"] == bad
    assert "no longer on this machine" in found["unchecked"]["owner__name-5"]
    assert containers(client, folder) == []
    again = json.loads(run(folder, "publish", "verify", "--json", expected=1)[0])
    assert again == {**found, "up_to_date": len(CASES)}
    out, said = run(folder, "publish", "--allow-local-images", "--json")
    assert (json.loads(out)["rows"]["train"], json.loads(out)["excluded"]) == (3, 2)
    assert f"excluded owner__name-2: failed-evaluation {bad['owner__name-2']}" in said
    rows = [json.loads(line) for line in run(folder, "export", "-")[0].splitlines()]
    assert [row["eval_verified"] for row in rows] == [True, True, None]
    assert "eval_script of 1 rows was not run" in run(folder, "publish", "check")[1]


@pytest.mark.parametrize("how", ["file", "text", "input"])
def test_the_exit_status_says_whether_it_is_resolved(
    client: docker.DockerClient, folder: Path, how: str
) -> None:
    """However a client starts the script, as root: it goes on as the user of validation."""
    (row,) = map(
        json.loads, run(folder, "export", "-", "--where", "pull_number = 1")[0].splitlines()
    )
    container = client.containers.create(row["image"], "tail -f /dev/null", user="root")
    start = {"file": "bash /e", "text": 'bash -c "$(cat /e)"', "input": "cat /e | bash"}[how]
    try:
        container.start()
        put_files(container, {"e": row["eval_script"], "gold": row["patch"]})
        for patch, resolved in (("true", False), ("git apply /gold", True)):
            command = ["bash", "-c", f"cd /testbed && {patch} && {start}"]
            found: Any = container.exec_run(command)
            assert (found.exit_code == 0) is resolved, found.output.decode()
    finally:
        container.remove(force=True)


def put_files(container: Any, files: Mapping[str, str]) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    container.put_archive("/", buffer.getvalue())


def test_an_image_that_only_a_registry_has_is_pulled_and_removed_again(
    client: docker.DockerClient, folder: Path
) -> None:
    registry = f"{os.environ['CURATE_TEST_REGISTRY']}/eval-{secrets.token_hex(4)}"
    chosen = ("--registry", registry, "--where", "pull_number = 1")
    run(folder, "publish", "images", *chosen)
    with Store(folder / "data") as store:
        image, reference = store.pushed_images(registry)["owner__name-1"]
    (handle,) = client.images.get(image).tags
    client.images.remove(image, force=True)
    try:
        found = json.loads(run(folder, "publish", "verify", *chosen, "--json")[0])
        assert (found["verified"], found["unchecked"]) == (1, {})
        with pytest.raises(docker.errors.ImageNotFound):
            client.images.get(image)
    finally:
        client.images.get(pull_image(client, reference)).tag(handle)
        client.images.remove(reference, noprune=True)


def test_without_an_engine_it_is_said_that_nothing_was_checked(folder: Path) -> None:
    socket = "unix:///nonexistent.sock"
    _, said = run(folder, "publish", "--allow-local-images", DOCKER_HOST=socket)
    assert "evaluation in the image: not checked, no container engine responds" in said
    assert "train 5 rows" in said
    run(folder, "publish", "verify", expected=3, DOCKER_HOST=socket)


def test_interrupted_it_leaves_nothing_and_goes_on_later(
    client: docker.DockerClient, folder: Path
) -> None:
    environment = not_none(make_validation().environment)
    with Store(folder / "data") as store:
        for _, validation in store.iter_verified():
            environment = not_none(validation.environment)
            break
        save(store, 6, SLEEPS, folder / "testbed", environment.handle, environment.digest)
    process = begin(folder, "publish", "verify", "-j", "2")
    assert process.stderr
    waiting = {f"owner__name-{number}: " for number in (1, 2, 3)}
    for line in process.stderr:
        waiting -= {name for name in waiting if name in line and "evaluated as validated" in line}
        if not waiting:
            break
    deadline = time.monotonic() + 60
    while not containers(client, folder):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 130, said
    wait_until(lambda: containers(client, folder) == [])  # a busy engine outlasts the command
    where = ("--where", "pull_number < 4")
    out, _ = run(folder, "publish", "verify", "--json", *where, expected=1)
    assert json.loads(out)["up_to_date"] == 3
