"""Options of the server."""

import ipaddress
import math
import re
from dataclasses import dataclass, field

from curate.core.errors import ConfigurationError

TOKEN_VARIABLE = "CURATE_SERVE_TOKEN"
DEFAULT_PORT = 8473
MIN_TOKEN_LENGTH = 16  # where other machines can reach the server


@dataclass(frozen=True, kw_only=True)
class ServeOptions:
    """How the server listens, and what it allows. Invalid values raise ConfigurationError."""

    token: str = field(repr=False)
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT  # 0 = any that is free
    max_environments: int = 64
    idle_seconds: float = 1800.0  # after which an environment that nobody uses is closed
    step_seconds: float = 600.0  # the most that a client may ask for
    body_bytes: int = 64 << 20  # of a request
    jobs: int = 1  # patches that are graded at once
    sandbox: str = "docker"
    network: bool = False  # whether commands in environments reach the network
    warm: int = 1  # sandboxes of an instance that are kept ready

    def __post_init__(self) -> None:
        """Check the values."""
        checks = {
            "at least one environment must be allowed": self.max_environments >= 1,
            "the idle time must be positive": 0 < self.idle_seconds < math.inf,
            "the time of a step must be positive": 0 < self.step_seconds < math.inf,
            "at least one patch must be graded at once": self.jobs >= 1,
        }
        for message, holds in checks.items():
            if not holds:
                raise ConfigurationError(f"Invalid option of the server: {message}.")


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach *host*, which is an address or "localhost"."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_token(token: str, host: str = "localhost") -> None:
    """Raise ConfigurationError unless *token* can be sent, and is long enough for *host*."""
    if not re.fullmatch(r"[!-~]+", token):
        raise ConfigurationError(
            f"{TOKEN_VARIABLE} contains an invalid character.",
            hint="Use ASCII letters, digits and punctuation, without blanks.",
        )
    if not is_loopback(host) and len(token) < MIN_TOKEN_LENGTH:
        raise ConfigurationError(
            f"{TOKEN_VARIABLE} is too short for a server that other machines can reach.",
            hint=f"Use {MIN_TOKEN_LENGTH} characters or more, as of: openssl rand -hex 32",
        )
