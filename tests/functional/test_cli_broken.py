"""Every command with broken paths, closed pipes and dead services: a sentence and a known code."""

import io
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TextIO

import pytest
from huggingface_hub import set_client_factory
from huggingface_hub.utils._http import default_client_factory

from tests.helpers.command_tree import Command, list_commands
from tests.helpers.releases import good, released
from tests.helpers.stored_world import CODES, DEAD, run

EVERY = list_commands()
every_command = pytest.mark.parametrize("command", EVERY, ids=str)


def make_file(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def make_invalid_recipes(path: Path) -> None:
    path.mkdir()
    (path / "owner__name.toml").write_bytes(b"repo = \xff")


def _bind(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # a socket's path is short
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)


BROKEN_PATHS: dict[str, Callable[[Path], None]] = {
    "missing": lambda path: None,
    "directory": Path.mkdir,
    "file": lambda path: make_file(path, b""),
    "binary": lambda path: make_file(path, b"\xff\x00PAR1"),
    "dangling": lambda path: path.symlink_to("nowhere/at/all"),
    "loop": lambda path: path.symlink_to(path),
    "socket": _bind,
    "fifo": os.mkfifo,
    "invalid-recipes": make_invalid_recipes,
}
# Nothing here may be writable outside of the test's own folder.
ODD_PATHS = ["/proc/nothing/x", "/dev/null/x", "x" * 300, "", "a\nb", "\udcff", "~/x/y"]


@every_command
def test_paths_that_are_not_what_they_should_be(command: Command, folder: Path) -> None:
    for name, make in BROKEN_PATHS.items():
        make(folder / name)
        for line in command.path_lines(name):
            run(line, folder)
            below = [word if word != name else f"{name}/below" for word in line]
            run(tuple(below), folder)
    for path in ODD_PATHS:
        for line in command.path_lines(path):
            run(line, folder)


DIRECTORIES = ("--data-dir", "--mirrors-dir", "--recipes-dir", "--cache-dir")
PLACES = (*BROKEN_PATHS, *(f"{name}/below" for name in BROKEN_PATHS), *ODD_PATHS)


def list_directory_cases() -> Iterator[object]:
    """Every command with every place, every option with every place; the rest is heavy."""
    for number, command in enumerate(EVERY):
        for turn, option in enumerate(DIRECTORIES):
            for is_heavy in (False, True):
                places = [
                    place
                    for at, place in enumerate(PLACES)
                    if ((at + number + turn) % len(DIRECTORIES) != 0) is is_heavy
                ]
                marks = pytest.mark.heavy if is_heavy else ()
                name = f"{command}{option}{'-all' * is_heavy}"
                yield pytest.param(command, option, places, marks=marks, id=name)


@pytest.mark.parametrize(("command", "option", "places"), list_directory_cases())
def test_directories_that_are_not_what_they_should_be(
    command: Command, option: str, places: Sequence[str], folder: Path
) -> None:
    for name, make in BROKEN_PATHS.items():
        make(folder / name)
    for place in places:
        run((option, place, *command.line()), folder)


def break_with_directory(path: Path) -> None:
    break_with_file(path)
    path.unlink()
    path.mkdir(parents=True)


def break_with_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def break_with_file(path: Path) -> None:
    shutil.rmtree(path, ignore_errors=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\xff")


BROKEN_STORES: dict[str, Callable[[Path], None]] = {
    "database-directory": lambda data: break_with_directory(data / "curate.sqlite"),
    "database-fifo": lambda data: break_with_fifo(data / "curate.sqlite"),
    "database-garbage": lambda data: make_file(data / "curate.sqlite", b"\xff" * 5000),
    "blobs-file": lambda data: break_with_file(data / "blobs"),
    "logs-file": lambda data: break_with_file(data / "logs"),
    "mirrors-file": lambda data: break_with_file(data / "mirrors"),
    "mirror-file": lambda data: break_with_file(data / "mirrors/owner__name.git"),
    "mirror-empty": lambda data: break_with_directory(data / "mirrors/owner__name.git"),
    "release-file": lambda data: break_with_file(data / "release"),
    "wal-directory": lambda data: break_with_directory(data / "curate.sqlite-wal"),
    "lock-fifo": lambda data: os.mkfifo(data / "validation.lock"),
    "lock-directory": lambda data: break_with_directory(data / "validation.lock"),
}


@every_command
def test_data_directories_with_broken_parts(command: Command, folder: Path) -> None:
    for name, damage in BROKEN_STORES.items():
        shutil.copytree(folder / "data", folder / name)
        damage(folder / name)
        run(("--data-dir", name, *command.line()), folder)


CONFIGS = {
    "invalid-utf8": b"data_dir = '\xff'",
    "invalid-toml": b"data_dir = ",
    "nul": b'data_dir = "a\\u0000b"',
    "nul-in-cache": b'cache_dir = "a\\u0000b"',
    "wrong-type": b"data_dir = 7\nmin_free_disk_gib = []",
    "not-a-number": b"min_free_disk_gib = nan\nimage_disk_limit_gib = inf",
    "filters-file": b'release_filters = "nothing.toml"',
    "filters-fifo": b'release_filters = "fifo"',
    "filters-directory": b'release_filters = "data"',
    "api-nonsense": b'github_api_url = "::nonsense::"',
    "client-missing": b'docker_cli = "/no/such/docker"\nca_bundle = "data"',
}


@every_command
@pytest.mark.parametrize("config", CONFIGS)
def test_configuration_files_that_are_none(command: Command, config: str, folder: Path) -> None:
    os.mkfifo(folder / "fifo")
    (folder / "curate.toml").write_bytes(CONFIGS[config])
    run(command.line(), folder)


@every_command
@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
def test_a_configuration_file_that_is_none(
    command: Command, make: Callable[[Path], None], folder: Path
) -> None:
    make(folder / "curate.toml")
    assert run(command.line(), folder).returncode == 2


@every_command
def test_help_needs_nothing(command: Command, tmp_path: Path) -> None:
    assert run((*command.words, "--help"), tmp_path).returncode == 0


@every_command
def test_dead_services(command: Command, folder: Path) -> None:
    run(command.line(), folder)
    for option, value in (("hub", "a/b"), ("registry", "127.0.0.1:9/lab"), ("sample", "1")):
        if any(it.name == option for it in command.parameters):
            run((*command.line(**{option: value}),), folder)


@pytest.fixture(scope="module")
def silent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Addresses of servers that accept connections and say nothing: over TCP, at a socket."""
    path = tmp_path_factory.mktemp("silent") / "socket"
    with (
        socket.create_server(("127.0.0.1", 0), backlog=1000) as tcp,
        socket.socket(socket.AF_UNIX) as local,
    ):
        local.bind(str(path))
        local.listen(1000)
        yield f"127.0.0.1:{tcp.getsockname()[1]}", f"unix://{path}"
    set_client_factory(default_client_factory)  # of the Hub


@every_command
@pytest.mark.parametrize("service", ["github", "hub", "engine"])
def test_silent_services(
    command: Command,
    service: str,
    silent: tuple[str, str],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A service that accepts and is silent is given up soon; what needs none of it is the same."""
    host, engine = silent
    variables = {
        "github": {"CURATE_GITHUB_API_URL": f"http://{host}"},
        "engine": {"DOCKER_HOST": engine},
    }.get(service, {})
    if service == "hub":
        released(folder / "data/release", good())
    lines = [command.line()]
    for option, value in (("hub", "a/b"), ("registry", f"{host}/lab")):
        if any(it.name == option for it in command.parameters):
            lines.append(command.line(**{option: value}))
    for line in lines:
        expected = run(line, folder)
        with monkeypatch.context() as patch:
            if service == "hub":
                patch.setattr("huggingface_hub.constants.ENDPOINT", f"http://{host}")
            done = run(line, folder, {**variables, "CURATE_NETWORK_TIMEOUT": "0.2"})
        assert done.returncode == expected.returncode, done.stderr


def closed_pipe(buffering: int = -1) -> TextIO:
    """The writing end of a pipe that nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    return io.TextIOWrapper(os.fdopen(writing, "wb", buffering=buffering), encoding="utf-8")


@every_command
def test_nobody_reads_the_output(command: Command, folder: Path) -> None:
    lines = [command.line()]
    lines += [(*lines[0], it) for it in ("--json",) if _has_flag(command, it)]
    for line in lines:
        expected = run(line, folder).returncode
        with closed_pipe() as pipe:
            assert run(line, folder, stdout=pipe).returncode in {0, expected}
        with closed_pipe() as pipe:
            assert run(line, folder, stderr=pipe).returncode == expected


HELP_FOR_NOBODY = """
import json, os, sys
from curate.__main__ import main
codes = []
for words in json.loads(sys.argv[1]):
    child = os.fork()
    if child == 0:
        reading, writing = os.pipe()
        os.close(reading)
        os.dup2(writing, 1)
        sys.argv = ["curate", *words, "--help"]
        main()
    codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
print(json.dumps(codes))
"""


def test_nobody_reads_the_help(tmp_path: Path) -> None:
    lines: list[tuple[str, ...]] = [(), *(command.words for command in EVERY)]
    done = subprocess.run(
        [sys.executable, "-c", HELP_FOR_NOBODY, json.dumps(lines)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == [0] * len(lines)


@every_command
def test_output_to_a_full_disk_is_an_error(command: Command, folder: Path) -> None:
    expected = run(command.line(), folder)
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = run(command.line(), folder, stdout=full)
    assert done.returncode == (8 if expected.stdout else expected.returncode)


@every_command
def test_output_is_utf8_whatever_the_locale(command: Command, folder: Path) -> None:
    written = io.BytesIO()
    with io.TextIOWrapper(written, encoding="ascii", write_through=True) as stream:
        run(command.line(), folder, stdout=stream)
        written.getvalue().decode("utf-8")


@every_command
def test_streams_that_are_closed(
    command: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = run(command.line(), folder).returncode
    # A stand-in, because redirecting takes None for "not redirected".
    monkeypatch.setattr("tests.helpers.terminal.redirect_stdout", lambda _: _Closed())
    assert run(command.line(), folder, stderr=io.StringIO()).returncode == expected


class _Closed:
    """A context in which the process has no stdout."""

    def __enter__(self) -> None:
        self._before = sys.stdout
        sys.stdout = None

    def __exit__(self, *_: object) -> None:
        sys.stdout = self._before


@every_command
@pytest.mark.parametrize("home", ["missing", "file", None])
def test_no_home(
    command: Command, folder: Path, home: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "file").touch()
    if home:
        monkeypatch.setenv("HOME", str(folder / home))
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    else:  # the user's real home is still found, and must not be written to
        monkeypatch.delenv("HOME", raising=False)
        monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    run(command.line(), folder, {"CURATE_CACHE_DIR": ""})


WITHOUT_DIRECTORY = """
import json, os, sys, tempfile
from curate.__main__ import main
from curate.cli.waiting import CrawlProgress
from curate.github.retry import RetryPolicy
CrawlProgress.make_retry_policy = lambda self: RetryPolicy(sleep=lambda seconds: None)
codes = []
for line in json.loads(sys.argv[1]):
    gone = tempfile.mkdtemp()
    os.chdir(gone)
    os.rmdir(gone)
    sys.argv = ["curate", *line]
    try:
        main()
    except SystemExit as end:
        codes.append(end.code)
print(json.dumps(codes))
"""


def test_the_working_directory_was_removed(tmp_path: Path) -> None:
    lines = [command.line() for command in EVERY]
    variables = {"CURATE_GITHUB_API_URL": DEAD, "CURATE_CACHE_DIR": str(tmp_path / "cache")}
    variables |= {"DOCKER_HOST": f"unix://{tmp_path}/none.sock", "HF_ENDPOINT": DEAD}
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_DIRECTORY, json.dumps(lines)],
        env={**os.environ, **variables, "https_proxy": DEAD, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    codes = json.loads(done.stdout.splitlines()[-1])
    assert len(codes) == len(lines)
    assert set(codes) <= CODES


@every_command
@pytest.mark.parametrize("text", ["\udcff", "a\nb", "x" * 5000, "%s{}[red]", "ä__ö-1", ""])
def test_arguments_that_nobody_would_type(command: Command, text: str, folder: Path) -> None:
    for it in command.parameters:
        is_text = it.type_descriptor.annotation is str or it.param_type_name == "argument"
        if is_text and not getattr(it, "is_flag", False):
            run(command.line(**{it.name: text or "''"}), folder)


@every_command
@pytest.mark.parametrize("number", ["nan", "inf", "-1", "1e400", "9" * 400, "x"])
def test_numbers_that_are_none(command: Command, number: str, folder: Path) -> None:
    for it in command.parameters:
        if it.type_descriptor.annotation in (int, float):
            run(command.line(**{it.name: number}), folder)


@pytest.fixture(autouse=True)
def no_prompt(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing here may wait for an answer."""
    monkeypatch.setenv("GIT_TERMINAL_PROMPT", "0")
    yield


def _has_flag(command: Command, flag: str) -> bool:
    return any(flag in it.opts for it in command.parameters)
