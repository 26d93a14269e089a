"""The one place where stages meet: a SQLite database and a folder of large blobs."""

from curate.store.funnel import RepositoryFunnel
from curate.store.store import Store

__all__ = ["RepositoryFunnel", "Store"]
