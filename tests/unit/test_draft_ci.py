"""What jobs of CI services and tools install and run: scripts, templates, tasks, folders."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from curate.builders.git.tree import FolderTree
from curate.builders.requirements.checkout_projects import find_project_folders
from curate.recipe_tools.draft.ci_config import find_ci_jobs
from curate.recipe_tools.draft.job import CIJob, is_other_purpose
from curate.recipe_tools.draft.observe import choose_projects
from curate.recipe_tools.draft.pytest_config import read_pytest_settings
from curate.recipe_tools.draft.runner_jobs import find_runner_jobs
from curate.recipe_tools.draft.shell_commands import read_commands

MakeTree = Callable[[Mapping[str, str]], FolderTree]


@pytest.fixture
def tree(tmp_path: Path) -> MakeTree:
    def make(files: Mapping[str, str]) -> FolderTree:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return FolderTree(tmp_path)

    return make


def found_by_name(jobs: list[CIJob]) -> dict[str, CIJob]:
    return {job.name: job for job in jobs}


REUSED = """
on:
  workflow_call:
    inputs:
      extra: {type: string}
      more: {default: y.txt}
jobs:
  run:
    defaults: {run: {working-directory: sdk}}
    strategy: {matrix: {only: [z.txt]}}
    steps:
    - run: pip install -e .[${{ inputs.extra }}] -r ${{ inputs.more }} -r ${{ matrix.only }}
    - run: choco install x && pip install -r windows.txt
      if: runner.os == 'Windows'
    - run: pip install only-sometimes
      if: matrix.kind == 'a'
    - run: pytest
"""


def test_a_reusable_workflow_gets_the_inputs_of_its_caller(tree: MakeTree) -> None:
    caller = "jobs:\n  unit:\n    uses: ./.github/workflows/reused.yml\n    with: {extra: dev}\n"
    caller += "  mac:\n    runs-on: macos-latest\n    steps: [{run: pytest}]\n"
    files = {".github/workflows/ci.yml": caller, ".github/workflows/reused.yml": REUSED}
    called, _ = find_ci_jobs(tree(files))
    assert (called.origin, called.is_for_tests) == (".github/workflows/ci.yml", True)
    assert called.findings.extras == ["dev"]
    assert called.findings.files == ["sdk/y.txt", "sdk/z.txt"]
    assert called.findings.projects == ["sdk"]
    assert called.findings.packages == []


def test_an_action_of_the_repository_gets_inputs_too(tree: MakeTree) -> None:
    job = "jobs:\n  unit:\n    steps:\n    - uses: ./.github/actions/prepare\n"
    job += "      with: {file: a.txt}\n    - run: pytest\n"
    action = "inputs: {file: {default: b.txt}, other: {default: c.txt}}\nruns:\n  steps:\n"
    action += "  - run: pip install -r ${{ inputs.file }} -r ${{ inputs.other }}\n"
    files = {
        ".github/workflows/ci.yml": job,
        ".github/actions/prepare/action.yaml": action,
    }
    (unit,) = find_ci_jobs(tree(files))
    assert unit.findings.files == ["a.txt", "c.txt"]


AZURE = """
stages:
- stage: Test
  jobs:
  - template: ci/jobs.yml
    parameters: {file: dev.txt}
  - job: mac
    pool: {vmImage: macOS-latest}
    steps: [{script: pytest}]
"""
AZURE_JOBS = """
parameters: {file: x, more: y.txt}
jobs:
- job: unit
  steps:
  - template: steps.yml
    parameters: {file: "${{ parameters.file }}"}
  - bash: python -m pytest
    workingDirectory: sdk
"""


def test_templates_of_azure_are_inserted(tree: MakeTree) -> None:
    steps = "steps:\n- script: pip install -r ${{ parameters.file }}\n"
    files = {"azure-pipelines.yml": AZURE, "ci/jobs.yml": AZURE_JOBS, "ci/steps.yml": steps}
    (unit,) = find_ci_jobs(tree(files))
    assert (unit.findings.files, unit.findings.runners) == (["dev.txt"], ["pytest"])


def test_commands_of_circleci_are_inserted(tree: MakeTree) -> None:
    text = """
commands:
  prepare:
    parameters: {file: {type: string, default: a.txt}}
    steps:
    - run: pip install -r << parameters.file >>
