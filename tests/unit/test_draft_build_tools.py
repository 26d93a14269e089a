"""What a build needs beside PyPI, from what the files of a commit name."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import cast

import pytest

from curate.builders.git.tree import GitTree
from curate.recipe_tools.draft.build_tools import find_build_tools, find_rebuilt, rebuild_command
from curate.recipe_tools.draft.observe import observe_commit
from curate.recipe_tools.draft.propose import draft_recipe
from curate.recipe_tools.draft.write_toml import render_recipe
from curate.recipes import Recipe, parse_recipe

RUST = '[build-system]\nrequires = ["setuptools-rust>=1"]\n'


class TextTree:
    """A tree of texts."""

    commit = "a" * 40

    def __init__(self, files: Mapping[str, str]) -> None:
        self.files, self.paths = files, tuple(files)

    def read(self, path: str) -> bytes | None:
        return self.files[path].encode() if path in self.files else None

    def list_names(self, folder: str = "") -> tuple[str, ...]:
        start = f"{folder}/" if folder else ""
        below = (it.removeprefix(start) for it in self.files if it.startswith(start))
        return tuple(sorted(it for it in below if "/" not in it))


@pytest.mark.parametrize(
    ("files", "packages"),
    [
        ({"pyproject.toml": '[build-system]\nrequires = ["maturin>=1,<2"]\n'}, "cargo rustc"),
        ({"setup.py": "from setuptools_rust import RustExtension"}, "cargo rustc"),
        ({"setup.py": "x", "Cargo.toml": ""}, "cargo rustc"),
        ({"setup.py": "x", "fuzz/Cargo.toml": ""}, ""),
        ({"setup.py": "ext_modules=[]", "lib/a.f90": ""}, "gfortran"),
        ({"pyproject.toml": "", "meson.build": "project()", "a/b.f": ""}, "gfortran"),
        ({"setup.py": "pure", "examples/a.f90": ""}, ""),
        ({"setup.py": "subprocess.check_call(['cmake', '..'])"}, "cmake"),
        ({"setup.py": "setup(keywords=['a', 'cmake'], setup_requires=['x'])"}, ""),
        ({"setup.py": "Extension('_a', ['a.i'])"}, "swig"),
        ({"setup.py": "from setuptools_golang import x"}, "golang-go"),
        (
            {"pyproject.toml": '[build-system]\nrequires = ["hatch-jupyter-builder"]\n'},
            "nodejs npm",
        ),
        ({"pyproject.toml": '[build-system]\nrequires = ["meson-python", "ninja"]\n'}, ""),
        ({"pyproject.toml": '[build-system]\nrequires = ["a b c", 3]\n'}, ""),
    ],
)
def test_debian_packages_that_a_build_needs(files: dict[str, str], packages: str) -> None:
    found = find_build_tools(TextTree(files), files, ["."])
    assert " ".join(sorted(found)) == packages


def test_only_what_is_installed_counts() -> None:
    files = {"py/pyproject.toml": RUST, "py/Cargo.toml": "", "setup.py": "x"}
    assert find_build_tools(TextTree(files), files, ["."]) == {}
    reason = "its build requires setuptools-rust"
    assert find_build_tools(TextTree(files), files, ["py"]) == {"cargo": reason, "rustc": reason}
    assert find_rebuilt(TextTree(files), [".", "py"]) == {"py": "setuptools-rust"}


def draft(files: Mapping[str, str]) -> Recipe:
    tree = cast(GitTree, TextTree(files))
    observed = observe_commit(tree, datetime(2024, 1, 1, tzinfo=UTC), "1.0")
    return parse_recipe(render_recipe(draft_recipe("o/r", [observed])), "o__r.toml")


def test_a_draft_installs_so_that_a_patch_can_be_built_without_a_network() -> None:
    files = {"bindings/py/pyproject.toml": RUST + '[project]\nname = "x"\n'}
    (env,) = draft(files).env
    assert env.system_packages == ("cargo", "rustc")
    assert env.requirements.build_requires
    assert env.requirements.add == ("setuptools-rust",)
    (install,) = env.install
    assert "cd bindings/py && python -m pip install --no-deps --no-build-isolation -e ." in install
    command = env.test_command.format(tests="tests")
    assert command.startswith("if [ -n \"$(git status --porcelain -- ':/*.rs'")
    assert "CARGO_NET_OFFLINE=true" in command
    assert command.endswith("; pytest tests")


def test_a_project_beside_one_in_rust_is_installed_as_usual() -> None:
    files = {"setup.py": "setup(name='a')", "py/pyproject.toml": RUST + '[project]\nname = "x"\n'}
    files[".github/workflows/t.yml"] = (
        "jobs:\n  t:\n    runs-on: ubuntu-latest\n    steps:\n"
        "      - run: pip install -e . -e ./py\n      - run: pytest\n"
    )
    (env,) = draft(files).env
    assert env.install[0] == "{editable}"
    assert "cd py && " in env.install[1]


def test_a_draft_of_pure_python_is_what_it_was() -> None:
    (env,) = draft({"setup.py": "setup(name='a')"}).env
    assert (env.install, env.test_command, env.system_packages) == ((), "pytest {tests}", ())


def test_a_build_that_fails_ends_the_run() -> None:
    assert "|| exit 1; fi" in rebuild_command(".", "maturin")
