"""Blocks of the documentation that need an engine, a registry and the Hub run, names apart."""

import json
from pathlib import Path

import pytest

from tests.clients.conftest import NAMES
from tests.demo.stage import Stage
from tests.helpers.doc_blocks import ROOT, Block, list_shell_blocks
from tests.helpers.doc_place import DocPlace, make_shims

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.timeout(900),
    pytest.mark.xdist_group("builds"),
]
HAD = frozenset({"Docker", "a registry", "a Hub account"})
BLOCKS = [it for it in list_shell_blocks() if it.needs and it.needs <= HAD]
# The dataset is pushed by the first page, and read by those behind it.
PAGES = sorted({it.page.name for it in BLOCKS}, key=lambda name: (name != "publishing.md", name))
STAND_INS = {
    "getmoto__moto-4847": NAMES[0],
    "owner__name-7": NAMES[0],
    "tests/test_core": "tests",
    "--dataset OWNER/NAME": "--dataset my-lab/my-tasks",
    "SWE-Gym/SWE-Gym": "my-lab/my-tasks",
}


@pytest.fixture
def place(stage: Stage, tmp_path: Path) -> DocPlace:
    """The stage's store and release, under the names that the pages give them."""
    work = tmp_path / "work"
    (work / "data").mkdir(parents=True)
    (work / "data/release").symlink_to(stage.release)
    make_shims(tmp_path / "bin")
    rows = map(json.loads, stage.answer("export", "-", "--format", "jsonl").splitlines())
    patch = next(it["patch"] for it in rows if it["instance_id"] == NAMES[0])
    (work / "fix.patch").write_text(patch)
    prediction = {"instance_id": NAMES[0], "model_name_or_path": "lab/one", "model_patch": patch}
    (work / "predictions.jsonl").write_text(json.dumps(prediction))
    variables = {**stage.variables, "PYTHONPATH": str(ROOT)}
    return DocPlace(folder=work, variables=variables).with_path(tmp_path / "bin")


@pytest.mark.parametrize("name", PAGES)
def test_the_blocks_run(place: DocPlace, registry: str, name: str) -> None:
    for block in (it for it in BLOCKS if it.page.name == name):
        done = place.run(adapt(block, registry))
        assert done.returncode == 0, (str(block), done.stdout[-2000:], done.stderr[-2000:])


def adapt(block: Block, registry: str) -> str:
    """The block with names that exist here."""
    script = block.script.replace("ghcr.io/my-lab", registry)
    for told, here in STAND_INS.items():
        script = script.replace(told, here)
    return script
