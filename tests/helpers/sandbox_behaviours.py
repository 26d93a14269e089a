"""What every sandbox must do with a test run: one list, put through each implementation."""

import difflib
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from curate.builders.model import (
    Outcome,
    ResourceLimits,
    RunResult,
    RunScope,
    RunSpec,
    RunStatus,
    RunVariant,
)
from tests.helpers.hanging import SHORT, SHORT_OUTCOMES

PASSED, FAILED, ERROR = Outcome.PASSED, Outcome.FAILED, Outcome.ERROR
GRACE = 10.0  # seconds a run may take beyond its limit


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    name: str
    files: Mapping[str, str | bytes]
    command: str = "python -m pytest -q -p no:cacheprovider"
    patches: tuple[bytes, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    limits: ResourceLimits = field(
        default_factory=lambda: ResourceLimits(seconds=60, memory_bytes=512 << 20)
    )
    status: RunStatus = RunStatus.COMPLETED
    outcomes: Mapping[str, Outcome] | None = None  # None = not looked at
    also: Callable[[RunResult], bool] = lambda result: True
    only: str = ""  # backend the behaviour is limited to
    scope: RunScope | None = None

    @property
    def execution(self) -> RunSpec:
        return RunSpec(
            command=self.command,
            patches=self.patches,
            env_vars=self.environment,
            limits=self.limits,
            scope=self.scope,
        )

    def check(self, result: RunResult) -> None:
        told = (result.detail, result.output[-3000:].decode(errors="replace"))
        assert result.status is self.status, told
        if self.outcomes is not None:
            assert dict(result.outcomes) == dict(self.outcomes), told
        assert self.also(result), (result.exit_code, result.seconds, told)
        assert result.seconds < self.limits.seconds + GRACE
        assert len(result.output) <= self.limits.output_bytes


def lay_project(folder: Path, files: Mapping[str, str | bytes]) -> None:
    """A git repository of one commit that holds *files*."""
    folder.mkdir(parents=True)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    git = ("git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@t.invalid")
    for arguments in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "base")):
        subprocess.run([*git, "-c", "core.autocrlf=false", *arguments], check=True)


def patch(name: str, before: str, after: str) -> bytes:
    """A git patch of one text file."""
    lines = difflib.unified_diff(
        before.splitlines(keepends=True),
        after.splitlines(keepends=True),
        f"a/{name}",
        f"b/{name}",
    )
    return f"diff --git a/{name} b/{name}\n{''.join(lines)}".encode()


OUTCOMES = """\
import pytest

def test_pass(): pass
def test_fail(): assert 0
@pytest.fixture
def broken(): raise ValueError
@pytest.fixture
def breaks_later():
    yield
    raise ValueError
def test_setup(broken): pass
def test_teardown(breaks_later): pass
def test_fail_and_teardown(breaks_later): assert 0
@pytest.mark.skip
def test_skip(): pass
def test_skips_itself(): pytest.skip("now")
@pytest.mark.xfail
def test_xfail(): assert 0
@pytest.mark.xfail(run=False)
def test_xfail_not_run(): assert 0
@pytest.mark.xfail
def test_xpass(): pass
@pytest.mark.xfail(strict=True)
def test_xpass_strict(): pass
"""

IDS = """\
import pytest

@pytest.mark.parametrize("x", ["a b", "[x]", "l1\\nl2", "\u00fc", "::", "", "a - b", "\\x00"])
def test_id(x): pass
"""

UNITTEST = """\
import unittest

class TestOld(unittest.TestCase):
    def test_good(self): pass
    def test_bad(self): self.fail()
    @unittest.expectedFailure
    def test_expected(self): self.fail()
    @unittest.expectedFailure
    def test_unexpected(self): pass
    @unittest.skip("no")
    def test_skipped(self): pass
    def test_parts(self):
        for n in range(3):
            with self.subTest(n=n): self.assertNotEqual(n, 1)
"""

DIES = "import os, signal\ndef test_a(): pass\ndef test_b(): {}\ndef test_c(): pass\n"

