"""The local backend: an instance is a folder, a run uses a copy of its checkout.

For machines without a container engine. The files of a shared environment are hard-linked into the
virtual environment of each instance, so that an instance takes little space; code that modifies
installed packages in place also modifies the shared ones. System packages are not installed.
"""

import os
import shlex
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from curate.builders.backends.build_variables import build_variables, extend_path
from curate.builders.git.checkout import make_checkout
from curate.builders.images import build_sdist
from curate.builders.images.build_queue import BuildQueue, BuildSlot
from curate.builders.images.install_packages import (
    SDIST_BUILDER,
    describe_builds,
    find_archives,
    pytest_commands,
    render_wheel_lock,
    sdist_commands,
)
from curate.builders.images.install_script import classify_failure, render_install_script
from curate.builders.images.keys import compute_environment_key, compute_instance_key, safe_name
from curate.builders.lock.build_constraints import build_constraint
from curate.builders.lock.tool_dates import tool_cutoff_options
from curate.builders.lock.uv import prune_uv_cache, remove_stale_resolutions
from curate.builders.model import (
    BuiltInstance,
    Failure,
    InstanceSpec,
    RequirementsLock,
    RunResult,
    RunSpec,
)
from curate.builders.process.cleanup import terminate_children
from curate.builders.process.file_lock import file_lock
from curate.builders.process.free_space import check_free_space, measure_folder
from curate.builders.process.interrupt import on_forced_exit
from curate.builders.process.run import LOG_TAIL, run_command
from curate.builders.process.temp_dirs import remove_stale_temp_dirs, temp_dir
from curate.builders.python.install import find_python, find_uv
from curate.builders.rfc3339 import format_rfc3339
from curate.builders.settings import BuildSettings

SEED_OPTIONS = ("--seed",)  # installs pip; before Python 3.12 setuptools and wheel, too
TEMPORARY_BYTES = 64 << 20  # a temporary folder with less free space counts as full
_READY = "ready"  # file that marks a folder as complete


