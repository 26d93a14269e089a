"""The release of a night: written only if its inputs changed, with its diff to the last one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from curate.core.certification import CertificationResult
from curate.core.settings import Settings
from curate.publish.check import check_release_folder
from curate.publish.diff import SplitDiff, diff_folders
from curate.publish.diff_text import write_diff
from curate.publish.filters.config import ReleaseFilters, read_filters
from curate.publish.hub import PushResult
from curate.publish.images import push_missing_images, set_release_images
from curate.publish.kept_release import (
    KeptRelease,
    find_kept_release,
    hash_checksums,
    hash_pushed_images,
    hash_release_inputs,
    remember_release,
)
from curate.publish.run import (
    ReleaseOptions,
    ReleaseSteps,
    require_pushable,
    write_filtered_release,
)
from curate.store import Store
from curate.workflows.night import ReleaseResult


@dataclass(frozen=True, kw_only=True)
class ReleaseOrder:
    """Where the release of a night is written, and what it is for."""

    folder: Path
    hub: str = ""  # dataset that it is for
    registry: str = ""  # to which its images are pushed; "" = to none
    allows_local_images: bool = True  # images that are on this machine alone


def prepare_release(settings: Settings, store: Store, order: ReleaseOrder) -> ReleaseResult | None:
    """Write the release and its diff to the last one; None if nothing has been crawled.

    If nothing has changed that it depends on, nothing is written. Raises what
    `write_filtered_release` raises.
    """
    if not store.list_repositories():
        return None
    if order.registry:
        push_lost_images(settings, store, order.registry)
    filters = read_filters(settings.release_filters)
    inputs = hash_release_inputs(settings, store, filters, order.hub)
    pushed = hash_pushed_images(store, order.registry)
    kept = find_kept_release(store, order.folder, inputs + pushed)
    if kept:
        return _describe(order, kept, is_written=False)
    result, written = _write(settings, store, order, filters)
    pushed = hash_pushed_images(store, order.registry)  # some may have been pushed for it
    remember_release(store, order.folder, inputs + pushed, written)
    return result


def push_lost_images(settings: Settings, store: Store, registry: str) -> None:
    """Push images again that certification no longer found in *registry*.

    Their instances are in no release until a certification finds them, so no release would push
    them. One that is not on this machine either is logged, and stays away.
    """
    newest = store.certifications.newest(store.certifications.ids_with_differences())
    lost = [name for name, it in newest.items() if it.result is CertificationResult.IMAGE_MISSING]
    if lost:
        push_missing_images(store, registry, lost, settings.network_timeout)


def push_release(
    settings: Settings, release: ReleaseResult, push: Callable[[Path], PushResult]
) -> ReleaseResult:
    """Check *release* and *push* it to the Hub."""
    folder = Path(release.folder)
    require_pushable(check_release_folder(folder, read_filters(settings.release_filters)))
    pushed = push(folder)
    return replace(release, commit=pushed.commit, is_pushed=pushed.changed)


def _write(
    settings: Settings, store: Store, order: ReleaseOrder, filters: ReleaseFilters
) -> tuple[ReleaseResult, KeptRelease]:
    """Write the release and what differs from the one that it replaces."""
    last = hash_checksums(order.folder)
    diffs: list[SplitDiff] = []

    def compare(new: Path) -> None:
        if hash_checksums(new) != last:
            diffs.extend(diff_folders(order.folder, new))
            write_diff(order.folder, diffs)

    set_images = partial(
        set_release_images,
        store=store,
        registry=order.registry,
        allow_local=order.allows_local_images,
        network_timeout=settings.network_timeout,
    )
    summary = write_filtered_release(
        settings,
        store,
        order.folder,
        repo_id=order.hub,
        options=ReleaseOptions(filters=filters, allow_no_instances=True),
        steps=ReleaseSteps(set_images=set_images, before_replacing=compare),
    )
    written = KeptRelease(
        rows=summary.rows,
        images=summary.images,
        excluded=summary.excluded,
        checksums=hash_checksums(order.folder),
    )
    is_changed = written.checksums != last
    result = _describe(order, written, is_written=True, is_changed=is_changed, diffs=diffs)
    return result, written


def _describe(
    order: ReleaseOrder,
    kept: KeptRelease,
    *,
    is_written: bool,
    is_changed: bool = False,
    diffs: Sequence[SplitDiff] = (),
) -> ReleaseResult:
    return ReleaseResult(
        folder=str(order.folder),
        is_written=is_written,
        is_changed=is_changed,
        images=kept.images,
        rows=kept.rows,
        excluded=kept.excluded,
        diff=[diff for diff in diffs if diff],
        hub=order.hub,
    )
