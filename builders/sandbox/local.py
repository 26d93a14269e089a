"""Run tests in a folder of this machine, without an engine; this does not isolate untrusted code.

A run gets its own copy of the checkout, home, temporary folder and session, limits of time, memory
and processes, and no network if the kernel lets this user create a network namespace; if not, the
detail of the result says so. Tests run as this user and can read and change whatever this user can.

The virtual environment is shared by all runs; what a run changes in it goes with the run, if the
kernel lets this user mount a layer over it (overlayfs). Its editable install refers to the original
checkout; `curate.builders.editable` redirects imports to the copy. This does not work for packages
whose editable install builds at import (meson-python).
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from curate.builders.errors import SandboxError
from curate.builders.model import BuiltInstance, RunResult, RunSpec
from curate.builders.pytest_plugin import generate_key
from curate.builders.sandbox import isolate
from curate.builders.sandbox.process import ProcessResult, kill_by_owner, run_process
from curate.builders.sandbox.result import MAX_REPORT_BYTES, RunArtifacts, classify_run
from curate.builders.sandbox.run_script import SandboxLayout, make_input_files, render_local_script


def run_locally(
    built: BuiltInstance,
    run_spec: RunSpec,
    *,
    temp_parent: Path | None = None,
    owner: str = "nobody",
) -> RunResult:
    """Run *run_spec* on a copy of the checkout of *built* and remove the copy.

    Args:
        built: Its `handle` is a folder with `checkout/` (a git repository at the base commit) and
            `venv/`.
        run_spec: Patches, command and limits.
        temp_parent: Parent folder of the copy; by default the system's temporary folder, where
            `remove_stale_runs` finds it.
        owner: Marks the folder and its processes for `remove_stale_runs`.

    Raises:
        SandboxError: The checkout cannot be copied, or the process cannot be started.
    """
    with make_run_folder(temp_parent, owner) as folder:
        layout = _prepare_run_folder(Path(built.handle), folder, run_spec)
        key = generate_key()
        (folder / "out" / "key").write_bytes(key)
        variables = _run_environment(Path(built.handle), folder)
        command = [sys.executable, "-IS", isolate.__file__, str(run_spec.limits.pids)]
        command += [str(folder / "isolation"), f"{built.handle}/venv"]
        command += ["bash", f"{layout.inputs}/run.sh"]
        result = run_process(command, variables, run_spec.limits, owner=owner)
        return classify_run(collect_artifacts(folder, key, result))


@contextmanager
def make_run_folder(temp_parent: Path | None, owner: str) -> Iterator[Path]:
    """Yield a new folder that `remove_stale_runs` finds; it is removed at the end."""
    try:
        folder = Path(tempfile.mkdtemp(prefix=_folder_prefix(owner), dir=temp_parent)).resolve()
    except OSError as error:
        raise SandboxError(f"cannot create a temporary folder for the run: {error}") from error
    try:
        yield folder
    finally:
        _remove_folder(folder)


def remove_stale_runs(owner: str) -> None:
    """Kill the test processes of *owner* and remove their folders from the temporary folder."""
    kill_by_owner(owner)
    for folder in Path(tempfile.gettempdir()).glob(f"{_folder_prefix(owner)}*"):
        _remove_folder(folder)


def _folder_prefix(owner: str) -> str:
    return f"curate-run-{owner}."  # so that no owner's name begins another's


def _remove_folder(folder: Path) -> None:
    """Remove *folder*, even if a test has made folders in it read-only.

    What still cannot be removed is left to the system; nothing outside *folder* is touched.
    """

    def make_writable(function: Callable[[str], object], path: str, _: object) -> None:
        with suppress(OSError):
            for target in (Path(path).parent, Path(path)):
                if target.is_relative_to(folder) and not target.is_symlink():
                    target.chmod(0o700)
            if function in (os.open, os.scandir):
                shutil.rmtree(path, ignore_errors=True)
            else:
                function(path)

    shutil.rmtree(folder, onerror=make_writable)


def _prepare_run_folder(handle: Path, folder: Path, run_spec: RunSpec) -> SandboxLayout:
    layout = SandboxLayout(
        checkout=str(folder / "checkout"),
        inputs=str(folder / "in"),
        outputs=str(folder / "out"),
        installed=str(handle / "checkout"),
    )
    try:
        shutil.copytree(handle / "checkout", folder / "checkout", symlinks=True)
    except (OSError, shutil.Error) as error:
        raise SandboxError(f"the checkout in {handle} cannot be copied: {error}") from error
    for name in ("out", "home", "tmp"):
        (folder / name).mkdir()
    write_inputs(folder / "in", run_spec, layout)
    return layout


def write_inputs(folder: Path, run_spec: RunSpec, layout: SandboxLayout) -> None:
    """Write the script of a run, and all that it reads, into *folder*."""
    script = render_local_script(run_spec, layout)
    for name, content in make_input_files(run_spec, layout, script).items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def _run_environment(handle: Path, folder: Path) -> dict[str, str]:
    """Return the variables of the run, without those of this process, which may have tokens."""
    return {
        "PATH": f"{handle}/venv/bin{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "VIRTUAL_ENV": f"{handle}/venv",
        "HOME": str(folder / "home"),
        "TMPDIR": str(folder / "tmp"),
        "LANG": "C.UTF-8",
    }


def collect_artifacts(folder: Path, key: bytes, result: ProcessResult) -> RunArtifacts:
    """Return what a run with *key* left in *folder*: the outputs, and the note of `isolate`."""
    out = folder / "out"
    isolation = folder / "isolation"
    note = isolation.read_text(encoding="utf-8") if isolation.exists() else ""
    return RunArtifacts(
        key=key,
        exit_code=result.exit_code,
        timed_out=result.timed_out,
        reached_limit=result.reached_limit,
        patched=_read_capped(out / "patched") is not None,
        prepared=_read_capped(out / "prepared"),
        key_was_left=_read_capped(out / "key") == key,
        report=_read_capped(out / "report"),
        seconds=result.seconds,
        cpu_seconds=result.cpu_seconds,
        output=result.output,
        note="" if note == "isolated" else note,
    )


def _read_capped(path: Path) -> bytes | None:
    """Return the content of a file; None if a test replaced it, or made it unreadable or huge."""
    with suppress(OSError):
        if path.is_file() and not path.is_symlink() and path.stat().st_size <= MAX_REPORT_BYTES:
            return path.read_bytes()
    return None
