"""What is read of CI files, and what a draft makes of it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from curate.builders.git.tree import FolderTree
from curate.builders.requirements import ProjectMetadata
from curate.core.sampling import sample_evenly
from curate.recipe_tools.draft.ci_config import find_ci_jobs
from curate.recipe_tools.draft.job import CIJob, JobFindings
from curate.recipe_tools.draft.observe import Observation
from curate.recipe_tools.draft.propose import draft_recipe
from curate.recipe_tools.draft.pytest_config import read_pytest_settings
from curate.recipe_tools.draft.runner_jobs import find_runner_jobs
from curate.recipe_tools.draft.shell_commands import read_commands
from curate.recipe_tools.draft.write_toml import render_recipe
from curate.recipes import parse_recipe, range_problems

MakeTree = Callable[..., FolderTree]


@pytest.fixture
def tree(tmp_path: Path) -> MakeTree:
    def make(**files: str) -> FolderTree:
        for name, text in files.items():
            path = tmp_path / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return FolderTree(tmp_path)

    return make


def told(found: JobFindings) -> dict[str, object]:
    """What *found* holds at all, beside an install of the root."""
    values = {name: value for name, value in vars(found).items() if value}
    return {name: value for name, value in values.items() if (name, value) != ("projects", ["."])}


@pytest.mark.parametrize(
    ("command", "facts"),
    [
        ("pip install -r dev.txt -rtest.txt --requirement=x.txt", ["dev.txt", "test.txt", "x.txt"]),
        ("python3 -m pip install -q -i URL -r a.txt", ["a.txt"]),
        ("sudo pip3 install --upgrade -r ./b.txt && echo -r no.txt", ["b.txt"]),
        ("uv pip install -r requirements/${{ matrix.x }}.txt", []),
        ("uv pip install -r ci/environment-${{ matrix.x }}.txt", ["ci/environment-*.txt"]),
        ("conda env update -f environment.yml", ["environment.yml"]),
        ("pip install -r $FILE", []),
        ("pip download -r no.txt; pip uninstall -r no.txt", []),
    ],
)
def test_requirement_files_of_commands(command: str, facts: list[str]) -> None:
    assert read_commands(command).files == facts


@pytest.mark.parametrize(
    ("command", "kind", "facts"),
    [
        ("pip install -e '.[dev, tests]'", "extras", ["dev", "tests"]),
        ("pip install .[x] file:.[y]", "extras", ["x", "y"]),
        ("uv sync --extra a --group b --locked", "extras", ["a"]),
        ("uv sync --extra a --group b --locked", "groups", ["dev", "b"]),
        ("uv sync --no-dev --group=b", "groups", ["b"]),
        ("poetry install --with docs,test -E x", "groups", ["*", "docs", "test"]),
        ("poetry install --only=test", "groups", ["test"]),
        ("pdm install -G testing", "groups", ["*", "testing"]),
        ("pip install --group pyproject.toml:ci", "groups", ["ci"]),
        ("conda install -y -c conda-forge numpy=1.19 conda-forge::dask-core nodejs --file a.txt",
         "packages", ["numpy==1.19.*", "dask"]),
        ("conda env create -n x -f environment.yml", "packages", []),
        ("pip install 'mock; python_version < \"3\"' six>=1", "packages", None),
        ("sudo apt-get update && sudo apt-get install -y --no-install-recommends libxml2-dev g++",
         "system", ["libxml2-dev", "g++"]),
        ("py.test -n auto", "runners", ["pytest"]),
        ("PYTHONPATH=. xvfb-run -a python -m pytest tests", "runners", ["pytest"]),
        ("coverage run --source x -m pytest", "runners", ["pytest"]),
        ("poetry run pytest | tee log", "runners", ["pytest"]),
        ("python setup.py test", "runners", ["other"]),
        ("python -m unittest discover", "runners", ["unittest"]),
        ("tox -e py && make test", "elsewhere", ["tox", "make"]),
        ("make docs; ./scripts/run-tests.sh", "elsewhere", ["a script"]),
        ("echo 'it's broken\necho pytest", "runners", []),
    ],
)  # fmt: skip
def test_what_else_commands_install_and_call(
    command: str, kind: str, facts: list[str] | None
) -> None:
    expected = ['mock; python_version < "3"', "six>=1"] if facts is None else facts
    assert getattr(read_commands(command), kind) == expected


def test_jobs_of_workflows_with_variables_of_file_job_and_step(tree: MakeTree) -> None:
    text = """