class LocalBackend:
    """`Backend` on folders under `settings.cache_dir`; it does not isolate untrusted code."""

    name = "local"
    bytes_over_limit = 0

    def __init__(self, settings: BuildSettings) -> None:
        self.settings = settings
        self.cache = settings.cache_dir.resolve()
        self.build_queue = BuildQueue(settings.min_free_disk_bytes)

    def build_instance(self, spec: InstanceSpec) -> BuiltInstance | Failure:
        """Create `<handle>/checkout` and `<handle>/venv` for *spec*, or reuse complete ones."""
        return self.build_queue.run_build(
            self.cache,
            lambda slot: self._build(spec, slot),
            lambda _: prune_uv_cache(self.settings, self.cache) > 0,
        )

    def _build(self, spec: InstanceSpec, slot: BuildSlot) -> BuiltInstance | Failure:
        started = time.monotonic()
        slot.start_step()
        prefix = find_python(spec.python, self.settings, installed=True)
        if isinstance(prefix, Failure):
            return prefix
        environment, folder = self._plan_folders(spec, prefix)
        created = self._make_environment(spec, prefix, environment, slot)
        if isinstance(created, Failure):
            return created
        environment_seconds = time.monotonic() - started if created else 0.0
        failure = self._make_instance(spec, environment, folder, slot)
        if failure:
            return failure
        return BuiltInstance(
            name=spec.name,
            backend=self.name,
            handle=str(folder),
            environment_key=environment.name,
            layer_bytes={
                "environment": measure_folder(environment),
                "instance": measure_folder(folder / "checkout"),
            },
            seconds=time.monotonic() - started,
            environment_seconds=environment_seconds,
            build_notes=_read_build_notes(environment, spec.lock),
        )

    def layer_names(self, spec: InstanceSpec) -> Mapping[str, str] | Failure:
        """Return the folders of the environment and of the instance."""
        prefix = find_python(spec.python, self.settings, installed=True)
        if isinstance(prefix, Failure):
            return prefix
        environment, instance = self._plan_folders(spec, prefix)
        return {"environment": str(environment), "instance": str(instance)}

    def run_tests(self, built: BuiltInstance, run_spec: RunSpec) -> RunResult:
        """Run *run_spec* on a copy of the checkout and remove the copy.

        Raises:
            DiskFullError: The disk is full after the run, so tests may have failed for that.
        """
        from curate.builders.sandbox.local import run_locally

        result = run_locally(built, run_spec, owner=self.settings.run_owner)
        check_free_space(Path(tempfile.gettempdir()), TEMPORARY_BYTES)
        return result

    def run_in_environment(self, spec: InstanceSpec, run_spec: RunSpec) -> RunResult | Failure:
        """Make the environment, and run on a new checkout with it."""
        from curate.builders.sandbox.local import run_locally

        environment = self.build_queue.run_build(
            self.cache,
            lambda slot: self._find_environment(spec, slot),
            lambda _: prune_uv_cache(self.settings, self.cache) > 0,
        )
        if isinstance(environment, Failure):
            return environment
        with temp_dir(self.cache / "environments", "making") as folder:
            make_checkout(spec.mirror, spec.base_commit, folder / "checkout", spec.submodules)
            (folder / "venv").symlink_to(environment)
            handle = BuiltInstance(
                name=spec.name,
                backend=self.name,
                handle=str(folder),
                environment_key=environment.name,
            )
            return run_locally(handle, run_spec, owner=self.settings.run_owner)

    def _find_environment(self, spec: InstanceSpec, slot: BuildSlot) -> Path | Failure:
        """Return the folder of the environment of *spec*, which is made if it is missing."""
        slot.start_step()
        prefix = find_python(spec.python, self.settings, installed=True)
        if isinstance(prefix, Failure):
            return prefix
        environment, _ = self._plan_folders(spec, prefix)
        made = self._make_environment(spec, prefix, environment, slot)
        return made if isinstance(made, Failure) else environment

    def release_instance(self, name: str) -> None:
        """Do nothing: folders stay until the user removes the cache."""

    def check_available(self) -> None:
        """Nothing is needed but this machine."""
        from curate.builders.sandbox.process import kill_by_owner

        on_forced_exit(partial(kill_by_owner, self.settings.run_owner))

    def cleanup(self) -> None:
        """Stop this owner's test processes and remove unfinished runs, locks and environments."""
        from curate.builders.sandbox.local import remove_stale_runs

        remove_stale_runs(self.settings.run_owner)
        remove_stale_temp_dirs(self.cache / "environments", "making")
        remove_stale_resolutions()

    def abort_all(self) -> None:
        """Stop all builds and runs."""
        self.build_queue.close()
        terminate_children()
        self.cleanup()

    def _plan_folders(self, spec: InstanceSpec, prefix: Path) -> tuple[Path, Path]:
        """Return the folders of the shared environment and of the instance of *spec*."""
        texts = ["local", str(prefix), format_rfc3339(spec.lock.exclude_newer)]
        texts += tool_cutoff_options(spec.python, spec.lock.exclude_newer)
        texts += [SDIST_BUILDER.read_text()] if spec.lock.sdists else []
        key = compute_environment_key(spec, *texts)
        name = f"{safe_name(spec.name)}-{compute_instance_key(spec, key)}"
        return self.cache / "environments" / key, self.cache / "instances" / name

    def _make_environment(
        self, spec: InstanceSpec, prefix: Path, target: Path, slot: BuildSlot
    ) -> bool | Failure:
        """Create the virtual environment *target* unless it exists; True if it was created.

        It is built in a temporary folder and moved, so that *target* is always complete.
        """
        if target.exists():
            return False
        with (
            file_lock(self.cache / "locks", target.name),
            temp_dir(target.parent, "making") as folder,
        ):
            if target.exists():
                return False
            failure = self._install_packages(spec, prefix, folder, slot)
            if failure:
                return classify_failure(failure, "environment")
            (folder / "venv").rename(target)
        return True

    def _install_packages(
        self, spec: InstanceSpec, prefix: Path, folder: Path, slot: BuildSlot
    ) -> Failure | None:
        """Create `<folder>/venv` with the packages of the lock, as the docker backend does."""
        venv, constraints = folder / "venv", folder / "build-constraints.txt"
        (folder / "lock.txt").write_text(render_wheel_lock(spec.lock))
        constraints.write_text(build_constraint(spec.lock))
        bound = ["--constraint", str(constraints)] if build_constraint(spec.lock) else []
        python = prefix / "bin" / f"python{spec.python}"
        cutoff = format_rfc3339(spec.lock.exclude_newer)
        options = [*SEED_OPTIONS, "--relocatable", "--exclude-newer", cutoff]
        options += tool_cutoff_options(spec.python, spec.lock.exclude_newer)
        create = [find_uv(), "venv", *options, "--python", str(python), str(venv)]
        packages = ["--no-deps", "--compile-bytecode", "-r", str(folder / "lock.txt")]
        install = [find_uv(), "pip", "install", *packages, "--python", str(venv)]
        constrained = [*install, "--build-constraints", str(constraints)]
        failure = self._run_build_command(create, folder, {}, slot) or (
            self._run_build_command(constrained, folder, {}, slot)
            and self._run_build_command(install, folder, {}, slot)
        )
        links = [str(path.parent) for path in find_archives(spec.lock, self.settings)]
        bound += [word for link in links for word in ("--find-links", link)]
        program = shlex.join([f"{venv}/bin/python", "-I", str(SDIST_BUILDER), find_uv()])
        commands = sdist_commands(spec.lock, program, bound)
        for command in [*commands, *pytest_commands(spec.lock, str(venv))]:
            failure = failure or self._run_build_command(["sh", "-c", command], folder, {}, slot)
        return failure

    def _make_instance(
        self, spec: InstanceSpec, environment: Path, folder: Path, slot: BuildSlot
    ) -> Failure | None:
        """Create the checkout and install it; an incomplete folder is created again."""
        with file_lock(self.cache / "locks", folder.name):
            if (folder / _READY).exists():
                return None
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            make_checkout(spec.mirror, spec.base_commit, folder / "checkout", spec.submodules)
            _link_tree(environment, folder / "venv")
            script = folder / "install.sh"
            script.write_text(
                render_install_script(replace(spec, checkout_layer_commit="", moved_submodules={}))
            )
            variables = {"VIRTUAL_ENV": str(folder / "venv")}
            failure = self._run_build_command(
                ["sh", str(script)], folder / "checkout", variables, slot
            )
            if failure:
                return classify_failure(failure, "instance")
            (folder / _READY).touch()
        return None

    def _run_build_command(
        self, command: list[str], folder: Path, extra: dict[str, str], slot: BuildSlot
    ) -> Failure | None:
        """Run *command* in *folder* with the variables of a build; None if it succeeded."""
        env = build_variables(self.settings, self.cache) | extend_path(extra) | extra
        result = run_command(command, cwd=folder, env=env, watch=slot.check_space)
        if isinstance(result, Failure):
            return result
        code, log = result
        detail = log[-LOG_TAIL:]
        failure = Failure(stage="build", reason="build-command-failed", detail=detail, log=log)
        return failure if code else None


def _read_build_notes(environment: Path, lock: RequirementsLock) -> tuple[str, ...]:
    record = environment / build_sdist.RECORD
    return describe_builds(record.read_text(), lock) if record.exists() else ()


def _link_tree(source: Path, target: Path) -> None:
    """Copy the folder *source*: files are hard-linked, or copied if that is not possible."""

    def link(origin: str, copy: str) -> None:
        try:
            os.link(origin, copy, follow_symlinks=False)
        except OSError:
            shutil.copy2(origin, copy, follow_symlinks=False)

    shutil.copytree(source, target, symlinks=True, copy_function=link)
