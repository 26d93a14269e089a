"""Source distributions in archives that uv does not read, repacked as `.tar.gz`.

uv reads `.tar.gz` and `.zip` only. Until PEP 527 (2016) and for some projects later, others were
uploaded, and pip still installs them: Twisted had nothing but `.tar.bz2` before 20.3. Nor does it
read some headers of old programs (pyparsing 2.0.2). Their files stay the same, byte by byte; the
record has address and hash of the archive in the index.
"""

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import requests
from packaging.requirements import Requirement as Parsed
from packaging.specifiers import SpecifierSet
from packaging.utils import InvalidSdistFilename, canonicalize_name, parse_sdist_filename
from packaging.version import Version

from curate.builders.errors import BuilderError
from curate.builders.lock.repack_sdist import find_suffix, name_repacked, repack
from curate.builders.lock.repair import LockAdjustment
from curate.builders.lock.target import ResolutionTarget
from curate.builders.model import RequirementsLock, SdistArchive
from curate.builders.process.atomic_write import atomic_write
from curate.builders.requirements import Manifest
from curate.builders.rfc3339 import parse_rfc3339
from curate.builders.settings import BuildSettings

PYPI = "https://pypi.org/simple/"
INDEX_SECONDS = 120.0  # time limit of one request
MAX_ARCHIVES = 6  # versions of one project that are tried
_JSON = "application/vnd.pypi.simple.v1+json"

_UNREAD = re.compile(
    r"(?:Because|because|and|And) (?:all versions of )?([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)"
    r"[^ ]* ha(?:s|ve) a non-PEP 625-compliant"
)

_UNEXTRACTED = re.compile(r"Failed to extract archive: ([A-Za-z0-9._-]+)==([^\s,]+)")


def supply_archive(
    errors: str, manifest: Manifest, target: ResolutionTarget
) -> LockAdjustment | None:
    """Supply the newest release that uv could not read, by the *errors* of a resolution.

    Called again, it supplies the next older one. An archive that could not be extracted is
    supplied itself.

    Raises:
        BuilderError: The index does not respond.
    """
    text = " ".join(errors.split())
    for name, version in _UNEXTRACTED.findall(text):
        broken = _find_sdist(name, version, target.settings)
        if broken and broken not in manifest.archives:
            return _add_archive(manifest, broken)
    for name in dict.fromkeys(_UNREAD.findall(text)):
        supplied = [it for it in manifest.archives if it.name == canonicalize_name(name)]
        if len(supplied) >= MAX_ARCHIVES:
            continue
        for archive in list_archives(name, target.settings):
            if archive not in supplied and _is_wanted(archive, manifest, target):
                return _add_archive(manifest, archive)
    return None


def _add_archive(manifest: Manifest, archive: SdistArchive) -> LockAdjustment:
    changed = replace(manifest, archives=(*manifest.archives, archive))
    return LockAdjustment(manifest=changed, sentence=describe_archive(archive))


def find_newer_archives(
    lock: RequirementsLock, manifest: Manifest, target: ResolutionTarget
) -> list[SdistArchive]:
    """Return releases that uv passed over in silence, in favour of the older sdists of *lock*.

    Raises:
        BuilderError: The index does not respond.
    """
    found = []
    for name, _, version in (package.partition("==") for package in lock.sdists):
        newer = (
            it
            for it in list_archives(name, target.settings)
            if Version(it.version) > Version(version) and _is_wanted(it, manifest, target)
        )
        found += [archive for archive in newer if archive not in manifest.archives][:1]
    return found


def list_archives(name: str, settings: BuildSettings) -> list[SdistArchive]:
    """Return the releases of project *name* that only have archives that uv does not read.

    The newest version comes first. There are none in an index that does not tell hashes and upload
    times, or that must not be asked (`UV_OFFLINE`).

    Raises:
        BuilderError: The index does not respond.
    """
    files = _fetch_files(name, settings)
    found = {it.version: it for it in _parse_files(name, files)}
    readable = {str(_sdist_version(filename)) for filename in files}
    only = [archive for version, archive in found.items() if version not in readable]
    return sorted(only, key=lambda it: Version(it.version), reverse=True)


def _find_sdist(name: str, version: str, settings: BuildSettings) -> SdistArchive | None:
    """Return the `.tar.gz` of a release; None if the index has or tells none."""
    archives = _parse_files(name, _fetch_files(name, settings))
    alike = (it for it in archives if it.filename.lower().endswith(".tar.gz"))
    return next((it for it in alike if it.version == version), None)


