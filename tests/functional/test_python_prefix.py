from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from curate.builders.errors import BuilderError
from curate.builders.model import Failure
from curate.builders.python import install
from curate.builders.settings import BuildSettings


@dataclass
class FailingUv:
    """A stand-in for uv that fails with a text; `calls` has its arguments, a line a call."""

    fail: Callable[[str], BuildSettings]
    calls: Path

    def __call__(self, text: str) -> BuildSettings:
        return self.fail(text)


@pytest.fixture
def uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FailingUv:
    program, calls = tmp_path / "uv", tmp_path / "calls"
    monkeypatch.setattr(install, "find_uv", lambda: str(program))
    settings = BuildSettings(cache_dir=tmp_path)

    def fail(text: str) -> BuildSettings:
        program.write_text(f'#!/bin/sh\necho "$*" >> {calls}\necho "{text}" >&2\nexit 2\n')
        program.chmod(0o755)
        return settings

    return FailingUv(fail, calls)


def test_a_version_that_nobody_offers_is_asked_for_once(uv: FailingUv) -> None:
    settings = uv("error: No download found for request: cpython-3.4")
    found = [install.find_python("3.4", settings) for _ in range(3)]
    assert all(isinstance(each, Failure) and each.reason == "no-interpreter" for each in found)
    assert uv.calls.read_text() == "python install --no-bin 3.4\n"


def test_a_network_that_fails_is_asked_again(uv: FailingUv) -> None:
    settings = uv("error: error sending request")
    for _ in range(2):
        with pytest.raises(BuilderError, match="could not download"):
            install.find_python("3.9", settings)
    assert len(uv.calls.read_text().splitlines()) == 2
