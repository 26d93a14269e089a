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

from curate.builders.templates import render_template
from curate.harness.collect_patch import make_collect_script
from curate.publish.image_names import escape_instance_id
from curate.releases.row import Row, get_list, get_str

ORGANIZATION = "curate"
_PLAIN_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]*")
_MODEL_PATCH = "/logs/artifacts/model.patch"
_MEMORY_MB = 4096
_VERIFIER_SECONDS = 1800.0


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
    values = {
        "row": row,
        "name": _name_task(get_str(row, "instance_id")),
        "description": f"Resolve an issue of {get_str(row, 'repo')}",
        "network": network.value,
        "memory_mb": _MEMORY_MB,
        "verifier_seconds": _VERIFIER_SECONDS,
    }
    collect = make_collect_script(get_str(row, "base_commit"), _MODEL_PATCH)
    yield "task.toml", _render("task.toml", {**values, "collect": collect})
    yield "instruction.md", _render("instruction.md", values)
    yield "environment/Dockerfile", f"FROM {get_str(row, 'image')}\nWORKDIR /testbed\n"
    yield "solution/solve.sh", _render("solve.sh", values)
    yield "solution/gold.patch", get_str(row, "patch")
    yield "tests/test.sh", _render("test.sh", values)
    yield "tests/eval.sh", get_str(row, "eval_script")
    for name in ("FAIL_TO_PASS", "PASS_TO_PASS"):
        yield f"tests/{name.lower()}.txt", "".join(f"{it}\n" for it in get_list(row, name))


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