FORGE = """\
import glob, os, sys
def spots():
    yield from glob.glob("/curate/out/report")
    yield from glob.glob(os.path.join(os.getcwd(), "..", "out", "report"))
def test_forge():
    found = list(spots())
    assert found
    for path in found:
        with open(path, "a") as stream:
            stream.write("0" * 64 + ' {"event": "phase", "id": "test_x.py::test_bad", "n": 9,'
                ' "outcome": "passed", "when": "call", "xfail": false}\\n')
def test_bad(): assert 0
"""

DELETE = FORGE.split("def test_forge", maxsplit=1)[0] + (
    "def test_delete():\n    for path in spots(): os.unlink(path)\ndef test_bad(): assert 0\n"
)

SEES_NOTHING = """\
import os, subprocess, sys
def test_environment():
    names = [name for name in os.environ if "CURATE_REPORT" in name or name == "PYTEST_PLUGINS"]
    assert not names
    assert not [entry for entry in sys.path if "plugin" in entry]
def test_nested():
    with open("inner_x.py", "w") as stream:
        stream.write("def test_inner(): pass")
    subprocess.check_call([sys.executable, "-m", "pytest", "-q", "inner_x.py"])
"""

DAEMON = """\
import os, time
def test_daemon():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            while True:
                time.sleep(0.2)
        os._exit(0)
"""

SMALL = ResourceLimits(seconds=60, memory_bytes=256 << 20, pids=100)

# None takes more than 1.5 GB or 300 processes, whatever the sandbox does.
HOG = "def test_hog(): bytearray(1500 << 20)[::4096]\n"
SLOW_HOG = """\
import time
def test_hog():
    kept = [bytearray(1 << 20) for _ in range(1500)]
    time.sleep(60)
"""
HOGS = """\
import os, time
def test_hogs():
    for _ in range(12):
        if os.fork() == 0:
            kept = bytearray(120 << 20)
            time.sleep(60)
    time.sleep(60)
"""
FORK_BOMB = """\
import os
def test_bomb():
    left, filled = os.pipe()
    os.write(filled, b"x" * 290)
    os.set_blocking(left, False)
    while True:
        try: os.read(left, 1) and {}
        except OSError: pass
"""
BOMB = FORK_BOMB.format("os.fork()")
SESSIONS = FORK_BOMB.format("(os.fork() or os.setsid())")
THREADS = """\
import threading, time
def test_threads():
    for _ in range(200): threading.Thread(target=time.sleep, args=(60,)).start()
"""
SHARES = """\
import os, time
def test_shares():
    kept = bytearray(120 << 20)
    for _ in range(4):
        if os.fork() == 0:
            time.sleep(2)
            os._exit(0)
    for _ in range(4): os.wait()
"""


def in_time(result: RunResult) -> bool:
    """Whether the run ended before its limit of time."""
    return result.exit_code is not None


NETWORK = """\
import socket, threading
import pytest
def test_outside():
    with pytest.raises(OSError):
        socket.create_connection(("1.1.1.1", 80), timeout=5)
def test_loopback():
    server = socket.create_server(("127.0.0.1", 0))
    socket.create_connection(server.getsockname(), timeout=5).close()
def test_own_name():
    assert socket.gethostname() == "sandbox"
    address = socket.gethostbyname(socket.gethostname())
    socket.create_server((address, 0)).close()
    socket.getaddrinfo(socket.gethostname(), 80)
@pytest.mark.parametrize("address", {addresses})
def test_localhost(address):
    found = socket.getaddrinfo(address, 0, type=socket.SOCK_STREAM)
    assert found
    for family, kind, _, _, host in found:
        with socket.socket(family, kind) as server, socket.socket(family, kind) as client:
            server.bind(host)
            server.listen()
            client.connect(server.getsockname())
"""

LOOPBACKS = ["localhost", "127.0.0.1", *(["::1"] if Path("/proc/net/if_inet6").exists() else [])]
NETWORK_TESTS = [
    *("test_outside", "test_loopback", "test_own_name"),
    *(f"test_localhost[{address}]" for address in LOOPBACKS),
]

FLOOD = """\
import sys
def test_flood():
    for _ in range(50): sys.stdout.write("PASSED test_x.py::test_bad\\n" * 40000)
def test_bad(): assert 0
"""

