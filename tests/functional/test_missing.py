"""What pytest prints where something is missing is understood: pytest is real."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from curate.environments.providers import load_providers
from curate.validate.missing import find_cause, find_missing
from tests.helpers.missing_things import LACKS, Lack


def print_of_pytest(folder: Path, lack: Lack, python: str = sys.executable) -> str:
    """Run pytest in a project; standard output and errors."""
    for name, text in lack.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    done = subprocess.run(
        [python, "-m", "pytest", "-p", "no:cacheprovider", *lack.arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=60,
    )
    return done.stdout


def check(lack: Lack, output: str) -> None:
    """Compare what is found in *output* with what is missing; "" as a place is any."""
    found = find_missing(output)
    assert [it.kind for it in found] == [kind for kind, _, _ in lack.missing], output
    for thing, (_, name, where) in zip(found, lack.missing, strict=True):
        assert (thing.name == name or not name) and thing.evidence, output
        assert thing.where.endswith(where), output


CURRENT = tuple(map(int, pytest.__version__.split(".")[:2]))


@pytest.mark.parametrize("name", [it for it in LACKS if LACKS[it].until > CURRENT])
def test_what_is_missing_is_found(name: str, tmp_path: Path) -> None:
    check(LACKS[name], print_of_pytest(tmp_path, LACKS[name]))


def test_syntax_of_another_python(tmp_path: Path) -> None:
    lack = Lack(
        files={"test_a.py": "import mod\n", "mod.py": "print 'x'\n"},
        missing=(("syntax", "", "mod.py"),),
    )
    check(lack, print_of_pytest(tmp_path, lack))


@pytest.mark.parametrize(
    ("files", "cause"),
    [
        ({"conftest.py": "import no_x\n"}, "conftest.py: ModuleNotFoundError: No module named"),
        ({"test_a.py": "1 / 0\n"}, "test_a.py: ZeroDivisionError: division by zero"),
        ({"test_a.py": "def test_a(): pass\n"}, ""),
    ],
)
def test_the_cause_is_one_line(files: dict[str, str], cause: str, tmp_path: Path) -> None:
    output = print_of_pytest(tmp_path, Lack(files={"test_a.py": "", **files}, missing=()))
    found = find_cause(output).removeprefix(f"{tmp_path}/")
    assert found.startswith(cause) and bool(found) == bool(cause), output


@pytest.mark.parametrize(
    ("line", "name", "package"),
    [
        ("error: can't find Rust compiler", "Rust", "cargo"),
        ("      error: can't find Rust compiler", "Rust", "cargo"),
        ("Cargo, the Rust package manager, is not installed or is not on PATH.", "Cargo", "cargo"),
        (
            "  Caused by: rustc, the rust compiler, is not installed or not in PATH.",
            "rustc",
            "rustc",
        ),
        ("unable to execute 'swig': No such file or directory", "swig", "swig"),
        ("../meson.build:1:0: ERROR: Unknown compiler(s): [['gfortran'], ['f95']]", "gfortran", ""),
        ("meson.build:3:0: ERROR: Program 'protoc' not found or not executable", "protoc", ""),
        ("RuntimeError: CMake must be installed to build the extensions", "CMake", "cmake"),
        ("  No CMAKE_Fortran_COMPILER could be found.", "CMAKE_Fortran", "gfortran"),
        ("FileNotFoundError: [Errno 2] No such file or directory: 'go'", "go", "golang-go"),
        ("#12 3.1 /bin/sh: 1: npm: not found", "npm", "npm"),
    ],
)
def test_what_a_build_does_not_find_is_a_debian_package(line: str, name: str, package: str) -> None:
    (found,) = find_missing(line)
    assert (found.kind, found.name) == ("executable", name)
    provided = load_providers().executables[name]
    assert provided == package if package else provided
