"""Import direction: downwards only."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ALLOWED = {
    "builders": {"builders"},
    "recipes": {"recipes"},
    "curate": {"curate", "builders", "recipes"},
}
HEAVY = {"datasets", "pyarrow", "docker", "github", "git", "huggingface_hub"}


def imports(path: Path, *, top_level: bool) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = tree.body if top_level else list(ast.walk(tree))
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


@pytest.mark.parametrize("package", sorted(ALLOWED))
def test_packages_import_only_what_lies_below(package):
    others = set(ALLOWED) - ALLOWED[package]
    for path in (ROOT / package).rglob("*.py"):
        roots = {name.split(".")[0] for name in imports(path, top_level=False)}
        assert not roots & others, path


def test_stages_do_not_import_stages():
    for path in (ROOT / "curate/stages").glob("*.py"):
        stages = {n for n in imports(path, top_level=False) if n.startswith("curate.stages.")}
        assert not stages - {"curate.crawl.decide"}, path


def test_the_command_line_starts_without_heavy_libraries():
    for folder in ("cli", "stages", "store", "publishing", "hub"):
        for path in (ROOT / "curate" / folder).rglob("*.py"):
            roots = {name.split(".")[0] for name in imports(path, top_level=True)}
            assert not roots & HEAVY, path


def test_no_file_of_the_code_is_long():
    for package in ALLOWED:
        for path in (ROOT / package).rglob("*.py"):
            assert len(path.read_text(encoding="utf-8").splitlines()) <= 300, path
