"""What docs/clients.md says: a client's package and version, and the command that was tried."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOCKS = ROOT / ".ci" / "locks"
_ROW = re.compile(r"^\| [^|]+ \| `([^`]+)==([^`]+)` \| `([^`]+)` \| ", re.MULTILINE)
_LOCK_NAMES = {"inspect-ai": "inspect"}  # others have the name of their package


@dataclass(frozen=True, kw_only=True)
class DocumentedCommand:
    """A row of the table."""

    package: str
    version: str
    command: str

    @property
    def client(self) -> str:
        """The name under which .ci/clients installs it."""
        return _LOCK_NAMES.get(self.package, self.package)

    @property
    def needs_model(self) -> bool:
        """Whether somebody must pay for it."""
        return "MODEL" in self.command


def read_commands() -> list[DocumentedCommand]:
    """All rows of the table."""
    page = (ROOT / "docs" / "clients.md").read_text(encoding="utf-8")
    return [
        DocumentedCommand(package=package, version=version, command=command)
        for package, version, command in _ROW.findall(page)
    ]
