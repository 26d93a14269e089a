"""A row of a published set, run in its publisher's image as evaluation clients run it."""

import shlex
from typing import TYPE_CHECKING

from curate.builders.model import RunResult, RunStatus
from curate.certification.parser_names import accept_as_swebench, read_outcomes
from curate.certification.published_tasks import PublishedTask
from curate.harness.eval_script import END_MARKER, START_MARKER
from curate.harness.grading import as_client_runs_it, read_statuses
from curate.patches.file_kinds import FileClassifier
from curate.patches.parse import list_patch_paths

if TYPE_CHECKING:
    import docker

SECONDS = 1800.0  # of a run, the default of SWE-bench's harness
_PYTEST = "python -m pytest -rA --tb=short -p no:cacheprovider"
_SCRIPT = """\
#!/bin/bash
set -uxo pipefail
if [ -f /opt/miniconda3/bin/activate ]; then set +u; source /opt/miniconda3/bin/activate;
conda activate testbed; set -u; fi
cd /testbed
git config --global --add safe.directory /testbed
{apply}
: '{start}'
{command}
: '{end}'
"""
_APPLY = "base64 -d <<'END_OF_PATCH' | git apply -v -\n{patch}END_OF_PATCH"


def make_script(task: PublishedTask) -> str:
    """Return the evaluation script of *task*: the row's own, else pytest on the patched tests."""
    import base64

    if task.eval_script:
        return as_client_runs_it(task.eval_script)
    is_test = FileClassifier().is_test
    paths = [path.decode("utf-8", "surrogateescape") for path in list_patch_paths(task.test_patch)]
    files = [path for path in paths if path.endswith(".py") and is_test(path)]
    named = [name.partition("::")[0] for name in task.fail_to_pass if "::" in name]
    chosen = files or list(dict.fromkeys(named))
    command = task.test_command if task.test_command and "-rA" in task.test_command else _PYTEST
    patch = base64.encodebytes(task.test_patch).decode()
    return _SCRIPT.format(
        apply=_APPLY.format(patch=patch) if task.test_patch.strip() else "true",
        start=START_MARKER,
        command=f"{command} {' '.join(map(shlex.quote, chosen))}",
        end=END_MARKER,
    )


def run_in_own_image(
    engine: "docker.DockerClient", image: str, task: PublishedTask, patch: bytes, owner: str
) -> RunResult:
    """Run the tests of *task* in *image* with *patch* as a client does; b"" = no patch.

    Raises SandboxError, EngineUnavailableError.
    """
    from curate.builders.sandbox.client_run import ClientRunSpec, run_as_client

    spec = ClientRunSpec(
        image=image, script=make_script(task), patch=patch, seconds=SECONDS, owner=owner
    )
    found = run_as_client(engine, spec)
    output = found.output.encode("utf-8", "surrogateescape")
    if not found.is_patched:
        return RunResult(status=RunStatus.PATCH_FAILED, output=output)
    if found.timed_out:
        return RunResult(status=RunStatus.TIMEOUT, output=output)
    statuses = read_statuses(found.output)
    if statuses is None:
        return RunResult(status=RunStatus.CRASHED, output=output)
    outcomes = accept_as_swebench(read_outcomes(statuses), task.pass_to_pass)
    return RunResult(status=RunStatus.COMPLETED, outcomes=outcomes, output=output)
