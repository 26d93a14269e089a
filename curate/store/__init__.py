"""Persistent state shared by all stages: a SQLite database and a directory of large blobs."""

from curate.store.eval_checks import EvalCheckKey
from curate.store.funnel import RepositoryFunnel
from curate.store.grades import GradeKey
from curate.store.store import Store

__all__ = ["EvalCheckKey", "GradeKey", "RepositoryFunnel", "Store"]
