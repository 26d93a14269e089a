"""Code of a candidate that its tests run: forged reports, early ends, tricks inside of pytest."""

from tests.cheats.candidate import Cheat
from tests.cheats.code import in_core
from tests.cheats.sample import CORE, FAIL_TO_PASS

SIGNED = "results are signed with a key that is gone before code of the candidate runs"
PASSED_ONLY = "only tests that pass count: not those skipped, or failed as expected"
LISTED = "every listed test must pass; exit codes and what is printed count for nothing"
LIMITS = "runs have limits of time, memory, processes and output"
SPOTS = """\
import glob, json, os
def spots(name="report"):
    for pattern in ("/curate/out/", os.path.join(os.getcwd(), "..", "out", "")):
        yield from glob.glob(pattern + name)
"""
LINES = "".join(f"{name} PASSED\\n" for name in FAIL_TO_PASS)
FORGED = (
    SPOTS
    + f"""\
RECORDS = [{{"event": "start", "format": 1}}]
for name in {FAIL_TO_PASS!r}:
    RECORDS.append({{"event": "test", "id": name}})
    RECORDS.append({{"event": "phase", "id": name, "when": "call", "outcome": "passed",
                     "xfail": False, "timed_out": False, "seconds": 0.1}})
RECORDS.append({{"event": "finish", "exit_status": 0}})
def forge(key=b"k" * 64):
    import hashlib, hmac
    last, text = b"", b""
    for number, record in enumerate(RECORDS):
        body = json.dumps({{**record, "n": number}}, sort_keys=True).encode()
        last = hmac.new(key, last + body, hashlib.sha256).hexdigest().encode()
        text += last + b" " + body + b"\\n"
    return text
def replace(mode="wb"):
    for path in list(spots()):
        with open(path, mode) as stream: stream.write(forge())
"""
)
FORK = "os.fork() == 0"


def _cheat(name: str, code: str, guard: str, *, slow: bool = False, only: str = "") -> Cheat:
    files = in_core(code)
    return Cheat(name=name, files=files, guard=guard, bites=False, is_slow=slow, only=only)


def _add(name: str, body: str, guard: str, *, slow: bool = False) -> Cheat:
    """The function that is tested does it."""
    text = CORE.replace("    return one - other\n", f"    import os, sys, pytest\n    {body}\n")
    files = {"src/sample/core.py": text}
    return Cheat(name=name, files=files, guard=guard, bites=False, is_slow=slow)


