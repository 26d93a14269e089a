"""Render the shell script of a run: it applies the patches, then runs the test command.

It needs bash, git and coreutils. All of it is in one function, so that bash has read it completely
before any code of the project runs. Its own exit codes are EXIT_NO_CHECKOUT, and EXIT_PATCH_FAILED
plus the index of the patch; they are valid only while the marker file `patched` does not exist.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from curate.builders.model import RunSpec
from curate.builders.pytest_plugin import REPORTER, read_plugin_source

EXIT_NO_CHECKOUT = 89
EXIT_PATCH_FAILED = 90  # + index of the patch, at most 99
KILL_AFTER = 5.0  # seconds between SIGTERM and SIGKILL
OUTPUT_CUT = b"\n[... output cut here ...]\n"

_GIT_APPLY = (
    "git -c safe.directory='*' -c core.autocrlf=false -c core.safecrlf=false"
    " apply --whitespace=nowarn --"
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

# Kill everything except init, this shell and the processes that write the output. First, all are
# stopped, which the kernel does at once; otherwise a process that forks fast enough could escape.
# The second pass finds children that were being forked during the first. Only builtins are used, so
# that it works at the pids limit, when bash cannot fork.
_KILL_STRAGGLERS = """\
kill_all() {
  local entry pid line
  kill -STOP -1
  for entry in /proc/[0-9]*; do
    pid=${entry#/proc/}
    case $pid in 1|$$|"$keeper") continue ;; esac
    { read -r line < "$entry/stat"; } 2>/dev/null || continue
    set -- ${line##*) }
    [ "$2" = "$keeper" ] || kill -9 "$pid"
  done 2>/dev/null
}
kill_stragglers() {
  kill_all
  kill_all
  kill -CONT -1
}
"""

# CPU time and memory statistics of the container, from cgroup v2 or v1.
RESOURCE_USAGE = """\
resource_usage() {
  local line
  while read -r line; do echo "$line"; done < /sys/fs/cgroup/cpu.stat
  while read -r line; do echo "nanoseconds $line"; done < /sys/fs/cgroup/cpuacct/cpuacct.usage
  while read -r line; do echo "$line"; done < /sys/fs/cgroup/memory.events
  while read -r line; do echo "$line"; done < /sys/fs/cgroup/memory/memory.oom_control
} 2>/dev/null
"""

_FINISH = """\
finish() {
  exec >/dev/null 2>&1
  wait "$keeper"
  exit "$1"
}
"""


@dataclass(frozen=True, kw_only=True)
class SandboxLayout:
    """Folders of a sandbox, as absolute paths within it."""

    checkout: str
    inputs: str  # script, command, patches, plugin
    outputs: str  # report, output, marker files


def make_input_files(run_spec: RunSpec, layout: SandboxLayout, script: str) -> dict[str, bytes]:
    """Return relative path -> content of all files of `layout.inputs`."""
    files = {
        "run.sh": script.encode(),
        "command.sh": run_spec.command.encode() + b"\n",
        f"plugin/{REPORTER}.py": read_plugin_source(REPORTER).encode(),
    }
    return files | {f"{n}.patch": text for n, text in enumerate(nonempty_patches(run_spec))}


def nonempty_patches(run_spec: RunSpec) -> tuple[bytes, ...]:
    """Return the patches that are not empty; `git apply` rejects empty ones."""
    return tuple(patch for patch in run_spec.patches if patch.strip())


def render_local_script(run_spec: RunSpec, layout: SandboxLayout) -> str:
    """Render the script of a local run; the caller limits time and output and kills stragglers."""
    lines = [*_prepare_commands(run_spec, layout), f"exec {_test_command_line(layout)} </dev/null"]
    return 'finish() { exit "$1"; }\n' + _shell_function(lines)


def render_container_script(run_spec: RunSpec, layout: SandboxLayout) -> str:
    """Render the script of a container, which limits time and output and kills stragglers."""
    seconds = f"{run_spec.limits.seconds:g}"
    lines = [
        *_keep_output_commands(layout, *split_output_limit(run_spec.limits.output_bytes)),
        *_prepare_commands(run_spec, layout),
        f"timeout -k {KILL_AFTER:g} {seconds} {_test_command_line(layout)} </dev/null",
        "code=$?",
        "exec >/dev/null 2>&1",
        "kill_stragglers",
        f"resource_usage > {shlex.quote(layout.outputs)}/resource_usage",
        'finish "$code"',
    ]
    return _KILL_STRAGGLERS + RESOURCE_USAGE + _FINISH + _shell_function(lines)


def split_output_limit(limit: int) -> tuple[int, int]:
    """Return the bytes of head and of tail to keep of an output of at most *limit* bytes."""
    available = max(limit - len(OUTPUT_CUT), 0)
    return available // 2, available - available // 2


def _keep_output_commands(layout: SandboxLayout, head: int, tail: int) -> Iterator[str]:
    out = shlex.quote(layout.outputs)
    yield f"mkfifo {out}/pipe || exit {EXIT_NO_CHECKOUT}"
    # exec: if the keeper were stopped while it forks, the child would stay stopped
    yield f"{{ head -c {head} > {out}/head; exec tail -c {tail} > {out}/tail; }} < {out}/pipe &"
    yield "keeper=$!"
    yield f"exec > {out}/pipe 2>&1"


def _shell_function(lines: list[str]) -> str:
    body = "\n".join(f"  {line}" for line in lines)
    return f"main() {{\n{body}\n}}\nmain; exit\n"


def _prepare_commands(run_spec: RunSpec, layout: SandboxLayout) -> Iterator[str]:
    yield f"cd -- {shlex.quote(layout.checkout)} || exit {EXIT_NO_CHECKOUT}"
    for index in range(len(nonempty_patches(run_spec))):
        patch = shlex.quote(f"{layout.inputs}/{index}.patch")
        yield f"{_GIT_APPLY} {patch} || finish {min(EXIT_PATCH_FAILED + index, 99)}"
    yield f": > {shlex.quote(layout.outputs)}/patched"
    yield 'export LANG="${LANG:-C.UTF-8}"'
    for name, value in run_spec.env_vars.items():
        if not _NAME.fullmatch(name):
            raise ValueError(f"invalid name of an environment variable: {name!r}")
        yield f"export {name}={shlex.quote(value)}"
    plugin = shlex.quote(f"{layout.inputs}/plugin")
    yield f'export PYTHONPATH={plugin}"${{PYTHONPATH:+:$PYTHONPATH}}"'
    yield f'export PYTEST_PLUGINS={REPORTER}"${{PYTEST_PLUGINS:+,$PYTEST_PLUGINS}}"'
    yield f"export CURATE_REPORT={shlex.quote(layout.outputs)}/report"


def _test_command_line(layout: SandboxLayout) -> str:
    return f"bash {shlex.quote(layout.inputs)}/command.sh"
