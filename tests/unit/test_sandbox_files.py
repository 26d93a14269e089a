"""Reading what a run left, from an engine that answers with archives of our making."""

import io
import tarfile
from collections.abc import Iterator, Mapping

import pytest
from docker.errors import NotFound

from curate.builders.errors import SandboxError
from curate.builders.sandbox import copy_out
from curate.builders.sandbox.copy_out import copy_files_out

CEILINGS = {"report": 10, "key": 4}
SYMLINK = 1 << 27


def archive(folder: str, contents: Mapping[str, bytes | None]) -> bytes:
    """A tar of *contents*; None is a link."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in contents.items():
            member = tarfile.TarInfo(folder + name)
            member.size = len(content or b"")
            member.type = tarfile.SYMTYPE if content is None else tarfile.REGTYPE
            tar.addfile(member, io.BytesIO(content or b""))
    return buffer.getvalue()


class Container:
    """Gives the folder and each file; *whole* stands for the archive of the folder."""

    def __init__(self, contents: Mapping[str, bytes | None], whole: bytes | None = None) -> None:
        self.contents = contents
        self.asked: list[str] = []
        self.whole = archive("out/", contents) if whole is None else whole

    def get_archive(self, path: str) -> tuple[Iterator[bytes], dict[str, int]]:
        self.asked.append(path)
        if path == "/curate/out":
            return iter([self.whole]), {"size": 4096, "mode": 1 << 31}
        name = path.rpartition("/")[2]
        if name not in self.contents:
            raise NotFound("no such file")
        content = self.contents[name]
        stat = {"size": len(content or b""), "mode": SYMLINK if content is None else 0o644}
        return iter([archive("", {name: content})]), stat


def read(container: Container) -> dict[str, bytes]:
    return copy_files_out(container, "/curate/out", CEILINGS)  # type: ignore[arg-type]


def test_one_archive_is_enough() -> None:
    container = Container({"report": b"1" * 10, "key": b"k", "more": b"", "sub/report": b"x"})
    assert read(container) == {"report": b"1" * 10, "key": b"k"}
    assert container.asked == ["/curate/out"]


@pytest.mark.parametrize("kept", [0, 100, 512, 1024, 1536, 2048, 2560])
def test_a_cut_archive_is_no_missing_file(kept: int) -> None:
    contents = {"report": b"1", "key": b"k"}
    container = Container(contents, archive("out/", contents)[:kept])
    assert read(container) == contents
    assert "/curate/out/report" in container.asked


def test_a_full_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copy_out, "MAX_ARCHIVE_BYTES", 20_000)
    container = Container({"flood": b"x" * 30_000, "report": b"1"})
    assert read(container) == {"report": b"1"}
    assert "/curate/out/report" in container.asked


@pytest.mark.parametrize("whole", [None, b""])
def test_what_is_too_long_or_no_file_is_left_out(whole: bytes | None) -> None:
    assert read(Container({"report": b"1" * 11, "key": None}, whole)) == {}


def test_a_file_that_is_cut_short_is_no_verdict() -> None:
    container = Container({"report": b"1"}, b"")
    stat = {"size": 1, "mode": 0o644}
    container.get_archive = lambda path: (iter([b""]), stat)  # type: ignore[method-assign]
    with pytest.raises(SandboxError):
        read(container)
