"""The interface that every backend implements."""

from collections.abc import Mapping
from typing import Protocol

from curate.builders.model import BuiltInstance, Failure, InstanceSpec, RunResult, RunSpec


class Backend(Protocol):
    """Builds instances and runs tests in them, each run in a new sandbox."""

    name: str
    bytes_over_limit: int  # bytes above the image disk limit that the last clean-up had to keep

    def build_instance(self, spec: InstanceSpec) -> BuiltInstance | Failure:
        """Build the (shared) environment and the checkout of *spec*, or reuse existing ones."""
        ...

    def layer_names(self, spec: InstanceSpec) -> Mapping[str, str] | Failure:
        """Return layer name -> image tag or folder that `build_instance` would use for *spec*."""
        ...

    def run_tests(self, built: BuiltInstance, run_spec: RunSpec) -> RunResult:
        """Run *run_spec* in a new sandbox of *built*, without network, and remove the sandbox."""
        ...

    def run_in_environment(self, spec: InstanceSpec, run_spec: RunSpec) -> RunResult | Failure:
        """Run *run_spec* on a new checkout in the environment of *spec*; nothing is installed.

        The sandbox is that of `run_tests`. Returns a Failure if the environment does not build.
        """
        ...

    def release_instance(self, name: str) -> None:
        """Allow the removal of what was built for the instance *name*, to free disk space."""
        ...

    def check_available(self) -> None:
        """Raise `EngineUnavailableError` where what this backend needs does not answer."""
        ...

    def cleanup(self) -> None:
        """Stop and remove all runs of this owner (`BuildSettings.run_owner`).

        A killed process may have left some behind. Call it only while no other process has runs
        of the same owner.
        """
        ...

    def abort_all(self) -> None:
        """Stop all builds and runs of this process; discard the results that threads then get."""
        ...
