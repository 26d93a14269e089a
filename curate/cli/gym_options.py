"""Options of the commands that open a task's sandbox."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from curate.cli.common import SandboxKind, get_settings, open_store, resolve_ids
from curate.gym.environment import Environment
from curate.gym.make import make

NetworkOption = Annotated[bool, typer.Option("--network", help="Let commands reach the network.")]


@contextmanager
def open_environment(
    context: typer.Context,
    name: str,
    *,
    dataset: str,
    split: str,
    sandbox: SandboxKind,
    network: bool,
) -> Iterator[Environment]:
    """Yield the environment of the task *name* after its reset; close it at the end."""
    settings = get_settings(context)
    with open_store(settings) as store:
        instance_id = resolve_ids(store, [name])[0]
    environment = make(
        instance_id,
        dataset=dataset,
        split=split,
        settings=settings,
        sandbox=sandbox.value,
        network=network,
        warm=0,
    )
    with environment:
        environment.reset()
        yield environment