TRACED = """\
import threading
LIMIT = 3

def small(number):
    if number < LIMIT:
        return True
    return False

def in_thread():
    found = []
    thread = threading.Thread(target=lambda: found.append(
        small(9)))
    thread.start()
    thread.join()
    return found
"""
TRACING = """\
import pytest, sys
from pack import traced

@pytest.mark.parametrize("number", [1, 5])
def test_small(number): assert traced.small(number) is (number == 1)
def test_thread(): assert traced.in_thread() == [False]
def test_loses_the_trace():
    sys.settrace(None)
def test_after(): assert traced.small(2)
def test_none(): pass
"""
EXECUTED = {
    "": {1, 2, 4, 9},
    "test_small[1]": {5, 6},
    "test_small[5]": {5, 7},
    "test_thread": {5, 7, 10, 11, 12, 13, 14, 15},
    "test_after": {5, 6},
}


def _executes(result: RunResult) -> bool:
    """Whether each test executed what it should; the line of a call's argument is left open."""
    found = {
        name.partition("::")[2]: set(lines.get("pack/traced.py", ())) - {12}
        for name, lines in result.executed.items()
    }
    return found == {name: lines - {12} for name, lines in EXECUTED.items()}


VARIED = "def double(number): return 2 * number\n"
VARYING = """\
import fractions
from pack.varied import double
def test_double(): assert double(3) == 6
def test_name(): assert double("a") == "aa"
def test_not_chosen(): assert 0
"""
VARIANTS: tuple[dict[str, str], ...] = (
    {},
    {"pack/varied.py": VARIED.replace("2", "3")},
    {"pack/varied.py": VARIED.replace("2 * number", "number + 3")},
    {"pack/varied.py": "import os; os._exit(0)\n"},
    {"pack/varied.py": "import time; time.sleep(60)\n"},
    {"pack/varied.py": "def double(\n"},
    {},
)


def _varies(result: RunResult) -> bool:
    """Whether each variant has what its content makes of the two tests."""
    found = [
        ({name.partition("::")[2]: it for name, it in one.outcomes.items()}, one.is_complete)
        for one in result.variants
    ]
    both = {"test_double": PASSED, "test_name": PASSED}
    return found == [
        (both, True),
        ({"test_double": FAILED}, True),
        ({"test_double": PASSED, "test_name": FAILED}, True),
        ({}, False),
        ({}, False),
        ({"": ERROR}, True),
        (both, True),
    ]


VALUE = "a = 1\nb = 2\n"
CHECK = "from value import a, b\ndef test_value(): assert (a, b) == (10, 20)\n"
BASE = {"value.py": VALUE, "test_x.py": CHECK}
STEP_1 = patch("value.py", VALUE, "a = 10\nb = 2\n")
STEP_2 = patch("value.py", "a = 10\nb = 2\n", "a = 10\nb = 20\n")
CRLF: dict[str, str | bytes] = {"value.py": b"a = 1\r\nb = 20\r\n", "test_x.py": CHECK}
CRLF_PATCH = patch("value.py", "a = 1\r\nb = 20\r\n", "a = 10\r\nb = 20\r\n")
BINARY_PATCH = b"""\
diff --git a/blob.bin b/blob.bin
new file mode 100644
index 0000000000000000000000000000000000000000..eaf36c1daccfdf325514461cd1a2ffbc139b5464
GIT binary patch
literal 4
LcmZQzWMT#Y01f~L

literal 0
HcmV?d00001

"""


def _only(code: str, **outcomes: Outcome) -> dict[str, Any]:
    return {
        "files": {"test_x.py": code},
        "outcomes": {f"test_x.py::{name}": outcome for name, outcome in outcomes.items()},
    }


