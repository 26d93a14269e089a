"""Tests that hang in every way, and what must come of each if a test may take a second."""

from curate.builders.model import Outcome

PASSED, FAILED, ERROR = Outcome.PASSED, Outcome.FAILED, Outcome.ERROR
LIMIT = {"CURATE_TEST_SECONDS": "1"}

# C code that looks at no signal and lets no thread run: nothing but the end of the process helps.
# It waits for its own lock, which costs no time of the CPU; a loop, should a lock not be like that.
STUCK = "stop(lock) or stop(lock) or collections.deque(itertools.repeat(0), maxlen=0)"
STOP = """\
import collections, ctypes, itertools
lock, stop = ctypes.create_string_buffer(64), ctypes.PyDLL(None).pthread_mutex_lock
"""

HANGING = """\
STOP
import asyncio, os, re, signal, threading, time, unittest
import pytest

def test_first(): pass
def test_sleeps(): time.sleep(600)
def test_waits_for_a_thread():
    thread = threading.Thread(target=time.sleep, args=(600,), daemon=True)
    thread.start()
    thread.join()
def test_is_busy():
    while True: pass
def test_backtracks(): re.match("(a+)+$", "a" * 60 + "b")
def test_waits_for_a_process(): os.waitpid(os.spawnlp(os.P_NOWAIT, "sleep", "sleep", "600"), 0)
def test_catches_and_passes():
    try: time.sleep(600)
    except BaseException: pass
def test_catches_everything():
    while True:
        try: time.sleep(600)
        except BaseException: pass
def test_after_a_killed_one(): pass
def test_stuck(): STUCK
def test_blocks_signals():
    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
    time.sleep(600)
@pytest.mark.xfail
def test_expected_to_fail(): time.sleep(600)
class TestOld(unittest.TestCase):
    def test_hangs(self): time.sleep(600)
    def test_passes(self): pass
def test_asyncio():
    loop = asyncio.new_event_loop()
    loop.run_until_complete(asyncio.sleep(600))
def test_own_alarm():
    rings = []
    signal.signal(signal.SIGALRM, lambda *_: rings.append(1))
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    time.sleep(0.3)
    assert rings
@pytest.fixture
def slow(): time.sleep(600)
def test_setup(slow): pass
@pytest.fixture
def slowly_ended():
    yield
    time.sleep(600)
def test_teardown(slowly_ended): pass
@pytest.fixture(scope="module")
def shared(): time.sleep(600)
def test_shared(shared): pass
def test_shared_too(shared): pass
def test_last(): pass
""".replace("STUCK", STUCK).replace("STOP", STOP)
PASSES = ("first", "after_a_killed_one", "own_alarm", "last")
ERRORS = ("setup", "teardown", "shared", "shared_too")
FAILURES = (
    *("sleeps", "waits_for_a_thread", "is_busy", "backtracks", "waits_for_a_process"),
    *(
        "catches_and_passes",
        "catches_everything",
        "stuck",
        "blocks_signals",
        "expected_to_fail",
        "asyncio",
    ),
)
OUTCOMES = {
    "test_x.py::TestOld::test_hangs": FAILED,
    "test_x.py::TestOld::test_passes": PASSED,
    **{f"test_x.py::test_{name}": PASSED for name in PASSES},
    **{f"test_x.py::test_{name}": FAILED for name in FAILURES},
    **{f"test_x.py::test_{name}": ERROR for name in ERRORS},
}

SHORT = f"""\
{STOP}
import time
def test_first(): pass
def test_sleeps(): time.sleep(600)
def test_stuck(): {STUCK}
def test_last(): pass
"""
SHORT_OUTCOMES = {
    "test_x.py::test_first": PASSED,
    "test_x.py::test_sleeps": FAILED,
    "test_x.py::test_stuck": FAILED,
    "test_x.py::test_last": PASSED,
}
