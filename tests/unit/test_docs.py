"""What the documentation must not forget."""

import re
from pathlib import Path

import pytest

from curate.cli.app import app
from curate.settings import Settings
from recipes.schema import (
    Cases,
    EnvRecipe,
    Facts,
    Paths,
    Recipe,
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
    assert rows["api_url"].strip("`") == Settings().api_url
    assert float(rows["reserve_gib"]) == Settings().reserve_gib


@pytest.mark.parametrize(
    "table", [Recipe, VersionRule, Paths, Cases, EnvRecipe, RequirementSources, RunLimits]
)
def test_every_key_of_a_recipe_is_documented(table: type[Facts]):
    page = text("docs/recipes.md")
    names = {field.alias or name for name, field in table.model_fields.items()}
    missing = {name for name in names if not re.search(rf"[`\[]{name}\b", page)}
    assert not missing


def test_every_limit_is_documented_with_its_default():
    page = text("docs/recipes.md")
    for name, value in RunLimits().model_dump().items():
        assert f"`{name}` ({value:g})" in page


def test_every_command_is_in_the_readme():
    page = text("README.md")
    for command in app.registered_commands:
        assert f"`curate {command.name}" in page


def test_links_between_pages_lead_somewhere():
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} -> {target}"
