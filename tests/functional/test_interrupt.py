"""Interrupts end a process wherever it is, and what it has started with it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.demo.sample import ROOT

HEAD = """\
import subprocess, sys, threading, time
from curate.builders.process.interrupt import handle_interrupts, on_forced_exit
handle_interrupts()
"""
CHILD = "subprocess.Popen(['sleep', '600'], start_new_session=True)\n"
BEGUN = "print('begun', flush=True)"  # within `try`, as a signal may follow at once

STUCK_THREAD = f"""\
{HEAD}{CHILD}
thread = threading.Thread(target=time.sleep, args=(600,))
thread.start()
try: {BEGUN}; time.sleep(600)
except KeyboardInterrupt: sys.exit(130)  # waits for the thread
"""
CATCHES = f"""\
{HEAD}{CHILD}
while True:
    try: {BEGUN}; time.sleep(600)
    except BaseException: pass
"""
IN_C_CODE = f"""\
{HEAD}{CHILD}
import ctypes
libc = ctypes.CDLL(None)
libc.pause.restype = None
while True:
    try: {BEGUN}; libc.poll(None, 0, 600000)
    except BaseException: pass
"""
CALLBACKS = f"""\
{HEAD}
on_forced_exit(lambda: 1 / 0)
on_forced_exit(lambda: open(sys.argv[1], "w").write("called"))
while True:
    try: {BEGUN}; time.sleep(600)
    except BaseException: pass
"""


def begin(code: str, *arguments: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout and process.stdout.readline() == "begun\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("code", [STUCK_THREAD, CATCHES, IN_C_CODE])
def test_one_signal_ends_everything(code: str, number: signal.Signals) -> None:
    process = begin(code)
    children = psutil.Process(process.pid).children()
    process.send_signal(number)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 130 and "Run the same command again" in said, said
    psutil.wait_procs(children, timeout=10)  # a killed process takes a moment to go
    assert children and not any(is_running(child) for child in children)


def test_main_kills_what_is_left_after_a_clean_end() -> None:
    code = "import subprocess\nfrom unittest import mock\nfrom curate import __main__\n"
    code += f"def app(**_):\n    {CHILD}    {BEGUN}\n    import time; time.sleep(600)\n"
    code += "with mock.patch('curate.cli.app.app', app): __main__.main()\n"
    process = begin(code)
    child = psutil.Process(process.pid).children()[0]
    process.send_signal(signal.SIGINT)
    assert "Interrupted" in process.communicate(timeout=60)[1]
    assert process.returncode == 130 and not is_running(child)


def is_running(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_callbacks_are_called_and_may_fail(tmp_path: Path) -> None:
    process = begin(CALLBACKS, str(tmp_path / "called"))
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert (tmp_path / "called").read_text() == "called"


def test_an_ignored_ctrl_c_stays_ignored() -> None:
    code = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    process = begin(code + HEAD + BEGUN + "\ntime.sleep(1)\nprint('end')")
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60)[0] == "end\n"
    assert process.returncode == 0


def test_the_demo_says_that_it_was_interrupted(tmp_path: Path) -> None:
    demo = subprocess.Popen(
        [sys.executable, "-m", "tests.demo", "--folder", str(tmp_path / "demo"), "--sandbox=local"],
        cwd=ROOT,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert demo.stdout
    for line in demo.stdout:
        if line.startswith("$ curate crawl"):
            break
    os.killpg(demo.pid, signal.SIGINT)  # as a terminal does, to the command as well
    said, _ = demo.communicate(timeout=60)
    assert demo.returncode == 130
    assert "Interrupted. The next demo begins anew" in said and "Traceback" not in said
