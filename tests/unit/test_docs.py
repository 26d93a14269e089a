"""What the documentation must not forget."""

import re
import sqlite3
from pathlib import Path

import pytest

from curate.cli.app import COMMANDS
from curate.core.settings import Settings
from curate.publish.filters.config import PRESETS, FilterTable, ReleaseFilters
from curate.recipes.schema import (
    DataDrivenTests,
    EnvRecipe,
    PathGlobs,
    Recipe,
    RecipeTable,
    RequirementSources,
    RunLimits,
    VersionRule,
)
from curate.store.migrations import prepare_database
from tests.cheats import CHEATS
from tests.helpers import import_graph

ROOT = Path(__file__).parents[2]
PAGES = (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"))


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_every_setting_and_its_default_is_documented() -> None:
    page = text("docs/settings.md").partition("## Disk")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", page, re.MULTILINE))
    assert list(rows) == list(Settings.model_fields)
    settings, computed = Settings(), {"cache_dir", "mirrors_dir", "images_dir"}
    for name, told in rows.items():
        default = getattr(settings, name)
        if name not in computed and default not in (None, ""):
            assert told.strip("`").casefold() == str(default).casefold(), name


@pytest.mark.parametrize(
    "table",
    [Recipe, VersionRule, PathGlobs, DataDrivenTests, EnvRecipe, RequirementSources, RunLimits],
)
def test_every_key_of_a_recipe_is_documented(table: type[RecipeTable]) -> None:
    page = text("docs/recipes.md")
    names = set(table.model_fields)
    missing = {name for name in names if not re.search(rf"[`\[]{name}\b", page)}
    assert not missing


def test_every_limit_is_documented_with_its_default() -> None:
    page = text("docs/recipes.md")
    for name, value in RunLimits().model_dump().items():
        assert f"`{name}` ({value:g})" in page


def test_every_command_is_in_the_reference_that_the_readme_names() -> None:
    assert "docs/reference/commands.md" in text("README.md")
    for command in COMMANDS:
        assert f"\n## curate {command}\n" in text("docs/reference/commands.md")


def test_every_page_is_in_the_navigation() -> None:
    """An index of pages that somebody follows, and no page that nobody finds."""
    named = re.findall(r"^ *- .+: ([\w/-]+\.md)$", text("mkdocs.yml"), re.MULTILINE)
    pages = [str(it.relative_to(ROOT / "docs")) for it in PAGES if it.parent != ROOT]
    assert sorted(named) == sorted(pages)


def test_no_table_has_bars_in_code() -> None:
    """GitHub takes the backslash before them away, the site does not."""
    for page in PAGES:
        rows = re.findall(r"^\|.*\|$", page.read_text(encoding="utf-8"), re.MULTILINE)
        assert [it for it in rows if re.search(r"`[^`]*\\\|[^`]*`", it)] == [], page


def test_no_page_tells_a_user_to_run_tests() -> None:
    for page in PAGES:
        if page.name not in ("CONTRIBUTING.md", "CHANGELOG.md"):
            assert "python -m tests" not in page.read_text(encoding="utf-8"), page


def test_every_rule_and_preset_is_documented() -> None:
    page = text("docs/publishing.md")
    tables = [(name, info.default) for name, info in ReleaseFilters.model_fields.items()]
    keys = [
        key
        for _, table in tables
        if isinstance(table, FilterTable)
        for key in type(table).model_fields
    ]
    for name in (*keys, *(name for name, table in tables if not isinstance(table, FilterTable))):
        assert name == "about" or re.search(rf"^{name} = ", page, re.MULTILINE), name
    for name in PRESETS:
        assert f"| `{name}` |" in page


def anchors(page: Path) -> set[str]:
    """What GitHub calls the headings of *page* in links."""
    content = page.read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.+)$", content, re.MULTILINE)
    named = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return named | {*re.findall(r'<a id="([\w-]+)"></a>', content)}


def test_every_cheat_and_what_guards_against_it_is_documented() -> None:
    page = text("docs/security.md")
    guards = re.findall(r"^\| .* \| (.*) \|$", page, re.MULTILINE)
    assert {it.guard for it in CHEATS} <= {*guards}
    unguarded = [it.name for it in CHEATS if not it.guarded]
    told = page.partition("Nothing guards against")[2].partition("\n## ")[0]
    assert [re.search(rf"^\| {it}\b", told, re.MULTILINE) for it in unguarded].count(None) == 0


def test_addresses_of_other_sites_are_whole() -> None:
    for page in PAGES:
        for address in re.findall(r"\]\((\w+:[^)]*)\)", page.read_text(encoding="utf-8")):
            assert re.fullmatch(r"https://[\w.-]+\.\w+(/[^\s<>]*)?", address), (page.name, address)


def test_links_between_pages_lead_somewhere() -> None:
    for page in PAGES:
        content = page.read_text(encoding="utf-8")
        for path, anchor in re.findall(r"\]\(([^)#:\s]*)(?:#([^)\s]*))?\)", content):
            target = page.parent / path if path else page
            assert target.exists(), f"{page.name} -> {path}"
            assert not anchor or anchor in anchors(target), f"{page.name} -> {path}#{anchor}"


def test_the_import_graph_is_that_of_the_code() -> None:
    page = text("docs/architecture.md")
    redraw = "python -m tests.helpers.import_graph --write"
    assert import_graph.render_mermaid() in page, f"The imports have changed: {redraw}"


def test_implied_arrows_are_left_out_and_others_stay() -> None:
    graph = {"top": {"middle", "low"}, "middle": {"low"}, "other": {"low"}}
    frozen = {name: frozenset(targets) for name, targets in graph.items()}
    reduced = import_graph.drop_implied(frozen)
    assert reduced == {**frozen, "top": frozenset({"middle"})}


def test_every_package_is_explained() -> None:
    page = text("docs/architecture.md")
    for top in ("curate", "builders"):
        for package in (ROOT / top).glob("*/__init__.py"):
            if not package.parent.is_symlink():
                assert f"| `{package.parent.name}` |" in page, package.parent


def test_every_table_of_the_store_is_explained_with_its_columns() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", text("docs/architecture.md"), re.MULTILINE))
    database = sqlite3.connect(":memory:")
    prepare_database(database)
    for (table,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'"):
        for _, column, *_ in database.execute(f"PRAGMA table_info({table})"):
            assert f"`{column}`" in rows[table], f"{table}.{column}"


def test_names_in_the_architecture_exist() -> None:
    page = text("docs/architecture.md")
    named = re.findall(r"`((?:curate|builders)/[\w/]+(?:\.\w+)?)(?:::(\w+))?`", page)
    assert named
    for path, name in named:
        assert (ROOT / path).exists(), path
        if name:
            source = (ROOT / path).read_text(encoding="utf-8")
            assert re.search(rf"^(?:def|class) {name}\b", source, re.MULTILINE), f"{path}::{name}"


def test_nobody_is_told_to_install_another_project() -> None:
    """`curate` on PyPI is somebody else's."""
    places = [*PAGES, *(ROOT / "curate").rglob("*.py")]
    told = re.compile(r"pip install[^\n`]*(?<![\w-])'?curate(?![\w-])")
    assert [it.name for it in places if told.search(it.read_text(encoding="utf-8"))] == []