jobs:
  unit:
    steps:
    - prepare
    - prepare: {file: b.txt}
    - run: {command: pytest, working_directory: sdk}
"""
    (unit,) = find_ci_jobs(tree({".circleci/config.yml": text}))
    assert (unit.findings.files, unit.findings.runners) == (["a.txt", "b.txt"], ["pytest"])


def test_jobs_of_gitlab_extend_others(tree: MakeTree) -> None:
    text = """
default: {before_script: [pip install -r general.txt]}
.base:
  before_script: [[pip install -r base.txt], "pip install -r more.txt"]
  variables: {MODE: fast}
unit:
  extends: .base
  script: !reference [.base, script]
plain:
  script: [pytest]
"""
    jobs = found_by_name(list(find_ci_jobs(tree({".gitlab-ci.yml": text}))))
    assert jobs["unit"].findings.files == ["base.txt", "more.txt"]
    assert jobs["plain"].findings.files == ["general.txt"]


def test_jobs_of_travis_have_their_own_commands_and_variables(tree: MakeTree) -> None:
    text = """
install: pip install -r $REQS
script: pytest
env: {global: [REQS=all.txt]}
jobs:
  include:
  - stage: docs
    install: pip install -r docs.txt
  - env: REQS=py38.txt
  - os: osx
    env: REQS=osx.txt
