"""The doctor with a real engine and a real registry."""

import os
import urllib.request
from pathlib import Path

from curate.core.settings import Settings
from curate.doctor.context import CheckContext
from curate.doctor.model import Status
from curate.doctor.probes import accounts, engine, machine


def test_a_real_engine_and_registry_are_found_good(tmp_path: Path) -> None:
    host = os.environ["CURATE_TEST_REGISTRY"]
    context = CheckContext(
        settings=Settings(data_dir=tmp_path),
        environment=os.environ,
        registry=f"{host}/test",
    )
    looks = (
        engine.check_engine,
        engine.check_buildkit,
        engine.check_sandboxes,
        machine.check_cgroups,
        accounts.check_registries,
    )
    found = [check for look in looks for check in look(context)]
    assert [it.status for it in found if it.name != "cgroups"] == [Status.OK] * 4, found
    assert "docker" in found[2].found
    with urllib.request.urlopen(f"http://{host}/v2/_catalog") as answer:
        assert b"curate-doctor" not in answer.read()
