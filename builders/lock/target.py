"""What the resolution of a lock is for: interpreter, cutoff and settings."""

from dataclasses import dataclass
from datetime import datetime

from curate.builders.python.choose import find_interpreter
from curate.builders.settings import BuildSettings


@dataclass(frozen=True, kw_only=True)
class ResolutionTarget:
    """Inputs of a resolution that stay the same while its manifest is adjusted."""

    python: str
    cutoff: datetime
    settings: BuildSettings
    allow_prereleases: bool
    platform: str

    @property
    def interpreter(self) -> str:
        """Path of the interpreter, or its version if it is not installed yet."""
        return str(find_interpreter(self.settings.python_install_dir, self.python) or self.python)
