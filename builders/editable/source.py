"""The script `renew.py` as one file that stands alone."""

from curate.builders.inline_source import read_standalone_source


def read_renewal_source() -> str:
    """Return the source of the script with the modules that it imports from this package."""
    return read_standalone_source("curate.builders.editable", "renew")
