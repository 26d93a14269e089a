"""The licence of a checkout as an SPDX expression, from its own files and nothing else.

Two witnesses: the text of a licence file, where it is surely one of SPDX's, and what the project's
metadata declares. Where they differ both hold ("MIT AND Python-2.0.1"), for files are known that
carry a project's own licence and that of vendored code. "" is "could not be told", never "none".
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from curate.publish.data_files import read_toml_data

LICENSE_FILES = tuple(
    stem + suffix
    for stem in ("LICENSE", "LICENCE", "COPYING", "License")
    for suffix in ("", ".txt", ".md", ".rst")
)
METADATA_FILES = ("pyproject.toml", "setup.cfg", "setup.py")
MIN_SIMILARITY = 0.9  # likeness to SPDX's own text, 0 to 1, below which a text decides nothing

_CLASSIFIER = re.compile(r"License :: (?:OSI Approved :: )?([^\"'\n]+)")
_FIELD = re.compile(r"^\s*license\s*=\s*[\"']?([^\"'\n#{]+)", re.MULTILINE)


def detect_license(found: Mapping[str, bytes], identify: Callable[[str], tuple[str, float]]) -> str:
    """SPDX expression for a checkout with the root files *found*; "" where it cannot be told.

    *identify* names the licence that a text is most like, and how like it is.
    """
    texts = (found[name].decode("utf-8", "replace") for name in LICENSE_FILES if name in found)
    guesses = (identify(text) for text in texts)
    identified = {name for name, similarity in guesses if similarity >= MIN_SIMILARITY}
    metadata = (found[name].decode("utf-8", "replace") for name in METADATA_FILES if name in found)
    declared = next((name for text in metadata for name in _declared_licenses(text) if name), "")
    return " AND ".join(sorted(identified | ({declared} - {""})))


def identify_with_askalono(text: str) -> tuple[str, float]:
    """The licence of SPDX's list that *text* is most like; a heavy import."""
    import askalono  # type: ignore[import-untyped]

    found = askalono.identify(text)
    return str(found.name), float(found.score)


def _declared_licenses(metadata: str) -> Iterator[str]:
    for value in (*_FIELD.findall(metadata), *_CLASSIFIER.findall(metadata)):
        yield to_spdx(value)


def to_spdx(license_name: str) -> str:
    """*license_name* as an SPDX expression, "" if it is none and no known name of one."""
    text = license_name.strip().rstrip(",")
    known = _load_aliases().get(text.lower())
    try:
        return known or str(canonicalize_license_expression(text))
    except InvalidLicenseExpression:
        return ""


@cache
def _load_aliases() -> dict[str, str]:
    return dict(read_toml_data("licenses", ("licenses",))["aliases"])
