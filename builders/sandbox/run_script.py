"""The shell script a sandbox runs: patches first, then the test command with the reporter.

Pure text, for bash, git and coreutils. The script is one function, so that bash has read all of it
before anything of the project runs. Exit codes of its own: NO_CHECKOUT, and PATCH_FAILED + index of
the patch; they count only while the marker `patched` is absent.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from builders.model import RunSpec
from builders.pytest_plugin import REPORTER, read_plugin_source

EXIT_NO_CHECKOUT = 89
EXIT_PATCH_FAILED = 90  # + index of the patch, at most 99
KILL_AFTER = 5.0  # seconds between the polite end of a command and the other one
OUTPUT_CUT = b"\n[... output cut here ...]\n"

_GIT_APPLY = (
    "git -c safe.directory='*' -c core.autocrlf=false -c core.safecrlf=false"
    " apply --whitespace=nowarn --"
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

# Everything but init, this shell and the processes that keep the output is ended. All are stopped
# first, which the kernel does at once: what forks faster than it is killed would get away. The
# second time finds children whose forks were under way at the first. A bash that may not fork
# (pids limit) can still do it, so only builtins are used.
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

# Time and memory accounts of the container itself, from cgroup v2 or v1.
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
    """Folders of a sandbox, as absolute paths seen from inside."""

    checkout: str
    inputs: str  # what the run is given: script, command, patches, plugin
    outputs: str  # what the run leaves: report, output, markers


def make_input_files(run_spec: RunSpec, layout: SandboxLayout, script: str) -> dict[str, bytes]:
    """Relative name -> content of everything that belongs into `layout.inputs`."""
    named = {
        "run.sh": script.encode(),
        "command.sh": run_spec.command.encode() + b"\n",
        f"plugin/{REPORTER}.py": read_plugin_source(REPORTER).encode(),
    }
    return named | {f"{n}.patch": text for n, text in enumerate(nonempty_patches(run_spec))}


def nonempty_patches(run_spec: RunSpec) -> tuple[bytes, ...]:
    """The patches that hold anything; git refuses empty ones."""
    return tuple(patch for patch in run_spec.patches if patch.strip())


def render_local_script(run_spec: RunSpec, layout: SandboxLayout) -> str:
    """Script for a run whose output, time and stragglers the caller watches."""
    lines = [*_prepare_commands(run_spec, layout), f"exec {_test_command_line(layout)} </dev/null"]
    return 'finish() { exit "$1"; }\n' + _shell_function(lines)


def render_container_script(run_spec: RunSpec, layout: SandboxLayout) -> str:
    """Script for a container: limits time and output inside, and ends stragglers."""
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
    """How many bytes of head and of tail are kept of an output limited to *limit* bytes."""
    room = max(limit - len(OUTPUT_CUT), 0)
    return room // 2, room - room // 2


def _keep_output_commands(layout: SandboxLayout, head: int, tail: int) -> Iterator[str]:
    out = shlex.quote(layout.outputs)
    yield f"mkfifo {out}/pipe || exit {EXIT_NO_CHECKOUT}"
    # exec, for a keeper that forks while it is stopped would leave a child that stays so
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
            raise ValueError(f"{name!r} is no name of an environment variable")
        yield f"export {name}={shlex.quote(value)}"
    plugin = shlex.quote(f"{layout.inputs}/plugin")
    yield f'export PYTHONPATH={plugin}"${{PYTHONPATH:+:$PYTHONPATH}}"'
    yield f'export PYTEST_PLUGINS={REPORTER}"${{PYTEST_PLUGINS:+,$PYTEST_PLUGINS}}"'
    yield f"export CURATE_REPORT={shlex.quote(layout.outputs)}/report"


def _test_command_line(layout: SandboxLayout) -> str:
    return f"bash {shlex.quote(layout.inputs)}/command.sh"
