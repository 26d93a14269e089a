"""The script `renew.py` as one file that stands alone."""

import re
from functools import cache
from pathlib import Path

_IMPORT = re.compile(r"^from curate\.builders\.editable\.(\w+) import [\w, ]+\n", re.MULTILINE)


@cache
def read_renewal_source() -> str:
    """Return the source of the script with the modules that it imports from this package."""
    return _IMPORT.sub(lambda match: _module_text(match[1]), _module_text("renew"))


def _module_text(name: str) -> str:
    return Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8")
