"""The batch files of docs/many-machines.md are what their readers take, and work."""

import re
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from curate.core.shards import parse_shard
from curate.store import Store
from tests.helpers.clients import client_program, require_client, run_client
from tests.helpers.sample_candidates import BESIDE, crawled
from tests.helpers.slurm import (
    ROOT,
    list_tasks,
    requires_slurm,
    running_slurm,
    submit,
    wait_until_done,
)

PAGE = ROOT / "docs" / "many-machines.md"
CHECKERS = "batch-files"
TASKS = 24
REPOSITORIES = 12  # of two candidates each


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with the page's batch files."""
    blocks = re.findall(r"^```(bash|yaml)\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    names = ("curate-array.sh", "job.yaml", ".github/workflows/validate.yml")
    assert [language for language, _ in blocks] == ["bash", "yaml", "yaml"]
    for name, (_, text) in zip(names, blocks, strict=True):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_shards_of_the_page_are_shards() -> None:
    text = PAGE.read_text()
    for index, count in re.findall(r"--shard (\d+)/(\d+)", text):
        parse_shard(f"{index}/{count}")
    completions = re.findall(r"completions: (\d+)", text)
    assert re.findall(r'JOB_COMPLETION_INDEX \+ 1\)\)/(\d+)"', text) == completions
    (matrix,) = re.findall(r"shard: \[([\d, ]+)\]", text)
    numbers = [int(number) for number in matrix.split(",")]
    assert re.findall(r"\$SHARD/(\d+)", text) == [str(len(numbers))]
    assert numbers == list(range(1, len(numbers) + 1))


def test_the_workflow_has_no_findings(files: Path) -> None:
    zizmor = Path(sys.executable).with_name("zizmor")
    run_client(str(zizmor), "--offline", "--quiet", ".github", folder=files)


@require_client(CHECKERS)
def test_each_file_is_valid_for_its_reader(files: Path) -> None:
    for program, *arguments in (
        ("actionlint", ".github/workflows/validate.yml"),
        ("kubernetes-validate", "--strict", "job.yaml"),
        ("shellcheck", "curate-array.sh"),
    ):
        run_client(client_program(CHECKERS, program), *arguments, folder=files)


@pytest.mark.heavy
@pytest.mark.timeout(1500)
@requires_slurm
def test_an_array_validates_everything_once(files: Path) -> None:
    """24 tasks on two nodes, one of them killed; two stores before, one in the end."""
    shared = files / "shared"
    (shared / "venv").mkdir(parents=True)
    (shared / "venv" / "bin").symlink_to(Path(sys.executable).parent)
    with crawled(files / "world", BESIDE * REPOSITORIES) as world:
        expected = split_store(Path(world["CURATE_DATA_DIR"]), files / "one", files / "two")
    mine = {**world, "CURATE_SHARED": str(shared), "PYTHONPATH": str(ROOT)}
    mine["CURATE_MIRRORS_DIR"] = str(files / "world" / "mirrors")
    del mine["CURATE_DATA_DIR"]
    with running_slurm(files / "slurm") as slurm:
        variables = {**slurm, **mine}
        data = str(shared / "data")
        curate(
            "--data-dir", data, "store", "merge", "one", "two", variables=variables, folder=files
        )
        script = files / "curate-array.sh"
        subprocess.run(["sbatch", "--test-only", str(script)], env=variables, check=True)
        options = ("--sandbox", "local", "--runs", "1", "--no-test-strength")
        for is_killed in (True, False):  # the same command again does what is left
            job = submit(script, *options, variables=variables)
            if is_killed:
                kill_a_validation(job, shared, variables)
            wait_until_done(job, variables, seconds=600)
        shards = [f"shared/shards/{n}" for n in range(1, TASKS + 1)]
        curate("--data-dir", data, "store", "merge", *shards, variables=variables, folder=files)
    held = {shard: validated(files / shard) for shard in shards}
    assert sorted(name for names in held.values() for name in names) == expected
    assert sum(map(bool, held.values())) > 3
    # the two candidates of a repository have the same requirements
    pairs = [Counter(name.rpartition("-")[0] for name in names) for names in held.values()]
    assert {count for pair in pairs for count in pair.values()} == {2}
    merged = validated(shared / "data")
    assert merged == {name: it for names in held.values() for name, it in names.items()}
    with Store(shared / "data") as store:
        assert sorted(store.verified_inputs()) == expected


def kill_a_validation(job: str, shared: Path, variables: dict[str, str]) -> None:
    """Kill a task that validates, and all its processes, as a node does that runs out of memory."""
    while list_tasks(job, variables):
        for holder in shared.glob("shards/*/validation.holder"):
            task = f"{job}_{holder.parent.name}"
            subprocess.run(["scancel", "--signal=KILL", "--full", task], env=variables, check=True)
            return


def split_store(whole: Path, one: Path, two: Path) -> list[str]:
    """Make two stores of the repositories beside the sample, half of them in each.

    Returns all candidates in both.
    """
    with Store(whole) as store:
        sample, *others = store.list_repositories()
        ids = sorted(name for repo in others for name in store.candidate_hashes(repo))
    for folder, gone in ((one, others[::2]), (two, others[1::2])):
        shutil.copytree(whole, folder)
        with closing(sqlite3.connect(folder / "curate.sqlite")) as database:
            for table in ("crawls", "pulls", "issues", "claims", "decisions", "candidates"):
                rows = [(repo,) for repo in (sample, *gone)]
                database.executemany(f"DELETE FROM {table} WHERE repo = ?", rows)
            database.commit()
    return ids


def validated(folder: Path) -> dict[str, str]:
    with Store(folder) as store:
        return store.validated_inputs()


def curate(*arguments: str, variables: dict[str, str], folder: Path) -> None:
    command = [sys.executable, "-m", "curate", *arguments]
    done = subprocess.run(
        command, cwd=folder, env=variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
