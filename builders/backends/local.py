"""The local backend: instances are folders, runs are made in copies of the checkout.

For machines without a container engine. Environments are shared and hard-linked into an instance's
own virtual environment, so that instances cost little; code that writes into installed packages in
place would reach the shared ones too. System packages are not installed.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from builders.git.checkout import make_checkout
from builders.images.build_queue import Turn, Turns
from builders.images.install_script import explained, install_script
from builders.images.keys import environment_key, file_name, instance_key
from builders.lock.build_constraints import build_bound
from builders.lock.uv import sweep_locks, trim_cache
from builders.model import Built, Execution, Failure, InstanceSpec, RunResult
from builders.process.cleanup import end_children
from builders.process.file_lock import exclusive
from builders.process.free_space import watch_disk
from builders.process.run import LOG_TAIL, run_command
from builders.process.temp_dirs import scratch, sweep_scratch
from builders.python.install import find_prefix, uv_binary
from builders.rfc3339 import format_rfc3339
from builders.settings import BuildSettings

SEEDS = ("--seed",)  # pip, and setuptools and wheel before Python 3.12, of the lock's date
TEMPORARY_BYTES = 64 << 20  # below it a temporary folder counts as full
_READY = "ready"  # file that says a folder is complete


class LocalBackend:
    """`Backend` on folders under `settings.cache`; it is no security border."""

    name = "local"
    over = 0

    def __init__(self, settings: BuildSettings) -> None:
        self.settings = settings
        self.cache = settings.cache.resolve()
        self.turns = Turns(settings.reserve_bytes)

    def build(self, spec: InstanceSpec) -> Built | Failure:
        """Make `<handle>/checkout` and `<handle>/venv` for *spec*; what is complete is reused."""
        return self.turns.built(
            self.cache,
            lambda turn: self._built(spec, turn),
            lambda _: trim_cache(self.settings, self.cache) > 0,
        )

    def _built(self, spec: InstanceSpec, turn: Turn) -> Built | Failure:
        began = time.monotonic()
        turn.begin()
        prefix = find_prefix(spec.python, self.settings, installed=True)
        if isinstance(prefix, Failure):
            return prefix
        environment, folder = self._folders(spec, prefix)
        made = self._make_environment(spec, prefix, environment, turn)
        if isinstance(made, Failure):
            return made
        environment_seconds = time.monotonic() - began if made else 0.0
        failure = self._make_instance(spec, environment, folder, turn)
        if failure:
            return failure
        return Built(
            name=spec.name,
            backend=self.name,
            handle=str(folder),
            environment_key=environment.name,
            layer_bytes={
                "environment": _bytes(environment),
                "instance": _bytes(folder / "checkout"),
            },
            seconds=time.monotonic() - began,
            environment_seconds=environment_seconds,
        )

    def names(self, spec: InstanceSpec) -> Mapping[str, str] | Failure:
        """Folders of environment and instance."""
        prefix = find_prefix(spec.python, self.settings, installed=True)
        if isinstance(prefix, Failure):
            return prefix
        environment, instance = self._folders(spec, prefix)
        return {"environment": str(environment), "instance": str(instance)}

    def run(self, built: Built, execution: Execution) -> RunResult:
        """Run *execution* on a copy of the checkout and remove the copy.

        `DiskFull` if the disk is full in the end: tests may have failed for that.
        """
        from builders.sandbox.local import run_locally

        result = run_locally(built, execution, owner=self.settings.owner)
        watch_disk(Path(tempfile.gettempdir()), TEMPORARY_BYTES)
        return result

    def release(self, name: str) -> None:
        """Folders stay until somebody removes the cache."""

    def sweep(self) -> None:
        """End this owner's test processes, and remove folders of runs, locks and environments."""
        from builders.sandbox.local import sweep_runs

        sweep_runs(self.settings.owner)
        sweep_scratch(self.cache / "environments", "making")
        sweep_locks()

    def abort(self) -> None:
        """End builds and runs."""
        self.turns.close()
        end_children()
        self.sweep()

    def _folders(self, spec: InstanceSpec, prefix: Path) -> tuple[Path, Path]:
        """Where the shared environment and the instance of *spec* are or will be."""
        key = environment_key(spec, "local", str(prefix), format_rfc3339(spec.lock.cutoff))
        name = f"{file_name(spec.name)}-{instance_key(spec, key)}"
        return self.cache / "environments" / key, self.cache / "instances" / name

    def _make_environment(
        self, spec: InstanceSpec, prefix: Path, target: Path, turn: Turn
    ) -> bool | Failure:
        """Make the virtual environment *target* in one move; True when it was made here."""
        if target.exists():
            return False
        with (
            exclusive(self.cache / "locks", target.name),
            scratch(target.parent, "making") as folder,
        ):
            if target.exists():
                return False
            lock, venv = folder / "lock.txt", folder / "venv"
            lock.write_text(spec.lock.text)
            python = prefix / "bin" / f"python{spec.python}"
            cutoff = format_rfc3339(spec.lock.cutoff)
            bound = folder / "bound.txt"
            bound.write_text(build_bound(spec.lock))
            packages = ["--no-deps", "--compile-bytecode", "-r", str(lock)]
            options = [*SEEDS, "--relocatable", "--exclude-newer", cutoff]
            made = [uv_binary(), "venv", *options, "--python", str(python), str(venv)]
            install = [uv_binary(), "pip", "install", *packages, "--python", str(venv)]
            bounded = [*install, "--build-constraints", str(bound)]
            failure = self._command(made, folder, {}, turn) or (
                self._command(bounded, folder, {}, turn)
                and self._command(install, folder, {}, turn)
            )
            if failure:
                return explained(failure, "environment")
            venv.rename(target)
        return True

    def _make_instance(
        self, spec: InstanceSpec, environment: Path, folder: Path, turn: Turn
    ) -> Failure | None:
        """Make the checkout and install it; a folder that was left incomplete is made anew."""
        with exclusive(self.cache / "locks", folder.name):
            if (folder / _READY).exists():
                return None
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            make_checkout(spec.mirror, spec.base_commit, folder / "checkout", spec.submodules)
            _link_tree(environment, folder / "venv")
            script = folder / "install.sh"
            script.write_text(install_script(replace(spec, tree_commit="", moved={})))
            variables = {"VIRTUAL_ENV": str(folder / "venv")}
            failure = self._command(["sh", str(script)], folder / "checkout", variables, turn)
            if failure:
                return explained(failure, "instance")
            (folder / _READY).touch()
        return None

    def _command(
        self, command: list[str], folder: Path, extra: dict[str, str], turn: Turn
    ) -> Failure | None:
        """Run *command* in *folder* with the build's variables; None when it worked."""
        env = build_variables(self.settings, self.cache) | _path(extra) | extra
        ended = run_command(command, cwd=folder, env=env, watch=turn.watch)
        if isinstance(ended, Failure):
            return ended
        code, log = ended
        failure = Failure(stage="build", reason="build-command-failed", detail=log[-LOG_TAIL:])
        return failure if code else None


