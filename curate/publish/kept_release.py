"""Whether a release directory already is what would be written, so that it need not be."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from curate import __version__
from curate.builders.git.run import run_git
from curate.core.settings import Settings
from curate.git.locations import find_mirror
from curate.publish.code_hash import hash_inputs
from curate.publish.filters.config import ReleaseFilters
from curate.publish.release import CHECKSUMS_FILE, check_release
from curate.publish.stored_exclusions import hash_filters
from curate.store import Store

_KIND = "release"


@dataclass(frozen=True, kw_only=True)
class KeptRelease:
    """What is known of a release that was written."""

    rows: Mapping[str, int]  # by split
    images: int  # in a registry
    excluded: int
    checksums: str  # SHA-256 of the file of checksums


def hash_release_inputs(
    settings: Settings, store: Store, filters: ReleaseFilters, repo_id: str
) -> str:
    """Return a hash of everything that a release depends on but pushed images.

    What mirrors show of a commit does not change, but a commit may come with a fetch; so their
    references count.
    """
    repos = store.list_repositories()
    return hash_inputs(
        (__version__, repo_id, str(settings.signing_key)),
        hash_filters(filters),
        list(store.verified_inputs().items()),
        list(store.candidate_hashes().items()),
        store.list_funnels(),
        store.manual_exclusions.read_all(),
        sorted(store.eval_checks.load().items()),
        store.certifications.fingerprint(),
        sorted(store.gone_images()),
        [_hash_references(find_mirror(settings, repo)) for repo in repos],
    )


def hash_pushed_images(store: Store, registry: str) -> str:
    """Return a hash of the images in *registry* that a release may name."""
    return hash_inputs(registry, sorted(store.pushed_images(registry).items()) if registry else ())


def find_kept_release(store: Store, folder: Path, inputs: str) -> KeptRelease | None:
    """Return the release in *folder* if it was made from *inputs* and is whole; else None."""
    packed = store.derived.get(_KIND, _make_key(folder), inputs)
    if packed is None or check_release(folder):
        return None
    kept = KeptRelease(**json.loads(packed))
    return kept if kept.checksums == hash_checksums(folder) else None


def remember_release(store: Store, folder: Path, inputs: str, written: KeptRelease) -> None:
    """Store that the release in *folder* was made from *inputs*."""
    store.derived.save(_KIND, [(_make_key(folder), inputs, json.dumps(asdict(written)).encode())])


def hash_checksums(folder: Path) -> str:
    """Return the SHA-256 of the file of checksums in *folder*; "" if it has none."""
    file = folder / CHECKSUMS_FILE
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ""


def _make_key(folder: Path) -> str:
    return str(folder.resolve())


def _hash_references(mirror: Path | None) -> str:
    if mirror is None:
        return ""
    return hashlib.sha256(run_git(mirror, "for-each-ref").stdout).hexdigest()
