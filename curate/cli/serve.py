"""`curate serve`: environments over HTTP, for trainers on another machine."""

import importlib.util
import json
import logging
import os
import secrets
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from curate.builders.process.interrupt import allow_clean_exit
from curate.cli.common import (
    DatasetOption,
    JobsOption,
    JsonOption,
    SandboxKind,
    SandboxOption,
    SplitOption,
    err_console,
    get_settings,
    open_store,
    parse_duration,
    print_json,
)
from curate.cli.validate import choose_jobs
from curate.core.errors import ConfigurationError, CurateError
from curate.core.settings import Settings
from curate.environments.tasks import DEFAULT_SPLIT, open_tasks
from curate.serve.options import (
    DEFAULT_PORT,
    TOKEN_VARIABLE,
    ServeOptions,
    check_token,
    is_loopback,
)

if TYPE_CHECKING:
    from curate.serve.tasks import TaskShelf

log = logging.getLogger(__name__)

EXAMPLE = "Example: [bold]curate serve --dataset data/release --port 8473[/bold]"
_EXTRA = ("fastapi", "uvicorn")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("serve", epilog=EXAMPLE)(serve_command)


def serve_command(
    context: typer.Context,
    dataset: DatasetOption = "",
    split: SplitOption = DEFAULT_SPLIT,
    sandbox: SandboxOption = SandboxKind.DOCKER,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Others than loopback need a token.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="0 takes one that is free.")
    ] = DEFAULT_PORT,
    network: Annotated[
        bool, typer.Option("--network", help="Let commands in environments reach the network.")
    ] = False,
    max_environments: Annotated[
        int, typer.Option(min=1, max=10_000, help="That may be open at once.")
    ] = 64,
    idle_time: Annotated[
        str, typer.Option(metavar="DURATION", help="Until an unused environment is closed.")
    ] = "30m",
    max_step_time: Annotated[
        str, typer.Option(metavar="DURATION", help="The most that a client may ask for a step.")
    ] = "10m",
    max_body: Annotated[
        int, typer.Option(metavar="MIB", min=1, max=1024, help="Size of a request.")
    ] = 64,
    warm: Annotated[
        int, typer.Option(min=0, max=1000, help="Sandboxes of a task that are kept ready.")
    ] = 1,
    jobs: JobsOption = None,
    openapi: Annotated[
        bool, typer.Option("--openapi", help="Print the description of the API, and exit.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Serve environments of a dataset's tasks over HTTP, until it is interrupted.

    Clients send the token in CURATE_SERVE_TOKEN. Without one, a server that only this machine can
    reach makes one and prints it. -j says how many patches are graded at once. Ctrl-C and SIGTERM
    close all environments; exits with 0 then. With --json, the address (and a token that was made)
    is printed on stdout.
    """
    _require_extra()
    if openapi:
        _print_openapi()
        return
    settings = get_settings(context)
    token, is_new = _choose_token(host)
    options = ServeOptions(
        token=token,
        host=host,
        port=port,
        max_environments=max_environments,
        idle_seconds=parse_duration(idle_time),
        step_seconds=parse_duration(max_step_time),
        body_bytes=max_body << 20,
        jobs=jobs or choose_jobs(()),
        sandbox=sandbox.value,
        network=network,
        warm=warm,
    )
    shown = {"token": token} if is_new else {}
    _serve(settings, dataset, split, options, shown, as_json=as_json)


def _serve(
    settings: Settings,
    dataset: str,
    split: str,
    options: ServeOptions,
    shown: dict[str, str],
    *,
    as_json: bool,
) -> None:
    from curate.gym.sandboxes import find_sandboxes
    from curate.serve.run import END_SECONDS, run_server
    from curate.serve.tasks import TaskShelf

    with open_store(settings) as store:
        shelf = TaskShelf(open_tasks(dataset, settings, store, split), settings, options)
        if options.sandbox == SandboxKind.LOCAL:
            log.warning("the local sandbox does not isolate: commands run as you, on this machine")
        # fail before anybody connects, and remove what a killed server has left
        sandboxes = find_sandboxes(options.sandbox, settings)
        allow_clean_exit(END_SECONDS + 1)
        try:
            with run_server(shelf, options) as server:
                _announce(shelf, {"url": server.url, **shown}, as_json=as_json)
                server.wait()
        except KeyboardInterrupt:
            err_console.print("All environments are closed.")
            return
        finally:
            sandboxes.backend.abort_all()  # the runs of patches that are being graded
    raise CurateError("The server has failed.", hint="What it printed above says why.")


def _require_extra() -> None:
    missing = [name for name in _EXTRA if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigurationError(
            f"curate serve needs packages that are not installed: {', '.join(missing)}.",
            hint="Install them with: pip install 'swe-curate[serve]'",
        )


def _choose_token(host: str) -> tuple[str, bool]:
    """Return the token, and whether it was made here."""
    token = os.environ.pop(TOKEN_VARIABLE, "")  # sandboxes must not inherit it
    if token:
        check_token(token, host)
        return token, False
    if not is_loopback(host):
        raise ConfigurationError(
            f"Other machines can reach {host}, so a token is required.",
            hint=f"Set {TOKEN_VARIABLE}, as to the output of: openssl rand -hex 32",
        )
    return secrets.token_urlsafe(32), True


def _announce(shelf: "TaskShelf", shown: dict[str, str], *, as_json: bool) -> None:
    if as_json:
        print_json({**shown, "dataset": shelf.name, "tasks": len(shelf.ids)})
        sys.stdout.flush()
    lines = [f"Serving {len(shelf.ids):,} tasks of {shelf.name} at {shown['url']}"]
    if "token" in shown and not as_json:
        lines.append(f"{TOKEN_VARIABLE}={shown['token']}")
    for line in lines:
        typer.echo(line, err=True)  # with -q, too: nobody could use the server without it


def _print_openapi() -> None:
    from curate.serve.app import make_app

    document = make_app(None, ServeOptions(token="none")).openapi()
    json.dump(document, sys.stdout, indent=2)
    sys.stdout.write("\n")
