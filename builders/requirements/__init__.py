"""Read the requirements that a commit declares, without running any code of the project."""

from curate.builders.requirements.backend_answer import BackendAnswer
from curate.builders.requirements.manifest import read_answered_manifest, read_manifest
from curate.builders.requirements.model import Manifest, Requirement
from curate.builders.requirements.project import ProjectMetadata
from curate.builders.requirements.project_folders import (
    read_project,
    read_projects,
    unite_projects,
)

__all__ = [
    "BackendAnswer",
    "Manifest",
    "ProjectMetadata",
    "Requirement",
    "read_answered_manifest",
    "read_manifest",
    "read_project",
    "read_projects",
    "unite_projects",
]
