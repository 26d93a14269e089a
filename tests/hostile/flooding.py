"""Attempts to use up the machine: processes, memory, disk, output, the report."""

import os
from dataclasses import replace

from curate.builders.model import Outcome, RunResult, RunStatus
from tests.hostile.case import HONEST, LIMITS, Case

MIB = 1 << 20
OUTPUT = int(os.environ.get("CURATE_HOSTILE_OUTPUT_MIB", "1000"))

FORK_BOMB = """\
import os, subprocess
BOMB = "import os\\nos.nice(19)\\nwhile True:\\n    try: os.fork()\\n    except OSError: pass\\n"
def test_good(): pass
def test_bad():
    subprocess.Popen(["python", "-c", BOMB], start_new_session=True)
    import time; time.sleep(1)
    assert 0
"""

BOMB_INSIDE = """\
import os
def test_bad():
    while True:
        try: os.fork()
        except OSError: pass
"""

MEMORY = """\
import subprocess
def test_good(): pass
def test_bad():
    code = "x = []\\nwhile True: x.append(bytearray(1 << 20))"
    assert subprocess.call(["python", "-c", code]) == 0
"""

MEMORY_AGAIN = MEMORY.replace("    assert subprocess", "    while True: subprocess")

MEMORY_FILES = """\
import errno, pytest
def fill(path):
    with pytest.raises(OSError) as caught, open(path, "wb") as stream:
        while True: stream.write(bytes(1 << 20))
    assert caught.value.errno == errno.ENOSPC
def test_good(): fill("/tmp/full"); fill("/dev/shm/full")
def test_bad(): assert 0
"""

ONE_FILE = """\
import errno, pytest
def test_good():
    with open("x", "wb", 0) as stream:  # nothing is written: the watch would count it, too
        stream.seek(256 << 20)
        with pytest.raises(OSError) as caught: stream.write(b"x")
        assert caught.value.errno == errno.EFBIG
        with pytest.raises(OSError): stream.truncate(1 << 40)
def test_bad(): assert 0
"""

DISK = """\
import os, time
def test_good(): pass
def test_bad():
    os.mkdir("many")
    for n in range(90):
        with open("many/%d" % n, "wb") as stream: stream.write(bytes(4 << 20))
    time.sleep(30)
"""

OUTPUT_CODE = f"""\
import os
BLOCK = ({{}} * (1 << 20))[: 1 << 20]
def test_good():
    for _ in range({OUTPUT}): os.write(1, BLOCK)
def test_bad(): assert 0
"""

LEFT_WRITER = """\
import os, subprocess
def test_good(): subprocess.Popen(["yes"], start_new_session=True)
def test_bad(): assert 0
"""

REPORT = """\
import pytest
@pytest.mark.parametrize("n", range(40), ids=lambda n: "%d" % n + "y" * 1000000)
def test_good(n): pass
def test_bad(): assert 0
"""


def _case(name: str, code: str, **facts: object) -> Case:
    return Case(name=name, files={"test_x.py": code}, **facts)  # type: ignore[arg-type]


def _long_names(result: RunResult) -> bool:
    passed = [name for name, outcome in result.outcomes.items() if outcome is Outcome.PASSED]
    return len(passed) == 40 and all(len(name) > 1_000_000 for name in passed)


CASES = (
    _case("leaves a fork bomb", FORK_BOMB, status=RunStatus.OUT_OF_PIDS),
    _case("is a fork bomb", BOMB_INSIDE, status=RunStatus.OUT_OF_PIDS),
    _case("floods memory in a child", MEMORY, status=RunStatus.OUT_OF_MEMORY),
    _case("floods memory again and again", MEMORY_AGAIN, status=RunStatus.OUT_OF_MEMORY),
    _case("floods memory with files", MEMORY_FILES, outcomes=HONEST),
    _case(
        "writes past the end of the longest file",
        ONE_FILE,
        limits=replace(LIMITS, disk_bytes=256 * MIB),
        outcomes=HONEST,
    ),
    _case(
        "floods the disk with many files",
        DISK,
        limits=replace(LIMITS, disk_bytes=256 * MIB),
        status=RunStatus.OUT_OF_DISK,
        also=lambda r: r.seconds < 30,
    ),
    _case(
        "floods its output with one line",
        OUTPUT_CODE.format('b"x"'),
        command="python -m pytest -s -q",
        outcomes=HONEST,
        also=lambda r: b"1 failed" in r.output,
    ),
    _case(
        "floods its output with no text",
        OUTPUT_CODE.format('b"\\xff\\x00\\xc3\\x1b"'),
        command="python -m pytest -s -q",
        outcomes=HONEST,
        also=lambda r: b"1 failed" in r.output,
    ),
    _case("leaves a process that floods the output", LEFT_WRITER, outcomes=HONEST),
    _case("has gigantic names", REPORT, also=_long_names),
)
