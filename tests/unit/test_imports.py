"""What starting a command may import; the direction of imports is import-linter's."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
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


def test_the_command_line_starts_without_heavy_libraries() -> None:
    for folder in ("cli", "core", "crawl", "publish", "releases", "store", "validate"):
        for path in (ROOT / "curate" / folder).rglob("*.py"):
            roots = {name.split(".")[0] for name in imports(path, top_level=True)}
            assert not roots & HEAVY, path


def test_no_file_of_the_code_is_long() -> None:
    for package in ("builders", "curate", "recipes"):
        for path in (ROOT / package).rglob("*.py"):
            assert len(path.read_text(encoding="utf-8").splitlines()) <= 300, path
