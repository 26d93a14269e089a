"""What a graded patch must not change, and the inputs of the script that sees to it.

Tests, settings of pytest, files that Python runs at its start, and CI files are those of the base
commit and the test patch. Of files that have settings of other tools, too, only pytest's tables
and plugins are. Where the gold patch changes a protected file that is no test, its version counts.
"""

import json
from collections.abc import Sequence

from curate.builders.inline_source import read_standalone_source
from curate.builders.model import Preparation
from curate.core.task import Task
from curate.patches.file_kinds import TEST_SEGMENTS, matches_any_glob, translate_glob
from curate.patches.parse import FilePatch, split_files

TEST_GLOBS = (
    *(f"**/{segment}/" for segment in sorted(TEST_SEGMENTS)),
    "**/test_*.py",
    "**/*_test.py",
    "**/conftest.py",
)
SETTINGS_GLOBS = (
    *(f"**/{name}" for name in ("pytest.ini", ".pytest.ini", "pytest.toml", ".pytest.toml")),
    *(f"**/{name}" for name in ("*.pth", "*.egg-link", "*.dist-info/", "*.egg-info/")),
    *(f"**/{name}customize{it}" for name in ("site", "user") for it in (".*", "/")),
    *(".github/", ".circleci/", ".gitlab-ci.yml", ".travis.yml", "azure-pipelines.yml"),
    *("appveyor.yml", ".appveyor.yml", "Jenkinsfile", "noxfile.py"),
)
PROTECTED_GLOBS = (*TEST_GLOBS, *SETTINGS_GLOBS)
# Only their tables of pytest, and the plugins of pytest that they declare.
SHARED_SETTINGS = ("pyproject.toml", "setup.cfg", "setup.py", "tox.ini")


def read_preparation_source() -> str:
    """Return the script `prepare_checkout.py` as one file that stands alone."""
    return read_standalone_source("curate.harness", "prepare_checkout", "curate.builders.editable")


def make_preparation(task: Task, patch: bytes) -> Preparation:
    """Return the script and its inputs that prepare a checkout of *task* to grade *patch*."""
    return Preparation(
        script=read_preparation_source(),
        files={**make_protection_files(task), "candidate.patch": patch},
    )


def make_protection_files(task: Task) -> dict[str, bytes]:
    """Return name -> content of the script's inputs, but for the candidate's patch."""
    gold = split_files(task.gold)
    protected = [part for part in gold if _is_protected(part, task.protected_paths)]
    settings = [part for part in gold if _is_settings(part)]
    plan = {
        "rules": [
            {"regex": translate_glob(glob.removeprefix("!")), "covers": not glob.startswith("!")}
            for glob in task.protected_paths
        ]
        + [{"regex": translate_glob(path), "covers": True} for path in _list_test_paths(task)],
        "exempt": sorted({part.path for part in protected if not _is_settings(part)}),
        "shared": list(SHARED_SETTINGS),
        "gold_paths": sorted({part.path for part in gold}),
        "test_tools": sorted(
            {it.path for it in gold if b"pytest" in it.data or b"unittest" in it.data}
        ),
        "import_roots": task.env_vars.get("PYTHONPATH", "").split(":"),
    }
    return {
        "plan.json": json.dumps(plan).encode("ascii"),
        "settings.patch": b"".join(part.data for part in settings),
        "test.patch": task.test_patch if task.test_patch.strip() else b"",
    }


def _list_test_paths(task: Task) -> list[str]:
    parts = split_files(task.test_patch)
    return sorted({name for part in parts for name in (part.path, part.source) if name})


def _is_protected(part: FilePatch, globs: Sequence[str]) -> bool:
    return matches_any_glob(part.path, [glob for glob in globs if not glob.startswith("!")])


def _is_settings(part: FilePatch) -> bool:
    is_shared = part.path.rpartition("/")[2] in SHARED_SETTINGS
    return is_shared or matches_any_glob(part.path, SETTINGS_GLOBS)
