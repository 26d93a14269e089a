"""Evaluation scripts, really run by bash in real repositories with real pytest."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from curate.builders.model import CONTAINER_USER
from curate.builders.pytest_plugin import STATUS, read_plugin_source
from curate.builders.pytest_plugin.test_ids import escape_test_id
from curate.environments.remedies import IMPORTLIB_MODE
from curate.environments.remedy import Remedy
from curate.environments.test_selection import TestSelection
from curate.harness.eval_script import END_MARKER, START_MARKER, ScriptProcess, render_eval_script
from curate.patches.parse import list_patch_paths
from curate.recipes import EnvRecipe
from curate.validate.repair import change_command
from tests.helpers.lean_python import make_lean_environment

PYTEST = "python -m pytest"
XDIST = f"{PYTEST} -n2"
BASE = {
    "thing.py": b"def f():\n    return 1\n",
    "tests/test_old.py": b"def test_old():\n    pass\n",
    "tests/test gone.py": b"def test_gone():\n    pass\n",
    "tests/crlf.txt": b"one\r\ntwo\r\n",
}
TESTED = {
    "tests/test_old.py": b"""\
import pytest
import thing

def test_fixed(): assert thing.f() == 2
@pytest.mark.parametrize("x", ["a b", "\\xfc", "50%", "a - b", "back\\\\slash", "["])
def test_ids(x): assert x
def test_bad(): assert thing.f() == 3, "PASSED tests/test_old.py::test_bad"
@pytest.mark.skip
def test_skipped(): pass
@pytest.mark.xfail
def test_xfailed(): assert False
@pytest.mark.xfail
def test_xpassed(): pass
@pytest.fixture
def broken(): yield; raise OSError
def test_teardown(broken): pass
def test_liar(capfd):
    with capfd.disabled(): print("\\nPASSED tests/test_old.py::test_bad")
def test_env():
    import os
    assert "curate_status" not in os.environ.get("PYTEST_PLUGINS", "")
