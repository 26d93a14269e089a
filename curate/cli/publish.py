"""`curate publish`: a release folder, the Hub, and images in a registry."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from curate.cli.common import open_store, print_json, settings_of, talk
from curate.errors import BadInput, StoreError
from curate.publishing.release import check_release
from curate.publishing.rows import Image
from curate.stages.publish import push_images, release
from curate.store import Store

EXAMPLE = "Example: [bold]curate publish --hub my-lab/my-tasks --registry ghcr.io/my-lab[/bold]"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("publish", epilog=EXAMPLE)(command)


def command(
    context: typer.Context,
    to: Annotated[Path | None, typer.Option(help="Folder of the release.")] = None,
    hub: Annotated[
        str | None, typer.Option(metavar="OWNER/NAME", help="Data set on the Hugging Face Hub.")
    ] = None,
    registry: Annotated[
        str | None, typer.Option(metavar="HOST/NAMESPACE", help="Push images there first.")
    ] = None,
    private: Annotated[bool, typer.Option(help="Visibility of a new data set.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was published.")] = False,
) -> None:
    """Publish verified instances: rows to a folder or the Hub, images to a registry.

    The Hub's token is read from HF_TOKEN or the Hub client's own store. Without --to the release
    is written to DATA/release.
    """
    settings = settings_of(context)
    if hub and hub.count("/") != 1:
        raise BadInput(f"{hub!r} is no data set name.", hint="Write it as owner/name.")
    with open_store(settings) as store:
        images = _push_images(store, registry) if registry else {}
        folder = prepare(store, to or settings.data / "release", repo_id=hub or "", images=images)
    result = {"folder": str(folder), "images": len(images)}
    if hub:
        result |= _push_rows(folder, hub, private)
    if as_json:
        print_json(result)


def prepare(
    store: Store, folder: Path, *, repo_id: str = "", images: Mapping[str, Image] | None = None
) -> Path:
    """Write the release and say what was left out of it."""
    name = repo_id or f"local/{folder.resolve().name}"
    written, problems = release(store, folder, repo_id=name, images=images or {})
    broken = check_release(written)
    if broken:
        raise StoreError(
            f"The release is damaged: {broken[0]}", hint="Check the disk, publish again."
        )
    for problem in problems:
        talk.print(f"left out {problem.instance_id}: {problem.reason} {problem.detail}")
    talk.print(f"Release written to {written}")
    return written


def _push_rows(folder: Path, hub: str, private: bool) -> dict[str, object]:
    from curate.hub.client import push

    pushed = push(folder, hub, message="Release", private=private, token=os.environ.get("HF_TOKEN"))
    state = "pushed" if pushed.changed else "is as it was"
    talk.print(f"{hub} {state}: commit {pushed.commit[:12]}")
    return {"hub": hub, "commit": pushed.commit, "changed": pushed.changed}


def _push_images(store: Store, registry: str) -> Mapping[str, Image]:
    from builders.engine import connect
    from builders.registry import push_image

    client = connect()

    def push(image: str, repository: str, tag: str) -> tuple[str, int]:
        done = push_image(client, image, repository, tag)
        return done.reference, done.pushed_bytes

    def told(name: str, sent: int) -> None:
        talk.print(f"pushed {name}: {sent / 1e6:.1f} MB of layers the registry did not have")

    return push_images(store, registry, push, told)
