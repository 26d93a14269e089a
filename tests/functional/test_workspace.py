"""Which projects of a repository that has several a candidate's tests need."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from curate.builders.git.tree import GitTree
from curate.builders.model import Failure
from curate.builders.requirements import Manifest, read_manifest
from curate.environments.evidence import RepositoryEvidence
from curate.environments.variants import VariantPlanner
from curate.environments.workspace import find_sources
from curate.recipes import EnvRecipe, Recipe
from curate.recipes.schema import RequirementSources
from tests.helpers.factories import make_candidate
from tests.helpers.git_history import GitHistory

RECIPE = Recipe.model_validate({"repo": "owner/name"})
Find = Callable[..., RequirementSources]


def project(name: str, *requires: str) -> str:
    return f'[project]\nname = "{name}"\nversion = "1"\ndependencies = {[*requires]!r}\n'


PACKAGES = {
    "api/pyproject.toml": project("lab-api"),
    "api/tests/test_api.py": "",
    "sdk/pyproject.toml": project("lab_sdk", "lab-api==1.0.dev0", "attrs"),
    "sdk/tests/test_sdk.py": "",
    "sdk/test-requirements.txt": "-e sdk\n-e tests/helpers\niniconfig==2.0.0\n",
    "export/a/pyproject.toml": project("lab-export", "lab.sdk"),
    "export/a/tests/test_export.py": "",
    "export/a/dev-requirements.txt": "iniconfig==1.0.0\n",
    "tests/helpers/pyproject.toml": project("lab-helpers"),
    "tests/helpers/src/lab/testing/base.py": "",
    "tests/data/api/pyproject.toml": project("attrs"),
    "tests/test_all.py": "",
}


@pytest.fixture
def find(tmp_path: Path) -> Find:
    history = GitHistory.new(tmp_path / "repo")

    def find_in(
        files: Mapping[str, str], *tests: str, env: EnvRecipe | None = None
    ) -> RequirementSources:
        commit = history.change(files)
        with GitTree(history.path, commit) as tree:
            sources = find_sources(tree, env or EnvRecipe(), tests)
            manifest = read_manifest(tree, sources)
        assert isinstance(manifest, Manifest)
        assert not {"lab-api", "lab-sdk", "lab-helpers"} & {it.name for it in manifest.requirements}
        return sources

    return find_in


@pytest.mark.parametrize(
    ("test", "projects", "files"),
    [
        ("api/tests/test_api.py", {"api"}, ()),
        ("sdk/tests/test_sdk.py", {"sdk", "api", "tests/helpers"}, ("sdk/test-requirements.txt",)),
        (
            "export/a/tests/test_export.py",
            {"export/a", "sdk", "api", "tests/helpers"},
            ("export/a/dev-requirements.txt", "sdk/test-requirements.txt"),
        ),
    ],
)
def test_tests_need_their_project_and_what_it_requires(
    find: Find, test: str, projects: set[str], files: tuple[str, ...]
) -> None:
    found = find(PACKAGES, test)
    assert set(found.projects) == projects
    assert set(found.files) == set(files)


def test_without_tests_in_a_project_all_are_needed(find: Find) -> None:
    helpers = {"sdk/test-requirements.txt": ""}
    found = find(PACKAGES | helpers, "tests/test_all.py")
    assert found.projects == ("api", "sdk", "export/a")


def test_requirement_files_of_other_projects_are_not_read(find: Find) -> None:
    named = ("export/a/dev-requirements.txt", "tests/all.txt")
    env = EnvRecipe(requirements=RequirementSources(files=named))
    found = find(PACKAGES | {"tests/all.txt": "six\n"}, "api/tests/test_api.py", env=env)
    assert found.files == ("tests/all.txt",)


SETUP = "from setuptools import setup\nsetup(name='lab-x', install_requires=['lab'])\n"
ROOT_FILES = {
    "pyproject.toml": project("lab", "six"),
    "tests/test_lab.py": "",
    "plugins/x/setup.py": SETUP,
    "plugins/x/tests/test_x.py": "",
    "examples/app/pyproject.toml": project("app", "lab"),
    "examples/app/tests/test_app.py": "",
}


@pytest.mark.parametrize(
    ("tests", "projects"),
    [
        (("tests/test_lab.py",), ()),
        (("tests/test_lab.py", "plugins/x/tests/test_x.py"), (".", "plugins/x")),
        (("examples/app/tests/test_app.py",), (".", "examples/app")),
    ],
)
def test_a_project_in_the_root_is_always_installed(
    find: Find, tests: tuple[str, ...], projects: tuple[str, ...]
) -> None:
    assert find(ROOT_FILES, *tests).projects == projects


@pytest.mark.parametrize(
    "pyproject",
    [
        "[tool.poetry]\nname = 'app'\n[tool.poetry.dependencies]\nx = {path = '../x'}\n",
        project("app", "lab-x") + "[tool.uv.sources]\nlab-x = {workspace = true}\n",
    ],
)
def test_tables_name_projects_beside(find: Find, pyproject: str) -> None:
    files = {"a/app/pyproject.toml": pyproject, "a/x/pyproject.toml": project("lab-x")}
    assert find(files, "a/app/test_app.py").projects == ("a/app", "a/x")


def plan_projects(folder: Path, files: Mapping[str, str], *tests: str) -> list[tuple[str, object]]:
    """Label and projects of each variant of a candidate of these *files*, with these *tests*."""
    history = GitHistory.new(folder / "planned")
    base = history.change(files)
    head = history.change({"README": "x"})
    candidate = replace(make_candidate(1), base_commit=base, head_commit=head)
    with GitTree(history.path, base) as before, GitTree(history.path, head) as after:
        planner = VariantPlanner(candidate, RECIPE, EnvRecipe(), ("3.11",), None, tests)
        variants = planner.plan_variants({"base": before, "gold": after}, history.path / ".git")
    assert not isinstance(variants, Failure), variants
    return [(it.label, it.sources.projects) for it in variants]


def test_the_root_alone_is_tried_last(tmp_path: Path) -> None:
    planned = plan_projects(tmp_path, ROOT_FILES, "plugins/x/tests/test_x.py")
    assert planned == [("", (".", "plugins/x")), (" of the root alone", ())]


@pytest.mark.parametrize(
    ("files", "test"), [(ROOT_FILES, "tests/test_lab.py"), (PACKAGES, "sdk/tests/test_sdk.py")]
)
def test_without_projects_beside_the_root_there_is_nothing_else_to_try(
    tmp_path: Path, files: Mapping[str, str], test: str
) -> None:
    assert len(plan_projects(tmp_path, files, test)) == 1


def test_install_commands_of_a_recipe_are_all_that_is_installed(find: Find) -> None:
    env = EnvRecipe(install=("make install",))
    assert find(ROOT_FILES, "plugins/x/tests/test_x.py", env=env) == env.requirements


def test_projects_of_a_recipe_are_installed_with_those_of_the_tests(find: Find) -> None:
    env = EnvRecipe(requirements=RequirementSources(projects=("api",)))
    found = find(PACKAGES, "tests/helpers/test_base.py", env=env)
    assert found.projects == ("api", "tests/helpers")


def test_a_namespace_without_init_files_has_its_folder(tmp_path: Path) -> None:
    history = GitHistory.new(tmp_path / "repo")
    commit = history.change(PACKAGES)
    with RepositoryEvidence(history.path, commit, commit) as evidence:
        assert evidence.find_roots("lab.testing") == ("tests/helpers/src",)
        assert evidence.is_own_module("lab.testing")
