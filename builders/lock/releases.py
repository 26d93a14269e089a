"""Releases whose metadata uv cannot get itself, and what it takes to build releases.

uv builds a source distribution to learn its requirements, with the build tools of the lock's
cutoff. Where that fails, tools of other dates do: first those of the release's own date, which its
author used, then later ones.
"""

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from packaging.utils import canonicalize_name

from curate.builders.lock.archives import unpacked_folder
from curate.builders.lock.dates import tool_dates
from curate.builders.lock.legacy_metadata import (
    ReleaseMetadata,
    parse_metadata,
    render_uv_config,
    skipped_releases,
)
from curate.builders.lock.repair import BUILD, TOO_OLD_SETUPTOOLS, flatten_error
from curate.builders.lock.target import ResolutionTarget
from curate.builders.lock.uv import UvResult, run_uv
from curate.builders.lock.uv_compile import CONFIG, REQUIREMENTS, raise_if_infrastructure
from curate.builders.model import SdistArchive
from curate.builders.rfc3339 import format_rfc3339

Release = tuple[str, str]  # name and version


@dataclass(kw_only=True)
class KnownReleases:
    """What was read of releases so far, during one resolution."""

    # None: it cannot be read
    metadata: dict[Release, ReleaseMetadata | None] = field(default_factory=dict)
    unbuildable: set[Release] = field(default_factory=set)  # by any build tools

    def readable(self) -> list[ReleaseMetadata]:
        """Return the metadata to supply to uv."""
        return [metadata for metadata in self.metadata.values() if metadata]

    def find_unread(self, attempt: UvResult) -> list[Release]:
        """Return the releases that *attempt* skipped and that were not read yet."""
        invalid = {name for (name, _), metadata in self.metadata.items() if metadata is None}
        skipped = [it for it in skipped_releases(attempt.errors).items() if it[0] not in invalid]
        return sorted(set(skipped) - self.metadata.keys())

    def find_unbuilt(self, attempt: UvResult) -> Release | None:
        """Return the release that *attempt* failed to build, if no other tools were tried yet."""
        text = flatten_error(attempt.errors) if attempt.code else ""
        match = BUILD.search(text)
        if match is None or not match[2] or TOO_OLD_SETUPTOOLS.search(text):
            return None
        release = (canonicalize_name(match[1]), match[2])
        is_new = release not in self.unbuildable and release not in self.metadata
        return release if is_new else None


def read_release_metadata(
    name: str, version: str, target: ResolutionTarget, archives: Iterable[SdistArchive] = ()
) -> ReleaseMetadata | None:
    """Return the metadata of a release, which uv installs without validating it."""
    return _read_metadata(name, version, target, archives, [])


def read_by_building(
    name: str, version: str, target: ResolutionTarget, archives: Iterable[SdistArchive] = ()
) -> ReleaseMetadata | None:
    """Return the metadata of a release that the build tools of the cutoff do not build.

    The first change of the result names the date of the tools that do; None if there are none.
    """
    pin = f"{name}=={version}"
    uploaded = find_sdists([pin], target, archives).get(pin)
    for date in tool_dates(uploaded or target.cutoff):
        options = ["--exclude-newer", format_rfc3339(date)]
        found = _read_metadata(name, version, target, archives, options)
        if found:
            change = (
                f"read the requirements of {name} {version} with build tools of {date:%Y-%m-%d}:"
                f" those of {target.cutoff:%Y-%m-%d} do not build it"
            )
            return replace(found, changes=(change, *found.changes))
    return None


def find_sdists(
    packages: Sequence[str], target: ResolutionTarget, archives: Iterable[SdistArchive] = ()
) -> dict[str, datetime]:
    """Return the *packages* (`name==version`) without a suitable wheel, and their upload times.

    Nothing is built: uv is told that they require nothing.
    """
    archives = tuple(archives)
    pins = [tuple(package.split("==")) for package in packages if package.count("==") == 1]
    metadata = [ReleaseMetadata(name=name, version=version, requires=()) for name, version in pins]
    arguments = ["pip", "compile", REQUIREMENTS, "--config-file", CONFIG, "--no-deps"]
    arguments += ["--python", target.interpreter, "--format", "pylock.toml", "--no-header"]
    arguments += _find_links(target, archives)
    arguments += ["--python-platform", target.platform] if target.platform else []
    files = {
        REQUIREMENTS: "".join(f"{name}=={version}\n" for name, version in pins),
        CONFIG: render_uv_config(metadata),
    }
    with run_uv(arguments, target.settings, files) as (attempt, _):
        if attempt.code != 0:
            raise_if_infrastructure(attempt)
            return {}
        repacked = {f"{it.name}=={it.version}": it.uploaded for it in archives}
        return dict(_iter_sdists(tomllib.loads(attempt.output), repacked))


def _iter_sdists(
    lock: Mapping[str, list[Mapping[str, object]]], repacked: Mapping[str, datetime]
) -> Iterator[tuple[str, datetime]]:
    for package in lock.get("packages", []):
        sdist, pin = package.get("sdist"), f"{package['name']}=={package['version']}"
        if isinstance(sdist, Mapping) and not package.get("wheels"):
            uploaded = repacked.get(pin) or sdist.get("upload-time")
            if isinstance(uploaded, datetime):
                yield pin, uploaded.astimezone(UTC)


def _find_links(target: ResolutionTarget, archives: Iterable[SdistArchive]) -> list[str]:
    folders = [str(unpacked_folder(archive, target.settings)) for archive in archives]
    return [word for folder in folders for word in ("--find-links", folder)]


def _read_metadata(
    name: str,
    version: str,
    target: ResolutionTarget,
    archives: Iterable[SdistArchive],
    options: Sequence[str],
) -> ReleaseMetadata | None:
    arguments = ["pip", "install", "--no-config", "--no-deps", "--target", "."]
    arguments += ["--python", target.interpreter, *options, f"{name}=={version}"]
    arguments += _find_links(target, archives)
    arguments += ["--python-platform", target.platform] if target.platform else []
    with run_uv(arguments, target.settings, {}) as (attempt, folder):
        if attempt.code != 0:
            raise_if_infrastructure(attempt)
        found = list(folder.glob("*.dist-info/METADATA"))
        return (
            parse_metadata(found[0].read_text(errors="replace"), name, version) if found else None
        )
