"""Read the requirements that a commit declares, without running any code of the project."""

from curate.builders.requirements.backend_answer import BackendAnswer
from curate.builders.requirements.manifest import (
    read_answered_manifest,
    read_manifest,
    read_project,
)
from curate.builders.requirements.model import Manifest, Requirement
from curate.builders.requirements.project import ProjectMetadata

__all__ = [
    "BackendAnswer",
    "Manifest",
    "ProjectMetadata",
    "Requirement",
    "read_answered_manifest",
    "read_manifest",
    "read_project",
]
