"""Render the shell script of a run: it applies the patches, then runs the test command.

It needs bash, git and coreutils. All of it is in one function, so that bash has read it completely
before any code of the project runs. Its own exit codes are EXIT_NO_CHECKOUT, and EXIT_PATCH_FAILED
plus the index of the patch; they are valid only while the marker file `patched` does not exist.
"""

import json
import re
from dataclasses import dataclass

from curate.builders.editable.source import read_renewal_source
from curate.builders.model import RunScope, RunSpec
from curate.builders.pytest_plugin import REPORTER, read_plugin_source
from curate.builders.pytest_plugin.run_status import EXIT_NO_CHECKOUT, EXIT_PATCH_FAILED
from curate.builders.sandbox.supervise import KILL_AFTER
from curate.builders.templates import render_template

OUTPUT_CUT = b"\n[... output cut here ...]\n"
CGROUP = "/sys/fs/cgroup"
NO_CGROUP = "/curate/in/no-cgroup"  # where the container would see that of the machine

RENEWAL, SCOPE = "renew_install.py", "scope.json"
PREPARATION, PREPARATION_SCRIPT = "preparation", "prepare_checkout.py"  # a folder, a file in it

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, kw_only=True)
class SandboxLayout:
    """Folders of a sandbox, as absolute paths within it."""

    checkout: str
    inputs: str  # script, command, patches, plugin
    outputs: str  # report, output, marker files
    installed: str = ""  # where the checkout was when it was installed, if elsewhere


def make_input_files(run_spec: RunSpec, layout: SandboxLayout, script: str) -> dict[str, bytes]:
    """Return relative path -> content of all files of `layout.inputs`."""
    files = {
        "run.sh": script.encode(),
        "command.sh": run_spec.command.encode() + b"\n",
        RENEWAL: read_renewal_source().encode(),
        f"plugin/{REPORTER}.py": read_plugin_source(REPORTER).encode(),
    }
    files |= {f"{n}.patch": text for n, text in enumerate(nonempty_patches(run_spec))}
    if run_spec.scope:
        files[SCOPE] = _write_scope(run_spec.scope)
    if run_spec.preparation:
        files[f"{PREPARATION}/{PREPARATION_SCRIPT}"] = run_spec.preparation.script.encode()
        files |= {f"{PREPARATION}/{name}": it for name, it in run_spec.preparation.files.items()}
    return files


def nonempty_patches(run_spec: RunSpec) -> tuple[bytes, ...]:
    """Return the patches that are not empty; `git apply` rejects empty ones."""
    return tuple(patch for patch in run_spec.patches if patch.strip())


def render_local_script(run_spec: RunSpec, layout: SandboxLayout) -> str:
    """Render the script of a local run; the caller limits time and output and kills stragglers."""
    return render_template(__package__, "run_local.sh.jinja", _prepare_values(run_spec, layout))


def render_container_script(run_spec: RunSpec, layout: SandboxLayout, cgroup: str = CGROUP) -> str:
    """Render the script of a container, which limits time and output and kills stragglers.

    *cgroup* is the folder of the container's own statistics.
    """
    head, tail = split_output_limit(run_spec.limits.output_bytes)
    values = {
        **_prepare_values(run_spec, layout),
        "cgroup": cgroup,
        "head": head,
        "tail": tail,
        "kill_after": f"{KILL_AFTER:g}",
        "seconds": f"{run_spec.limits.seconds:g}",
    }
    return render_template(__package__, "run_container.sh.jinja", values)


def render_resource_usage(cgroup: str = CGROUP) -> str:
    """Render the function `resource_usage`, which prints the statistics of the folder *cgroup*."""
    return render_template(__package__, "resource_usage.sh.jinja", {"cgroup": cgroup})


def split_output_limit(limit: int) -> tuple[int, int]:
    """Return the bytes of head and of tail to keep of an output of at most *limit* bytes."""
    available = max(limit - len(OUTPUT_CUT), 0)
    return available // 2, available - available // 2


def _prepare_values(run_spec: RunSpec, layout: SandboxLayout) -> dict[str, object]:
    """Values of `prepare.sh.jinja`: checkout, patches, variables, plugin."""
    for name in run_spec.env_vars:
        if not _NAME.fullmatch(name):
            raise ValueError(f"invalid name of an environment variable: {name!r}")
    return {
        "layout": layout,
        "exit_no_checkout": EXIT_NO_CHECKOUT,
        "patches": [
            (f"{layout.inputs}/{index}.patch", min(EXIT_PATCH_FAILED + index, 99))
            for index in range(len(nonempty_patches(run_spec)))
        ],
        "preparation": run_spec.preparation and f"{layout.inputs}/{PREPARATION}",
        "preparation_script": PREPARATION_SCRIPT,
        "exit_patch_failed": EXIT_PATCH_FAILED,
        "variables": list(run_spec.env_vars.items()),
        "renewal": RENEWAL,
        "overlay": f"{layout.outputs}/renewed",
        "plugin_dir": f"{layout.inputs}/plugin",
        "reporter": REPORTER,
        "test_seconds": f"{run_spec.limits.test_seconds:g}",
        "stop_at_timeout": "1" if run_spec.stop_at_timeout else "",
        "record": run_spec.record,
        "scope": run_spec.scope and f"{layout.inputs}/{SCOPE}",
    }


def _write_scope(scope: RunScope) -> bytes:
    plan = {
        "tests": scope.tests,
        "stop": scope.stop_at_failure,
        "traced": scope.traced,
        "variants": [{"files": dict(it.files), "tests": it.tests} for it in scope.variants],
        "seconds": scope.variant_seconds,
        "preload": scope.preload,
    }
    return json.dumps(plan).encode("ascii")