"""
    jobs = list(find_ci_jobs(tree({".travis.yml": text})))
    assert [job.findings.files for job in jobs] == [["all.txt"], ["docs.txt"], ["py38.txt"]]
    assert [job.is_for_tests for job in jobs] == [True, False, True]


def test_appveyor_counts_where_no_other_service_runs_tests(tree: MakeTree) -> None:
    text = 'install:\n- "%PYTHON%\\\\python.exe -m pip install -r a.txt"\ntest_script:\n- pytest\n'
    (only,) = find_ci_jobs(tree({"appveyor.yml": text}))
    assert (only.findings.files, only.findings.runners) == (["a.txt"], ["pytest"])
    workflow = "jobs: {unit: {steps: [{run: pytest}]}}\n"
    jobs = find_ci_jobs(tree({"appveyor.yml": text, ".github/workflows/t.yml": workflow}))
    assert [job.origin for job in jobs] == [".github/workflows/t.yml"]


TASKS = """
[tool.poe.tasks]
test = [{ref = "prepare"}, {cmd = "pytest {args}"}]
prepare = "pip install -r poe.txt"
[tool.pdm.scripts]
test = {composite = ["prepare", "pytest"]}
prepare = {cmd = ["pip", "install", "-r", "pdm.txt"]}
[tool.taskipy.tasks]
test = {cmd = "pytest"}
pre = "x"
[tool.hatch.envs.default]
features = ["all"]
scripts.cov = "pytest --cov"
scripts.full = ["pip install -r hatch.txt", "cov"]
[tool.hatch.envs.lint]
scripts.all = "ruff check && pytest"
[tool.pixi.tasks]
test = {cmd = "pytest", depends-on = ["prepare"]}
prepare = "pip install -r pixi.txt"
"""
JUST = "test *args: prepare\n    @pytest {{args}}\n\nprepare:\n    pip install -r just.txt\n"
MAKE = """PIP ?= venv/bin/pip
REQS = make.txt
.PHONY: test
test: prepare
\t$(PIP) install \\
\t  -r $(REQS)
\tcd sdk && pytest
\tpip install -r root.txt
prepare:
\tpip install -e ./sdk
"""
FILES = {
    "pyproject.toml": TASKS,
    "justfile": JUST,
    "Makefile": MAKE,
    "Pipfile": '[scripts]\ntest = "pytest"\n',
    "Taskfile.yml": "tasks:\n  ci: {cmds: [{task: unit}]}\n"
    "  unit: {cmds: [pip install -r task.txt]}\n",
    "sdk/Makefile": "test:\n\tpip install -r deep.txt\n",
}


@pytest.mark.parametrize(
    ("command", "files"),
    [
        ("poe test -x", ["poe.txt"]),
        ("poetry run poe test", ["poe.txt"]),
        ("pdm run test", ["pdm.txt"]),
        ("hatch run full", ["hatch.txt"]),
        ("hatch -e default run full", ["hatch.txt"]),
        ("pixi run -e py test", ["pixi.txt"]),
        ("just test", ["just.txt"]),
        ("task ci", ["task.txt"]),
        ("make test", ["make.txt", "root.txt"]),
        ("make -C sdk test", ["sdk/deep.txt"]),
        ("cd sdk\nmake test", ["sdk/deep.txt"]),
        ("(cd sdk && pip install -r a.txt)\npip install -r b.txt", ["sdk/a.txt", "b.txt"]),
        ("pushd sdk\npip install -r a.txt\npopd\npip install -r b.txt", ["sdk/a.txt", "b.txt"]),
        ("pip install -Ur a.txt && pip install -qrb.txt", ["a.txt", "b.txt"]),
    ],
)
def test_requirement_files_of_tasks_and_folders(
    tree: MakeTree, command: str, files: list[str]
) -> None:
    assert read_commands(command, tree(FILES)).files == files


@pytest.mark.parametrize(
    ("command", "projects"),
    [
        ("pip install -e .", ["."]),
        ("pip install ./a b/c/ -e d/e[x] six file:f", ["a", "b/c/", "d/e"]),
        ("cd sdk/python && python setup.py develop", ["sdk/python"]),
        ("cd sdk; poetry install; cd ..; uv sync", ["sdk", "."]),
        ("pip install git+https://x/y https://x/z.zip dist/*.whl 'a @ https://x/y'", []),
    ],
)
def test_folders_of_projects_that_commands_install(command: str, projects: list[str]) -> None:
    assert read_commands(command).projects == [path.rstrip("/") for path in projects]


@pytest.mark.parametrize(
    ("command", "kind", "facts"),
    [
        ("uv run --group test --extra x pytest", "groups", ["dev", "test"]),
        ("uv run --group test --extra x pytest", "runners", ["pytest"]),
        ("uv run --no-project pytest", "groups", []),
        ("uv sync --all-extras --all-groups", "extras", ["*"]),
        ("tox -e lint,docs", "elsewhere", []),
        ("tox -e py39,lint", "elsewhere", ["tox"]),
        ("nox -s docs", "elsewhere", []),
        ("make docs lint", "elsewhere", []),
        ("python manage.py test", "runners", ["other"]),
        ("python manage.py migrate", "runners", []),
        ("python -W error -m pytest -c ci.ini --import-mode=importlib -n4", "options",
         ["-c ci.ini", "--import-mode=importlib", "-m"]),
        ("green && stestr run && nose2", "runners", ["unittest", "nose"]),
    ],
)  # fmt: skip
def test_what_else_is_read_of_commands(command: str, kind: str, facts: list[str]) -> None:
    assert getattr(read_commands(command), kind) == facts


@pytest.mark.parametrize(
    ("name", "is_other"),
    [
        ("tests Python ", False),
        ("build", False),
        ("lint-and-test", False),
        ("py310-django4", False),
        ("release Build wheels", True),
        ("docs-tests", True),
        ("mypy", True),
        ("pre-commit", True),
        ("test-publish", True),
        ("integration", False),
        ("python-package build", False),
        ("Linux and macOS", False),
        ("windows-tests", True),
        ("winter", False),
        ("benchmarks", True),
    ],
)
def test_purpose_of_jobs_by_name(name: str, is_other: bool) -> None:
    assert is_other_purpose(name) is is_other


def test_environments_of_hatch_are_jobs(tree: MakeTree) -> None:
    jobs = found_by_name(list(find_runner_jobs(tree({"pyproject.toml": TASKS}))))
    assert jobs["default full"].findings.extras == ["all"]
    assert jobs["default full"].findings.runners == ["pytest"]
    assert not jobs["lint all"].is_for_tests


NOX = """
import nox
DEPS = ["-r", "dev.txt"]
def prepare(session, extra):
    session.install(f"-e.[{extra}]", *DEPS)
    session.install("mock")
@nox.session(name="unit", python=["3.8"])
def tests(session):
    prepare(session, "x")
    session.install(*nox.project.dependency_groups(PYPROJECT, "test"))
    session.chdir("sdk")
    session.install("-r", "more.txt")
    session.run("python", "-m", "pytest", *session.posargs)
@nox.session
def docs(session):
    session.run("pytest", "--doctest-modules")
