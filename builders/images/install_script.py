"""The script that installs a checkout into its environment; this module only renders it.

The script is POSIX sh, the same for both backends. It starts in the checkout, with the
environment's `python` and `uv` on PATH, and prints a marker before each step. From the markers in
the log, `find_failed_step` finds the step that failed.
"""

import re
import shlex
from dataclasses import replace
from datetime import UTC, datetime

from curate.builders.errors import EngineUnavailableError, SandboxError
from curate.builders.images.audit_script import audit_commands, record_commands
from curate.builders.lock.dates import LATER_TOOLS, PEP_660, PIP_10
from curate.builders.lock.tool_dates import find_tool_cutoff, tool_cutoff_options
from curate.builders.model import Failure, InstanceSpec
from curate.builders.rfc3339 import format_rfc3339

STEP_MARKER = "curate-step: "
EDITABLE = "{editable}"  # command that stands for the editable install of the spec's date

# Failed step -> reason code.
_REASONS = {"install": "install-failed", "import": "not-imported", "clean": "not-clean"}

# Messages of apt, uv and pip when the network failed, not the package.
_NETWORK_SIGNS = (
    "Temporary failure in name resolution",
    "Temporary failure resolving",
    "dns error",
    "operation timed out",
    "NewConnectionError",
)

# Registries of other languages, from which builds fetch more -> what tools say without them.
_REGISTRIES = {
    "crates.io": re.compile(
        r"(?:Unable to update|failed to \w+ replaced source) registry `crates-io`"
        r"|failed to fetch `\S*crates\.io-index`|(?:index|static)\.crates\.io"
        r"|location searched: (?:registry `crates-io`|crates\.io index)"
    ),
    "the npm registry": re.compile(
        r"npm (?:ERR!|error) (?:code|errno) (?:ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT)"
        r"|request to https?://registry\.\S+ failed"
    ),
    "the Go module proxy": re.compile(r"(?:proxy|sum)\.golang\.org\S*: |dial tcp: lookup \S+"),
}

_CHECK = """\
import importlib, os, sys
name, root = sys.argv[1], os.path.realpath(sys.argv[2])
module = importlib.import_module(name)
places = [module.__file__] if getattr(module, "__file__", None) else list(module.__path__)
found = [place for place in map(os.path.realpath, places) if place.startswith(root + os.sep)]
sys.exit(0 if found else "%s is imported from %s, not from %s" % (name, places, root))
"""

# Writes what a setup.py, or the setup.cfg beside it, has in `setup_requires` to the given file.
_FIND_SETUP_REQUIRES = """\
import os, sys
from setuptools import dist
def keep(self, requires):
    with open(target, "w") as file:
        file.write("\\n".join([requires] if isinstance(requires, str) else requires))
    os._exit(0)
dist.Distribution.fetch_build_eggs = keep
target, sys.argv[:] = sys.argv[1], ["setup.py", "--name"]
sys.path.insert(0, os.getcwd())
code = compile(open("setup.py", "rb").read(), "setup.py", "exec")
exec(code, {"__name__": "__main__", "__file__": os.path.abspath("setup.py")})
"""


def render_install_script(spec: InstanceSpec) -> str:
    """Render the script that installs *spec*'s checkout, then checks its import and cleanliness."""
    lines = ["set -eu", "checkout=$(pwd)", *record_commands(), *_export_commands(spec)]
    lines += [f"echo '{STEP_MARKER}install'"]
    lines += install_commands(spec)
    if spec.import_name:
        name, check = shlex.quote(spec.import_name), shlex.quote(_CHECK)
        lines += [
            f"echo '{STEP_MARKER}import'",
            f'(cd / && python -B -c {check} {name} "$checkout")',
        ]
    older = " ".join(
        [
            spec.checkout_layer_commit,
            *sorted(commit for commit, _ in spec.moved_submodules.values()),
        ]
    )
    lines += [f"echo '{STEP_MARKER}clean'", *audit_commands(spec.import_name, older)]
    return "\n".join([*lines, f"echo '{STEP_MARKER}done'"]) + "\n"


def install_commands(spec: InstanceSpec) -> list[str]:
    """Return the commands that install the checkout: the recipe's, or the editable install."""
    lines = []
    for command in spec.install or (EDITABLE,):
        lines += _install_projects(spec) if command == EDITABLE else [command]
    return lines


def _install_projects(spec: InstanceSpec) -> list[str]:
    """Return commands for the editable install of all projects that the commit has."""
    commands = _editable_install_commands(spec.date, spec.python)
    if spec.projects in ((), (".",)):
        return commands
    lines = []
    for folder in map(shlex.quote, spec.projects):
        has_project = f"[ -f {folder}/pyproject.toml ] || [ -f {folder}/setup.py ]"
        lines += [f"if {has_project}; then", f"cd {folder}", *commands, 'cd "$checkout"', "fi"]
    return lines


