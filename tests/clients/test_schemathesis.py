"""schemathesis takes the server at its word: every reply is as its description says."""

import re
from pathlib import Path

import pytest

from tests.helpers.clients import client_program, require_client, run_client
from tests.helpers.serving import TOKEN, make_settings, serving

pytestmark = [pytest.mark.heavy, require_client("schemathesis")]
EXAMPLES = 50  # of each operation, the same ones in every run


def test_every_reply_is_as_described(tmp_path: Path) -> None:
    settings = make_settings(tmp_path / "served")
    with serving(settings, step_seconds=86_400.0, max_environments=500) as server:
        said = run_client(
            client_program("schemathesis", "schemathesis"),
            *("run", f"{server.url}/openapi.json"),
            *("--header", f"Authorization: Bearer {TOKEN}"),
            *("--checks", "all", "--max-examples", str(EXAMPLES), "--generation-deterministic"),
            folder=tmp_path,
        )
    assert re.search(r"([1-9]\d+) generated, \1 passed", said), said
