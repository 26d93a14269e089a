"""A directory of Harbor tasks: instruction, environment, solution, and a test with a reward."""

import json
from collections.abc import Iterator

from curate.harness.eval_script import END_MARKER, START_MARKER
from curate.releases.row import Row, get_list, get_str

# Statuses and pass criteria are those of SWE-bench's grader; the last status of an id counts.
_TEST = f"""\
#!/bin/bash
# Reward 1 if every test of fail_to_pass.txt passes and none of pass_to_pass.txt fails, else 0.
mkdir -p /logs/verifier
bash /tests/eval.sh > /logs/verifier/output.txt 2>&1
awk -v start='{START_MARKER}' -v end='{END_MARKER}' '
  FILENAME ~ /fail_to_pass.txt$/ {{ fixed[$0]; next }}
  FILENAME ~ /pass_to_pass.txt$/ {{ kept[$0]; next }}
  $0 == start {{ inside = 1 }}
  $0 == end {{ inside = 0 }}
  inside && /^(PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS) / {{ status[$2] = $1 }}
  END {{
    reward = 1
    for (name in fixed) if (status[name] !~ /^(PASSED|XFAIL)$/) reward = 0
    for (name in kept) if (status[name] !~ /^(PASSED|XFAIL|SKIPPED)$/) reward = 0
    print reward
  }}
' /tests/fail_to_pass.txt /tests/pass_to_pass.txt /logs/verifier/output.txt \\
  > /logs/verifier/reward.txt
"""
_SOLVE = """\
#!/bin/bash
cd /testbed && git -c safe.directory='*' apply --whitespace=nowarn /solution/gold.patch
"""
_TOML = """\
schema_version = "1.3"

[metadata]
instance_id = {id}
repo = {repo}
base_commit = {commit}
license = {license}
image_digest = {digest}

[agent]
timeout_sec = 3600.0

[verifier]
timeout_sec = 1800.0

[environment]
docker_image = {image}
network_mode = "no-network"
memory_mb = 4096
"""


def render_task(row: Row) -> Iterator[tuple[str, str]]:
    """Yield (relative path, content) of the files of a task; those ending in .sh are scripts."""
    names = {"id": "instance_id", "repo": "repo", "commit": "base_commit"}
    names |= {"license": "license_spdx", "digest": "image_digest", "image": "image"}
    quoted = {key: json.dumps(get_str(row, column)) for key, column in names.items()}
    files = {
        "instruction.md": _render_instruction(row),
        "task.toml": _TOML.format(**quoted),
        "environment/Dockerfile": f"FROM {get_str(row, 'image')}\nWORKDIR /testbed\n",
        "solution/solve.sh": _SOLVE,
        "solution/gold.patch": get_str(row, "patch"),
        "tests/test.sh": _TEST,
        "tests/eval.sh": get_str(row, "eval_script"),
        "tests/fail_to_pass.txt": _join_lines(get_list(row, "FAIL_TO_PASS")),
        "tests/pass_to_pass.txt": _join_lines(get_list(row, "PASS_TO_PASS")),
    }
    for path, content in files.items():
        yield f"{get_str(row, 'instance_id')}/{path}", content


def _render_instruction(row: Row) -> str:
    head = (
        f"The repository {get_str(row, 'repo')} is checked out at /testbed. Resolve this issue:\n\n"
    )
    return head + get_str(row, "problem_statement").rstrip() + "\n"


def _join_lines(names: list[str]) -> str:
    return "".join(f"{name}\n" for name in names)
