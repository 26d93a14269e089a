"""The apptainer backend: runs tests in SIF files, exported or made once; it builds no images.

A node of a cluster needs neither an engine nor root for it, only the files.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from curate.builders.engine.apptainer import check_apptainer
from curate.builders.errors import SandboxError
from curate.builders.model import BuiltInstance, Failure, InstanceSpec, RunResult, RunSpec
from curate.builders.process.cleanup import terminate_children
from curate.builders.process.interrupt import on_forced_exit
from curate.builders.process.temp_dirs import remove_stale_temp_dirs
from curate.builders.settings import BuildSettings

NO_BUILDS = "the apptainer sandbox runs images and builds none"


class ApptainerBackend:
    """`Backend` on Apptainer; the handle of an instance is the path of its SIF file."""

    name = "apptainer"
    bytes_over_limit = 0

    def __init__(self, settings: BuildSettings) -> None:
        self.settings = settings
        self.temp_parent = settings.cache_dir / "sif"

    def build_instance(self, spec: InstanceSpec) -> BuiltInstance | Failure:
        """Raise SandboxError: images are built by the docker or podman backend."""
        raise SandboxError(NO_BUILDS, hint="Use --sandbox docker or podman.")

    def layer_names(self, spec: InstanceSpec) -> Mapping[str, str] | Failure:
        """Raise SandboxError, as `build_instance`."""
        raise SandboxError(NO_BUILDS, hint="Use --sandbox docker or podman.")

    def run_tests(self, built: BuiltInstance, run_spec: RunSpec) -> RunResult:
        """Run *run_spec* in the SIF file of *built*."""
        from curate.builders.sandbox.apptainer import ApptainerOptions, run_in_apptainer

        options = ApptainerOptions(owner=self.settings.run_owner)
        return run_in_apptainer(Path(built.handle), run_spec, options)

    def run_in_environment(self, spec: InstanceSpec, run_spec: RunSpec) -> RunResult | Failure:
        """Raise SandboxError, as `build_instance`."""
        raise SandboxError(NO_BUILDS, hint="Use --sandbox docker or podman.")

    def release_instance(self, name: str) -> None:
        """Do nothing: SIF files stay until the user removes them."""

    def check_available(self) -> None:
        """Raise EngineUnavailableError if Apptainer is missing, or cannot run without setuid."""
        from curate.builders.sandbox.process import kill_by_owner

        check_apptainer()
        on_forced_exit(partial(kill_by_owner, self.settings.run_owner))

    def cleanup(self) -> None:
        """Stop this owner's runs, and remove what killed ones and unfinished SIF files left."""
        from curate.builders.sandbox.local import remove_stale_runs

        remove_stale_runs(self.settings.run_owner)
        for purpose in ("sif", "layout"):
            remove_stale_temp_dirs(self.temp_parent, purpose)

    def abort_all(self) -> None:
        """Stop all runs."""
        terminate_children()
        self.cleanup()
