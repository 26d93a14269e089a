"""Bytecode of installed packages is made once and then taken from the cache."""

import ast
import importlib.util
import os
import subprocess
import venv
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from curate.builders.images import compile_bytecode

MakeEnvironment = Callable[..., tuple[Path, Path]]  # name, and files by path


PACKAGE = {
    "pack/__init__.py": "VALUE = 1\n",
    "pack/broken.py": "print 'two'\n",
    "pack/tests/test_a.py": "",
    "../outside.py": "",
}


@pytest.fixture
def environment(tmp_path: Path) -> MakeEnvironment:
    """Makes an environment with the package *files*; gives its python and site-packages."""

    def make(name: str, files: Mapping[str, str] = PACKAGE) -> tuple[Path, Path]:
        venv.create(tmp_path / name, with_pip=False)
        site = next((tmp_path / name).glob("lib/python3*/site-packages"))
        lines = []
        for path, text in files.items():
            (site / path).parent.mkdir(exist_ok=True, parents=True)
            (site / path).write_text(text)
            lines.append(f"{path},sha256={hash(text)},{len(text)}\n")
        (site / "pack-1.dist-info").mkdir()
        (site / "pack-1.dist-info" / "RECORD").write_text("".join([*lines, "pack/no_hash.py,,\n"]))
        return tmp_path / name / "bin" / "python", site

    return make


def run(python: Path, cache: Path) -> None:
    command: list[str | Path] = [python, "-I", Path(compile_bytecode.__file__), cache]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def compiled(site: Path) -> list[str]:
    return sorted(path.name.split(".")[0] for path in site.rglob("*.pyc"))


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def is_used(python: Path, site: Path) -> bool:
    """Whether the interpreter takes the bytecode of the package as it is."""
    made = Path(importlib.util.cache_from_source(str(site / "pack" / "__init__.py")))
    before = made.stat().st_mtime_ns, made.read_bytes()
    done = subprocess.run([python, "-v", "-c", "import pack"], capture_output=True, check=True)
    assert (made.stat().st_mtime_ns, made.read_bytes()) == before
    return f"{made} matches".encode() in done.stderr


def test_modules_are_compiled_but_for_tests_and_what_is_no_python(
    environment: MakeEnvironment, tmp_path: Path
) -> None:
    python, site = environment("one")
    run(python, tmp_path / "cache")
    assert compiled(site) == ["__init__"]
    assert is_used(python, site)


def test_the_next_environment_takes_what_was_compiled(
    environment: MakeEnvironment, tmp_path: Path
) -> None:
    python, site = environment("one")
    run(python, tmp_path / "cache")
    (kept,) = files(tmp_path / "cache")
    os.utime(kept, (5, 5))
    python, site = environment("two")
    run(python, tmp_path / "cache")
    assert is_used(python, site)
    assert [path.stat().st_mtime for path in files(tmp_path / "cache")] == [5]


def test_of_a_later_release_only_what_changed_is_compiled(
    environment: MakeEnvironment, tmp_path: Path
) -> None:
    package = PACKAGE | {"pack/same.py": "", "pack/other.py": "A = 1\n"}
    python, _ = environment("one", package)
    run(python, tmp_path / "cache")
    python, site = environment("two", package | {"pack/other.py": "A = 2\n"})
    run(python, tmp_path / "cache")
    assert compiled(site) == ["__init__", "other", "same"]
    assert len(files(tmp_path / "cache")) == 4


def test_other_content_is_compiled_anew(environment: MakeEnvironment, tmp_path: Path) -> None:
    python, _ = environment("one")
    run(python, tmp_path / "cache")
    python, site = environment("two", PACKAGE | {"pack/__init__.py": "VALUE = 2\n"})
    run(python, tmp_path / "cache")
    assert len(files(tmp_path / "cache")) == 2
    assert is_used(python, site)
    done = subprocess.check_output([python, "-c", "import pack; print(pack.VALUE)"], text=True)
    assert done == "2\n"


def test_the_script_runs_on_old_interpreters() -> None:
    ast.parse(Path(compile_bytecode.__file__).read_text(), feature_version=(3, 6))


def test_what_a_lower_layer_has_done_is_left_untouched(
    environment: MakeEnvironment, tmp_path: Path
) -> None:
    python, site = environment("one")
    run(python, tmp_path / "cache")

    def changes() -> list[int]:
        done = [site / "pack" / "__init__.py", *site.rglob("__init__*.pyc")]
        return [path.stat().st_ctime_ns for path in done]

    before = changes()
    assert len(before) == 2
    run(python, tmp_path / "cache")
    assert changes() == before
