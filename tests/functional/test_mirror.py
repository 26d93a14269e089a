import base64
import socket
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from curate.builders.git.run import GitCommandError
from curate.core.errors import AuthenticationError, NetworkError, NotFoundError
from curate.git.diff import FileChange
from curate.git.mirror import InvalidMirrorError, ensure_mirror, open_mirror
from curate.git.versions import TagVersionResolver, parse_major_minor
from tests.helpers.git_history import GitHistory

TOKEN = "ghp_" + "a" * 36


@pytest.fixture
def git(tmp_path: Path) -> GitHistory:
    history = GitHistory.new(tmp_path / "work")
    history.commit("Root", a_py="one\n")
    return history


def test_folders_that_are_no_mirror(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        open_mirror(tmp_path / "nothing")
    with pytest.raises(InvalidMirrorError):
        open_mirror(tmp_path)


def test_repository_without_branches(tmp_path: Path) -> None:
    GitHistory.new(tmp_path / "work")
    with pytest.raises(InvalidMirrorError):
        open_mirror(tmp_path / "work" / ".git")


def test_mirror_without_a_config_file(git: GitHistory, tmp_path: Path) -> None:
    path = git.mirror(tmp_path / "mirror")
    (path / "config").unlink()
    with open_mirror(path) as mirror:
        assert git.head() in mirror.commit_graph
        ensure_mirror(path, str(git.path))


def test_clone_brings_pull_heads_and_update_brings_more(git: GitHistory, tmp_path: Path) -> None:
    git.branch("one")
    first = git.commit("In a pull")
    git.checkout("main")
    git.pull_ref(1, first)
    git.git("branch", "--quiet", "-D", "one")
    path = tmp_path / "deep" / "mirror"
    with ensure_mirror(path, str(git.path)) as mirror:
        assert first in mirror.commit_graph
    second = git.commit("Later")
    with ensure_mirror(path, str(git.path)) as mirror:
        assert second in mirror.commit_graph
    assert [it.name for it in path.parent.iterdir()] == ["mirror"]


def test_what_the_server_rewrites_is_kept(git: GitHistory, tmp_path: Path) -> None:
    path = tmp_path / "mirror"
    git.branch("gone")
    kept = git.commit("On a branch that goes")
    git.checkout("main")
    ensure_mirror(path, str(git.path)).close()
    git.git("branch", "--quiet", "-D", "gone")
    with ensure_mirror(path, str(git.path)) as mirror:
        assert kept in mirror.commit_graph


def test_source_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises((NotFoundError, NetworkError)):
        ensure_mirror(tmp_path / "mirror", str(tmp_path / "nowhere"))


class _Door(BaseHTTPRequestHandler):
    """Wants a password and remembers what it was given."""

    seen: list[tuple[str, str]] = []  # noqa: RUF012

    def do_GET(self) -> None:
        self.seen.append((self.path, self.headers.get("authorization", "")))
        host, _, port = self.headers["host"].partition(":")
        if self.path.startswith("/moved/"):
            other = "localhost" if host == "127.0.0.1" else host
            self.send_response(302)
            self.send_header("location", f"http://{other}:{port}{self.path[6:]}")
        else:
            self.send_response(401)
        self.send_header("www-authenticate", 'Basic realm="GitHub"')
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def door() -> Iterator[str]:
    _Door.seen.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), _Door) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/o/r.git"
        server.shutdown()


def test_token_goes_by_askpass_and_not_in_the_address(door: str, tmp_path: Path) -> None:
    with pytest.raises(AuthenticationError) as refused:
        ensure_mirror(tmp_path / "mirror", door, token=TOKEN)
    sent = [header for _, header in _Door.seen if header]
    assert sent == ["Basic " + base64.b64encode(f"x-access-token:{TOKEN}".encode()).decode()]
    assert TOKEN not in str(refused.value)
    assert not any(TOKEN in path for path, _ in _Door.seen)
    written = [
        it for it in tmp_path.rglob("*") if it.is_file() and TOKEN.encode() in it.read_bytes()
    ]
    assert written == []


def test_no_token_goes_to_another_host(door: str, tmp_path: Path) -> None:
    with pytest.raises(AuthenticationError):
        ensure_mirror(tmp_path / "mirror", door.replace("/o/", "/moved/o/"), token=TOKEN)
    assert {path.partition("?")[0] for path, _ in _Door.seen} >= {"/moved/o/r.git/info/refs"}
    assert len(_Door.seen) > 1
    assert not any(header for _, header in _Door.seen)


