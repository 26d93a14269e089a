"""Environment files and packages of conda that CI names through variables, matrices and locks."""

from collections.abc import Callable
from pathlib import Path

import pytest

from curate.builders.git.tree import FolderTree
from curate.builders.requirements import ProjectMetadata
from curate.recipe_tools.draft.ci_config import find_ci_jobs
from curate.recipe_tools.draft.conda_files import choose_environments
from curate.recipe_tools.draft.job import CIJob, JobFindings
from curate.recipe_tools.draft.shell_commands import read_commands
from curate.recipe_tools.draft.sources import find_sources

ReadJob = Callable[..., JobFindings]
WORKFLOW = ".github/workflows/ci.yml"


@pytest.fixture
def read_job(tmp_path: Path) -> ReadJob:
    def read(text: str, path: str = WORKFLOW, **files: str) -> JobFindings:
        named = {name.replace("__", "/").replace("_yml", ".yml"): it for name, it in files.items()}
        for name, content in {path: text, **named}.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(content)
        return next(find_ci_jobs(FolderTree(tmp_path))).findings

    return read


WRITTEN = """
jobs:
  test:
    runs-on: ${{ matrix.os }}
    strategy:
      matrix:
        os: [ubuntu-latest, windows-latest]
        python: ["3.9", "3.11"]
        env: [""]
        include:
        - {os: ubuntu-latest, python: "3.9", env: bare-minimum}
        - {os: ubuntu-latest, python: "3.9", env: all-but-x}
    steps:
    - run: |
        echo "TODAY=$(date)" >> $GITHUB_ENV
        if [[ ${{ matrix.os }} == windows* ]] ;
        then
          echo "FILE=ci/windows.yml" >> $GITHUB_ENV
        elif [[ "${{ matrix.env }}" != "" ]]; then
          echo "FILE=ci/${{ matrix.env }}.yml" >> $GITHUB_ENV
        else
          echo "FILE=ci/environment.yml" >> $GITHUB_ENV
        fi
    - id: more
      run: echo "name=ci/more" >> "$GITHUB_OUTPUT"
    - uses: mamba-org/setup-micromamba@v2
      with:
        environment-file: ${{ env.FILE }}
        create-args: >-
          python=${{ matrix.python }}
          py-opencv
    - run: mamba env update -f ${{ steps.more.outputs.name }}.yml && conda install --file $FILE.txt
    - run: pytest
"""


def test_a_file_that_a_step_writes_to_the_environment(read_job: ReadJob) -> None:
    found = read_job(WRITTEN)
    assert found.files == ["ci/environment.yml", "ci/more.yml", "ci/environment.yml.txt"]
    assert found.packages == ["opencv-python-headless"]
    assert found.variables == {}


def test_files_of_a_matrix_are_those_of_its_usual_combinations(read_job: ReadJob) -> None:
    text = """
jobs:
  test:
    strategy:
      matrix:
        env: [ci/py39.yml, ci/py310.yml]
        extra: [""]
        exclude: [{env: ci/py39.yml}]
        include:
        - {env: ci/py39-min.yml, name: Minimum versions}
        - {env: ci/py310.yml, extra: ci/extra.yml}
    steps:
    - uses: conda-incubator/setup-miniconda@v3
      with: {environment-file: "${{ matrix.env }}"}
    - run: conda env update -f ${{ matrix.extra || 'ci/usual.yml' }}
    - run: pip install only-once
      if: matrix.extra != ''
    - run: pytest
"""
    found = read_job(text)
    assert found.files == ["ci/py310.yml", "ci/usual.yml"]
    assert found.packages == []


