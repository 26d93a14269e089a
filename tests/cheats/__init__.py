"""Candidates that grading must not fall for, and odd ones that mean well: one table.

A cheat earns 0, except where it says that nothing guards against it (`guarded=False`). What *bites*
would earn 1 if its patch were only applied.
"""

from tests.cheats.candidate import Candidate, Cheat, Honest
from tests.cheats.honest import CASES as HONEST
from tests.cheats.inside import CASES as INSIDE
from tests.cheats.patch_shapes import CASES as PATCH_SHAPES
from tests.cheats.settings import CASES as SETTINGS
from tests.cheats.shadowing import CASES as SHADOWING
from tests.cheats.tampering import CASES as TAMPERING

CHEATS: tuple[Cheat, ...] = (*TAMPERING, *SETTINGS, *SHADOWING, *PATCH_SHAPES, *INSIDE)

__all__ = ["CHEATS", "HONEST", "Candidate", "Cheat", "Honest"]