def find_failed_step(log: str) -> str:
    """Return the last step that started: "install", "import", "clean", "done", or "" for none."""
    started = [line.split(STEP_MARKER)[1] for line in log.splitlines() if STEP_MARKER in line]
    steps = [step.strip() for step in started if step.strip() in (*_REASONS, "done")]
    return steps[-1] if steps else ""


def classify_failure(failure: Failure, layer: str) -> Failure:
    """Return *failure* of a *layer* ("base", ..., "instance") with its stage and reason.

    Raises:
        SandboxError: The network failed, or an interpreter, which is not the candidate's fault.
        EngineUnavailableError: The layer below all others fails, so no image can be built here.
    """
    if failure.reason == "timeout":
        return replace(failure, stage="install" if layer == "instance" else "build")
    registry = _find_unreachable(failure.log or failure.detail) if layer == "instance" else ""
    if registry:
        told = f"{registry} cannot be reached: the build needs packages from there"
        detail = f"{told}\n{failure.detail}"
        return replace(failure, stage="install", reason="registry-unreachable", detail=detail)
    if any(sign in failure.detail for sign in _NETWORK_SIGNS):
        raise SandboxError(
            f"network error during build: {failure.detail[-1000:]}",
            hint="Check the network, the index URL and the CA bundle.",
        )
    if layer in ("base", "python"):  # nothing of the candidate is in them
        kind = EngineUnavailableError if layer == "base" else SandboxError
        raise kind(
            f"the layer {layer} does not build on this machine: {failure.detail[-1000:]}",
            hint="Check the base image, the network and its proxy.",
        )
    if layer != "instance":
        return replace(failure, reason=f"{layer}-failed")
    reason = _REASONS.get(find_failed_step(failure.detail), "install-failed")
    return replace(failure, stage="install", reason=reason)


def _find_unreachable(log: str) -> str:
    """Return the registry that a build could not reach; "" for none."""
    return next((name for name, sign in _REGISTRIES.items() if sign.search(log)), "")


def _export_commands(spec: InstanceSpec) -> list[str]:
    variables = dict(sorted(spec.env_vars.items()))
    if spec.version:
        variables["SETUPTOOLS_SCM_PRETEND_VERSION"] = spec.version
    return [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]


def _setup_requires_commands(options: str) -> list[str]:
    """Return commands that install what a setup.py asks for in `setup_requires`.

    Left to itself, setuptools downloads it while it runs: the newest, whatever the date.
    """
    find = shlex.quote(_FIND_SETUP_REQUIRES)
    return [
        "if grep -qs setup_requires setup.py setup.cfg; then",
        "    wanted=$(mktemp)",
        f'    python -B -c {find} "$wanted" >/dev/null 2>&1 || true',
        f'    [ ! -s "$wanted" ] || uv pip install {options} -r "$wanted" || true',
        '    rm "$wanted"',
        "fi",
    ]


def _editable_install_commands(date: datetime, python: str) -> list[str]:
    """Return commands for the editable install with the tools of *date* that run on *python*.

    Until `PEP_660`, setuptools projects are installed by pip or by `setup.py develop`, with uv as
    the last resort.
    """
    cutoff = format_rfc3339(date)
    own = "".join(f" {it}" for it in tool_cutoff_options(python, date))
    modern = f"uv pip install --no-deps --exclude-newer {cutoff}{own} -e ."
    if date.astimezone(UTC) >= PEP_660:
        return [modern]
    later = format_rfc3339(find_tool_cutoff(python, LATER_TOOLS) or LATER_TOOLS)
    cutoff_overrides = " ".join(
        f"--exclude-newer-package {name}={later}" for name in ("setuptools", "wheel")
    )
    isolation = "--no-build-isolation"
    find_option = []
    if date.astimezone(UTC) < PIP_10:
        find_option = [
            f"isolation=$(python -m pip install --help | grep -o -e {isolation} | head -n 1)"
        ]
        isolation = "$isolation"
    return [
        *_setup_requires_commands(f"--exclude-newer {cutoff} {cutoff_overrides}"),
        *find_option,
        "backend=$(sed -n 's/^ *build-backend *= *[\"'\"'\"']\\([^\"'\"'\"']*\\).*/\\1/p'"
        " pyproject.toml 2>/dev/null || true)",
        'case "$backend" in',
        '""|setuptools*)',
        f"    python -m pip install --no-deps {isolation} -e . ||",
        "    python setup.py develop --no-deps ||",
        f"    uv pip install --no-deps --exclude-newer {cutoff} {cutoff_overrides} -e . ;;",
        "*)",
        f"    {modern} ||",
        f"    uv pip install --no-deps --exclude-newer {later} -e . ;;",
        "esac",
    ]
