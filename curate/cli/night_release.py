"""The release of a rebuild: what it is for, how it is made and pushed, what is printed of it."""

import logging
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from curate.cli.common import err_console
from curate.cli.progress import show_work
from curate.cli.publish_options import check_dataset_name, prepare_hub_client
from curate.cli.suggestions import complete_commands
from curate.core.errors import ConfigurationError
from curate.core.settings import Settings
from curate.store import Store

if TYPE_CHECKING:
    from curate.publish.hub import PushResult
    from curate.workflows.night import ReleaseResult
    from curate.workflows.problem import Problem

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class ReleaseTarget:
    """Where the release is written, and what it is for."""

    folder: Path
    hub: str
    registry: str
    is_published: bool  # whether it is pushed there
    is_private: bool = True  # a dataset that does not exist yet
    allows_local_images: bool = False  # images that are on this machine alone

    def check(self) -> None:
        """Raise ConfigurationError if there is nowhere to push to, or *hub* is no name for it."""
        if self.is_published and not (self.hub or self.registry):
            raise ConfigurationError(
                "--publish needs --hub or --registry.", hint="Say where to push to, or omit it."
            )
        if self.hub:
            check_dataset_name(self.hub)

    @property
    def publish_command(self) -> str:
        """The command that pushes what a rebuild has not pushed."""
        flags = [f" --hub {self.hub}"] if self.hub else []
        flags += [f" --registry {self.registry}"] if self.registry else []
        return complete_commands("curate publish" + ("".join(flags) or " --hub OWNER/NAME"))


def make_release(
    settings: Settings, store: Store, target: ReleaseTarget
) -> "tuple[ReleaseResult | None, Problem | None]":
    """Write the release, and push it if the user said so; an error is a problem of the night."""
    from curate.workflows.night_release import ReleaseOrder, prepare_release, push_release
    from curate.workflows.problem import Problem

    order = ReleaseOrder(
        folder=target.folder,
        hub=target.hub,
        registry=target.registry if target.is_published else "",
        allows_local_images=target.allows_local_images,
    )
    release = None
    try:
        with show_work("writing the release"):
            release = prepare_release(settings, store, order)
        if release is None:
            err_console.print("Nothing has been crawled, so no release was written.")
        elif target.is_published and target.hub:
            push = partial(_push, settings=settings, target=target)
            release = push_release(settings, release, push)
        elif not target.is_published:
            next_command = target.publish_command
            err_console.print(f"Nothing was pushed. Next: {next_command}", soft_wrap=True)
    except Exception as error:
        problem = Problem.of(error)
        err_console.print(f"ERROR release: {problem.message}", markup=False, soft_wrap=True)
        log.debug("release: the traceback", exc_info=error)
        return release, problem
    return release, None


def _push(folder: Path, *, settings: Settings, target: ReleaseTarget) -> "PushResult":
    from curate.publish.run import push_rows

    token = prepare_hub_client(settings)
    return push_rows(folder, target.hub, private=target.is_private, token=token)


def print_release(release: "ReleaseResult | None") -> None:
    """Print how the release differs from the last one."""
    for diff in release.diff if release else ():
        counts = f"{len(diff.added):,} added, {len(diff.removed):,} removed"
        text = f"{diff.split}: {counts}, {len(diff.changed):,} changed"
        err_console.print(text, markup=False, soft_wrap=True)
    if release and not release.is_changed:
        err_console.print("The release is the same as the last one.")