env: {A: 1}
jobs:
  unit:
    env: {B: two}
    steps:
      - uses: actions/setup-miniconda
        with:
          environment-file: ci/environment-${{ matrix.python }}.yaml
      - run: |
          pip install \\
            -r dev.txt
      - run: pytest
        env: {C: three}
  docs:
    steps: [{run: pip install -r docs.txt}]
"""
    jobs = list(find_ci_jobs(tree(**{".github__workflows__ci.yml": text})))
    unit, docs = (job.findings for job in jobs)
    assert unit.files == ["ci/environment-*.yaml", "dev.txt"]
    assert unit.variables == {"A": "1", "B": "two", "C": "three"}
    assert unit.runs_tests
    assert not docs.runs_tests


def test_a_job_does_what_the_actions_of_the_repository_do(tree: MakeTree) -> None:
    job = "jobs:\n  unit:\n    steps:\n    - uses: ./.github/actions/prepare\n    - run: pytest\n"
    action = "runs:\n  steps:\n  - run: pip install -r dev.txt\n"
    files = {".github__workflows__ci.yml": job, ".github__actions__prepare__action.yml": action}
    (unit,) = find_ci_jobs(tree(**files))
    assert told(unit.findings) == {"files": ["dev.txt"], "runners": ["pytest"]}


def test_jobs_of_travis_and_azure(tree: MakeTree) -> None:
    travis = "addons: {apt: {packages: [graphviz]}}\ninstall: pip install .[t]\nscript: [pytest]\n"
    azure = "jobs:\n- job: A\n  steps:\n  - script: pip install -r a.txt\n  - bash: pytest\n"
    first, second = find_ci_jobs(tree(**{".travis.yml": travis, "azure-pipelines.yml": azure}))
    assert told(first.findings) == {"extras": ["t"], "runners": ["pytest"], "system": ["graphviz"]}
    assert told(second.findings) == {"files": ["a.txt"], "runners": ["pytest"]}


def test_environments_of_tox_inherit_and_refer(tree: MakeTree) -> None:
    text = """
[testenv]
deps =
    -r{toxinidir}/dev.txt
    py27,py38: mock; python_version < "3"
    six
extras = tests
setenv = COLUMNS = 80
commands = coverage run -m pytest {posargs}
[testenv:fast]
deps = {[testenv]deps}
    xdist-like
commands = pytest
[testenv:lint]
deps = flake8
commands = flake8
"""
    base, fast, lint = (job.findings for job in find_runner_jobs(tree(**{"tox.ini": text})))
    assert told(base) == {
        "files": ["dev.txt"],
        "packages": ['mock; python_version < "3"', "six"],
        "extras": ["tests"],
        "runners": ["pytest"],
        "options": ["-m"],
        "variables": {"COLUMNS": "80"},
    }
    assert fast.packages == ["six", "xdist-like"]  # it has no factor py38
    assert not lint.runs_tests


def test_references_of_tox_within_references(tree: MakeTree) -> None:
    text = """
[req]
deps = -r dev.txt
[testenv]
deps = {[req]deps}
commands = pytest
[testenv:more]
deps =
    {[testenv]deps}
    {[testenv:loop]deps}
    more
[testenv:loop]
deps = {[testenv:loop]deps}
"""
    base, more, _ = (job.findings for job in find_runner_jobs(tree(**{"tox.ini": text})))
    assert base.files == more.files == ["dev.txt"]
    assert more.packages == ["more"]


def test_lines_for_factors_count_where_most_environments_have_them(tree: MakeTree) -> None:
    text = """
[tox]
envlist = py{37,38}-{old,new}, py38-other
    lint
[testenv]
deps =
    all
    old: for-old
    py38: for-py38
    !old: not-old
    py37-new,py38-new: for-new
    new,other: new-or-other
commands = pytest
[testenv:lint]
deps =
    lint: linter
    old: no
commands = pytest
"""
    base, lint = (job.findings for job in find_runner_jobs(tree(**{"tox.ini": text})))
    assert base.packages == ["all", "for-py38", "not-old", "new-or-other"]
    assert lint.packages == ["linter"]


def test_variables_of_tox_with_its_own_directories(tree: MakeTree) -> None:
    text = """
