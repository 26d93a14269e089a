"""A task repository in the layout of SWE-bench 5: `swebench dataset check | build | push`.

The check requires the image name that SWE-bench derives from the instance id, so `image` is that
name. The Dockerfile is FROM the existing image, which is also in `source_image`. An instance after
which no image can be named has another id there; `source_instance_id` is its own.
"""

import json
from collections.abc import Iterator, Mapping

import yaml

from curate.releases.image_names import derive_swebench_name, escape_instance_id
from curate.releases.row import Row, get_list, get_str

SPLIT = "train"
_AS_FILE = {
    "patch": "gold.patch",
    "test_patch": "test.patch",
    "eval_script": "eval.sh",
    "problem_statement": "problem_statement.md",
}
_TESTS = ("FAIL_TO_PASS", "PASS_TO_PASS")
_OMITTED_COLUMNS = {*_AS_FILE, *_TESTS, "hints_text", "image", "dockerfiles"}


def render_repository(dataset: str) -> dict[str, str]:
    """Return the files of a repository of the tasks of *dataset*, without those of a task."""
    return {"sweb.yaml": _dump_yaml({"datasets": [dataset], "splits": [SPLIT]})}


def render_repository_task(dataset: str, row: Row) -> Iterator[tuple[str, str]]:
    """Yield (relative path, content) of the files of a task."""
    folder = f"tasks/{escape_instance_id(get_str(row, 'instance_id'))}"
    for name, content in _render_task(row, dataset).items():
        yield f"{folder}/{name}", content


def _render_task(row: Row, dataset: str) -> dict[str, str]:
    fields = {name: value for name, value in row.items() if name not in _OMITTED_COLUMNS}
    instance_id = get_str(row, "instance_id")
    task_id = escape_instance_id(instance_id)
    fields |= {
        "instance_id": task_id,
        "split": SPLIT,
        "datasets": [dataset],
        "image": derive_swebench_name(task_id),
        "source_image": get_str(row, "image"),
        "source_instance_id": instance_id,
    }
    tests = {name: get_list(row, name) for name in _TESTS}
    hints = get_str(row, "hints_text")
    return {
        "task.yaml": _dump_yaml(fields),
        "tests.json": json.dumps(tests, indent=2, ensure_ascii=False) + "\n",
        "Dockerfile": f"FROM {get_str(row, 'image')}\n",
        **{name: get_str(row, column) for column, name in _AS_FILE.items()},
        **({"hints.md": hints} if hints else {}),
    }


def _dump_yaml(data: Mapping[str, object]) -> str:
    """With libyaml if PyYAML has it, which is ten times as fast on a thousand test ids."""
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return yaml.dump(
        dict(data), Dumper=dumper, sort_keys=True, allow_unicode=True, default_flow_style=False
    )
