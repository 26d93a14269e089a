"""docs/clients.md names all clients that .ci/clients installs, in the versions that are pinned."""

import pytest

from tests.helpers.clients_page import LOCKS, DocumentedCommand, read_commands

# Of tests, and nobody's clients; docs/cluster.md and docs/many-machines.md have those of clusters.
TOOLS = {"schemathesis", "batch-files", "dask", "ray"}


def test_every_client_is_documented() -> None:
    documented = {row.client for row in read_commands()}
    assert documented == {path.stem for path in LOCKS.glob("*.in")} - TOOLS


@pytest.mark.parametrize("row", read_commands(), ids=lambda row: row.command[:40])
def test_the_version_is_the_pinned_one(row: DocumentedCommand) -> None:
    lock = (LOCKS / f"{row.client}.txt").read_text(encoding="utf-8")
    assert f"\n{row.package}=={row.version} " in lock