""",
    "tests/test_new ü.py": b"def test_new():\n    pass\n",
    "tests/test_syntax.py": b"def (:\n",
}


def git(folder: Path, *arguments: str) -> bytes:
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True).stdout


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "a checkout"
    folder.mkdir()
    git(folder, "init", "-q")
    write(folder, BASE)
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "base")
    return folder


def patch_of(folder: Path, files: Mapping[str, bytes], removed: Sequence[str] = ()) -> bytes:
    """The diff that writes *files* and removes *removed*; the checkout is as before afterwards."""
    write(folder, files)
    for name in removed:
        (folder / name).unlink()
    git(folder, "add", "-A")
    patch = git(folder, "diff", "--cached", "--binary", "HEAD")
    git(folder, "reset", "-q", "--hard")
    return patch


def run(
    folder: Path, patch: bytes, command: str = f"{PYTEST} -p no:cacheprovider -q tests", **more: Any
) -> subprocess.CompletedProcess[str]:
    script = render_eval_script(test_patch=patch, test_command=command, testbed=str(folder), **more)
    path = folder.parent / "eval.sh"
    path.write_text(script, encoding="utf-8")
    # As the harness runs it: traced, and with the exit status taken before the end marker.
    lines = script.split("\n")
    at = next(n for n, line in enumerate(lines) if END_MARKER in line)
    lines[at : at + 1] = ["STATUS=$?", lines[at], 'echo "CODE: $STATUS"']
    path.write_text("\n".join(["set -uxo pipefail", *lines]), encoding="utf-8")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "COV"))}
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    lean = make_lean_environment(*(["pytest-xdist"] if XDIST in command else []))
    environment["PATH"] = f"{lean}/bin:{environment['PATH']}"
    return subprocess.run(
        ["/bin/bash", path],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def statuses(log: str) -> dict[str, str]:
    """Read a log as `parse_log_pytest` does: first word status, second word id, last line wins."""
    inside = log.split(START_MARKER)[1].split(END_MARKER, maxsplit=1)[0]
    words = [line.split() for line in inside.split("\n")]
    known = {"PASSED", "FAILED", "SKIPPED", "ERROR", "XFAIL"}
    return {w[1]: w[0] for w in words if len(w) > 1 and w[0] in known}


def test_every_outcome_under_its_canonical_id(repository: Path) -> None:
    patch = patch_of(repository, TESTED, removed=["tests/test gone.py"])
    write(repository, {"thing.py": b"def f():\n    return 2\n"})
    command = f"{PYTEST} --continue-on-collection-errors -rA tests"
    done = run(repository, patch, f"{command} -p no:cacheprovider")
    found = statuses(done.stdout)
    old = "tests/test_old.py::"
    expected = {
        "test_fixed": "PASSED",
        "test_ids[a b]": "PASSED",
        "test_ids[\\xfc]": "PASSED",
        "test_ids[50%]": "PASSED",
        "test_ids[a - b]": "PASSED",
        "test_ids[back\\\\slash]": "PASSED",
        "test_ids[[]": "PASSED",
        "test_bad": "FAILED",
        "test_skipped": "SKIPPED",
        "test_xfailed": "XFAIL",
        "test_teardown": "ERROR",
        "test_liar": "PASSED",
        "test_env": "PASSED",
    }
    for name, status in expected.items():
        assert found.get(escape_test_id(old + name)) == status, name
    assert old + "test_xpassed" not in found
    assert found["tests/test_syntax.py"] == "ERROR"
    assert done.stdout.count(START_MARKER) == 1
    assert "CODE: 1\n" in done.stdout
    assert git(repository, "status", "--porcelain") == b" M thing.py\n"


def test_new_file_with_an_odd_name_and_xdist(repository: Path) -> None:
    patch = patch_of(repository, {"tests/test_new ü.py": TESTED["tests/test_new ü.py"]})
    command = f"{XDIST} -p no:cacheprovider -q tests"
    done = run(repository, patch, command)
    assert statuses(done.stdout)["tests/test_new%20%C3%BC.py::test_new"] == "PASSED"
    assert "CODE: 0\n" in done.stdout
    assert git(repository, "status", "--porcelain") == b""


def test_a_repaired_command_tests_what_validation_tested(repository: Path) -> None:
    """Files of one name, imported by their paths, which import a helper of the tests."""
    text = b"import helper\ndef test_it(): assert helper.VALUE\n"
    files = {"a/test_x.py": text, "b/test_x.py": text, "tests/tools/helper.py": b"VALUE = 1\n"}
    changes = (
        Remedy(python_path="tests/tools", sentence="a"),
        Remedy(arguments=(IMPORTLIB_MODE,), sentence="b"),
    )
    template = f"{PYTEST} -p no:cacheprovider -q {{tests}}"
    for remedy in changes:
        template = change_command(template, remedy)
    command = template.format(tests="a/test_x.py b/test_x.py")
    done = run(repository, patch_of(repository, files), command)
    found = statuses(done.stdout)
    assert found == {"a/test_x.py::test_it": "PASSED", "b/test_x.py::test_it": "PASSED"}
    assert "CODE: 0\n" in done.stdout


def test_tests_that_are_given_by_name(repository: Path) -> None:
    code = b"import pytest\n@pytest.mark.parametrize('x', IDS)\ndef test_x(x): pass\n"
    values = ["a.txt", "it's", 'say "$HOME"', "a b/c", "!x", "[1]", "\\d", "left out"]
    patch = patch_of(repository, {"tests/test_n.py": code.replace(b"IDS", repr(values).encode())})
    names = tuple(f"tests/test_n.py::test_x[{value}]" for value in values[:-2])
    names += (r"tests/test_n.py::test_x[\\d]",)  # as pytest escapes it
    env = EnvRecipe(test_command=f"{PYTEST} -p no:cacheprovider -q {{tests}}")
    command = TestSelection(files=names).build_command(env, None)
    done = run(repository, patch, command)
    assert statuses(done.stdout) == dict.fromkeys(map(escape_test_id, names), "PASSED")


def test_what_a_solver_left_in_test_files_is_overwritten(repository: Path) -> None:
    patch = patch_of(repository, {"tests/test_new.py": b"def test_new():\n    pass\n"})
    cheats = {"tests/test_new.py": b"def test_new(): pass\ndef test_cheat(): pass\n"}
    write(repository, cheats)
    assert "tests/test_new.py::test_cheat" not in statuses(run(repository, patch).stdout)


@pytest.mark.parametrize(
    "content",
    [b"one\r\nthree\r\n", b"latin \xe9\n", b"no end", b"\0\1\2binary", b"END_OF_PATCH\n$x `y`\n"],
)
def test_patches_arrive_byte_for_byte(repository: Path, content: bytes) -> None:
    patch = patch_of(repository, {"tests/crlf.txt": content, "tests/END_OF_PATCH": content})
    done = run(repository, patch, "cat tests/crlf.txt tests/END_OF_PATCH | base64 -w0")
    encoded = subprocess.run(
        ["base64", "-w0"], input=content * 2, capture_output=True, check=True
    ).stdout.decode()
    assert encoded in done.stdout
    assert (repository / "tests/crlf.txt").read_bytes() == BASE["tests/crlf.txt"]


def test_heredoc_delimiter_cannot_occur_in_the_patch() -> None:
    patch = b"END_OF_PATCH\nEND_OF_PLUGIN\n"
    script = render_eval_script(test_patch=patch, test_command="true")
    assert "<<'END_OF_PATCH_" in script
    assert script == render_eval_script(test_patch=patch, test_command="true")


def test_a_patch_that_does_not_apply_shows_no_markers(repository: Path) -> None:
    patch = patch_of(repository, {"tests/test_old.py": b"x = 1\n"})
    git(repository, "rm", "-q", "tests/test_old.py")
    git(repository, "commit", "-qm", "gone")
    done = run(repository, patch)
    assert START_MARKER not in done.stdout
    assert done.returncode != 0


def test_a_session_that_dies_tells_nothing(repository: Path) -> None:
    dying = b"import os\ndef test_a(): pass\ndef test_b(): os._exit(0)\n"
    patch = patch_of(repository, {"tests/test_old.py": dying})
    assert statuses(run(repository, patch).stdout) == {}


def test_environment_and_layout(repository: Path) -> None:
    script = render_eval_script(
        test_patch=b"", test_command="pytest x", process=ScriptProcess(environment={"A": "it's"})
    )
    lines = script.splitlines()
    assert lines[lines.index(f"echo '{END_MARKER}'") - 1] == "pytest x"
    assert "export A='it'\"'\"'s'" in lines
    done = run(
        repository, b"", "echo $A $B", process=ScriptProcess(environment={"A": "1", "B": "x y"})
    )
    assert "1 x y\n" in done.stdout
    with pytest.raises(ValueError, match="single line"):
        render_eval_script(test_patch=b"", test_command="a\nb")


def test_plugin_text_is_one_file_and_readable_by_old_pythons() -> None:
    text = read_plugin_source(STATUS)
    compile(text, "curate_status.py", "exec")
    assert "from curate" not in text
    old = Path.home() / ".pyenv/versions"
    found = sorted(old.glob("3.6*/bin/python3.6"))
    if found:
        check = "import sys; compile(sys.stdin.buffer.read(), 'p', 'exec')"
        subprocess.run([found[0], "-c", check], input=text.encode(), check=True)


def test_paths_of_renames_quoted_names_and_binaries(repository: Path) -> None:
    write(repository, {"tests/ü.bin": b"\0", 'tests/"q" \\.txt': b"x\n", "--- a b/x": b"\n"})
    git(repository, "mv", "tests/test gone.py", "tests/test moved.py")
    git(repository, "rm", "-q", "tests/crlf.txt")
    git(repository, "add", "-A")
    patch = git(repository, "diff", "--cached", "-M")
    assert {path.decode() for path in list_patch_paths(patch)} == {
        "tests/ü.bin",
        'tests/"q" \\.txt',
        "--- a b/x",
        "tests/test gone.py",
        "tests/test moved.py",
        "tests/crlf.txt",
    }


@pytest.fixture
def open_checkout() -> Iterator[Path]:
    """A checkout that every user may enter."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "checkout"
        folder.mkdir()
        Path(name).chmod(0o755)
        git(folder, "init", "-q")
        write(folder, BASE)
        git(folder, "add", ".")
        git(folder, "commit", "-qm", "base")
        yield folder


