"""Every shell script that curate generates passes shellcheck."""

import shutil
import subprocess
import sys
import tomllib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from curate.builders.images.install_script import render_install_script
from curate.builders.model import RunSpec
from curate.builders.sandbox.run_script import (
    SandboxLayout,
    render_container_script,
    render_local_script,
)
from curate.harness.eval_script import ExpectedTests, ScriptProcess, render_eval_script
from curate.publish.export.folder import FOLDER_FILES
from curate.publish.export.harbor import HarborDataset
from tests.helpers.instance_spec import imagine_instance_spec
from tests.helpers.releases import good

LAYOUT = SandboxLayout(checkout="/test bed", inputs="/curate/in", outputs="/curate/o u t")
RUN = RunSpec(command="pytest", patches=(b"a\n", b"b\n"), env_vars={"A": "it's", "B": "x y"})
PATCH = "diff --git a/té st.py b/té st.py\n--- a/té st.py\n+++ b/té st.py\n@@ -1 +1 @@\n-a\n+b\n"
SHELLCHECK = shutil.which(
    "shellcheck", path=f"{Path(sys.executable).parent}:{':'.join(('/usr/local/bin', '/usr/bin'))}"
)


def scripts() -> dict[str, tuple[str, str]]:
    """Dialect and text by name."""
    spec = imagine_instance_spec(datetime(2023, 6, 1, tzinfo=UTC), import_name="thing")
    task = {name.split("/", 2)[2]: it for name, it in HarborDataset(name="d").render_task(good(7))}
    (hook,) = tomllib.loads(task["task.toml"])["verifier"]["collect"]
    old = replace(spec, date=datetime(2019, 1, 1, tzinfo=UTC), version="1.0")
    return {
        "local run": ("bash", render_local_script(RUN, LAYOUT)),
        "container run": ("bash", render_container_script(RUN, LAYOUT)),
        "evaluation": (
            "bash",
            render_eval_script(
                test_patch=PATCH.encode(),
                test_command="pytest 'a b'",
                process=ScriptProcess(environment={"K": "v w"}),
                expected=ExpectedTests(fail_to_pass=["a"], pass_to_pass=["b"]),
            ),
        ),
        "evaluation without patch": (
            "bash",
            render_eval_script(
                test_patch=b"", test_command="pytest", process=ScriptProcess(user="1000:1000")
            ),
        ),
        "Harbor's collect hook": ("sh", hook["command"]),
        "build of an exported folder": ("bash", FOLDER_FILES["build.sh"]),
        "Harbor's test": ("bash", task["tests/test.sh"]),
        "Harbor's solution": ("bash", task["solution/solve.sh"]),
        "install": ("sh", render_install_script(spec)),
        "install before PEP 660": ("sh", render_install_script(old)),
    }


@pytest.mark.skipif(SHELLCHECK is None, reason="no shellcheck for this machine")
@pytest.mark.parametrize("name", sorted(scripts()))
def test_shellcheck_finds_nothing(name: str) -> None:
    dialect, text = scripts()[name]
    done = subprocess.run(
        [str(SHELLCHECK), "--shell", dialect, "-"],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
