"""`curate shell`: a task's sandbox for a person."""

import sys
from typing import Annotated

import typer

from curate.builders.session.terminal import Terminal
from curate.cli.common import DatasetOption, SandboxKind, SandboxOption, SplitOption, err_console
from curate.cli.gym_options import NetworkOption, open_environment

_COMMAND = ("bash", "--noprofile", "-i")


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""

    @app.command(epilog="Example: curate shell getmoto__moto-4847 --patch fix.patch")
    def shell(
        context: typer.Context,
        name: Annotated[str, typer.Argument(metavar="ID", help="Instance id.")],
        dataset: DatasetOption = "",
        split: SplitOption = "train",
        sandbox: SandboxOption = SandboxKind.DOCKER,
        network: NetworkOption = False,
        patch: Annotated[
            typer.FileBinaryWrite | None,
            typer.Option(lazy=False, help="File for what was changed, as a git patch."),
        ] = None,
    ) -> None:
        """Open a shell in a fresh checkout of a task, as an agent has it.

        What was changed is gone afterwards; `--patch` writes it to a file, which `curate evaluate`
        can grade. Without a terminal, the shell reads commands from stdin.
        """
        is_interactive = sys.stdin.isatty() and sys.stdout.isatty()
        with open_environment(
            context, name, dataset=dataset, split=split, sandbox=sandbox, network=network
        ) as environment:
            if is_interactive:
                err_console.print(f"{environment.task.instance_id}: exit or Ctrl-D ends the shell.")
            command = _COMMAND if is_interactive else _COMMAND[:-1]
            code = environment.session.attach(command, Terminal(is_interactive=is_interactive))
            if patch:
                patch.write(environment.diff())
        raise typer.Exit(code)