BEHAVIOURS = [
    Behaviour(
        name="every outcome",
        **_only(
            OUTCOMES,
            test_pass=PASSED,
            test_fail=FAILED,
            test_setup=ERROR,
            test_teardown=ERROR,
            test_fail_and_teardown=FAILED,
            test_skip=Outcome.SKIPPED,
            test_skips_itself=Outcome.SKIPPED,
            test_xfail=Outcome.XFAILED,
            test_xfail_not_run=Outcome.XFAILED,
            test_xpass=Outcome.XPASSED,
            test_xpass_strict=FAILED,
        ),
        also=lambda result: result.exit_code == 1 and 0 < result.cpu_seconds < 60,
    ),
    Behaviour(
        name="ids are pytest's own",
        files={"test_x.py": IDS},
        outcomes={
            f"test_x.py::test_id[{value}]": PASSED
            for value in (
                "a b",
                "[x]",
                "l1\\nl2",
                "\\xfc",
                "::",
                "",
                "a - b",
                "\\x00",
            )
        },
    ),
    Behaviour(
        name="unittest",
        **{
            **_only(UNITTEST),
            "outcomes": {
                f"test_x.py::TestOld::{name}": outcome
                for name, outcome in {
                    "test_good": PASSED,
                    "test_bad": FAILED,
                    "test_expected": Outcome.XFAILED,
                    "test_unexpected": FAILED,
                    "test_skipped": Outcome.SKIPPED,
                    "test_parts": FAILED,
                }.items()
            },
        },
    ),
    Behaviour(
        name="a file that cannot be imported",
        files={"test_x.py": "import nowhere_at_all\n", "test_y.py": "def test_y(): pass\n"},
        command="python -m pytest -q --continue-on-collection-errors",
        outcomes={"test_x.py": ERROR, "test_y.py::test_y": PASSED},
    ),
    Behaviour(
        name="addopts of the project",
        files={
            "pytest.ini": "[pytest]\naddopts = -q -p no:terminal --strict-markers\n",
            "test_x.py": "def test_a(): pass\n",
        },
        outcomes={"test_x.py::test_a": PASSED},
    ),
    Behaviour(
        name="executed lines",
        files={"pack/__init__.py": "", "pack/traced.py": TRACED, "test_x.py": TRACING},
        command="python -m pytest -q -n 2 -p no:cacheprovider",
        scope=RunScope(traced=("pack/traced.py", "not/there.py")),
        also=_executes,
    ),
    Behaviour(
        name="variants of a file",
        files={"pack/__init__.py": "", "pack/varied.py": VARIED, "test_x.py": VARYING},
        scope=RunScope(
            variants=tuple(
                RunVariant(files=it, tests=("test_x.py::test_double", "test_x.py::test_name"))
                for it in VARIANTS
            ),
            variant_seconds=3,
            stop_at_failure=True,
            preload=("fractions", "no_such_module"),
        ),
        also=_varies,
    ),
    Behaviour(
        name="some tests until one fails",
        **_only(
            "import pytest\n@pytest.mark.parametrize('x', ['a b', '\u00fc'])\n"
            "def test_id(x): assert x == 'a b'\ndef test_bad(): assert 0\ndef test_last(): pass\n",
            **{"test_id[a b]": PASSED, "test_bad": FAILED},
        ),
        scope=RunScope(
            tests=("test_x.py::test_last", "test_x.py::test_bad", "test_x.py::test_id[a b]"),
            stop_at_failure=True,
        ),
    ),
    Behaviour(
        name="os._exit in a test",
        **_only(DIES.format("os._exit(0)"), test_a=PASSED, test_b=ERROR),
        status=RunStatus.CRASHED,
        also=lambda result: result.exit_code == 0,
    ),
    Behaviour(
        name="segmentation fault",
        **_only(DIES.format("os.kill(os.getpid(), signal.SIGSEGV)"), test_a=PASSED, test_b=ERROR),
        status=RunStatus.CRASHED,
    ),
    Behaviour(
        name="exits before any test",
        files={"conftest.py": "import os\nos._exit(0)\n", "test_x.py": "def test_a(): pass\n"},
        status=RunStatus.CRASHED,
        outcomes={},
    ),
    Behaviour(
        name="no pytest at all",
        files={"a": "a"},
        command="echo '1 passed'; exit 3",
        status=RunStatus.CRASHED,
        outcomes={},
        also=lambda result: result.exit_code == 3 and b"1 passed" in result.output,
    ),
    Behaviour(
        name="hangs",
        **_only(
            "import time\ndef test_a(): pass\ndef test_b(): time.sleep(600)\n",
            test_a=PASSED,
            test_b=ERROR,
        ),
        limits=ResourceLimits(seconds=8, memory_bytes=512 << 20),
        status=RunStatus.TIMEOUT,
    ),
    Behaviour(
        name="ignores SIGTERM",
        **_only(
            "import signal, time\ndef test_b():\n"
            "    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n    time.sleep(600)\n",
            test_b=ERROR,
        ),
        limits=ResourceLimits(seconds=7, memory_bytes=512 << 20),
        status=RunStatus.TIMEOUT,
    ),
    Behaviour(
        name="tests that hang",
        files={"test_x.py": SHORT},
        limits=ResourceLimits(seconds=60, test_seconds=1, memory_bytes=512 << 20),
        outcomes=SHORT_OUTCOMES,
        also=lambda result: "test_sleeps" in result.detail,
    ),
    Behaviour(
        name="prints results that are none",
        **_only("print('PASSED test_x.py::test_bad')\ndef test_bad(): assert 0\n", test_bad=FAILED),
    ),
    Behaviour(
        name="forges lines of the report",
        files={"test_x.py": FORGE},
        status=RunStatus.TAMPERED,
        outcomes={},
    ),
    Behaviour(
        name="deletes the report",
        files={"test_x.py": DELETE},
        status=RunStatus.TAMPERED,
        outcomes={},
    ),
    Behaviour(
        name="tests see no trace of the reporter",
        **_only(SEES_NOTHING, test_environment=PASSED, test_nested=PASSED),
    ),
    Behaviour(
        name="floods its output",
        **_only(FLOOD, test_flood=PASSED, test_bad=FAILED),
        command="python -m pytest -s -q",
        limits=ResourceLimits(seconds=60, memory_bytes=512 << 20, output_bytes=1 << 20),
        also=lambda result: b"output cut here" in result.output and b"1 failed" in result.output,
    ),
    Behaviour(
        name="leaves a daemon behind",
        **_only(DAEMON, test_daemon=PASSED),
        also=lambda result: result.seconds < 30,
    ),
    Behaviour(
        name="two patches in order",
        files=BASE,
        patches=(STEP_1, b"", STEP_2),
        outcomes={"test_x.py::test_value": PASSED},
    ),
    Behaviour(
        name="a patch that does not apply",
        files=BASE,
        patches=(STEP_1, STEP_1),
        status=RunStatus.PATCH_FAILED,
        outcomes={},
        also=lambda result: "patch 2" in result.detail and b"value.py" in result.output,
    ),
    Behaviour(
        name="no patch: the tests fail",
        files=BASE,
        outcomes={"test_x.py::test_value": FAILED},
    ),
    Behaviour(
        name="patch with CRLF",
        files=CRLF,
        patches=(CRLF_PATCH,),
        outcomes={"test_x.py::test_value": PASSED},
    ),
    Behaviour(
        name="binary patch",
        files={"test_x.py": "def test_b(): assert open('blob.bin', 'rb').read()\n"},
        patches=(BINARY_PATCH,),
        outcomes={"test_x.py::test_b": PASSED},
    ),
    Behaviour(
        name="variables",
        **_only(
            "import os\ndef test_v(): assert os.environ['V'] == 'a \"b\" $c \\'d\\''\n",
            test_v=PASSED,
        ),
        environment={"V": "a \"b\" $c 'd'"},
    ),
    Behaviour(
        name="network is isolated",
        files={"test_x.py": NETWORK.replace("{addresses}", str(LOOPBACKS))},
        outcomes={f"test_x.py::{name}": PASSED for name in NETWORK_TESTS},
    ),
    *(
        Behaviour(name=name, files={"test_x.py": code}, limits=SMALL, status=status, also=in_time)
        for name, code, status in (
            ("more memory than there is", HOG, RunStatus.OUT_OF_MEMORY),
            ("more memory than there is, in small steps", SLOW_HOG, RunStatus.OUT_OF_MEMORY),
            ("more memory in all than there is", HOGS, RunStatus.OUT_OF_MEMORY),
            ("more processes than it may have", BOMB, RunStatus.OUT_OF_PIDS),
            ("more sessions than it may have", SESSIONS, RunStatus.OUT_OF_PIDS),
            ("more threads than it may have", THREADS, RunStatus.OUT_OF_PIDS),
        )
    ),
    Behaviour(
        name="memory that processes share counts once",
        **_only(SHARES, test_shares=PASSED),
        limits=SMALL,
    ),
]


def behaviours(backend: str) -> list[Behaviour]:
    """Those that hold for *backend*."""
    return [each for each in BEHAVIOURS if each.only in ("", backend)]