[testenv]
setenv =
    TEMP_OF_TESTS = {envdir}/testbuild
    MODE = {env:MODE:fast}
commands = pytest
"""
    (job,) = find_runner_jobs(tree(**{"tox.ini": text}))
    assert job.findings.variables == {"TEMP_OF_TESTS": "/tmp/tox/testbuild", "MODE": "fast"}


INSTALL_SCRIPT = """#!/bin/sh -e
[ "$1" = "-p" ] && PYTHON=$2 || PYTHON="python3"
REQUIREMENTS="requirements.txt"
if [ -z "$CI" ]; then
    PIP="$VENV/bin/pip"
else
    PIP="pip"
fi
"$PIP" install -U pip
"$PIP" install -r "$REQUIREMENTS"
exec scripts/more
"""
CALLED = {
    "scripts__install": INSTALL_SCRIPT,
    "scripts__more": 'export PREFIX=""\n${PREFIX}pip install -e .[extra]\n. scripts/more\n',
    "Makefile": "init: deps\n\tpip install -r made.txt\ndeps:\n\t@pip install made\n"
    "dev := x\n.PHONY: init\n",
    "scripts__data.py": "pip install -r never.txt\n",
}


@pytest.mark.parametrize(
    ("command", "facts"),
    [
        ("scripts/install", {"files": ["requirements.txt"], "extras": ["extra"]}),
        ("./scripts/install -p 3.8", {"files": ["requirements.txt"], "extras": ["extra"]}),
        ("bash -e scripts/more", {"extras": ["extra"]}),
        ("make init", {"files": ["made.txt"], "packages": ["made"]}),
        ("make unknown && python scripts/data.py && cat scripts/more", {}),
        ("R=$FILE\npip install -r $R", {}),
        ("A='-r a.txt'\nB=b.txt; pip install $A -r $B", {"files": ["a.txt", "b.txt"]}),
        ("pipenv install --dev", {"files": ["Pipfile"]}),
    ],
)
def test_scripts_and_targets_that_ci_calls(
    tree: MakeTree, command: str, facts: dict[str, list[str]]
) -> None:
    found = told(read_commands(command, tree(**CALLED)))
    found.pop("runners", None)
    assert {name: value for name, value in found.items() if name != "packages"} | {
        "packages": [name for name in found.get("packages", ()) if name != "pip"]  # type: ignore[attr-defined]
    } == {"packages": []} | facts


def test_variables_of_a_job_are_those_of_its_commands(tree: MakeTree) -> None:
    job = "env: {REQS: ci/dev.txt}\njobs:\n  unit:\n    steps:\n"
    job += "    - run: pip install -r $REQS\n    - run: pytest\n"
    (unit,) = find_ci_jobs(tree(**{".github__workflows__ci.yml": job}))
    assert unit.findings.files == ["ci/dev.txt"]


def test_environments_of_tox_in_toml(tree: MakeTree) -> None:
    text = '[env_run_base]\ndependency_groups = ["test"]\ncommands = [["pytest", "-x"]]\n'
    text += '[env.lint]\ndeps = ["ruff"]\ncommands = [["ruff", "check"]]\n'
    base, lint = (job.findings for job in find_runner_jobs(tree(**{"tox.toml": text})))
    assert told(base) == {"groups": ["test"], "runners": ["pytest"]}
    assert not lint.runs_tests


def test_sessions_of_nox_and_targets_of_make(tree: MakeTree) -> None:
    nox = "import nox\n@nox.session\ndef tests(session):\n"
    nox += '    session.install(".[dev]", "-r", "dev.txt")\n    session.run("pytest", *args)\n'
    make = "all: test\n\ntest: x\n\t@pytest -q\n\nlint:\n\tflake8\n"
    found = [
        job.findings for job in find_runner_jobs(tree(**{"noxfile.py": nox, "Makefile": make}))
    ]
    assert told(found[0]) == {"files": ["dev.txt"], "extras": ["dev"], "runners": ["pytest"]}
    assert [job.runs_tests for job in found] == [True, True, True, False]  # nox, all, test, lint


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pyproject.toml", '[tool.pytest.ini_options]\naddopts = ["--cov", "-q"]\n'),
        ("pytest.ini", "[pytest]\naddopts = --cov\n  -q\n"),
        ("setup.cfg", "[tool:pytest]\naddopts = --cov -q\n"),
        ("tox.ini", "[pytest]\naddopts = --cov -q\n"),
    ],
)
def test_settings_of_pytest(tree: MakeTree, name: str, text: str) -> None:
    assert read_pytest_settings(tree(**{name: text}))["addopts"] == ["--cov", "-q"]


def test_what_cannot_be_parsed_says_nothing(tree: MakeTree) -> None:
    names = ("tox.ini", "pyproject.toml", ".travis.yml", "noxfile.py", "tox.toml", "pytest.ini")
    broken = tree(**dict.fromkeys(names, "[[[ : - {"))
    assert not list(find_ci_jobs(broken))
    assert not [job for job in find_runner_jobs(broken) if job.findings.runs_tests]
    assert not read_pytest_settings(broken)["addopts"]


def test_spread_takes_both_ends() -> None:
    assert sample_evenly(range(100), 4) == [0, 33, 66, 99]
    assert sample_evenly([1, 2], 8) == [1, 2]
    assert sample_evenly(range(9), 1) == [4]


def seen(year: int, *jobs: JobFindings, **changes: Any) -> Observation:
    plain = Observation(
        commit="0" * 40,
        date=datetime(year, 1, 1, tzinfo=UTC),
        version="1.0",
        project=ProjectMetadata(origin="setup.py", name="thing"),
        projects=(".",),
        jobs=tuple(CIJob(origin=".travis.yml", findings=found) for found in jobs),
        sources={"files": {}, "extras": {}, "groups": {}},
        known={kind: frozenset() for kind in ("files", "extras", "groups")},
        declared_names=frozenset({"pytest"}),
        packages=frozenset({"thing"}),
        declared_versions={},
        pytest={"addopts": [], "testpaths": [], "required_plugins": []},
        compiled_by="",
        submodules=False,
    )
    return replace(plain, **changes)


def written(*observations: Observation) -> str:
    """The text of a draft, which is a recipe."""
    text = render_recipe(draft_recipe("owner/name", observations))
    parse_recipe(text, "owner__name.toml")
    return text


def test_a_recipe_that_needs_nothing_is_short() -> None:
    text = written(*(seen(year, JobFindings(runners=["pytest"])) for year in (2018, 2020)))
    assert text.splitlines() == [
        "# Drafted from 2 commits, 2018-01-01 to 2020-01-01.",
        'repo = "owner/name"',
        'import_name = "thing"',
    ]


def test_sources_of_all_years_are_united_with_their_reasons() -> None:
    files = {"files": {"dev.txt": "tox.ini"}, "extras": {}, "groups": {}}
    extras = {"files": {}, "extras": {"tests": "by name"}, "groups": {}}
    text = written(seen(2018, sources=files), seen(2019, sources=files), seen(2022, sources=extras))
    assert 'requirements = {files = ["dev.txt"], extras = ["tests"]}' in text
    assert "# dev.txt: tox.ini, 2018-2019" in text
    assert "# tests: by name, 2022" in text


def test_packages_named_by_most_jobs_are_added_without_pins_and_tools() -> None:
    found = JobFindings(runners=["pytest"], packages=["six==1.2", "flake8", "pytest", "-", "thing"])
    text = written(*(seen(year, found) for year in (2018, 2019)))
    assert 'add = ["six"]' in text
    random = JobFindings(runners=["pytest"], packages=["pytest-randomly", "mpl"])
    text = written(seen(2019, found, random, found))
    assert 'add = ["six"]' in text
    rare = [seen(year) for year in range(2016, 2020)]
    assert "six" not in written(*rare, seen(2020, found))


def test_options_bring_their_plugins() -> None:
    settings = {"addopts": ["-n", "auto", "--cov=x"], "testpaths": ["checks"]}
    text = written(seen(2020, pytest={**settings, "required_plugins": ["pytest-mock>=3"]}))
    assert 'add = ["pytest-xdist", "pytest-cov", "pytest-mock"]' in text
    assert 'test_command = "pytest -n0 {tests}"' in text
    assert 'tests = ["checks/**"]' in text
    declared = frozenset({"pytest-xdist", "pytest-cov", "pytest-mock"})
    text = written(seen(2020, pytest={**settings, "required_plugins": []}, declared_names=declared))
    assert "extra" not in text


def test_variables_and_system_packages_that_not_every_job_has_are_left_out() -> None:
    common = {"COLUMNS": "80", "SECRET_TOKEN": "x", "PLACE": "${{ x }}"}
    one = JobFindings(
        runners=["pytest"], variables={**common, "CXX": "g++"}, system=["graphviz", "gdb", "fuse"]
    )
    two = JobFindings(runners=["pytest"], variables=common, system=["graphviz", "git"])
    text = written(seen(2020, one, two, two, two))
    assert 'env_vars = {COLUMNS = "80"}' in text
    assert 'system_packages = ["graphviz"]' in text


def test_a_file_names_the_version_where_tags_do_not() -> None:
    stated = {"thing/__init__.py": "1.0"}
    assert "rule" not in written(seen(2020, declared_versions=stated))
    text = written(
        seen(2019, declared_versions=stated, version=""), seen(2020, declared_versions=stated)
    )
    assert 'file = "thing/__init__.py"' in text
    assert "1 of 2 commits have no tag" in text
    stale = [seen(2020, declared_versions={"thing/version.py": f"0.{n}"}) for n in range(4)]
    assert "for 4 versions of this file" in written(*stale)


def test_remarks_warn_of_what_a_recipe_cannot_know() -> None:
    text = written(
        seen(
            2020,
            JobFindings(runners=["nose"]),
            compiled_by="Cargo.toml",
            submodules=True,
            version="",
        )
    )
    for words in ("tests with nose", "Cargo.toml", "submodules", "No commit has a tag"):
        assert words in text


def test_jobs_of_circleci_and_gitlab(tree: MakeTree) -> None:
    circle = "jobs:\n  unit:\n    steps:\n    - run: pip install -r c.txt\n"
    circle += "    - run: {name: Tests, command: pytest}\n"
    gitlab = "unit:\n  script:\n  - pip install -r g.txt\n  - pytest\n"
    files = {".circleci__config.yml": circle, ".gitlab-ci.yml": gitlab}
    first, second = find_ci_jobs(tree(**files))
    assert told(first.findings) == {"files": ["c.txt"], "runners": ["pytest"]}
    assert told(second.findings) == {"files": ["g.txt"], "runners": ["pytest"]}


def needing(*packages: str, **more: Any) -> JobFindings:
    return JobFindings(runners=["pytest"], packages=list(packages), **more)


def test_facts_hold_in_the_versions_in_which_they_are_found() -> None:
    text = written(
        seen(2018, needing("old", system=["fuse"]), version="1.0"),
        seen(2019, needing("old"), version="1.1"),
        *(seen(2020, needing(variables={"MODE": "x"}), version="2.0") for _ in range(2)),
        seen(2021, needing("new", variables={"MODE": "y"}), version="2.1"),
        seen(2022, needing("new", variables={"MODE": "y"}), version="2.10"),
    )
    recipe = parse_recipe(text, "owner__name.toml")
    told_facts = {
        version: (env.requirements.add, env.system_packages, env.ci_env_vars)
        for version in ("0.1", "1.1", "2.0", "2.5", "3.0")
        for env in [recipe.environment_for(version)]
    }
    assert told_facts == {
        "0.1": (("old",), ("fuse",), {}),
        "1.1": (("old",), (), {}),
        "2.0": ((), (), {"MODE": "x"}),
        "2.5": (("new",), (), {"MODE": "y"}),
        "3.0": (("new",), (), {"MODE": "y"}),
    }


def test_equal_facts_are_stated_once() -> None:
    years = [seen(2010 + n, needing("six"), version=f"1.{n}") for n in range(6)]
    text = written(*years)
    assert "[[env]]" not in text
    assert 'add = ["six"]' in text
    changed = written(*years, seen(2020, needing("attrs"), version="2.0"))
    assert [line for line in changed.splitlines() if line.startswith("versions")] == [
        'versions = ">=2.0"',
        'versions = "<2.0"',
    ]


def test_many_changes_make_few_ranges() -> None:
    text = written(*(seen(2000 + n, needing(f"p{n}"), version=f"1.{n}") for n in range(20)))
    assert text.count("[[env]]") <= 6
    assert not range_problems(parse_recipe(text, "x"), [f"1.{n}" for n in range(20)])


def test_sources_that_do_not_exist_at_other_commits_are_stated_for_all() -> None:
    new = {"files": {"dev.txt": "tox.ini"}, "extras": {}, "groups": {}}
    known = {"files": frozenset({"dev.txt"}), "extras": frozenset(), "groups": frozenset()}
    early = [seen(2010 + n, version=f"1.{n}") for n in range(4)]
    late = [seen(2020 + n, version=f"2.{n}", sources=new, known=known) for n in range(4)]
    assert "[[env]]" not in written(*early, *late)
    unused = [replace(it, known=known) for it in early]  # it exists, but no job installs it
    assert "[[env]]" in written(*unused, *late)


def test_one_process_needs_the_plugin_wherever_the_option_is_given() -> None:
    parallel = {"addopts": ["-n", "auto"], "testpaths": [], "required_plugins": []}
    declared = frozenset({"pytest", "pytest-xdist"})
    text = written(
        seen(2019, version="1.0"),
        seen(2020, version="2.0", pytest=parallel, declared_names=declared),
    )
    recipe = parse_recipe(text, "owner__name.toml")
    assert recipe.environment_for("1.5").test_command == "pytest {tests}"
    late = recipe.environment_for("2.0")
    assert (late.test_command, late.requirements.add) == ("pytest -n0 {tests}", ("pytest-xdist",))


def test_system_packages_have_their_names_of_the_base_image() -> None:
    packages = ["openjdk-11-jdk", "graphviz", "libgl1", "texlive-full", "julia", "libproj12"]
    few = JobFindings(runners=["pytest"], system=["fish"])
    text = written(
        seen(2020, *(JobFindings(runners=["pytest"], system=packages) for _ in range(3)), few)
    )
    assert 'system_packages = ["default-jdk-headless", "graphviz", "libgl1"]' in text
    assert "fish (few jobs), julia (not known in Debian 12), libproj12 (not" in text
    assert "texlive-full (large)" in text


def test_suites_of_django_get_settings_and_their_names_are_tests() -> None:
    django = JobFindings(runners=["other"])
    settings = {"django_settings": "site.settings", "test_files": frozenset({"tests.py"})}
    recipe = parse_recipe(written(seen(2020, django, **settings)), "owner__name.toml")
    (env,) = recipe.env
    assert env.env_vars == {"DJANGO_SETTINGS_MODULE": "site.settings"}
    assert env.requirements.add == ("pytest-django",)
    assert recipe.paths.tests == ("**/tests.py",)
    with_pytest = seen(2020, django, JobFindings(runners=["pytest"]), **settings)
    assert "site.settings" not in written(with_pytest)


def test_names_of_test_modules_that_only_the_configuration_knows() -> None:
    names = ["test_*.py", "*_tests.py", "unit/check_*.py", "*.py", "test_*/__init__.py"]
    pytest_settings = {
        "addopts": [],
        "testpaths": [],
        "required_plugins": [],
        "python_files": names,
    }
    recipe = parse_recipe(written(seen(2020, pytest=pytest_settings)), "owner__name.toml")
    assert recipe.paths.tests == ("**/*_tests.py", "unit/check_*.py")


def test_where_nothing_can_be_installed_the_checkout_is_imported() -> None:
    text = written(
        seen(2019, projects=(), folders=frozenset(), version="1.0"), seen(2020, version="2.0")
    )
    recipe = parse_recipe(text, "owner__name.toml")
    early, late = recipe.environment_for("1.0"), recipe.environment_for("2.0")
    assert (early.install, late.install) == (("true",), ())
    assert early.test_command == "python -m pytest {tests}"
    assert recipe.import_name == ""


def test_projects_are_named_where_the_root_is_not_the_only_one() -> None:
    several = {"projects": (".", "plugins/a"), "folders": frozenset({".", "plugins/a"})}
    text = written(seen(2019, version="1.0"), *(seen(2020, version="2.0", **several),) * 3)
    assert 'requirements = {projects = [".", "plugins/a"]}' in text
    assert "[[env]]" not in text  # the first commit has no such folder
    below = {"projects": ("sdk/python",), "folders": frozenset({"sdk/python"})}
    assert 'requirements = {projects = ["sdk/python"]}' in written(seen(2020, **below))


def test_options_of_pytest_that_select_its_configuration_are_kept() -> None:
    called = JobFindings(runners=["pytest"], options=["-c ci.ini", "-m"])
    text = written(*(seen(year, called) for year in (2019, 2020)))
    assert 'test_command = "python -m pytest -c ci.ini {tests}"' in text
    once = JobFindings(runners=["pytest"])
    assert "test_command" not in written(
        *(seen(2010 + n, once) for n in range(5)), seen(2020, called)
    )
