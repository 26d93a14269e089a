"""Wrong variants of a gold patch, as git makes and applies patches."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curate.measure.mutants import draw_mutants, read_changed_sources
from curate.patches.apply import patch_file
from curate.patches.lines import split_lines

OLD = b"def f(a, b):\n    return a\n\n\ndef g():\n    pass\n"
NEW = b"def f(a, b):\n    if a < b:\n        return a + 1\n    return b\n\n\ndef g():\n    pass\n"


def make_diff(folder: Path, old: bytes, new: bytes, name: str = "m.py") -> bytes:
    git = ("git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@t.invalid")
    subprocess.run([*git, "init", "-q"], check=True)
    (folder / name).write_bytes(old)
    subprocess.run([*git, "add", "-A"], check=True)
    (folder / name).write_bytes(new)
    return subprocess.run([*git, "diff"], check=True, capture_output=True).stdout


def test_mutants_apply_in_place_of_the_gold_patch(tmp_path: Path) -> None:
    patch = make_diff(tmp_path, OLD, NEW)
    sources, unreadable = read_changed_sources(patch, {"m.py": OLD}.get, lambda path: True)
    assert not unreadable
    draw = draw_mutants(patch, sources, "seed")
    assert {it.operator for it in draw.mutants} >= {"comparison", "arithmetic", "negation"}
    for mutant in draw.mutants:
        (tmp_path / "m.py").write_bytes(OLD)
        command = ["git", "-C", str(tmp_path), "apply", "-"]
        subprocess.run(command, input=mutant.patch, check=True)
        changed = (tmp_path / "m.py").read_bytes()
        differing = [
            pair
            for pair in zip(NEW.split(b"\n"), changed.split(b"\n"), strict=True)
            if len(set(pair)) > 1
        ]
        assert [(a.decode().strip(), b.decode().strip()) for a, b in differing] == [
            (mutant.old, mutant.new)
        ]


def test_the_draw_depends_on_its_seed_alone(tmp_path: Path) -> None:
    patch = make_diff(tmp_path, OLD, NEW)
    sources, _ = read_changed_sources(patch, {"m.py": OLD}.get, lambda path: True)
    draws = [draw_mutants(patch, sources, seed, 3) for seed in ("a", "a", "b", "c", "d")]
    assert draws[0] == draws[1] and len(draws[0].mutants) == 3
    assert len({draw.mutants for draw in draws}) > 1
    lines = {it.line for it in draws[0].mutants}
    assert len(lines) == 3  # lines take turns


def test_equivalent_mutants_are_left_out(tmp_path: Path) -> None:
    new = b"def f():\n    return 1 + 0\n"
    patch = make_diff(tmp_path, b"def f():\n    pass\n", new)
    sources, _ = read_changed_sources(
        patch, {"m.py": b"def f():\n    pass\n"}.get, lambda path: True
    )
    draw = draw_mutants(patch, sources, "s")
    assert draw.equivalent  # 1 - 0 is the same
    assert draw.mutants and all(it.operator != "arithmetic" for it in draw.mutants)


def test_other_content_is_told(tmp_path: Path) -> None:
    patch = make_diff(tmp_path, OLD, NEW)
    for old in ({"m.py": b"something else\n"}, {}):
        sources, unreadable = read_changed_sources(patch, old.get, lambda path: True)
        assert not sources and list(unreadable) == ["m.py"]


def test_tests_and_other_files_are_not_mutated(tmp_path: Path) -> None:
    patch = make_diff(tmp_path, b"a\n", b"a = 1\n", "m.txt")
    assert read_changed_sources(patch, lambda path: None, lambda path: True) == ([], {})
    patch = make_diff(tmp_path, OLD, NEW)
    assert read_changed_sources(patch, {"m.py": OLD}.get, lambda path: False) == ([], {})


LINES = st.lists(st.sampled_from([b"a\n", b"b\n", b"\n", b"c\r\n", b"+x\n", b"-y\n"]), max_size=30)
ENDS = st.sampled_from([b"", b"no newline"])


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(old=LINES, new=LINES, ends=st.tuples(ENDS, ENDS))
def test_patched_as_git_does(
    tmp_path_factory: pytest.TempPathFactory,
    old: list[bytes],
    new: list[bytes],
    ends: tuple[bytes, bytes],
) -> None:
    before, after = b"".join(old) + ends[0], b"".join(new) + ends[1]
    patch = make_diff(tmp_path_factory.mktemp("repo"), before, after, "m")
    if patch:
        patched = patch_file(before, patch)
        assert patched.text == after
        lines, diff = split_lines(after), split_lines(patch)
        for number, index in patched.added.items():
            assert diff[index].removesuffix(b"\n") == b"+" + lines[number - 1].removesuffix(b"\n")