CASES = (
    _cheat(
        "prints results", f'import os\nos.write(1, b"""{LINES}""")\nprint("3 passed")\n', LISTED
    ),
    _cheat("appends to the report", FORGED + 'replace("ab")\n', SIGNED),
    _cheat(
        "writes the report at the end", FORGED + "import atexit\natexit.register(replace)\n", SIGNED
    ),
    _cheat(
        "writes the report from a finalizer",
        FORGED
        + """\
class Bomb:
    def __del__(self, replace=replace): replace()
bomb = Bomb()
bomb.self = bomb
""",
        SIGNED,
    ),
    _cheat(
        "writes the report from a thread",
        FORGED
        + """\
import threading, time
def late():
    while True: replace(); time.sleep(0.005)
threading.Thread(target=late, daemon=True).start()
""",
        SIGNED,
    ),
    _cheat(
        "writes the report from a process that stays",
        FORGED
        + f"""\
import time
if {FORK}:
    os.setsid()
    deadline = time.time() + 5
    while time.time() < deadline: replace(); time.sleep(0.01)
    os._exit(0)
""",
        SIGNED,
    ),
    _cheat("writes the report and leaves", FORGED + "replace()\nos._exit(0)\n", SIGNED),
    _cheat(
        "brings a key of its own",
        FORGED
        + """\
for path in list(spots()):
    with open(os.path.join(os.path.dirname(path), "key"), "wb") as stream: stream.write(b"k" * 64)
replace()
os._exit(0)
""",
        SIGNED,
    ),
    _cheat(
        "makes the report a link",
        FORGED
        + """\
for path in list(spots()):
    with open("forged", "wb") as stream: stream.write(forge())
    os.unlink(path); os.symlink(os.path.abspath("forged"), path)
os._exit(0)
""",
        SIGNED,
    ),
    _cheat(
        "removes all marks",
        SPOTS
        + """\
for path in list(spots("*")):
    try: os.unlink(path)
    except OSError: pass
os._exit(90)
""",
        SIGNED,
    ),
    _cheat("leaves at its import", "import os\nos._exit(0)\n", LISTED),
    _cheat("exits at its import", "import sys\nsys.exit(0)\n", LISTED),
    _cheat("exits pytest", "import pytest\npytest.exit('done', returncode=0)\n", LISTED),
    _cheat("exits with 0 at the end", "import atexit, os\natexit.register(os._exit, 0)\n", LISTED),
    _cheat("ends the parent", "import os\nos.kill(os.getppid(), 9)\n", LISTED),
    _cheat("ends itself", "import os\nos.kill(os.getpid(), 9)\n", LISTED),
    _cheat("goes on in a child", f"import os\nif not {FORK}:\n    os._exit(0)\n", LISTED),
    _cheat("closes all files", "import os\nos.closerange(0, 100)\n", LISTED),
    _cheat("becomes another program", "import os\nos.execv('/bin/true', ['true'])\n", LISTED),
    _cheat(
        "runs a passing session inside",
        FORGED
        + """\
import subprocess, sys
if not os.environ.get("INSIDE"):
    with open("test_inside.py", "w") as stream: stream.write("def test_add(): pass\\n")
    os.environ["INSIDE"] = "1"
    subprocess.call([sys.executable, "-m", "pytest", "test_inside.py"])
    os._exit(0)
""",
        LISTED,
    ),
    _cheat(
        "skips at its import",
        "import pytest\npytest.skip('no', allow_module_level=True)\n",
        PASSED_ONLY,
    ),
    _cheat("lacks a package", "import pytest\npytest.importorskip('nowhere')\n", PASSED_ONLY),
    Cheat(
        name="deletes the package",
        guard=PASSED_ONLY,
        bites=False,
        files={"src/sample/core.py": None, "src/sample/__init__.py": None},
    ),
    _add("exits in a test", "sys.exit(0)", PASSED_ONLY),
    _add("exits pytest in a test", "pytest.exit('done', returncode=0)", LISTED),
    _add("leaves in a test", "os._exit(0)", LISTED),
    _add("skips the test that calls it", "pytest.skip('no')", PASSED_ONLY),
    _add("skips as unittest does", "import unittest; raise unittest.SkipTest('no')", PASSED_ONLY),
    _add("fails as expected", "pytest.xfail('no')", PASSED_ONLY),
    _add("interrupts", "raise KeyboardInterrupt", LISTED),
    _add("exhausts the stack", "return add(one, other)", LISTED),
    _cheat(
        "lets no assertion fail",
        "import builtins, pytest\nbuiltins.AssertionError = pytest.xfail.Exception\n",
        PASSED_ONLY,
    ),
    _cheat(
        "edits pytest on the disk",
        """\
import _pytest.runner
place = _pytest.runner.__file__
if place.startswith("/opt/python/"):  # of the container, and of nothing else
    try:
        with open(place, "a") as stream: stream.write("\\nraise SystemExit(0)\\n")
    except OSError: pass
""",
        "the interpreter belongs to another user, and each run has a new sandbox",
        only="docker",  # the local sandbox may share packages with others
    ),
    _cheat(
        "floods the output",
        "import os\nfor _ in range(200): os.write(1, b'PASSED\\n' * 100_000)\n",
        LIMITS,
    ),
    _cheat(
        "takes all memory",
        "kept = []\nwhile True: kept.append(bytearray(8 << 20))\n",
        LIMITS,
        slow=True,
    ),
    _cheat("never ends", "import time\ntime.sleep(600)\n", LIMITS, slow=True),
    _add("hangs in a test", "import time; time.sleep(600)", LIMITS, slow=True),
    _cheat(
        "multiplies",
        """\
import os, time
for _ in range(150):
    try:
        if os.fork() == 0: time.sleep(5); os._exit(0)
    except OSError: break
""",
        LIMITS,
        slow=True,
    ),
)
