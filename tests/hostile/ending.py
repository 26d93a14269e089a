"""Attempts to outlast the run, to end what watches it, or never to end."""

from dataclasses import replace

from curate.builders.model import RunStatus
from tests.hostile.case import HONEST, LIMITS, Case

SHORT = replace(LIMITS, seconds=2)

# Each generation dies at once and leaves two others, in sessions of their own, under names that
# look like the end of a name in /proc/*/stat.
HYDRA = """\
import subprocess, time
HEAD = '''
import ctypes, os, signal, time
os.nice(19)
for number in range(1, 65):
    try: signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError): pass
ctypes.CDLL(None).prctl(15, b") R 1 ) S 1", 0, 0, 0)
while True:
    os.setsid() if os.getpid() != os.getsid(0) else None
    try:
        if os.fork() and os.fork(): os._exit(0)
    except OSError: os._exit(0)
    time.sleep(0.01)
'''
def test_good(): subprocess.Popen(["python", "-c", HEAD], start_new_session=True)
def test_bad(): time.sleep(0.5); assert 0
"""

SIGNALS = """\
import os, signal
def test_good(): pass
def test_bad():
    {}
    assert 0
"""

DEAF = """\
import os, signal, time
def test_good(): pass
def test_bad():
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.setsid() if os.getpgrp() != os.getpid() else None
    while True:
        try: time.sleep(600)
        except BaseException: pass
"""

BUSY = """\
import signal
def test_good(): pass
def test_bad():
    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
    sum(1 for _ in iter(int, 1))
"""

STOPS_ALL = "import time; os.kill(-1, signal.SIGSTOP); time.sleep(600)"
KILLS_SHELLS = """\
for pid in range(2, os.getpid()):
        try: os.kill(pid, signal.SIGKILL)
        except OSError: pass"""
INIT = "for n in ('SIGKILL', 'SIGSTOP'): os.kill(1, getattr(signal, n))"


def _case(name: str, code: str, **facts: object) -> Case:
    return Case(name=name, files={"test_x.py": code}, **facts)  # type: ignore[arg-type]


CASES = (
    _case("leaves processes that multiply and hide", HYDRA, status=RunStatus.OUT_OF_PIDS),
    _case("kills and stops init", SIGNALS.format(INIT), outcomes=HONEST),
    _case(
        "asks init to end",
        SIGNALS.format("import time; os.kill(1, signal.SIGTERM); time.sleep(20)"),
        status=RunStatus.CRASHED,
        also=lambda r: r.seconds < 20,
    ),
    _case(
        "kills all processes",
        SIGNALS.format("os.kill(-1, signal.SIGKILL); os.kill(os.getpid(), signal.SIGKILL)"),
        status=RunStatus.CRASHED,
    ),
    _case("kills the shells above", SIGNALS.format(KILLS_SHELLS), status=RunStatus.CRASHED),
    _case("stops all processes", SIGNALS.format(STOPS_ALL), status=RunStatus.TIMEOUT, limits=SHORT),
    _case("ignores signals", DEAF, status=RunStatus.TIMEOUT, limits=SHORT),
    _case("is busy and blocks signals", BUSY, status=RunStatus.TIMEOUT, limits=SHORT),
    _case("dies of a signal", SIGNALS.format("os.abort()"), status=RunStatus.CRASHED),
)
