"""A dataset of Harbor tasks, schema 1.4: `tasks/ID`, `dataset.toml` and `registry.json`.

The agent works in the image of an instance. What it changed is collected as a patch and graded by
a verifier in a fresh container of the same image, which alone has the tests.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from curate.builders.inline_source import read_standalone_source
from curate.builders.model import CONTAINER_ENV, CONTAINER_USER
from curate.builders.sandbox.docker import SANDBOX_ROOT
from curate.builders.sandbox.run_script import (
    SandboxLayout,
    make_input_files,
    render_container_script,
)
from curate.builders.templates import render_template
from curate.core.errors import ConfigurationError
from curate.core.task import Task
from curate.harness.collect_patch import make_collect_script
from curate.harness.grade import MAX_PATCH_BYTES, make_run_spec
from curate.releases.image_names import escape_instance_id
from curate.releases.row import Row, get_str
from curate.releases.tasks import make_task

ORGANIZATION = "curate"
_PLAIN_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]*")
_MODEL_PATCH = "/logs/artifacts/model.patch"
_LAYOUT = SandboxLayout(
    checkout="/testbed", inputs=f"{SANDBOX_ROOT}/in", outputs=f"{SANDBOX_ROOT}/out"
)
_CANDIDATE = "candidate.patch"  # not part of the export: what an agent makes
_UID, _, _GID = CONTAINER_USER.partition(":")
_BECOME_USER = (
    *("setpriv", f"--reuid={_UID}", f"--regid={_GID}", "--clear-groups", "--inh-caps=-all"),
    "--no-new-privs",
)


class NetworkMode(StrEnum):
    """What agent and tests reach; the second needs an image and kernel support of Harbor's."""

    PUBLIC = "public"
    NO_NETWORK = "no-network"


@dataclass(frozen=True, kw_only=True)
class HarborDataset:
    """The files of a dataset; its lists are complete when all tasks have been rendered."""

    name: str  # of the directory
    network: NetworkMode = NetworkMode.PUBLIC
    _digests: dict[str, str] = field(default_factory=dict)  # by instance id

    def render_task(self, row: Row) -> Iterator[tuple[str, str]]:
        """Yield (relative path, content) of the files of a task; `.sh` are scripts."""
        instance_id = get_str(row, "instance_id")
        files = dict(_render_files(row, self.network))
        for path, content in files.items():
            yield f"tasks/{instance_id}/{path}", content
        self._digests[instance_id] = _compute_digest(files)

    def render_lists(self) -> Iterator[tuple[str, str]]:
        """Yield the files that list the tasks rendered so far."""
        version = hashlib.sha256("".join(self._digests.values()).encode()).hexdigest()[:12]
        name = _make_plain(self.name)
        tasks = [{"name": _name_task(it), "digest": digest} for it, digest in self._digests.items()]
        values = {
            "dataset": f"{ORGANIZATION}/{name}",
            "version": version,
            "tasks": tasks,
            "count": f"{len(tasks):,}",
        }
        yield "dataset.toml", _render("dataset.toml", values)
        yield "README.md", _render("README.md", values)
        entry = {
            "name": name,
            "version": version,
            "description": f"{len(tasks)} tasks made by curate",
            "tasks": [{"name": it, "path": f"tasks/{it}"} for it in self._digests],
        }
        yield "registry.json", json.dumps([entry], indent=1) + "\n"


def _render_files(row: Row, network: NetworkMode) -> Iterator[tuple[str, str]]:
    task = _make_task(row)
    values = {
        "row": row,
        "name": _name_task(task.instance_id),
        "description": f"Resolve an issue of {task.repo}",
        "network": network.value,
        "limits": task.limits,
        "model_patch": _MODEL_PATCH,
    }
    collect = make_collect_script(task.base_commit, _MODEL_PATCH)
    yield "task.toml", _render("task.toml", {**values, "collect": collect})
    yield "instruction.md", _render("instruction.md", values)
    yield "environment/Dockerfile", f"FROM {task.image}\nWORKDIR /testbed\n"
    yield "solution/solve.sh", _render("solve.sh", values)
    yield "solution/gold.patch", get_str(row, "patch")
    yield "tests/collect.sh", collect
    yield from render_verifier(task)


def render_verifier(task: Task) -> Iterator[tuple[str, str]]:
    """Yield (relative path, content) of what grades the patch of *task* in a container."""
    yield "tests/test.sh", _render("test.sh", {"model_patch": _MODEL_PATCH})
    yield "tests/verify_task.py", _read_verifier()
    yield "tests/expected.json", json.dumps(_describe_expected(task), indent=1) + "\n"
    yield from _render_run(task)


def _make_task(row: Row) -> Task:
    """Return the task of *row*, which this version has made: an error is a bug."""
    try:
        return make_task(row)
    except ConfigurationError as error:
        raise ValueError(str(error)) from error


def _read_verifier() -> str:
    return read_standalone_source("curate.harness", "verify_task", "curate.builders.pytest_plugin")


def _describe_expected(task: Task) -> dict[str, object]:
    """Return what the verifier must know."""
    return {
        "instance_id": task.instance_id,
        "fail_to_pass": task.fail_to_pass,
        "pass_to_pass": task.pass_to_pass,
        "seconds": task.limits.seconds,
        "max_patch_bytes": MAX_PATCH_BYTES,
        "variables": dict(CONTAINER_ENV),
        "become_user": _BECOME_USER,
    }


def _render_run(task: Task) -> Iterator[tuple[str, str]]:
    """Yield the inputs of the run that grades a patch: those of every sandbox of curate."""
    run_spec = make_run_spec(task, b"")
    script = render_container_script(run_spec, _LAYOUT)
    for name, content in make_input_files(run_spec, _LAYOUT, script).items():
        if not name.endswith(f"/{_CANDIDATE}"):
            yield f"tests/run/{name}", content.decode()


def _compute_digest(files: dict[str, str]) -> str:
    """Return the digest by which Harbor knows a task: of its paths and their contents."""
    lines = [
        f"{path}\0{hashlib.sha256(content.encode()).hexdigest()}\n"
        for path, content in sorted(files.items())
    ]
    return "sha256:" + hashlib.sha256("".join(lines).encode()).hexdigest()


def _name_task(instance_id: str) -> str:
    """Return the name of a task, in Harbor's form `organization/name`."""
    is_plain = _PLAIN_NAME.fullmatch(instance_id) and ".." not in instance_id
    return f"{ORGANIZATION}/{instance_id if is_plain else escape_instance_id(instance_id)}"


def _make_plain(name: str) -> str:
    """Return *name* in the characters of Harbor's names."""
    plain = re.sub(r"[^a-zA-Z0-9_-]+", "-", name).strip("-_")
    return plain or "tasks"


def _render(name: str, values: Mapping[str, object]) -> str:
    return render_template("curate.publish", f"harbor/{name}.jinja", values, toml=_quote_toml)


def _quote_toml(value: str) -> str:
    """Quote *value* as a TOML string; JSON has the same escapes, and leaves DEL as it is."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
