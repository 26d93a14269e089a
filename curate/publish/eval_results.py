"""What is known of the evaluation of rows: the column `eval_verified`."""

import hashlib
import json

from curate.releases.row import Row, get_str
from curate.store import EvalCheckKey

CHECK_VERSION = 2  # raise it if the same inputs give another result
_INPUTS = ("eval_script", "patch", "FAIL_TO_PASS", "PASS_TO_PASS")


def compute_check_key(row: Row) -> EvalCheckKey:
    """Return the key of the result of *row*, which references an image on this machine.

    The image is "" if the local sandbox built the environment, so that there is none.
    """
    return get_str(row, "image_digest"), hash_check_inputs(row)


def hash_check_inputs(row: Row) -> str:
    """Return the hash of everything but the image that decides the result of *row*."""
    inputs = [CHECK_VERSION, *(row[name] for name in _INPUTS)]
    return hashlib.sha256(json.dumps(inputs).encode()).hexdigest()
