"""CERTIFICATE.json of a release: what was certified, when and how, and of which files."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from curate.builders.process.atomic_write import atomic_write
from curate.builders.process.minisign import (
    SUFFIX,
    MinisignMissingError,
    SignatureError,
    sign_file,
    verify_file,
)
from curate.builders.rfc3339 import format_rfc3339
from curate.core.certification import Certification
from curate.core.errors import ConfigurationError, CurateError, NotFoundError
from curate.releases.columns import SCHEMA_VERSION

CERTIFICATE_FILE = "CERTIFICATE.json"
SIGNATURE_FILE = CERTIFICATE_FILE + SUFFIX
CERTIFICATE_FILES = frozenset({CERTIFICATE_FILE, SIGNATURE_FILE})
FORMAT = 1
_DATA = "data/"  # where a release has its rows
_UNSIGNED = "none: this certificate is unsigned, anybody could have written it"
_SIGNED = f"minisign, in {SIGNATURE_FILE}"


class InvalidCertificateError(CurateError):
    """A certificate that is not that of the release, or not signed by the key."""


class SigningError(CurateError):
    """The certificate could not be signed."""

    exit_code = 2


def hash_certification(one: Certification) -> str:
    """Return the SHA-256 of everything that *one* found, without when it was and how long."""
    content = {**asdict(one), "certified_at": "", "seconds": 0, "log": ""}
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def make_certificate(
    files: Mapping[str, str], ids: Iterable[str], found: Mapping[str, Certification]
) -> dict[str, Any]:
    """Return the certificate of a release, as JSON can hold it.

    Args:
        files: SHA-256 by path of all files of the release.
        ids: The instances of the release.
        found: Their newest certifications, by id; those without one are counted.
    """
    names = sorted(ids)
    known = [found[name] for name in names if name in found]
    counts = Counter(str(one.result) for one in known)
    times = sorted(one.certified_at for one in known)
    machines = {json.dumps(asdict(one.machine), sort_keys=True) for one in known}
    return {
        "format": FORMAT,
        "signature": _UNSIGNED,
        "schema_version": SCHEMA_VERSION,
        "files": dict(sorted(files.items())),
        "counts": {
            "instances": len(names),
            "never_certified": len(names) - len(known),
            **dict(sorted(counts.items())),
        },
        "first_certified_at": format_rfc3339(times[0]) if times else "",
        "last_certified_at": format_rfc3339(times[-1]) if times else "",
        "curate_versions": sorted({one.machine.curate_version for one in known}),
        "machines": [json.loads(text) for text in sorted(machines)],
        "instances": [_describe_instance(one) for one in known],
    }


def _describe_instance(one: Certification) -> dict[str, Any]:
    return {
        "instance_id": one.instance_id,
        "certified_at": format_rfc3339(one.certified_at),
        "result": str(one.result),
        "gold_passes": one.gold_passes,
        "gold_runs": one.gold_runs,
        "empty": one.empty_result,
        "image": one.reference,
        "pulled": one.is_pulled,
        "result_sha256": hash_certification(one),
    }


def write_certificate(folder: Path, content: Mapping[str, Any], key: Path | None = None) -> Path:
    """Write *content* as the certificate of the release in *folder*, signed if there is a *key*.

    Raises SigningError: then the certificate is there, and says that it is unsigned.
    """
    path = folder / CERTIFICATE_FILE
    (folder / SIGNATURE_FILE).unlink(missing_ok=True)
    _write(path, content)
    if key is None:
        return path
    _write(path, {**content, "signature": _SIGNED})
    try:
        sign_file(path, key, f"curate release, {content['last_certified_at']}")
    except SignatureError as error:
        _write(path, content)
        (folder / SIGNATURE_FILE).unlink(missing_ok=True)
        raise SigningError(str(error), hint=error.hint) from error
    return path


def _write(path: Path, content: Mapping[str, Any]) -> None:
    with atomic_write(path) as file:
        text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
        file.write_text(text, encoding="utf-8")


def read_certificate(folder: Path) -> dict[str, Any]:
    """Return the certificate of the release in *folder*.

    Raises NotFoundError if there is none, InvalidCertificateError if it is none.
    """
    path = folder / CERTIFICATE_FILE
    if not path.is_file():
        raise NotFoundError(
            f"{folder} has no {CERTIFICATE_FILE}.", hint=f"Run: curate certify {folder} --all"
        )
    try:
        content = json.loads(path.read_bytes())
        version, files = content["format"], content["files"]
        is_valid = isinstance(version, int) and isinstance(files, dict)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise InvalidCertificateError(f"{path} is not a certificate: {error}.") from error
    if not is_valid or version > FORMAT:
        raise InvalidCertificateError(
            f"{path} has format {version}; this curate reads {FORMAT}.", hint="Upgrade curate."
        )
    return dict(content)


def find_certificate_problems(content: Mapping[str, Any], files: Mapping[str, str]) -> list[str]:
    """Return one sentence for each difference of *files* (SHA-256 by path) from *content*."""
    certified: Mapping[str, str] = content["files"]
    data = [name for name in certified if name.startswith(_DATA)]
    if not any(files.get(name) == certified[name] for name in data):
        return [f"{CERTIFICATE_FILE} is the certificate of another release."]
    names = sorted(certified.keys() | files.keys())
    return [
        _describe_change(name, certified.get(name), files.get(name))
        for name in names
        if certified.get(name) != files.get(name)
    ]


def _describe_change(name: str, certified: str | None, found: str | None) -> str:
    if found is None:
        return f"{name} is missing; the certificate names it."
    change = "changed" if certified else "added"
    return f"{name} was {change} after the release was certified."


def verify_signature(folder: Path, content: Mapping[str, Any], public_key: Path) -> str:
    """Return the signed comment of the certificate in *folder*.

    Raises InvalidCertificateError if it is unsigned, or not signed by the owner of *public_key*,
    ConfigurationError if that is no key, SigningError if minisign is not installed.
    """
    if not (folder / SIGNATURE_FILE).is_file():
        claims = content.get("signature") == _SIGNED
        missing = f"its signature {SIGNATURE_FILE} is missing" if claims else "it is unsigned"
        raise InvalidCertificateError(
            f"{CERTIFICATE_FILE} cannot be trusted: {missing}.",
            hint="Ask who published the release for it.",
        )
    if not public_key.is_file():
        raise ConfigurationError(f"There is no public key {public_key}.")
    try:
        return verify_file(folder / CERTIFICATE_FILE, public_key).comment
    except MinisignMissingError as error:
        raise SigningError(
            f"{error}, so the signature was not verified.", hint=error.hint
        ) from error
    except SignatureError as error:
        raise InvalidCertificateError(
            f"{CERTIFICATE_FILE} is not signed with the key {public_key}: {error}",
            hint="Either it was changed after it was signed, or somebody else signed it.",
        ) from error
