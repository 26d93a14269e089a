"""Parts of `curate publish` that talk: making a release, refusing one, pushing rows and images."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from curate.cli.common import talk
from curate.core.errors import CurateError
from curate.core.settings import Settings
from curate.git.locations import found_mirror
from curate.publish.check import Fault
from curate.publish.filters.config import read_rules
from curate.publish.images import images
from curate.publish.measures.codebase import Bases
from curate.publish.push_estimate import Budget, budget
from curate.publish.rows import Image
from curate.publish.run import Choice, push_images, release
from curate.store import Store

TOLD = 20  # rows told one by one


def prepare(
    settings: Settings,
    store: Store,
    folder: Path,
    *,
    repo_id: str = "",
    images: Mapping[str, Image] | None = None,
    choice: Choice | None = None,
) -> None:
    """Write the release and say what was held back from it; by default all that may be shown."""
    chosen = choice or Choice(rules=read_rules(settings.rules))
    name = repo_id or f"local/{folder.resolve().name}"
    with Bases(lambda repo: found_mirror(settings, repo)) as bases:
        written, held = release(
            store, bases, folder, repo_id=name, images=images or {}, choice=chosen
        )
    for problem in held[:TOLD]:
        told = f"held back {problem.instance_id}: {problem}"
        talk.print(told, markup=False, soft_wrap=True)
    if len(held) > TOLD:
        talk.print(f"held back {len(held) - TOLD:,} more; the card counts them by reason")
    talk.print(f"Release written to {written}")


def refuse(faults: Sequence[Fault]) -> None:
    """CurateError where *faults* must not be pushed, after telling the first of them."""
    refused = [fault for fault in faults if fault.refused]
    for fault in refused[:TOLD]:
        talk.print(f"refused: {fault}", markup=False, soft_wrap=True)
    if refused:
        raise CurateError(
            f"The release has {len(refused):,} faults, the first: {refused[0]}.",
            hint="Nothing was pushed. Publish again, or see: curate publish check",
        )


def push_rows(folder: Path, hub: str, *, private: bool, branch: str, tag: str) -> dict[str, object]:
    """Push the release in *folder*; what `--json` prints of it."""
    from curate.publish.hub import push, tag_commit

    pushed = push(folder, hub, message="Release", private=private, branch=branch, token=token())
    if tag:
        tag_commit(hub, tag, pushed.commit, token=token())
    state = "pushed" if pushed.changed else "is as it was"
    talk.print(f"{hub} {state}: commit {pushed.commit[:12]}")
    return {"hub": hub, "commit": pushed.commit, "changed": pushed.changed}


def send_images(store: Store, registry: str) -> Mapping[str, Image]:
    """Push the images that *registry* lacks, telling the bytes of each."""
    from builders.engine.client import connect
    from builders.engine.registry import push_image

    client = connect()

    def push(image: str, repository: str, tag: str) -> tuple[str, int]:
        done = push_image(client, image, repository, tag)
        client.images.remove(f"{repository}:{tag}", noprune=True)  # a name that would keep it
        return done.reference, done.pushed_bytes

    def told(name: str, sent: int) -> None:
        talk.print(f"pushed {name}: {sent / 1e6:.1f} MB of layers the registry did not have")

    return push_images(store, registry, push, told)


def told_budget(store: Store, registry: str) -> Budget:
    """The budget of a push to *registry*, after telling it."""
    known = images(store, registry)
    cost = budget(known.built.items(), known.there.keys())
    talk.print(f"{cost.images:,} images to send, {cost.there:,} are there already")
    for kind, size in cost.sent.items():
        talk.print(f"  {cost.counts[kind]:,} {kind} layers: {size / 1e6:,.0f} MB")
    talk.print(f"  together {cost.total / 1e6:,.0f} MB before compression")
    return cost


def token() -> str | None:
    """The Hub's token; None leaves it to the Hub client's own store."""
    return os.environ.get("HF_TOKEN") or None
