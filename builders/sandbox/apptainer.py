"""Run tests in a SIF file with Apptainer, as a plain user, without network.

The image is read-only below a layer in memory, which ends with the run; so does what is written to
/tmp. Of the host there are only the inputs, read-only, and a folder for the results. Processes and
memory are limited, and time and output, by the supervisor that the local sandbox has (`process`):
all that Apptainer starts is below it. What its own helpers take is added to the limits.
"""

import os
from dataclasses import dataclass, replace
from pathlib import Path

from curate.builders.engine.apptainer import find_apptainer, write_configuration
from curate.builders.errors import SandboxError
from curate.builders.images.dockerfiles import CHECKOUT
from curate.builders.model import CONTAINER_ENV, ResourceLimits, RunResult, RunSpec
from curate.builders.pytest_plugin import generate_key
from curate.builders.sandbox.isolate import HOST_NAME, HOSTS
from curate.builders.sandbox.local import collect_artifacts, make_run_folder, write_inputs
from curate.builders.sandbox.process import RUN_VARIABLE, run_process
from curate.builders.sandbox.result import classify_run
from curate.builders.sandbox.run_script import SandboxLayout

HELPER_BYTES, HELPER_THREADS = 192 << 20, 64  # Apptainer, squashfuse and fuse-overlayfs
LAYOUT = SandboxLayout(checkout=CHECKOUT, inputs="/curate/in", outputs="/curate/out")
STARTED = "started"  # output that shows that something ran
_USER = CONTAINER_ENV["USER"]
_ISOLATION = (
    "--containall",
    "--cleanenv",
    "--no-home",
    "--no-eval",
    "--writable-tmpfs",
    "--net",
    "--network=none",
    f"--hostname={HOST_NAME}",
    "--no-mount=bind-paths,cwd",
    f"--pwd={CHECKOUT}",
)
# The image's own variables, without those of Apptainer; then as in a container of Docker.
_START = """\
: > /curate/out/started
unset "${!APPTAINER@}" "${!SINGULARITY@}" PROMPT_COMMAND OLDPWD
LD_LIBRARY_PATH=${LD_LIBRARY_PATH%/.singularity.d/libs}
LD_LIBRARY_PATH=${LD_LIBRARY_PATH%:}
[ "$LD_LIBRARY_PATH" ] || unset LD_LIBRARY_PATH
umask 022
exec bash /curate/in/run.sh
"""


@dataclass(frozen=True, kw_only=True)
class ApptainerOptions:
    """How a run is done, whatever runs in it."""

    owner: str = "nobody"  # marks folder and processes for `remove_stale_runs`
    temp_parent: Path | None = None  # of the run's folder; by default the temporary folder
    checkout: Path | None = None  # folder that is copied over /testbed before the start


DEFAULT_OPTIONS = ApptainerOptions()


def run_in_apptainer(
    image: Path, run_spec: RunSpec, options: ApptainerOptions = DEFAULT_OPTIONS
) -> RunResult:
    """Run *run_spec* in the SIF file *image*; nothing of the run stays.

    Raises:
        SandboxError: Apptainer cannot be started, or the image has no checkout.
        EngineUnavailableError: Apptainer is not installed.
    """
    limits = run_spec.limits
    with make_run_folder(options.temp_parent, options.owner) as folder:
        (folder / "out").mkdir()
        write_inputs(folder / "in", run_spec, LAYOUT)
        (folder / "in" / "start.sh").write_text(_render_start(options))
        key = generate_key()
        (folder / "out" / "key").write_bytes(key)
        command = _make_command(image, folder, limits, options)
        result = run_process(
            command,
            {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(folder)},
            replace(
                limits,
                memory_bytes=limits.memory_bytes + HELPER_BYTES,
                pids=limits.pids + HELPER_THREADS,
            ),
            owner=options.owner,
        )
        if not (folder / "out" / STARTED).exists() and not result.timed_out:
            lines = result.output.decode("utf-8", "replace").strip().splitlines()
            said = lines[-1].removeprefix("FATAL:").strip() if lines else "no output"
            raise SandboxError(f"apptainer could not start {image.name}: {said}")
        return classify_run(collect_artifacts(folder, key, result))


def _make_command(
    image: Path, folder: Path, limits: ResourceLimits, options: ApptainerOptions
) -> list[str]:
    """Return the command line, and write the files that stand for those of the host."""
    configuration = write_configuration(folder, limits.tmp_bytes)
    (folder / "hosts").write_text(HOSTS)
    user = f"{_USER}:x:{os.getuid()}:{os.getgid()}::/home/{_USER}:/bin/sh"
    (folder / "passwd").write_text(f"root:x:0:0:root:/root:/bin/bash\n{user}\n")
    (folder / "group").write_text(f"root:x:0:\n{_USER}:x:{os.getgid()}:\n")
    binds = [f"{folder}/{name}:/etc/{name}:ro" for name in ("hosts", "passwd", "group")]
    binds += [f"{folder}/in:{LAYOUT.inputs}:ro", f"{folder}/out:{LAYOUT.outputs}"]
    if options.checkout:
        binds.append(f"{options.checkout}:/curate/checkout:ro")
    words = [find_apptainer(), "-q", "--config", str(configuration), "exec", *_ISOLATION]
    words += [word for bind in binds for word in ("--bind", bind)]
    return [*words, str(image), "bash", f"{LAYOUT.inputs}/start.sh"]


def _render_start(options: ApptainerOptions) -> str:
    # Apptainer passes no variables on, so the mark by which `kill_by_owner` finds processes, too.
    exported = {**CONTAINER_ENV, RUN_VARIABLE: f"{options.owner}.apptainer"}
    variables = "".join(f"export {name}={value}\n" for name, value in exported.items())
    copied = f"cp -a /curate/checkout/. {CHECKOUT} || exit 89\n" if options.checkout else ""
    return variables + copied + _START
