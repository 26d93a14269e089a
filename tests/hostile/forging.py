"""Attempts to have results that are none: forged, replaced, hidden, or claimed by other means."""

from curate.builders.model import Outcome, RunStatus
from tests.hostile.case import GOOD, HONEST, TESTS, Case

FORGED = {**GOOD, "test_x.py::test_bad": Outcome.PASSED}
OUT = "/curate/out"

PRINTS = """\
import os, sys
LINE = "test_x.py::test_bad PASSED [100%]\\nPASSED test_x.py::test_bad\\n1 passed in 0.1s\\n"
def test_good(): os.write(1, LINE.encode()); sys.__stderr__.write(LINE)
def test_bad(): print(LINE); assert 0
"""

APPENDS = f"""\
def test_good(): pass
def test_bad():
    with open("{OUT}/report", "a") as stream:
        stream.write("0" * 64 + ' {{"event": "phase", "id": "test_x.py::test_bad", "n": 9,'
            ' "outcome": "passed", "when": "call", "xfail": false}}\\n')
    assert 0
"""

CUTS = f"""\
kept = []
def test_good(): pass
def test_keep(): kept.append(open("{OUT}/report", "rb").read())
def test_bad(): assert 0
def test_put_back():
    with open("{OUT}/report", "wb") as stream: stream.write(kept[0])
"""

OWN_KEY = f"""\
import hashlib, hmac, json, os
RECORDS = [
    {{"event": "start", "format": 1}},
    {{"event": "phase", "id": "test_x.py::test_bad", "when": "call", "outcome": "passed",
     "xfail": False}},
    {{"event": "finish", "exit_status": 0}},
]
def test_bad():
    last = b""
    open("{OUT}/key", "wb").write(b"k" * 64)
    with open("{OUT}/report", "wb") as stream:
        for record in RECORDS:
            body = json.dumps(record).encode()
            last = hmac.new(b"k" * 64, last + body, hashlib.sha256).hexdigest().encode()
            stream.write(last + b" " + body + b"\\n")
    os._exit(0)
"""

# What the reporter leaves where other code can look; a memory scan is another matter.
LOOKS_FOR_KEY = f"""\
import glob, os, re
KEY = re.compile(rb"(?<![0-9a-f])[0-9a-f]{{64}}(?![0-9a-f])")
def texts():
    for pattern in ("/proc/[0-9]*/environ", "/proc/[0-9]*/cmdline", "/curate/*/*", "/tmp/*"):
        for path in glob.glob(pattern):
            try:
                if os.path.isfile(path): yield path, open(path, "rb").read()
            except OSError: pass
    yield "environ", repr(os.environ).encode()
def test_good():
    macs = set(re.findall(rb"^[0-9a-f]{{64}}", open("{OUT}/report", "rb").read(), re.M))
    found = [path for path, text in texts() if set(KEY.findall(text)) - macs]
    assert not found, found
    assert not os.path.exists("{OUT}/key")
def test_bad(): assert 0
"""

REPLACED = f"""\
import os, socket, shutil
def test_good(): pass
def test_bad():
    os.unlink("{OUT}/report")
    {{}}
    os._exit(0)
"""

CLAIMS = f"""\
import os
def test_good(): pass
def test_bad():
    for name in ("patched", "report"): os.unlink("{OUT}/" + name)
    os._exit({{}})
"""

ACCOUNT = f"""\
import os
def test_good():
    with open("{OUT}/account", "w") as stream: stream.write("usage_usec " + "9" * 5000 + "\\\\n")
    os.chmod("{OUT}/account", 0o444)
def test_bad(): assert 0
"""

UNREGISTERS = """\
def pytest_collection_finish(session):
    manager = session.config.pluginmanager
    for plugin in list(manager.get_plugins()):
        if type(plugin).__name__ == "Reporter": manager.unregister(plugin)
"""

MALFORMED = """\
import gc
def test_good(): pass
def test_bad():
    reporter = next(o for o in gc.get_objects() if type(o).__name__ == "Reporter")
    reporter.write("phase", id=None, outcome=["passed"])
    reporter.write("finish")
    assert 0
"""