def _fetch_files(name: str, settings: BuildSettings) -> dict[str, Mapping[str, object]]:
    """Return file name -> what the index says of each file of project *name*, with its address."""
    index = (settings.index_url or PYPI).rstrip("/") + "/"
    url = urljoin(index, f"{canonicalize_name(name)}/")
    if urlsplit(url).scheme not in ("http", "https") or os.environ.get("UV_OFFLINE"):
        return {}
    answer = _get(url, settings, accept=_JSON)
    if _JSON not in answer.headers.get("Content-Type", ""):
        return {}
    return {
        it["filename"]: {**it, "url": urljoin(answer.url, it["url"])}
        for it in answer.json()["files"]
    }


def _parse_files(name: str, files: Mapping[str, Mapping[str, object]]) -> list[SdistArchive]:
    parsed = map(_parse_file, files.values())
    return [it for it in parsed if it and it.name == canonicalize_name(name)]


def unpacked_folder(archive: SdistArchive, settings: BuildSettings) -> Path:
    """Return a folder whose only file is *archive* as `.tar.gz`, always with the same bytes.

    Raises:
        BuilderError: The file cannot be downloaded, or is not the one that was recorded.
    """
    folder = settings.cache_dir.absolute() / "archives" / archive.sha256[:32]
    target = folder / name_repacked(archive.filename)
    if not target.exists():
        packed = _get(_with_credentials(archive.url, settings.index_url), settings).content
        if hashlib.sha256(packed).hexdigest() != archive.sha256:
            raise BuilderError(
                f"{archive.url} is not the file of the lock: its SHA-256 differs",
                hint="Check index_url.",
            )
        content = repack(packed, archive.filename)
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_write(target) as partial:
            partial.write_bytes(content)
    return folder


def describe_archive(archive: SdistArchive) -> str:
    """Return the sentence that records *archive* in a lock."""
    return (
        f"repacked {archive.filename} (sha256 {archive.sha256}) as .tar.gz:"
        f" {archive.name} {archive.version} has no archive that uv reads"
    )


def _is_wanted(archive: SdistArchive, manifest: Manifest, target: ResolutionTarget) -> bool:
    """Whether cutoff, interpreter and declared requirements allow *archive*."""
    version = Version(archive.version)
    declared = [
        Parsed(it.line).specifier for it in manifest.requirements if it.name == archive.name
    ]
    return (
        archive.uploaded < target.cutoff
        and (not version.is_prerelease or target.allow_prereleases)
        and all(it.contains(version, prereleases=True) for it in declared)
        and (not archive.requires_python or _allows(archive.requires_python, target.python))
    )


def _allows(requires_python: str, python: str) -> bool:
    try:
        specifier = SpecifierSet(requires_python)
    except ValueError:
        return True
    return any(specifier.contains(f"{python}.{patch}") for patch in range(30))


def _parse_file(item: Mapping[str, object]) -> SdistArchive | None:
    filename, hashes = str(item["filename"]), item.get("hashes")
    sha256 = hashes.get("sha256", "") if isinstance(hashes, Mapping) else ""
    uploaded = item.get("upload-time")
    suffix = find_suffix(filename)
    parsed = _parse_name(filename, suffix) if suffix else None
    if parsed is None or not sha256 or not uploaded or item.get("yanked"):
        return None
    return SdistArchive(
        name=parsed[0],
        version=parsed[1],
        filename=filename,
        url=_without_credentials(str(item["url"])),
        sha256=str(sha256),
        uploaded=parse_rfc3339(str(uploaded)),
        requires_python=str(item.get("requires-python") or ""),
    )


def _parse_name(filename: str, suffix: str) -> tuple[str, str] | None:
    try:
        name, version = parse_sdist_filename(f"{filename[: -len(suffix)]}.tar.gz")
    except InvalidSdistFilename:
        return None
    return name, str(version)


def _sdist_version(filename: str) -> Version | None:
    """Return the version of a source distribution that uv reads."""
    try:
        return parse_sdist_filename(filename)[1]
    except InvalidSdistFilename:
        return None


def _get(url: str, settings: BuildSettings, accept: str = "*/*") -> requests.Response:
    try:
        answer = requests.get(
            url,
            headers={"Accept": accept},
            timeout=INDEX_SECONDS,
            verify=str(settings.ca_bundle) if settings.ca_bundle else True,
        )
        answer.raise_for_status()
    except requests.RequestException as error:
        raise BuilderError(
            f"cannot download from the package index: {type(error).__name__} for"
            f" {_without_credentials(url)}",
            hint="Check the network, index_url and ca_bundle.",
        ) from error
    return answer


def _without_credentials(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment="").geturl()


def _with_credentials(url: str, index_url: str) -> str:
    """Return *url* with the user of *index_url*, if it is on that host."""
    parts, index = urlsplit(url), urlsplit(index_url)
    user, at, host = index.netloc.rpartition("@")
    return parts._replace(netloc=f"{user}{at}{host}").geturl() if parts.netloc == host else url
