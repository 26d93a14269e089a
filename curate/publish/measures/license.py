"""The license of a checkout as an SPDX expression, from its own files only.

Two sources: the text of a license file if it clearly matches one of SPDX's, and the license
declared in the project's metadata. If they differ, both apply ("MIT AND Python-2.0.1"), as some
files contain the project's own license and that of vendored code. "" means unknown, never "none".
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from curate.publish.data_files import read_toml_data

LICENSE_FILES = tuple(
    stem + suffix
    for stem in ("LICENSE", "LICENCE", "COPYING", "License")  # codespell:ignore licence
    for suffix in ("", ".txt", ".md", ".rst")
)
METADATA_FILES = ("pyproject.toml", "setup.cfg", "setup.py")
MIN_SIMILARITY = 0.9  # similarity to SPDX's text, 0 to 1, below which a text is ignored

_CLASSIFIER = re.compile(r"License :: (?:OSI Approved :: )?([^\"'\n]+)")
_FIELD = re.compile(r"^\s*license\s*=\s*[\"']?([^\"'\n#{]+)", re.MULTILINE)


def detect_license(found: Mapping[str, bytes], identify: Callable[[str], tuple[str, float]]) -> str:
    """Return the SPDX expression of a checkout; "" if unknown.

    *found* maps names of root files to their content. *identify* returns the SPDX id most similar
    to a text, and the similarity from 0 to 1.
    """
    texts = (found[name].decode("utf-8", "replace") for name in LICENSE_FILES if name in found)
    matches = (identify(text) for text in texts)
    identified = {name for name, similarity in matches if similarity >= MIN_SIMILARITY}
    metadata = (found[name].decode("utf-8", "replace") for name in METADATA_FILES if name in found)
    declared = next((name for text in metadata for name in _declared_licenses(text) if name), "")
    return " AND ".join(sorted(identified | ({declared} - {""})))


def identify_with_askalono(text: str) -> tuple[str, float]:
    """Return the SPDX id most similar to *text*, and the similarity; imports a large library."""
    import askalono  # type: ignore[import-untyped]

    found = askalono.identify(text)
    return str(found.name), float(found.score)


def _declared_licenses(metadata: str) -> Iterator[str]:
    for value in (*_FIELD.findall(metadata), *_CLASSIFIER.findall(metadata)):
        yield to_spdx(value)


def to_spdx(license_name: str) -> str:
    """Convert *license_name* to an SPDX expression; "" if it is neither one nor a known alias."""
    text = license_name.strip().rstrip(",")
    known = _load_aliases().get(text.lower())
    try:
        return known or str(canonicalize_license_expression(text))
    except InvalidLicenseExpression:
        return ""


@cache
def _load_aliases() -> dict[str, str]:
    return dict(read_toml_data("licenses", ("licenses",))["aliases"])
