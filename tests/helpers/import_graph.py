"""The picture of packages and imports in docs/architecture.md, drawn from the code itself.

    python -m tests.helpers.import_graph            # prints the diagram
    python -m tests.helpers.import_graph --write    # puts it into the page

Floors come from the contract of import-linter in `pyproject.toml`, arrows from import statements.
`builders` and `recipes` are one box each.
"""

import argparse
import ast
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "architecture.md"
START, END = "<!-- import graph: start -->", "<!-- import graph: end -->"
WHOLE_PACKAGES = ("builders", "recipes")

Graph = Mapping[str, frozenset[str]]
"""Packages that each package imports, itself left out."""


def read_floors() -> list[list[str]]:
    """Packages of `curate`, floor by floor from the top."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    contracts = tomllib.loads(text)["tool"]["importlinter"]["contracts"]
    (contract,) = (each for each in contracts if each.get("containers") == ["curate"])
    return [sorted(floor.split(" | ")) for floor in contract["layers"]]


def read_imports() -> Graph:
    """What every package imports, inside functions and for types only included."""
    found: dict[str, set[str]] = {}
    for top in ("curate", *WHOLE_PACKAGES):
        for path in sorted((ROOT / top).rglob("*.py")):
            package = _package_of(".".join(path.relative_to(ROOT).with_suffix("").parts))
            if package is None:
                continue
            imports = found.setdefault(package, set())
            for module in _imported_modules(ast.parse(path.read_bytes())):
                imported = _package_of(module)
                if imported and imported != package:
                    imports.add(imported)
    return {name: frozenset(imported) for name, imported in found.items()}


def drop_implied(graph: Graph) -> Graph:
    """*graph* without the arrows that follow from others (its transitive reduction)."""
    return {
        name: frozenset(
            target
            for target in targets
            if not any(target in _reachable(graph, other) for other in targets - {target})
        )
        for name, targets in graph.items()
    }


def render_mermaid() -> str:
    """The diagram as a fenced block of Markdown."""
    lines = ["```mermaid", "flowchart TD"]
    for number, floor in enumerate(read_floors(), start=1):
        head = f'    subgraph floor{number}["floor {number}"]'
        lines += [head, f"        {'; '.join(floor)}", "    end"]
    for name, targets in sorted(drop_implied(read_imports()).items()):
        lines += [f"    {name} --> {' & '.join(sorted(targets))}"] if targets else []
    return "\n".join([*lines, "```"])


def replace_diagram(page: str) -> str:
    """*page* with today's diagram between its markers."""
    block = f"{START}\n{render_mermaid()}\n{END}"
    pattern = re.compile(f"{re.escape(START)}.*?{re.escape(END)}", re.DOTALL)
    return pattern.sub(lambda _: block, page)


def _package_of(module: str) -> str | None:
    top, _, rest = module.partition(".")
    if top in WHOLE_PACKAGES:
        return top
    name = rest.partition(".")[0]
    return name if top == "curate" and (ROOT / "curate" / name / "__init__.py").is_file() else None


def _imported_modules(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _reachable(graph: Graph, start: str) -> set[str]:
    found, queue = set[str](), [start]
    while queue:
        fresh = graph.get(queue.pop(), frozenset()) - found
        found |= fresh
        queue += fresh
    return found


def main(arguments: list[str] | None = None) -> None:
    """Print the diagram, or write it into the page."""
    parser = argparse.ArgumentParser(prog="python -m tests.helpers.import_graph")
    parser.add_argument("--write", action="store_true", help="put it into docs/architecture.md")
    if parser.parse_args(arguments).write:
        page = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(replace_diagram(page), encoding="utf-8")
    else:
        print(render_mermaid())


if __name__ == "__main__":
    main()
