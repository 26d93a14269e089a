"""What a commit declares it needs, read from its files as text; no project code is run."""

from builders.requirements.manifest import read_manifest
from builders.requirements.model import Manifest, Requirement, Sources

__all__ = ["Manifest", "Requirement", "Sources", "read_manifest"]
