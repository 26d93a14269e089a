"""Options of an environment."""

import math
from dataclasses import dataclass

from curate.core.errors import ConfigurationError

SANDBOXES = ("docker", "local")


@dataclass(frozen=True, kw_only=True)
class EnvironmentOptions:
    """How an environment runs commands and ends. Invalid values raise ConfigurationError."""

    sandbox: str = "docker"  # "docker", or "local", which does not isolate
    network: bool = False  # whether commands reach the network
    step_seconds: float = 120.0  # after which a command is interrupted
    output_bytes: int = 32 << 10  # of a command's output; more is cut out of its middle
    max_steps: int = 0  # after which an episode is truncated; 0 = no limit
    warm: int = 1  # sandboxes of an instance that are kept ready for the next `reset` or `fork`

    def __post_init__(self) -> None:
        """Check the values."""
        check_sandbox(self.sandbox)
        checks = {
            "step_seconds must be a positive number": 0 < self.step_seconds < math.inf,
            "output_bytes must be at least 256": self.output_bytes >= 256,
            "max_steps must not be negative": self.max_steps >= 0,
            "warm must not be negative": self.warm >= 0,
        }
        for message, holds in checks.items():
            if not holds:
                raise ConfigurationError(f"Invalid option of the environment: {message}.")


def check_sandbox(kind: str) -> None:
    """Raise ConfigurationError unless sandboxes of *kind* can stay, for many commands."""
    if kind not in SANDBOXES:
        raise ConfigurationError(
            f"The {kind} sandbox keeps none for an agent.", hint=f"Use {' or '.join(SANDBOXES)}."
        )
