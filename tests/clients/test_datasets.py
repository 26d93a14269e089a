"""`datasets` from PyPI reads every configuration of a release, as a stream and whole."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.demo.stage import Stage
from tests.helpers.clients import client_program, require_client, run_client

pytestmark = [pytest.mark.xdist_group("builds"), require_client("datasets")]
READ = """
import json, sys
from datasets import get_dataset_config_names, get_dataset_split_names, load_dataset
for config in get_dataset_config_names(sys.argv[1]):
    for split in get_dataset_split_names(sys.argv[1], config):
        streamed = load_dataset(sys.argv[1], config, split=split, streaming=True)
        ids = [row["instance_id"] for row in streamed]
        whole = load_dataset(sys.argv[1], config, split=split)
        assert ids == whole["instance_id"][:]
        kinds = {name: str(kind) for name, kind in whole.features.items()}
        first = whole[0].get("FAIL_TO_PASS")
        print(json.dumps({"config": config, "ids": ids, "features": kinds, "tests": first}))
"""


def read(source: str, folder: Path, **variables: str) -> dict[str, dict[str, Any]]:
    """What `datasets` found in *source*, by configuration; each has one split."""
    python = client_program("datasets", "python")
    lines = run_client(python, "-c", READ, source, folder=folder, **variables).splitlines()
    return {answer["config"]: answer for answer in map(json.loads, lines)}


def test_every_configuration_is_streamed(
    tmp_path: Path, stage: Stage, rows: dict[str, dict[str, Any]]
) -> None:
    found = read(str(stage.release), tmp_path)
    text = (stage.release / "README.md").read_text()
    assert set(found) == set(re.findall("^- config_name: (.*)$", text, re.MULTILINE))
    assert found["default"]["ids"] == found["swebench-strings"]["ids"] == list(rows)
    assert set(rows) <= set(found["raw"]["ids"])
    assert found["default"]["features"]["FAIL_TO_PASS"] == "List(Value('string'))"
    assert json.loads(found["swebench-strings"]["tests"]) == found["default"]["tests"]