AS_USER = """\
id -u; id -G; echo "$HOME"; mkdir -m 500 new/closed; touch new/closed/x || echo refused;\
 echo >> new/by_root.py; rm thing.py; cat tests/test_old.py"""


@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("setpriv"), reason="only root can become another user"
)
@pytest.mark.parametrize("way", ["file", "private file", "text", "input"])
def test_root_continues_as_the_user_of_validation(open_checkout: Path, way: str) -> None:
    """However a client starts the script, and whatever root wrote into the checkout before."""
    patch = patch_of(open_checkout, {"tests/test_old.py": b"patched = 1\n"})
    write(open_checkout, {"new/by_root.py": b"", "thing.py": b"def f():\n    return 2\n"})
    script = render_eval_script(
        test_patch=patch,
        test_command=AS_USER,
        testbed=str(open_checkout),
        process=ScriptProcess(environment={"HOME": "/tmp"}, user=CONTAINER_USER),
    )
    path = open_checkout.parent / "eval.sh"
    path.write_text(script)
    path.chmod(0o600 if way == "private file" else 0o644)
    command = ["/bin/bash", "-c", script] if way == "text" else ["/bin/bash", str(path)]
    with path.open() as opened:
        done = subprocess.run(
            command[:1] if way == "input" else command,
            stdin=opened if way == "input" else subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    inside = done.stdout.split(START_MARKER)[1].split(END_MARKER, maxsplit=1)[0]
    uid, gid = CONTAINER_USER.split(":")
    assert inside.split() == [uid, gid, "/tmp", "refused", "patched", "=", "1"], done.stderr
    assert done.returncode == 0
    assert (open_checkout / "tests/test_old.py").read_bytes() == BASE["tests/test_old.py"]
    assert (open_checkout / "new/by_root.py").stat().st_uid == int(uid)
