"""A wall clock that leaps, as after a laptop's sleep: deadlines and durations do not notice."""

import ast
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from curate.builders.model import ResourceLimits
from curate.builders.sandbox.process import run_process
from curate.core.errors import StoreError
from curate.core.model import Rejection
from curate.environments.context import ValidationOptions
from curate.store.process_lock import process_lock
from curate.validate import attempts
from tests.helpers.factories import make_candidate
from tests.helpers.fakes import UNUSED, fake

ROOT = Path(__file__).parents[2]
LEAPS = [timedelta(days=1), timedelta(days=-1), timedelta(hours=1), timedelta(hours=-1)]
# What needs the time of day, not a duration: (file, function).
TIME_OF_DAY = {
    ("builders/sandbox/docker.py", "time.time"),  # of files in an archive
    ("builders/session/server_files.py", "time.time"),  # of files in an archive
    ("builders/pytest_plugin/internals.py", "time.time"),  # of files that change later
    ("curate/harness/verify_task.py", "time.time"),  # in a report
    ("curate/serve/pool.py", "datetime.now"),  # shown to the client
    ("builders/image_gc/collect.py", "time.time"),  # of images and files
    ("curate/github/errors.py", "time.time"),  # where GitHub does not give its own
    ("curate/cli/certify.py", "datetime.now"),  # which instances are due tonight
    ("curate/certification/run.py", "datetime.now"),  # when an instance was certified
    ("curate/doctor/probes/accounts.py", "time.time"),  # where GitHub does not give its own
    ("curate/doctor/probes/network.py", "time.time"),  # compared with that of a server
    ("curate/measure/instance.py", "datetime.now"),  # when an instance was measured
    ("curate/cli/exclude.py", "datetime.now"),  # when a person judged
    ("curate/cli/waiting.py", "datetime.now"),  # shown to the user
    ("curate/cli/logs.py", "datetime.now"),  # names a log file
    ("curate/validate/attempts.py", "datetime.now"),  # when a validation began
}


def _calls(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return {ast.unparse(call) for call in calls}


def test_the_time_of_day_is_asked_for_where_it_is_meant() -> None:
    files = [path for name in ("builders", "curate") for path in (ROOT / name).rglob("*.py")]
    asked = {"time.time", "datetime.now", "datetime.utcnow", "datetime.today"}
    found = {(str(p.relative_to(ROOT)), call) for p in files for call in _calls(p) & asked}
    assert found == TIME_OF_DAY


@pytest.mark.parametrize("leap", LEAPS, ids=str)
def test_the_time_of_a_validation_is_never_absurd(
    leap: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock leaps between the beginning and the end of a trial."""
    times = [datetime.now(UTC), datetime.now(UTC) + leap]
    monkeypatch.setattr(attempts, "datetime", fake(now=lambda zone: times.pop(0)))
    monkeypatch.setattr(attempts, "compute_inputs_hash", lambda *_: "")
    fallen = Rejection(stage="lock", reason="no-compatible-python")
    monkeypatch.setattr(attempts, "plan_validation", lambda *_: fallen)
    monkeypatch.setattr(attempts, "time", fake(monotonic=iter([10.0, 17.5]).__next__))
    ctx = fake(get_mirror=lambda repo: None, python_versions=())
    record = attempts.validate_candidate(make_candidate(), UNUSED, ValidationOptions(), ctx)
    assert record.finished_at - record.started_at == timedelta(seconds=7.5)


@pytest.mark.parametrize("leap", LEAPS, ids=str)
def test_the_limit_of_a_run_holds(leap: timedelta, monkeypatch: pytest.MonkeyPatch) -> None:
    true = time.time
    monkeypatch.setattr(time, "time", lambda: true() + leap.total_seconds())
    limits = ResourceLimits(seconds=0.5, output_bytes=100)
    ended = run_process(["sleep", "60"], dict(os.environ), limits)
    assert ended.timed_out


HOLDER = (
    "import fcntl, sys; f = open(sys.argv[1]); fcntl.flock(f, fcntl.LOCK_EX); print(1, flush=1)"
)


@pytest.mark.parametrize("leap", LEAPS, ids=str)
def test_a_lock_is_judged_by_who_holds_it_not_by_its_age(leap: timedelta, tmp_path: Path) -> None:
    file = tmp_path / "validation.lock"
    file.touch()
    moment = time.time() + leap.total_seconds()
    os.utime(file, (moment, moment))
    command = [sys.executable, "-c", f"{HOLDER}; input()", str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout and holder.stdout.readline()
        with (
            pytest.raises(StoreError, match="Another process of curate"),
            process_lock(tmp_path, "validation"),
        ):
            pass
        os.utime(file, (moment, moment))
        holder.kill()
        holder.wait()
        with process_lock(tmp_path, "validation"):
            pass