def test_no_token_does_not_wait_for_one(door: str, tmp_path: Path) -> None:
    with pytest.raises(AuthenticationError):
        ensure_mirror(tmp_path / "mirror", door)


def test_a_silent_server_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_HTTP_LOW_SPEED_TIME", "1")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/o/r.git"
        with pytest.raises(NetworkError, match="does not answer"):
            ensure_mirror(tmp_path / "o__r.git", url)


def test_missing_objects_end_one_request_only(git: GitHistory, tmp_path: Path) -> None:
    old, new = git.head(), git.commit(a_py="two\n")
    blob = git.git("rev-parse", f"{old}:a.py")
    path = git.mirror(tmp_path / "mirror")
    with open_mirror(path) as mirror:
        _lose(path, blob)
        failed, empty, again = mirror.diff_reader.read_patches([(old, new), (old, old), (old, new)])
        assert isinstance(failed, GitCommandError) and isinstance(again, GitCommandError)
        assert blob in str(failed)
        assert empty == b""
        (changes,) = mirror.diff_reader.read_changed_files([(old, new)])
        assert isinstance(changes, tuple)
        (change,) = changes
        assert isinstance(change, FileChange)
        assert change.path == "a.py"
        assert mirror.object_reader.read(blob) is None
        assert mirror.object_reader.resolve_names([blob, new]) == [None, new]


def test_user_configuration_changes_nothing(
    git: GitHistory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = git.change({"m.py": "class A:\n    def f(self):\n        a = 1\n" + "        b\n" * 9})
    new = git.change(
        {"m.py": "class A:\n    def f(self):\n        a = 1\n" + "        b\n" * 8 + "c\n"}
    )
    config = tmp_path / "gitconfig"
    config.write_text("[diff]\nnoprefix = true\nalgorithm = patience\n[core]\nquotePath = false\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    with open_mirror(git.mirror(tmp_path / "mirror")) as mirror:
        (patch,) = mirror.diff_reader.read_patches([(old, new)])
    assert isinstance(patch, bytes)
    assert b"+++ b/m.py" in patch
    assert b"@@ def f(self):" in patch


def test_messages_in_other_encodings(git: GitHistory, tmp_path: Path) -> None:
    git.git("config", "i18n.commitEncoding", "ISO-8859-1")
    git.environment["LC_ALL"] = "C"
    tree = git.git("rev-parse", "HEAD^{tree}")
    oid = git.git("commit-tree", tree, stdin="Größe, fixes #1".encode("latin-1"))
    git.git("update-ref", "refs/heads/latin", oid)
    with open_mirror(git.mirror(tmp_path / "mirror")) as mirror:
        assert mirror.commit_graph.message(oid).rstrip() == "Größe, fixes #1"
        assert mirror.commit_graph.authored_at(oid).timestamp() == git.clock


def test_versions(git: GitHistory, tmp_path: Path) -> None:
    before = git.head()
    git.git("tag", "v1.9.3", git.commit("Release"))
    after = git.commit("Next")
    git.git("tag", "-a", "-m", "x", "release-2.0b2", git.commit("Release"))
    last = git.commit("Last")
    with open_mirror(git.mirror(tmp_path / "mirror")) as mirror:
        version_of = TagVersionResolver(mirror)
        assert [version_of(it) for it in (before, after, last)] == ["", "1.9", "2.0"]


@pytest.mark.parametrize(
    ("tag", "version"),
    [("v1.2.3", "1.2"), ("2022.05.1", "2022.5"), ("4.1.0.dev3", "4.1"), ("v3", "3.0"), ("rc", "")],
)
def test_major_minor(tag: str, version: str) -> None:
    assert parse_major_minor(tag) == version


def _lose(path: Path, blob: str) -> None:
    """Take one object out of a mirror: unpack all, then delete its file."""
    for pack in list((path / "objects" / "pack").glob("*.pack")):
        data = pack.read_bytes()
        for side in (path / "objects" / "pack").glob(pack.stem + ".*"):
            side.chmod(0o600)
            side.unlink()
        subprocess.run(["git", f"--git-dir={path}", "unpack-objects", "-q"], input=data, check=True)
    loose = path / "objects" / blob[:2] / blob[2:]
    loose.unlink()
