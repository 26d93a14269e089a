"""The protocol that hides whether tests run in containers or in a folder of this machine."""

from collections.abc import Mapping
from typing import Protocol

from builders.model import BuiltInstance, Failure, InstanceSpec, RunResult, RunSpec


class Backend(Protocol):
    """Builds instances and runs tests in them, each run in a fresh sandbox."""

    name: str
    bytes_over_limit: int  # bytes above the disk budget that stayed all the same, when last looked

    def build_instance(self, spec: InstanceSpec) -> BuiltInstance | Failure:
        """Make the environment (shared) and the checkout of *spec*; found work is reused."""
        ...

    def layer_names(self, spec: InstanceSpec) -> Mapping[str, str] | Failure:
        """What `build_instance` would make of *spec*, layer by layer, by name; nothing is made."""
        ...

    def run_tests(self, built: BuiltInstance, run_spec: RunSpec) -> RunResult:
        """Run *run_spec* in a fresh sandbox made of *built*, without network, and remove it."""
        ...

    def release_instance(self, name: str) -> None:
        """What was built for the instance *name* may be removed where room is needed."""
        ...

    def check_available(self) -> None:
        """Raise `EngineUnavailableError` where what this backend needs does not answer."""
        ...

    def cleanup(self) -> None:
        """End and remove the runs of this owner (`BuildSettings.owner`), whoever began them.

        A process that was killed may have left some. Nobody else may be running any.
        """
        ...

    def abort_all(self) -> None:
        """End what other threads are building and running here; what they then get is void."""
        ...
