"""The commands of docs/clients.md run as they stand there."""

import shlex
from pathlib import Path

import pytest

from tests.demo.stage import Stage
from tests.helpers.clients import client_program, is_installed, run_client
from tests.helpers.clients_page import DocumentedCommand, read_commands

pytestmark = [pytest.mark.heavy, pytest.mark.xdist_group("builds")]
WITHOUT_MODEL = [row for row in read_commands() if not row.needs_model]


@pytest.mark.parametrize("row", WITHOUT_MODEL, ids=lambda row: row.command[:40])
def test_the_command_runs_as_it_stands(
    row: DocumentedCommand, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if not is_installed(row.client):
        pytest.skip(f"{row.client} is not installed")
    stage: Stage = request.getfixturevalue("stage")
    tasks: Path = request.getfixturevalue("harbor_tasks")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/release").symlink_to(stage.release)
    (tmp_path / "my-tasks").symlink_to(tasks)
    cache = tmp_path / "home/.cache/harbor"
    cache.mkdir(parents=True)
    (cache / "my-tasks").symlink_to(tasks)
    program, *arguments = shlex.split(row.command)
    run_client(client_program(row.client, program), *arguments, folder=tmp_path)
