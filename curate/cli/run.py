"""`curate run`: one command in a task's sandbox, for scripts."""

from typing import Annotated

import typer

from curate.builders.session.terminal import Terminal
from curate.cli.common import DatasetOption, SandboxKind, SandboxOption, SplitOption
from curate.cli.gym_options import NetworkOption, open_environment


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""

    @app.command(
        epilog="Example: curate run getmoto__moto-4847 -- python -m pytest tests/test_core"
    )
    def run(
        context: typer.Context,
        name: Annotated[str, typer.Argument(metavar="ID", help="Instance id.")],
        command: Annotated[
            list[str], typer.Argument(metavar="-- COMMAND...", help="Program and arguments.")
        ],
        dataset: DatasetOption = "",
        split: SplitOption = "train",
        sandbox: SandboxOption = SandboxKind.DOCKER,
        network: NetworkOption = False,
    ) -> None:
        """Run a command in a fresh checkout of a task, and exit with its code.

        Input and output are passed on. What the command changes is gone afterwards.
        """
        with open_environment(
            context, name, dataset=dataset, split=split, sandbox=sandbox, network=network
        ) as environment:
            code = environment.session.attach(command, Terminal(is_interactive=False))
        raise typer.Exit(code)
