"""What a commit declares it needs, read from its files as text; no project code is run."""

from builders.requirements.manifest import read_manifest, read_project
from builders.requirements.model import Manifest, Requirement
from builders.requirements.project import ProjectMetadata

__all__ = [
    "Manifest",
    "ProjectMetadata",
    "Requirement",
    "read_manifest",
    "read_project",
]
