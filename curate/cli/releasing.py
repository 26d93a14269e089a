"""Parts of `curate publish` that talk: making a release, refusing one, pushing rows and images."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from curate.cli.common import err_console
from curate.core.errors import CurateError
from curate.core.settings import Settings
from curate.git.locations import find_mirror
from curate.publish.check import ReleaseProblem
from curate.publish.filters.config import read_filters
from curate.publish.images import list_images
from curate.publish.measures.codebase import CodebaseReader
from curate.publish.push_estimate import PushEstimate, estimate_push
from curate.publish.rows import PublishedImage
from curate.publish.run import ReleaseOptions, build_release, push_images
from curate.store import Store

MAX_PRINTED = 20  # rows told one by one


def prepare_release(
    settings: Settings,
    store: Store,
    folder: Path,
    *,
    repo_id: str = "",
    images: Mapping[str, PublishedImage] | None = None,
    options: ReleaseOptions | None = None,
) -> None:
    """Write the release and say what was held back from it; by default all that may be shown."""
    options = options or ReleaseOptions(filters=read_filters(settings.release_filters))
    name = repo_id or f"local/{folder.resolve().name}"
    with CodebaseReader(lambda repo: find_mirror(settings, repo)) as bases:
        written, exclusions = build_release(
            store, bases, folder, repo_id=name, images=images or {}, options=options
        )
    for exclusion in exclusions[:MAX_PRINTED]:
        printed = f"held back {exclusion.instance_id}: {exclusion}"
        err_console.print(printed, markup=False, soft_wrap=True)
    if len(exclusions) > MAX_PRINTED:
        err_console.print(
            f"held back {len(exclusions) - MAX_PRINTED:,} more; the card counts them by reason"
        )
    err_console.print(f"Release written to {written}")


def refuse_problems(problems: Sequence[ReleaseProblem]) -> None:
    """CurateError where *problems* must not be pushed, after telling the first of them."""
    blocking = [problem for problem in problems if problem.blocks_push]
    for problem in blocking[:MAX_PRINTED]:
        err_console.print(f"refused: {problem}", markup=False, soft_wrap=True)
    if blocking:
        raise CurateError(
            f"The release has {len(blocking):,} faults, the first: {blocking[0]}.",
            hint="Nothing was pushed. Publish again, or see: curate publish check",
        )


def push_rows(folder: Path, hub: str, *, private: bool, branch: str, tag: str) -> dict[str, object]:
    """Push the release in *folder*; what `--json` prints of it."""
    from curate.publish.hub import push_folder, tag_commit

    pushed = push_folder(
        folder, hub, message="Release", private=private, branch=branch, token=read_hub_token()
    )
    if tag:
        tag_commit(hub, tag, pushed.commit, token=read_hub_token())
    state = "pushed" if pushed.changed else "is as it was"
    err_console.print(f"{hub} {state}: commit {pushed.commit[:12]}")
    return {"hub": hub, "commit": pushed.commit, "changed": pushed.changed}


def push_missing_images(store: Store, registry: str) -> Mapping[str, PublishedImage]:
    """Push the images that *registry* lacks, telling the bytes of each."""
    from builders.engine.client import connect_to_engine
    from builders.engine.registry import push_image

    client = connect_to_engine()

    def push(image: str, repository: str, tag: str) -> tuple[str, int]:
        done = push_image(client, image, repository, tag)
        client.images.remove(f"{repository}:{tag}", noprune=True)  # a name that would keep it
        return done.reference, done.pushed_bytes

    def print_pushed(name: str, sent: int) -> None:
        err_console.print(f"pushed {name}: {sent / 1e6:.1f} MB of layers the registry did not have")

    return push_images(store, registry, push, print_pushed)


def print_push_estimate(store: Store, registry: str) -> PushEstimate:
    """The budget of a push to *registry*, after telling it."""
    inventory = list_images(store, registry)
    estimate = estimate_push(inventory.local_environments.items(), inventory.registry_images.keys())
    err_console.print(
        f"{estimate.images_to_send:,} images to send, {estimate.images_present:,} are there already"
    )
    for kind, size in estimate.bytes_by_layer.items():
        err_console.print(f"  {estimate.layer_counts[kind]:,} {kind} layers: {size / 1e6:,.0f} MB")
    err_console.print(f"  together {estimate.total_bytes / 1e6:,.0f} MB before compression")
    return estimate


def read_hub_token() -> str | None:
    """The Hub's token; None leaves it to the Hub client's own store."""
    return os.environ.get("HF_TOKEN") or None
