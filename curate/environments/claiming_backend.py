"""A backend on a worker of a cluster, which claims what it builds."""

from collections.abc import Callable, Mapping

from curate.builders.backends.protocol import Backend
from curate.builders.model import BuiltInstance, Failure, InstanceSpec, RunResult, RunSpec
from curate.cluster.claims import Claims, Keys
from curate.core.settings import Settings

_OWN = ("base", "python", "checkout", "instance")  # layers that each machine builds for itself


def can_share_layers(settings: Settings, sandbox: str) -> bool:
    """Whether a worker can have what another one has built."""
    return bool(settings.layer_cache_registry) and sandbox != "local"


class ClaimingBackend:
    """*backend*, but no other worker builds the same environment at the same time."""

    def __init__(self, backend: Backend, claims: Claims, is_cancelled: Callable[[], bool]) -> None:
        self.name = backend.name
        self.bytes_over_limit = 0
        self._backend, self._claims, self._is_cancelled = backend, claims, is_cancelled

    def build_instance(self, spec: InstanceSpec) -> BuiltInstance | Failure:
        """Build once all shared layers of *spec* are this worker's to build."""
        with self._claims.hold(self._shared_layers(spec), self._is_cancelled):
            return self._backend.build_instance(spec)

    def run_in_environment(self, spec: InstanceSpec, run_spec: RunSpec) -> RunResult | Failure:
        """Likewise."""
        with self._claims.hold(self._shared_layers(spec), self._is_cancelled):
            return self._backend.run_in_environment(spec, run_spec)

    def layer_names(self, spec: InstanceSpec) -> Mapping[str, str] | Failure:
        """Return the image tag of every layer by name."""
        return self._backend.layer_names(spec)

    def run_tests(self, built: BuiltInstance, run_spec: RunSpec) -> RunResult:
        """Run the tests; nothing is built."""
        return self._backend.run_tests(built, run_spec)

    def release_instance(self, name: str) -> None:
        """Allow the removal of what was built for the instance."""
        self._backend.release_instance(name)

    def check_available(self) -> None:
        """Check that the engine answers."""
        self._backend.check_available()

    def cleanup(self) -> None:
        """Remove what a killed process has left."""
        self._backend.cleanup()

    def abort_all(self) -> None:
        """Stop all builds and runs."""
        self._backend.abort_all()

    def _shared_layers(self, spec: InstanceSpec) -> Keys:
        names = self._backend.layer_names(spec)
        if isinstance(names, Failure):
            return ()
        return tuple(sorted(tag for layer, tag in names.items() if layer not in _OWN))
