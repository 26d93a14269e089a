"""A short hash of arbitrary values."""

import hashlib
import json


def content_hash(*parts: object) -> str:
    """Return the first 20 hexadecimal digits of the SHA-256 of *parts* as JSON."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:20]
