"""The licence of a checkout as an SPDX expression, from its own files and nothing else.

Two witnesses: the text of a licence file, where it is surely one of SPDX's, and what the project's
metadata declares. Where they differ both hold ("MIT AND Python-2.0.1"), for files are known that
carry a project's own licence and that of vendored code. "" is "could not be told", never "none".
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from curate.publish.data_files import read_data

TEXTS = tuple(
    stem + suffix
    for stem in ("LICENSE", "LICENCE", "COPYING", "License")
    for suffix in ("", ".txt", ".md", ".rst")
)
METADATA = ("pyproject.toml", "setup.cfg", "setup.py")
SURE = 0.9  # likeness to SPDX's own text, 0 to 1, below which a text decides nothing

_CLASSIFIER = re.compile(r"License :: (?:OSI Approved :: )?([^\"'\n]+)")
_FIELD = re.compile(r"^\s*license\s*=\s*[\"']?([^\"'\n#{]+)", re.MULTILINE)


def licence_of(found: Mapping[str, bytes], identify: Callable[[str], tuple[str, float]]) -> str:
    """SPDX expression for a checkout with the root files *found*; "" where it cannot be told.

    *identify* names the licence that a text is most like, and how like it is.
    """
    texts = (found[name].decode("utf-8", "replace") for name in TEXTS if name in found)
    guesses = (identify(text) for text in texts)
    sure = {name for name, likeness in guesses if likeness >= SURE}
    metadata = (found[name].decode("utf-8", "replace") for name in METADATA if name in found)
    declared = next((name for text in metadata for name in _declared(text) if name), "")
    return " AND ".join(sorted(sure | ({declared} - {""})))


def by_askalono(text: str) -> tuple[str, float]:
    """The licence of SPDX's list that *text* is most like; a heavy import."""
    import askalono  # type: ignore[import-untyped]

    found = askalono.identify(text)
    return str(found.name), float(found.score)


def _declared(metadata: str) -> Iterator[str]:
    for said in (*_FIELD.findall(metadata), *_CLASSIFIER.findall(metadata)):
        yield spdx(said)


def spdx(said: str) -> str:
    """*said* as an SPDX expression, "" if it is none and no known name of one."""
    text = said.strip().rstrip(",")
    known = _aliases().get(text.lower())
    try:
        return known or str(canonicalize_license_expression(text))
    except InvalidLicenseExpression:
        return ""


@cache
def _aliases() -> dict[str, str]:
    return dict(read_data("licenses", ("licenses",))["aliases"])
