"""What a commit declares it needs, read from its files as text; no project code is run."""

from builders.requirements.manifest import read_manifest, read_project
from builders.requirements.model import Manifest, Requirement, Sources
from builders.requirements.project import Project

__all__ = ["Manifest", "Project", "Requirement", "Sources", "read_manifest", "read_project"]
