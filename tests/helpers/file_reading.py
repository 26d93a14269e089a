"""A project whose tests read data in every way, and which test reads what."""

CODE = """\
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
NAMES = sorted(os.listdir("data"))
with open("expected.txt") as stream:
    EXPECTED = stream.read()


@pytest.fixture(scope="module")
def shared():
    return Path("data/shared.txt").read_text()


@pytest.mark.parametrize("name", NAMES)
def test_name(name):
    open("data/" + name).close()

@pytest.mark.parametrize("case", [(Path("data/a.txt"), {"k": b"text"}, 1)], ids=["x"])
def test_values(case): pass

def test_io(): io.open(b"data/a.txt").close()
def test_path(): Path("data/b.txt").read_bytes()
def test_first_use(shared): pass
def test_second_use(shared): pass
def test_scandir(): list(os.scandir("data"))
def test_glob(): list(Path("listed").glob("*.txt"))
def test_command(): subprocess.call([sys.executable, "-c", "", "data/a.txt"])
def test_elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    open(os.path.join(HERE, "data", "b.txt")).close()
def test_odd_arguments():
    with pytest.raises(TypeError):
        open(object())
    os.close(os.open(os.devnull, os.O_RDONLY))
def test_nothing(): open(os.devnull).close()
"""
FILES = {
    "test_it.py": CODE,
    "expected.txt": "",
    "data/a.txt": "",
    "data/b.txt": "",
    "data/shared.txt": "",
    "listed/c.txt": "",
}
ONE = "test_it.py::"
OPENED = {
    f"{ONE}test_name[a.txt]": {"data/a.txt"},
    f"{ONE}test_name[b.txt]": {"data/b.txt"},
    f"{ONE}test_name[shared.txt]": {"data/shared.txt"},
    f"{ONE}test_io": {"data/a.txt"},
    f"{ONE}test_path": {"data/b.txt"},
    f"{ONE}test_first_use": {"data/shared.txt"},
    f"{ONE}test_scandir": {"data"},
    f"{ONE}test_glob": {"listed"},
    f"{ONE}test_elsewhere": {"data/b.txt"},
}
BY_COMMAND = {f"{ONE}test_command": {"data/a.txt"}}  # seen since Python 3.8
AT_COLLECTION = {"data", "expected.txt"}
VALUES = {f"{ONE}test_name[b.txt]": ("b.txt",), f"{ONE}test_values[x]": ("data/a.txt", "text")}
