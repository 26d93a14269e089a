"""The install script is run as it is, by sh, with stand-ins for the installers."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, cast

import pytest

from curate.builders.errors import BuilderError, EngineUnavailableError, SandboxError
from curate.builders.images.install_script import (
    classify_failure,
    find_failed_step,
    render_install_script,
)
from curate.builders.model import Failure, InstanceSpec
from tests.helpers.instance_spec import imagine_instance_spec


class RunScript(Protocol):
    """Runs a spec's script in `checkout`; gives the process and the calls of installers."""

    checkout: Path

    def __call__(
        self, spec: InstanceSpec, *, works: Sequence[str] = ..., pyproject: str | None = ...
    ) -> tuple[subprocess.CompletedProcess[str], list[str]]: ...


OLD = datetime(2020, 3, 1, tzinfo=UTC)
NEW = datetime(2023, 3, 1, tzinfo=UTC)


def _spec(date: datetime = OLD, **fields: Any) -> InstanceSpec:
    return imagine_instance_spec(date, **fields)


def commit(folder: Path) -> None:
    """A repository in *folder* with one commit, as checkouts have it."""
    folder.mkdir()
    (folder / "README").write_text("one\n")
    for command in ("init -q --template=", "add -A", "commit -qm one"):
        git(folder, *command.split())
    shutil.rmtree(folder / ".git" / "logs", ignore_errors=True)