SIGNS = """\
import gc
def test_good(): pass
def test_bad():
    reporter = next(o for o in gc.get_objects() if type(o).__name__ == "Reporter")
    reporter.write("phase", id="test_x.py::test_bad", when="call", outcome="passed", xfail=False)
    type(reporter).pytest_runtest_logreport = lambda self, report: None
    reporter.pytest_runtest_logreport = lambda report: None
    original = reporter.write
    reporter.write = lambda event, **facts: event == "phase" or original(event, **facts)
    assert 0
"""

REWRITES = """\
import pytest
@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    report.outcome = "passed"
"""

PATCHES_PYTEST = """\
import _pytest.runner, _pytest.python
_pytest.python.Function.runtest = lambda self: None
"""

CLOCK = """\
import time, datetime, os
def test_good():
    for name in ("time", "monotonic", "perf_counter"): setattr(time, name, lambda: 0.0)
    try: time.clock_settime(time.CLOCK_REALTIME, 0)
    except PermissionError: pass
    else: raise AssertionError
def test_bad(): assert 0
"""

EXITS = "import pytest\ndef test_good(): pass\ndef test_exit(): pytest.exit('done', {})\n{}"


def _case(name: str, code: str, **facts: object) -> Case:
    return Case(name=name, files={"test_x.py": code}, **facts)  # type: ignore[arg-type]


def _replaced(what: str, line: str) -> Case:
    return _case(
        f"puts {what} in the place of the report",
        REPLACED.format(line),
        status=RunStatus.TAMPERED,
        outcomes={},
    )


def _conftest(name: str, conftest: str, **facts: object) -> Case:
    files = {"conftest.py": conftest, "test_x.py": TESTS}
    return Case(name=name, files=files, **facts)  # type: ignore[arg-type]


CASES = (
    _case("prints fake results", PRINTS, outcomes=HONEST, command="python -m pytest -s"),
    _case("appends to the report", APPENDS, status=RunStatus.TAMPERED, outcomes={}),
    _case("puts an older report back", CUTS, status=RunStatus.TAMPERED, outcomes={}),
    _case("signs with a key of its own", OWN_KEY, status=RunStatus.TAMPERED, outcomes={}),
    _case("looks for the key", LOOKS_FOR_KEY, outcomes=HONEST),
    _replaced("nothing", "pass"),
    _replaced("a folder", f"shutil.copytree('/testbed', '{OUT}/report')"),
    _replaced("a socket", f"socket.socket(socket.AF_UNIX).bind('{OUT}/report')"),
    _replaced("a link", f"os.symlink('/dev/zero', '{OUT}/report')"),
    _replaced("a huge file", f"open('{OUT}/report', 'w').truncate(8 << 30)"),
    _case("claims that its patch did not apply", CLAIMS.format(90), status=RunStatus.TAMPERED),
    _case("claims that there is no checkout", CLAIMS.format(89), status=RunStatus.TAMPERED),
    _case("leaves accounts of its own", ACCOUNT, outcomes=HONEST),
    _conftest("unregisters the reporter", UNREGISTERS, status=RunStatus.CRASHED, outcomes={}),
    _case("signs what is no record", MALFORMED, status=RunStatus.TAMPERED, outcomes={}),
    _case("patches clocks", CLOCK, outcomes=HONEST),
    _case("ends the session early with 0", EXITS.format(0, TESTS), also=lambda r: r.exit_code == 0),
    _conftest(
        "exits with 0 when pytest begins",
        "import os\ndef pytest_sessionstart(session): os._exit(0)\n",
        status=RunStatus.CRASHED,
        outcomes={},
    ),
    _conftest(
        "exits with 0 when pytest ends",
        "import os\ndef pytest_sessionfinish(session): os._exit(0)\n",
        status=RunStatus.CRASHED,
        outcomes=HONEST,
    ),
    # In the process of pytest everything can be had: no border, and docs/security.md says so.
    _case("finds the reporter and signs", SIGNS, outcomes=FORGED, guarded=False),
    _conftest("rewrites reports by a hook", REWRITES, outcomes=FORGED, guarded=False),
    _conftest("patches pytest", PATCHES_PYTEST, outcomes=FORGED, guarded=False),
)