"""


def test_sessions_of_nox_call_functions_and_use_constants(tree: MakeTree) -> None:
    unit, docs = find_runner_jobs(tree({"noxfile.py": NOX}))
    assert (unit.name, unit.is_for_tests, docs.is_for_tests) == ("unit", True, False)
    assert unit.findings.files == ["dev.txt", "sdk/more.txt"]
    assert unit.findings.groups == ["test"]
    assert unit.findings.packages == ["mock"]


TOX = """
[tox]
envlist = py3{8-10}, py39-{dbt1,dbt2,dbt3,dbt4}, lint
[testenv]
deps =
    -Urdev.txt
    plugins/example
    dbt1,dbt2,dbt3,dbt4: dbt-core
    py3{8-10}: numpy
extras = {env:EXTRAS_OF_CI:tests}
commands_pre = pip install -r pre.txt
commands =
    pytest {posargs:tests}
changedir = sdk
"""


def test_environments_of_tox_that_only_name_a_python_are_the_ordinary_ones(tree: MakeTree) -> None:
    (base,) = find_runner_jobs(tree({"tox.ini": TOX}))
    assert (base.findings.packages, base.findings.extras) == (["numpy"], ["tests"])
    assert base.findings.files == ["dev.txt", "sdk/pre.txt"]
    assert base.findings.projects == ["plugins/example", "."]


def test_references_of_tox_in_toml(tree: MakeTree) -> None:
    text = """
[env_run_base]
deps = ["-r dev.txt", "plugins/x"]
commands = [["pytest", {replace = "posargs", default = ["tests"], extend = true}]]
[env.more]
deps = [{replace = "ref", of = ["env_run_base", "deps"], extend = true}, "mock"]
"""
    base, more = find_runner_jobs(tree({"tox.toml": text}))
    assert (base.findings.projects, more.name) == (["plugins/x", "."], "more")
    assert (more.findings.files, more.findings.packages) == (["dev.txt"], ["mock"])
    assert more.findings.runners == ["pytest"]


def test_projects_are_found_in_subfolders(tree: MakeTree) -> None:
    project = "[project]\nname = 'x'\n"
    files = {
        "pyproject.toml": "[tool.black]\nline-length = 1\n",
        "sdk/python/setup.py": "",
        "packages/a/pyproject.toml": project,
        "packages/a/setup.cfg": "",
        "tests/data/setup.py": "",
        "docs/setup.py": "",
        "tools/pyproject.toml": "[tool.ruff]\n",
    }
    folder = tree(files)
    assert find_project_folders(folder, files) == ("packages/a", "sdk/python")
    assert find_project_folders(tree({"pyproject.toml": project}), ["pyproject.toml"]) == (".",)


def job(*projects: str) -> CIJob:
    commands = "\n".join(f"pip install -e {path}" for path in projects)
    return CIJob(origin="x", findings=read_commands(f"{commands}\npytest"))


@pytest.mark.parametrize(
    ("folders", "jobs", "chosen"),
    [
        (["."], [], (".",)),
        ([], [job(".")], ()),
        ([".", "a"], [job(".", "./a"), job(".", "./a"), job(".")], (".", "a")),
        ([".", "a"], [job(".", "./a"), job(".")], (".",)),
        (["a", "b"], [job("./b", "./gone"), job("./a")], ("b", "a")),
        (["a", "b"], [job(".")], ("a", "b")),
    ],
)
def test_projects_to_install(
    folders: list[str], jobs: list[CIJob], chosen: tuple[str, ...]
) -> None:
    assert choose_projects(folders, jobs) == chosen


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"pytest.ini": "", "tox.ini": "[pytest]\npython_files = x\n"}, []),
        ({".pytest.ini": "[pytest]\npython_files = a b\n"}, ["a", "b"]),
        ({"setup.cfg": "[pytest]\npython_files = c\n"}, ["c"]),
        ({"pytest.toml": "[pytest]\npython_files = ['d']\n"}, ["d"]),
        (
            {
                "pyproject.toml": "[tool.pytest.ini_options]\npython_files = 'e'\n",
                "pytest.ini": "[pytest]\npython_files = f\n",
            },
            ["f"],
        ),
    ],
)
def test_the_first_configuration_of_pytest_counts(
    tree: MakeTree, files: Mapping[str, str], expected: list[str]
) -> None:
    assert read_pytest_settings(tree(files))["python_files"] == expected