def test_a_step_has_variables_of_its_own_and_conditions(read_job: ReadJob) -> None:
    text = """
jobs:
  test:
    strategy:
      matrix: {python: [3.9, "3.10"], kind: [conda, bare], suffix: [""]}
    steps:
    - uses: mamba-org/setup-micromamba@v1
      if: matrix.kind == 'conda'
      env: {FILE: "ci/py${{ matrix.python }}${{ matrix.suffix }}.yml"}
      with: {environment-file: "${{ env.FILE }}"}
    - run: pip install .[test] only-bare
      if: matrix.kind == 'bare'
    - run: pip install always
      if: ${{ matrix.kind != 'other' }}
    - run: pytest
"""
    found = read_job(text)
    assert found.files == ["ci/py3.9.yml", "ci/py3.10.yml"]
    assert found.extras == ["test"]
    assert found.packages == ["always"]


@pytest.mark.parametrize("name", ["mindeps", "x-mindeps-y", "x-arm64", "all-but-x", "39-minimal"])
def test_environments_with_special_names_are_left_out(name: str) -> None:
    paths = [f"ci/{name}.yml", "ci/x.yml"]
    jobs = [CIJob(origin="ci", findings=JobFindings(files=[path])) for path in paths]
    found, _ = find_sources(ProjectMetadata(origin=""), jobs, frozenset(paths), ["."])
    assert list(found["files"]) == ["ci/x.yml"]


