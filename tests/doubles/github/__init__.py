"""GitHub over real HTTP, as far as a crawler sees it: GraphQL, points, limits and faults."""

from tests.doubles.github.data import Repository, World
from tests.doubles.github.faults import Fault, Kind
from tests.doubles.github.schema import load_schema
from tests.doubles.github.server import GitHubDouble

__all__ = ["Fault", "GitHubDouble", "Kind", "Repository", "World", "load_schema"]
