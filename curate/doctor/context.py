"""What all probes know: the settings, the environment, and what the user means to do."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from curate.core.settings import Settings

CHECK_SECONDS = 10.0  # for all checks together, as they run side by side
ANSWER_SECONDS = 5.0  # for one answer of a server or a program


@dataclass(frozen=True, kw_only=True)
class CheckContext:
    """What is asked of the doctor."""

    settings: Settings
    environment: Mapping[str, str]
    sandbox: str = "docker"  # where tests shall run
    registry: str = ""  # where images shall be pushed; "" = nowhere
    hub: str = ""  # the dataset that rows shall be pushed to; "" = none
    started: float = field(default_factory=time.monotonic)

    @property
    def answer_seconds(self) -> float:
        """Seconds that a server may be silent."""
        return min(self.settings.network_timeout, ANSWER_SECONDS)

    @property
    def seconds_left(self) -> float:
        """Seconds until a check is given up, at least one."""
        return max(self.started + CHECK_SECONDS - 1 - time.monotonic(), 1.0)
