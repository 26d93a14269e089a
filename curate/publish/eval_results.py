"""What is known of the evaluation of rows: the column `eval_verified`."""

import hashlib
import json
from collections.abc import Iterable, Mapping

from curate.releases.row import Row, get_str
from curate.store import EvalCheckKey, Store

CHECK_VERSION = 1  # raise it if the same inputs give another result
_INPUTS = ("eval_script", "patch", "FAIL_TO_PASS", "PASS_TO_PASS")


def compute_check_key(row: Row) -> EvalCheckKey:
    """Return the key of the result of *row*, which references an image on this machine.

    The image is "" if the local sandbox built the environment, so that there is none.
    """
    inputs = [CHECK_VERSION, *(row[name] for name in _INPUTS)]
    return get_str(row, "image_digest"), hashlib.sha256(json.dumps(inputs).encode()).hexdigest()


def set_known_results(rows: Iterable[Row], store: Store) -> None:
    """Set `eval_verified` of *rows* to what is stored."""
    known = store.eval_checks.load()
    for row in rows:
        set_known_result(row, known)


def set_known_result(row: Row, known: Mapping[EvalCheckKey, str]) -> str:
    """Set `eval_verified` of *row*, null if nothing is known; return the problem, "" if none."""
    problem = known.get(compute_check_key(row))
    row["eval_verified"] = None if problem is None else not problem
    return problem or ""
