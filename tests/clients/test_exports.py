"""Exports under the tools they are for, from PyPI and unmodified, where this machine has them.

CURATE_SWEBENCH names the `swebench` command (5.0 or newer), CURATE_HARBOR a Python with `harbor`.
"""

import os
import subprocess
from pathlib import Path

import pytest

from curate.publish.export.run import write_rows
from curate.releases.columns import TRAIN_COLUMNS
from curate.releases.table import make_table
from tests.helpers.releases import good

SWEBENCH = os.environ.get("CURATE_SWEBENCH", "")
HARBOR = os.environ.get("CURATE_HARBOR", "")
ROWS = make_table(TRAIN_COLUMNS, [good(7), good(9, hints_text="a hint")])

LOAD = """
import asyncio, os, sys
from pathlib import Path
from harbor.models.dataset.manifest import DatasetManifest
from harbor.models.job.config import DatasetConfig
from harbor.models.task.task import Task
from harbor.publisher.packager import Packager
os.chdir(sys.argv[1])
manifest = DatasetManifest.from_toml_file("dataset.toml")
digests = {task.name: task.digest for task in manifest.tasks}
for folder in sorted(Path("tasks").iterdir()):
    assert Task.is_valid_dir(folder)
    name = Task(folder).name
    assert digests.pop(name) == "sha256:" + Packager.compute_content_hash(folder)[0]
    print(name)
assert not digests
registry = Path("registry.json")
dataset = DatasetConfig(name=manifest.dataset.short_name, registry_path=registry)
for task in asyncio.run(dataset.get_task_configs()):
    print(task.path)
"""


@pytest.mark.skipif(not SWEBENCH, reason="CURATE_SWEBENCH names no swebench")
def test_swebench_finds_the_task_repository_well_formed(tmp_path: Path) -> None:
    odd = good(11, instance_id="some-lab__kestrel_-11", repo="some-lab/kestrel_")
    rows = make_table(TRAIN_COLUMNS, [*ROWS, odd])
    write_rows(rows, "verified", "swebench", tmp_path / "tasks")
    command = [SWEBENCH, "dataset", "check", str(tmp_path / "tasks")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (tmp_path / "tasks/tasks/owner__name-7/gold.patch").unlink()
    assert subprocess.run(command, capture_output=True, check=False).returncode != 0


@pytest.mark.skipif(not HARBOR, reason="CURATE_HARBOR names no Python with harbor")
def test_harbor_loads_the_tasks_by_folder_digest_and_registry(tmp_path: Path) -> None:
    odd = good(11, instance_id="some-lab__a..b-11", repo="some-lab/a..b")
    rows = make_table(TRAIN_COLUMNS, [*ROWS, odd])
    write_rows(rows, "verified", "harbor", tmp_path / "my tasks..")
    done = subprocess.run(
        [HARBOR, "-c", LOAD, str(tmp_path / "my tasks..")],
        capture_output=True,
        text=True,
        check=False,
    )
    *names, odd_name, first, second, third = done.stdout.split()
    assert names == ["curate/owner__name-7", "curate/owner__name-9"], done.stderr
    assert odd_name.startswith("curate/some-lab-a-b-11.")
    assert [first, second, third] == [f"tasks/{it}" for it in rows.ids]