def build_variables(settings: BuildSettings, cache: Path) -> dict[str, str]:
    """Variables of a build: this machine's, without what would change what gets installed."""
    foreign = ("PIP_", "UV_", "PYTHON", "VIRTUAL_ENV", "GIT_", "SETUPTOOLS_", "CONDA_")
    kept = {name: text for name, text in os.environ.items() if not name.startswith(foreign)}
    kept |= {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_CACHE_DIR": "0",
        # Not that of resolving, which builds against any numpy.
        "UV_CACHE_DIR": str(cache / "builds"),
        "UV_NO_CONFIG": "1",
        "UV_PYTHON_DOWNLOADS": "never",
    }
    if settings.ca_bundle:
        names = ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
        kept |= dict.fromkeys(names, str(settings.ca_bundle.resolve()))
    if settings.index_url:
        kept |= {"UV_DEFAULT_INDEX": settings.index_url, "PIP_INDEX_URL": settings.index_url}
    return kept


def _path(extra: dict[str, str]) -> dict[str, str]:
    """PATH with the environment's programs first and uv's folder last."""
    first = [f"{extra['VIRTUAL_ENV']}/bin"] if "VIRTUAL_ENV" in extra else []
    return {"PATH": os.pathsep.join([*first, *os.get_exec_path(), str(Path(uv_binary()).parent)])}


def _link_tree(source: Path, target: Path) -> None:
    """Copy *source* with hard links for its files, or their content where links do not work."""

    def link(origin: str, copy: str) -> None:
        try:
            os.link(origin, copy, follow_symlinks=False)
        except OSError:
            shutil.copy2(origin, copy, follow_symlinks=False)

    shutil.copytree(source, target, symlinks=True, copy_function=link)


def _bytes(folder: Path) -> int:
    """Bytes of the files under *folder*, links not followed."""
    paths = (Path(parent) / name for parent, _, names in os.walk(folder) for name in names)
    return sum(path.lstat().st_size for path in paths)