def git(folder: Path, *arguments: str) -> None:
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@b.test", *arguments]
    subprocess.run([*command], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def run(tmp_path: Path) -> RunScript:
    """Runs a spec's script in a checkout; installers that are not in `works` fail."""
    checkout, programs, calls = tmp_path / "checkout", tmp_path / "bin", tmp_path / "calls"
    programs.mkdir()
    commit(checkout)

    def run(
        spec: InstanceSpec,
        *,
        works: Sequence[str] = ("pip", "develop", "uv", "later"),
        pyproject: str | None = None,
    ) -> tuple[subprocess.CompletedProcess[str], list[str]]:
        if pyproject is not None:
            (checkout / "pyproject.toml").write_text(pyproject)
        for name in ("python", "uv"):
            stand_in = programs / name
            stand_in.write_text(
                "#!/bin/sh\n"
                f'[ "$1" = -B ] && exec {shlex.quote(sys.executable)} "$@"\n'
                f'echo "{name} $*" >> {shlex.quote(str(calls))}\n'
                f'case "{name} $*" in\n'
                + "".join(f"{PATTERNS[work]}) {ANSWERS.get(work, '')} exit 0;;\n" for work in works)
                + "esac\nexit 1\n"
            )
            stand_in.chmod(0o755)
        script = tmp_path / "install.sh"
        script.write_text(render_install_script(spec))
        done = subprocess.run(
            ["sh", script],
            cwd=checkout,
            env={"PATH": f"{programs}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=False,
        )
        made = calls.read_text().splitlines() if calls.exists() else []
        return done, made

    found = cast(RunScript, run)
    found.checkout = checkout
    return found


PATTERNS = {
    "help": '"python -m pip install --help"',
    "pip": '"python -m pip"*',
    "develop": '"python setup.py"*',
    "later": '*"exclude-newer-package"*|*"exclude-newer 2023-01-15"*',
    "wanted": '"uv pip install"*" -r "*',
    "uv": '"uv pip"*',
}


ANSWERS = {
    "help": 'cat "$(dirname "$0")/../help";',
    "wanted": 'for last; do :; done; cat "$last" > "$(dirname "$0")/../wanted";',
}


def test_old_setuptools_project_is_installed_by_the_pip_of_its_time(run: RunScript) -> None:
    done, calls = run(_spec())
    assert done.returncode == 0, done.stderr
    assert calls == ["python -m pip install --no-deps --no-build-isolation -e ."]


SETUP_REQUIRES = (
    "from setuptools import setup\nprint('hello')\n"
    "setup(name='x', setup_requires=['no-such-tool>2', 'pytest<1'])"
)


@pytest.mark.parametrize(
    ("script", "config"),
    [
        (SETUP_REQUIRES, ""),
        (
            "import setuptools\nsetuptools.setup()",
            "[metadata]\nname = x\n[options]\nsetup_requires = no-such-tool>2; pytest<1\n",
        ),
    ],
)
def test_what_a_setup_script_needs_to_run_is_installed_as_of_the_date(
    run: RunScript, script: str, config: str
) -> None:
    (run.checkout / "setup.py").write_text(script)
    (run.checkout / "setup.cfg").write_text(config)
    done, calls = run(_spec(), works=("wanted", "pip"))
    assert done.returncode == 0, done.stderr
    assert "--exclude-newer 2020-03-01T00:00:00Z" in calls[0]
    assert (run.checkout.parent / "wanted").read_text().split() == ["no-such-tool>2", "pytest<1"]
    assert calls[1:] == ["python -m pip install --no-deps --no-build-isolation -e ."]


@pytest.mark.parametrize("script", ["", "raise SystemExit(3)", "setup_requires = ["])
def test_a_setup_script_that_needs_nothing_more_is_installed_as_it_is(
    run: RunScript, script: str
) -> None:
    (run.checkout / "setup.py").write_text(f"# setup_requires\n{script}")
    _, calls = run(_spec(), works=("pip",))
    assert calls == ["python -m pip install --no-deps --no-build-isolation -e ."]


@pytest.mark.parametrize("option", ["--no-build-isolation", ""])
def test_pip_before_10_has_no_option_against_isolation_and_needs_none(
    run: RunScript, option: str
) -> None:
    """Without pip, a locked release of the project itself would stay beside the checkout."""
    date = datetime(2018, 1, 5, tzinfo=UTC)
    (run.checkout.parent / "help").write_text(f"  {option}  Disable it.\n  {option} again\n")
    done, calls = run(_spec(date), works=("help", "pip"))
    assert done.returncode == 0, done.stderr
    assert calls[1].split() == f"python -m pip install --no-deps {option} -e .".split()
    assert len(calls) == 2


def test_old_setuptools_project_falls_back_to_develop_and_then_to_later_build_tools(
    run: RunScript,
) -> None:
    done, calls = run(
        _spec(), works=("later",), pyproject='build-backend = "setuptools.build_meta"'
    )
    assert done.returncode == 0
    assert [call.split()[1] for call in calls] == ["-m", "setup.py", "pip"]
    assert "--exclude-newer 2020-03-01T00:00:00Z" in calls[2]
    assert "--exclude-newer-package setuptools=2023-01-15T00:00:00Z" in calls[2]


def test_old_project_of_another_backend_is_built_in_isolation(run: RunScript) -> None:
    done, calls = run(_spec(), works=("later",), pyproject="build-backend = 'poetry.core.api'\n")
    assert done.returncode == 0
    assert all(call.startswith("uv pip install --no-deps") for call in calls)
    assert len(calls) == 2


def test_new_project_is_installed_by_uv(run: RunScript) -> None:
    _, calls = run(_spec(NEW))
    assert calls == ["uv pip install --no-deps --exclude-newer 2023-03-01T00:00:00Z -e ."]


def test_every_project_that_the_commit_has_is_installed_in_its_folder(run: RunScript) -> None:
    for folder, name in (("sdk/python", "setup.py"), ("b c", "pyproject.toml")):
        (run.checkout / folder).mkdir(parents=True)
        (run.checkout / folder / name).write_text("")
    (run.checkout / "not yet").mkdir()
    projects = ("sdk/python", "not yet", "b c")
    _, calls = run(_spec(NEW, install=("{editable}", "uv from $(pwd)"), projects=projects))
    command = "uv pip install --no-deps --exclude-newer 2023-03-01T00:00:00Z -e ."
    assert calls == [command, command, f"uv from {run.checkout}"]
    _, calls = run(_spec(projects=(".",)))
    assert calls[3:] == ["python -m pip install --no-deps --no-build-isolation -e ."]


def test_when_nothing_works_the_step_is_install(run: RunScript) -> None:
    done, calls = run(_spec(), works=())
    assert done.returncode != 0
    assert len(calls) == 3
    assert find_failed_step(done.stdout) == "install"


def test_commands_of_the_spec_replace_the_editable_install(run: RunScript) -> None:
    spec = _spec(install=('echo "$SETUPTOOLS_SCM_PRETEND_VERSION" > version', "false", "echo no"))
    done, calls = run(_spec(install=spec.install[:1], version="1.2.3", env_vars={"A": "b c"}))
    assert (done.returncode, calls) == (0, [])
    assert (run.checkout / "version").read_text() == "1.2.3\n"
    done, _ = run(spec)
    assert done.returncode != 0
    assert "no" not in done.stdout.splitlines()


def test_commands_of_the_spec_may_surround_the_editable_install(run: RunScript) -> None:
    done, calls = run(_spec(install=("uv before", "{editable}", "uv after")), works=("pip",))
    assert calls == ["uv before"]
    assert done.returncode != 0
    done, calls = run(_spec(install=("true", "{editable}", "echo after")), works=("pip",))
    assert calls[1:] == ["python -m pip install --no-deps --no-build-isolation -e ."]
    assert "after" in done.stdout


def test_package_from_the_checkout_passes_the_check(run: RunScript) -> None:
    (run.checkout / "thing").mkdir()
    (run.checkout / "thing" / "__init__.py").touch()
    spec = _spec(import_name="thing", env_vars={"PYTHONPATH": str(run.checkout)})
    done, _ = run(spec)
    assert done.returncode == 0, done.stderr
    assert find_failed_step(done.stdout) == "done"


@pytest.mark.parametrize("name", ["json", "no_such_package"])
def test_package_from_elsewhere_or_nowhere_fails_the_check(run: RunScript, name: str) -> None:
    (run.checkout / "no_such_package").mkdir()  # found only if the checkout were on the path
    done, _ = run(_spec(import_name=name))
    assert done.returncode != 0
    assert find_failed_step(done.stdout) == "import"


def test_leftovers_of_an_install_are_ignored_and_a_tag_at_the_commit_may_stay(
    run: RunScript,
) -> None:
    done, _ = run(_spec(install=("mkdir build; touch build/x 'a b'", "git tag v1")))
    assert done.returncode == 0, done.stdout
    status = subprocess.check_output(["git", "status", "--porcelain"], cwd=run.checkout)
    assert status == b""


@pytest.mark.parametrize(
    ("command", "word"),
    [
        ("echo two > README", "README"),
        ("git rm -q --cached README", "README"),
        ("echo later | git hash-object -w --stdin", "unreachable blob"),
        ("git update-ref refs/x $(git commit-tree -m later HEAD^{tree} -p HEAD)", "commit"),
        ("git tag -m note v2", "unreachable tag"),
        ("mkdir .git/logs", ".git/logs"),
        ("git remote add origin https://x.test", "remote"),
        ("mkdir sub && cd sub && git init -q && git remote add o x && cd ..", "remote"),
        ("mkdir $HOME/other && touch $HOME/other/README.py", "another copy"),
    ],
)
def test_what_is_not_clean_fails_the_check(run: RunScript, command: str, word: str) -> None:
    (run.checkout / ".git" / "config").open("a").write("[user]\nname = a\nemail = a@b.test\n")
    path = f"{run.checkout}:{run.checkout.parent}/other"
    (run.checkout / ".git" / "info").mkdir()
    (run.checkout / ".git" / "info" / "exclude").write_text("README.py\n")
    (run.checkout / "README.py").touch()
    environment = {"PYTHONPATH": path, "HOME": str(run.checkout.parent)}
    spec = _spec(install=(command,), import_name="README", env_vars=environment)
    done, _ = run(spec)
    assert done.returncode != 0
    assert word in done.stdout + done.stderr
    assert find_failed_step(done.stdout) == "clean"


ODD_FILES = {
    "working-tree-encoding=latin-1": b"caf\xe9\n",
    "working-tree-encoding=UTF-16": b"plain\n",
    "text eol=lf": b"one\r\ntwo\n",
    "text eol=crlf": b"one\r\n",
    "ident": b"$Id: of another system $\n",
    "filter=lfs diff=lfs merge=lfs -text": b"version https://git-lfs.github.com/spec/v1\n",
}


@pytest.mark.parametrize("attributes", ODD_FILES)
def test_what_was_changed_before_the_install_is_clean_unless_the_install_changes_it(
    run: RunScript, attributes: str
) -> None:
    shutil.rmtree(run.checkout / ".git")
    git(run.checkout, "init", "-q", "--template=")
    odd = run.checkout / "odd file.txt"
    odd.write_bytes(ODD_FILES[attributes])
    git(run.checkout, "add", "-A")  # without attributes, which would convert it
    (run.checkout / ".gitattributes").write_text(f"odd*.txt {attributes}\n")
    git(run.checkout, "add", ".gitattributes")
    git(run.checkout, "commit", "-qm", "odd")
    shutil.rmtree(run.checkout / ".git" / "logs", ignore_errors=True)
    os.utime(odd, (1, 1))  # as a copy of the checkout looks, so git reads it
    done, _ = run(_spec(install=("true",)))
    assert done.returncode == 0, done.stdout
    done, _ = run(_spec(install=("echo changed > 'odd file.txt'",)))
    assert done.returncode != 0
    assert "not clean: changed files: ./" in done.stdout
    assert "odd file.txt" in done.stdout


@pytest.mark.parametrize(
    ("log", "layer", "expected"),
    [
        ("boom", "environment", ("build", "environment-failed")),
        ("curate-step: install\nboom", "instance", ("install", "install-failed")),
        (
            "#7 1.2 curate-step: install\n#7 curate-step: import",
            "instance",
            ("install", "not-imported"),
        ),
        (  # a crate in a submodule that is missing
            "#7 curate-step: install\n#7 error: failed to get `own` as a dependency of package `p`"
            "\n#7 Caused by:\n#7   Unable to update /testbed/vendor/own",
            "instance",
            ("install", "install-failed"),
        ),
        ("#7 curate-step: clean\n#7 not clean: x", "instance", ("install", "not-clean")),
    ],
)
def test_failures_are_told_apart_by_layer_and_log(
    log: str, layer: str, expected: tuple[str, ...]
) -> None:
    failure = classify_failure(Failure(stage="build", reason="x", detail=log), layer)
    assert (failure.stage, failure.reason) == expected


@pytest.mark.parametrize(
    ("log", "registry"),
    [
        (
            "error: failed to get `libc` as a dependency of package `p v0.1.0`\nCaused by:\n"
            "  Unable to update registry `crates-io`\nCaused by:\n"
            "  failed to resolve address for github.com: Name or service not known; class=Net (12)",
            "crates.io",
        ),
        ("[6] Could not resolve host: index.crates.io", "crates.io"),
        ("no matching package named `x` found\nlocation searched: crates.io index", "crates.io"),
        ("npm ERR! code ENOTFOUND\nnpm ERR! errno ENOTFOUND", "the npm registry"),
        (
            'go: Get "https://proxy.golang.org/x.mod": dial tcp: lookup proxy.golang.org:'
            " Temporary failure in name resolution",
            "the Go module proxy",
        ),
    ],
)
def test_a_registry_that_cannot_be_reached_is_the_cause(log: str, registry: str) -> None:
    found = classify_failure(Failure(stage="build", reason="x", detail=log), "instance")
    assert (found.stage, found.reason) == ("install", "registry-unreachable")
    assert found.detail.startswith(f"{registry} cannot be reached: ")


@pytest.mark.parametrize(
    ("layer", "kind"), [("base", EngineUnavailableError), ("python", SandboxError)]
)
def test_a_layer_without_anything_of_the_candidate_says_nothing_of_it(
    layer: str, kind: type[BuilderError]
) -> None:
    log = "Err:1 http://deb.debian.org/debian bookworm InRelease\n  405  Method Not Allowed"
    with pytest.raises(kind, match="405"):
        classify_failure(Failure(stage="build", reason="x", detail=log), layer)


def test_a_network_that_fails_says_nothing_of_the_candidate() -> None:
    with pytest.raises(SandboxError, match="dns error"):
        classify_failure(
            Failure(stage="build", reason="x", detail="dns error: failed"), "environment"
        )
