"""Blocks of the documentation that need nothing, or GitHub alone, run as they stand."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pytest

from tests.doubles.github.data import World
from tests.helpers.doc_blocks import ROOT, Block, list_shell_blocks, read_blocks
from tests.helpers.doc_place import DocPlace, make_world, prepare_place

START = ROOT / "docs/start.md"
VERDICTS = ROOT / "docs/verdicts-explained.md"
PROGRAMS = {".pub": "minisign", "jq ": "jq"}  # by what stands in a block that needs them
WALKED = ("show", "curate-samples__tidytable-2", "curate-samples__tidytable-15")
RUNNABLE = [
    block
    for block in list_shell_blocks()
    if block.needs <= {"a GitHub token"} and block.page != START  # which needs the demo's store
]
pytestmark = pytest.mark.xdist_group("doc_commands")  # the served repositories are made once
PAGES = {page: list(blocks) for page, blocks in groupby(RUNNABLE, lambda block: block.page)}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, World]:
    site = tmp_path_factory.mktemp("site")
    return site, make_world(site)


@pytest.fixture
def place(tmp_path: Path, served: tuple[Path, World]) -> Iterator[DocPlace]:
    with prepare_place(tmp_path, *served) as prepared:
        yield prepared


@pytest.mark.parametrize("blocks", PAGES.values(), ids=[it.stem for it in PAGES])
def test_the_blocks_of_a_page_run_in_their_order(place: DocPlace, blocks: list[Block]) -> None:
    for block in blocks:
        for sign, program in PROGRAMS.items():
            if sign in block.script and not shutil.which(program):
                pytest.skip(f"needs {program}")
        done = place.run_block(block)
        shows_error = re.search(r"^error ", block.text, re.MULTILINE)
        assert done.returncode in ({1} if shows_error else {0}), (str(block), done)
        assert "Traceback" not in done.stderr


def shown_lines(blocks: list[Block]) -> list[str]:
    """What the blocks show as printed, without what differs between machines and times."""
    lines = [line for block in blocks for line in block.text.splitlines()]
    prompts = ("$ ", "…")
    stable = [it.rstrip() for it in lines if it and not it.startswith(prompts) and "…" not in it]
    return [re.sub(r"\d+(\.\d+)? s\b|commit \w+|Report: .*|^The .*", "", it) for it in stable]


@pytest.mark.heavy
def test_pages_show_what_the_demo_prints(tmp_path: Path) -> None:
    demo = tmp_path / ".cache/demo"
    variables = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.demo", "--sandbox", "local", "--folder", str(demo)]
    done = subprocess.run(
        command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (tmp_path / ".venv/bin").mkdir(parents=True)
    shim = tmp_path / ".venv/bin/curate"
    shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m curate "$@"\n')
    shim.chmod(0o755)
    blocks = list(read_blocks(START))
    printed = done.stdout + done.stderr
    place = DocPlace(folder=tmp_path, variables=variables)
    for block in blocks[1:]:
        typed = place.run_block(block)
        assert typed.returncode == 0, (str(block), typed.stderr)
        printed += typed.stdout + typed.stderr
    blocks += read_blocks(VERDICTS)
    printed += place.run(f".venv/bin/curate --data-dir {demo}/data {' '.join(WALKED)}").stdout
    known = {"".join(it.split()) for it in shown_lines_of(printed)}
    missing = ["".join(it.split()) for it in shown_lines(blocks)]
    assert [it for it in missing if not any(line.startswith(it) for line in known)] == []


def shown_lines_of(printed: str) -> list[str]:
    block = Block(page=START, line=0, language="console", text=printed, needs=frozenset())
    return shown_lines([block])