def test_of_the_environments_of_one_python_the_fullest_is_taken(tmp_path: Path) -> None:
    texts = {
        "37-old.yml": "python=3.7, a=1, b=2, c=3, d, e, f, g, h",
        "37-latest.yml": "python=3.7, a, b, c=3, d, e",
        "37-no-optional.yml": "python=3.7, a",
        "38-latest.yml": "python=3.8, a, b, c",
        "38-latest-defaults.yml": "python=3.8, a, b, c",
        "base.yml": "a",
        "more.yml": "python>=3.7, b",
        "dev.txt": "",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(f"dependencies: [{text}]" if text else "")
    chosen = choose_environments(FolderTree(tmp_path), dict.fromkeys(texts, "ci"))
    assert list(chosen) == [
        "37-latest.yml",
        "38-latest.yml",
        "base.yml",
        "more.yml",
        "dev.txt",
    ]


def test_a_matrix_of_included_combinations_only(read_job: ReadJob) -> None:
    text = """
jobs:
  test:
    strategy:
      matrix:
        include:
        - {file: ci/a.yml, os: ubuntu-22.04}
        - {file: ci/b.yml, os: ubuntu-22.04}
        - {file: ci/c.yml, os: macos-12}
        - {file: ci/nightly.yml, os: ubuntu-22.04}
    runs-on: ${{ matrix.os }}
    steps: [{run: "conda env create --file=${{ matrix.file }}"}, {run: pytest}]
"""
    assert read_job(text).files == ["ci/a.yml", "ci/b.yml"]


def test_an_action_and_a_workflow_get_their_file_from_the_caller(read_job: ReadJob) -> None:
    caller = "jobs:\n  a:\n    uses: ./.github/workflows/z.yml\n    with: {where: ci}\n"
    called = """
on: {workflow_call: {inputs: {where: {type: string}, name: {default: env}}}}
env: {FILE: "${{ inputs.where }}/${{ inputs.name }}.yml"}
jobs:
  run:
    steps:
    - uses: ./.github/actions/conda
      id: conda
      with: {file: "${{ env.FILE }}"}
    - run: micromamba install -y -f ${{ steps.conda.outputs.second }} && pytest
"""
    action = """
inputs: {file: {required: true}}
outputs: {second: {value: "${{ steps.x.outputs.y }}"}}
runs:
  steps:
  - uses: mamba-org/provision-with-micromamba@v14
    with: {environment-file: "${{ inputs.file }}", extra-specs: "numba\\nhdf5"}
  - id: x
    run: echo "::set-output name=y::ci/second.yml"
"""
    files = {
        ".github__workflows__z_yml": called,
        ".github__actions__conda__action_yml": action,
    }
    found = read_job(caller, **files)
    assert found.files == ["ci/env.yml", "ci/second.yml"]
    assert found.packages == ["numba"]


def test_matrices_of_azure_travis_and_gitlab(read_job: ReadJob, tmp_path: Path) -> None:
    azure = """
jobs:
- job: Linux
  strategy:
    matrix:
      py36-bare-minimum: {conda_env: py36-bare-minimum}
      py37: {conda_env: py37}
      py37-upstream-dev: {conda_env: py37x, upstream_dev: true}
      py38: {conda_env: py38}
  steps:
  - bash: conda env create -n t --file ci/$CONDA_ENV.yml
  - bash: conda env update --file more/$(conda_env).yml && pytest
"""
    files = ["ci/py37.yml", "more/py37.yml", "ci/py38.yml", "more/py38.yml"]
    assert read_job(azure, "azure-pipelines.yml").files == files
    (tmp_path / "azure-pipelines.yml").unlink()
    travis = """
env:
  global: [KIND=ci]
  matrix: [ENV=py37 X=1, ENV=docs, 'ENV="py38"']
install:
- if [[ "$ENV" == "docs" ]]; then conda env create -f doc/env.yml;
  else conda env create -f $KIND/$ENV.yml; fi
script: pytest
"""
    assert read_job(travis, ".travis.yml").files == ["ci/py37.yml", "ci/py38.yml"]
    (tmp_path / ".travis.yml").unlink()
    gitlab = """
test:
  parallel: {matrix: [{PY: [py37, py38], KIND: [full, minimum]}, {PY: py39, KIND: full}]}
  script: [conda env create -f ci/$KIND-$PY.yml, pytest]
"""
    files = [f"ci/full-{python}.yml" for python in ("py37", "py38", "py39")]
    assert read_job(gitlab, ".gitlab-ci.yml").files == files


@pytest.mark.parametrize(
    ("lock", "text", "sources"),
    [
        (
            "ci/conda-lock.yml",
            "version: 1\nmetadata:\n  sources:\n  - ../env.yml\n  - ../pyproject.toml\n",
            ["env.yml", "pyproject.toml"],
        ),
        ("locks/py311-linux-64.lock", "@EXPLICIT\n", ["py311.yml"]),
    ],
)
def test_a_lock_stands_for_what_it_was_made_from(
    lock: str, text: str, sources: list[str], read_job: ReadJob, tmp_path: Path
) -> None:
    (tmp_path / "py311.yml").touch()
    (tmp_path / lock).parent.mkdir()
    (tmp_path / lock).write_text(text)
    step = f"conda-lock install {lock} && conda create -n x --file {lock} && pytest"
    assert read_job(f"jobs: {{a: {{steps: [{{run: {step}}}]}}}}").files == sources


@pytest.mark.parametrize(
    ("command", "kind", "expected"),
    [
        ("conda env create -n x", "files", ["environment.yml"]),
        ("conda env update", "files", ["environment.yml"]),
        ("conda install -c conda-forge 'iris>=3' hdf5 pip", "packages", ["scitools-iris>=3"]),
        ("conda run -n x pytest", "runners", ["pytest"]),
        ("micromamba run -n x python -m pytest", "runners", ["pytest"]),
        ("[[ $A == b ]] && pip install c\npip install d", "packages", ["d"]),
        ("[ -z $A ] || pip install c", "packages", ["c"]),
        ("if [ $B ]; then pip install c; else pip install d; fi", "packages", ["c", "d"]),
        ('if [[ "$A" != a || $B ]]; then pip install c; fi; pip install d', "packages", ["c", "d"]),
        ("if test $RUNNER_OS = macOS; then\n  pip install c\nfi", "packages", []),
        ("pip install c # don't; pip install d", "packages", ["c"]),
    ],
)
def test_commands_and_branches(command: str, kind: str, expected: list[str]) -> None:
    assert getattr(read_commands(command, variables={"A": "a"}), kind) == expected
