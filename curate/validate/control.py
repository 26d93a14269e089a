"""How a validation is executed."""

import threading
from dataclasses import dataclass, field

from curate.environments.observer import BatchObserver, SilentObserver


@dataclass(frozen=True, kw_only=True)
class RunControl:
    """How a validation is executed; does not affect verdicts."""

    retry_rejected: bool = False  # also build again what did not build
    jobs: int = 1  # parallel candidates, and parallel sandboxes; on each worker of a cluster
    cluster: str = ""  # "dask://HOST:PORT", "ray://HOST:PORT", "local"; "" = this process
    registry: str = ""  # to which the workers of a cluster push images of instances; "" = to none
    stop_event: threading.Event = field(default_factory=threading.Event)  # set: start no new run
    observer: BatchObserver = field(default_factory=SilentObserver)
