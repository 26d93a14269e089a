"""What the documentation must not forget."""

import re
from pathlib import Path

import pytest

from curate.cli.app import COMMANDS
from curate.core.settings import Settings
from curate.publish.filters.config import PRESETS, FilterTable, ReleaseFilters
from curate.releases import columns
from recipes.schema import (
    DataDrivenTests,
    EnvRecipe,
    PathGlobs,
    Recipe,
    RecipeTable,
    RequirementSources,
    RunLimits,
    VersionRule,
)

ROOT = Path(__file__).parents[2]


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_every_setting_and_its_default_is_documented():
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", text("docs/settings.md"), re.MULTILINE))
    assert list(rows) == list(Settings.model_fields)
    assert rows["base_image"].strip("`") == Settings().base_image
    assert rows["github_api_url"].strip("`") == Settings().github_api_url
    assert float(rows["min_free_disk_gib"]) == Settings().min_free_disk_gib


@pytest.mark.parametrize(
    "table",
    [Recipe, VersionRule, PathGlobs, DataDrivenTests, EnvRecipe, RequirementSources, RunLimits],
)
def test_every_key_of_a_recipe_is_documented(table: type[RecipeTable]):
    page = text("docs/recipes.md")
    names = set(table.model_fields)
    missing = {name for name in names if not re.search(rf"[`\[]{name}\b", page)}
    assert not missing


def test_every_limit_is_documented_with_its_default():
    page = text("docs/recipes.md")
    for name, value in RunLimits().model_dump().items():
        assert f"`{name}` ({value:g})" in page


def test_every_command_is_in_the_readme():
    page = text("README.md")
    for command in COMMANDS:
        assert f"`curate {command}" in page


def test_every_published_column_is_documented_as_it_is():
    page = text("docs/publishing.md")
    documented = [
        f"| {c.name} | {c.kind} | {c.source} | {c.meaning} |"
        for c in (*columns.TRAIN_COLUMNS, *columns.RAW_COLUMNS)
    ]
    start = page.index("## Columns")
    told = re.findall(r"^\| \w+ \| [\w\[\]]+\?? \| .* \| .* \|$", page[start:], re.MULTILINE)
    assert [line for line in told if " type " not in line] == documented
    assert f"Schema version {columns.SCHEMA_VERSION};" in page


def test_every_rule_and_preset_is_documented():
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


def test_links_between_pages_lead_somewhere():
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} -> {target}"
