"""Grade an agent's patch in a fresh container of a task's image: the verifier of Harbor tasks.

    python -I -S verify_task.py TESTS PATCH LOGS

runs as root before any code of the candidate. TESTS has `expected.json` and, in `run`, the inputs
of a validation's run (`curate.builders.sandbox.run_script`), which is run here as its user. The
report of the tests is verified with a key that only this process still has. LOGS gets
`reward.json`, `ctrf.json`, `grade.json` and the output of the tests; after an error that says
nothing about the patch, no reward.

It is exported as text: standalone, Python 3.6 and later.
"""

import json
import os
import secrets
import shutil
import stat
import subprocess
import sys
import time
from typing import Any

from curate.builders.pytest_plugin.run_status import (
    EXIT_TIMEOUT,
    describe_failed_patch,
    describe_timeout,
    find_failed_patch,
    find_status,
    has_begun,
    read_prepared,
)
from curate.builders.pytest_plugin.signed_report import (
    has_finished,
    merge_outcomes,
    verify_signatures,
)
from curate.harness.ctrf import make_ctrf_report
from curate.harness.judgment import describe_grade, find_reason, list_failed

SANDBOX = "/curate"  # as in a validation
INPUTS, OUTPUTS = SANDBOX + "/in", SANDBOX + "/out"
CANDIDATE = "preparation/candidate.patch"
MAX_REPORT_BYTES, MAX_OUTPUT_BYTES = 256 << 20, 16 << 20
START_SECONDS = 120.0  # for applying the patches, beyond the time of the tests
EXIT_KILLED = 137


def main(tests: str, patch: str, logs: str) -> None:
    """Grade the patch at *patch* and write what is found to the folder *logs*."""
    os.chmod(logs, 0o700)  # the tests must not write there
    with open(os.path.join(tests, "expected.json"), encoding="utf-8") as stream:
        expected = json.load(stream)
    began = time.time()
    content = read_file(patch, expected["max_patch_bytes"]) or b""
    if content.strip():
        result = run_tests(tests, content, expected)
    else:
        is_large = os.path.lexists(patch) and os.lstat(patch).st_size > len(content)
        result = {"reason": "patch-too-large" if is_large else "empty-patch"}
    write_results(logs, expected, result, (began, time.time()))
    os.chmod(logs, 0o755)


def run_tests(tests: str, patch: bytes, expected: Any) -> Any:
    """Run the tests with *patch*; return reason, outcomes, records and output."""
    key = secrets.token_hex(32).encode("ascii")
    make_folders(os.path.join(tests, "run"), patch, key)
    become_user = expected["become_user"]
    variables = dict(os.environ, **expected["variables"])
    seconds, began = expected["seconds"], time.monotonic()
    with subprocess.Popen(
        [*become_user, "bash", INPUTS + "/run.sh"],
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            code = process.wait(seconds + START_SECONDS)
        except subprocess.TimeoutExpired:
            code = EXIT_TIMEOUT
        kill_user(become_user)
    return read_results(key, code, timed_out=time.monotonic() - began >= seconds)


def make_folders(source: str, patch: bytes, key: bytes) -> None:
    """Make the folders of a run: inputs that its user can read, and outputs that it can write."""
    shutil.rmtree(SANDBOX, ignore_errors=True)
    os.mkdir(SANDBOX)
    shutil.copytree(source, INPUTS)
    write_file(os.path.join(INPUTS, CANDIDATE), patch if patch.endswith(b"\n") else patch + b"\n")
    for folder, _, names in os.walk(SANDBOX):
        os.chmod(folder, 0o755)
        for name in names:
            os.chmod(os.path.join(folder, name), 0o444)
    os.mkdir(OUTPUTS)
    os.chmod(OUTPUTS, 0o777)
    write_file(os.path.join(OUTPUTS, "key"), key)
    os.chmod(SANDBOX, 0o755)


def kill_user(become_user: Any) -> None:
    """Kill all processes of the tests' user, so that nothing changes any more."""
    for _ in range(3):
        subprocess.call([*become_user, "bash", "-c", "kill -KILL -1"], stderr=subprocess.DEVNULL)


def read_results(key: bytes, code: int, *, timed_out: bool) -> Any:
    """Return what the run left, classified as `curate.builders.sandbox.result` does.

    *timed_out* says whether it took as long as tests may.
    """
    report = read_file(os.path.join(OUTPUTS, "report"), MAX_REPORT_BYTES) or b""
    key_was_left = read_file(os.path.join(OUTPUTS, "key"), len(key) + 1) == key
    was_patched = os.path.lexists(OUTPUTS + "/patched")
    output = b"".join(
        read_file(os.path.join(OUTPUTS, name), MAX_OUTPUT_BYTES) or b"" for name in ("head", "tail")
    )
    records, tampering = verify_signatures(report, key)
    if not has_begun(report, was_patched=was_patched, key_was_left=key_was_left):
        failed_patch = find_failed_patch(code)
        if failed_patch is None:
            error = output.decode("utf-8", "replace")
            raise RuntimeError("the tests could not be started: " + error)
        status, detail = describe_failed_patch(failed_patch)
    elif timed_out and code in (EXIT_TIMEOUT, EXIT_KILLED):
        status, detail = describe_timeout()
    else:
        status, detail = find_status(
            code,
            report,
            key_was_left=key_was_left,
            is_finished=has_finished(records) and not tampering,
            tampering=tampering,
        )
    prepared = read_prepared(read_file(OUTPUTS + "/prepared", MAX_OUTPUT_BYTES) or b"", key)
    result = {"status": status, "detail": detail, "output": output, "prepared": prepared}
    if status != "tampered":
        result.update(records=records, outcomes=merge_outcomes(records))
    return result


def write_results(logs: str, expected: Any, result: Any, times: Any) -> None:
    """Write reward, report, grade and output, as files that are new."""
    outcomes = result.get("outcomes", {})
    lists = {name: expected[name] for name in ("fail_to_pass", "pass_to_pass")}
    failed = list_failed(outcomes, *lists.values())
    status, detail, output = (result.get(name, "") for name in ("status", "detail", "output"))
    reason = result.get("reason") or find_reason(status, detail, failed)
    counts = reason == "resolved"
    reward = {name: count_passed(names, outcomes) for name, names in lists.items()}
    reward.update(reward=float(counts), resolved=float(counts))
    grade = {
        "instance_id": expected["instance_id"],
        "reason": reason,
        "detail": describe_grade(status, detail, failed, output or b""),
        "failed_tests": failed,
        "prepared": json.loads(result.get("prepared") or "{}"),
    }
    missing = [name for name in failed if name not in outcomes]
    report = make_ctrf_report(outcomes, result.get("records", []), missing, times)
    files = {"grade.json": grade, "ctrf.json": report, "reward.json": reward}
    write_new(logs, "test-output.txt", output or b"")
    for name, value in files.items():
        write_new(logs, name, json.dumps(value, indent=1, sort_keys=True).encode("ascii") + b"\n")
    sys.stdout.write(f"{reason}: {json.dumps(reward, sort_keys=True)}\n")


def count_passed(names: Any, outcomes: Any) -> float:
    """Return the fraction of tests that passed; 1 if there are none."""
    passed = sum(outcomes.get(name) == "passed" for name in names)
    return passed / len(names) if names else 1.0


def read_file(path: str, limit: int) -> Any:
    """Return at most *limit* bytes of an ordinary file; None if there is none, or it is longer."""
    try:
        number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    with open(number, "rb") as stream:
        status = os.fstat(stream.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_size > limit:
            return None
        return stream.read(limit)


def write_new(folder: str, name: str, content: bytes) -> None:
    """Write a file in the place of whatever is there."""
    path = os.path.join(folder, name)
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)
    write_file(path, content)
    os.chmod(path, 0o644)


def write_file(path: str, content: bytes) -> None:
    """Write a file that does not exist."""
    with open(path, "xb") as stream:
        stream.write(content)
    os.chmod(path, 0o444)


if __name__ == "__main__":
    main(*sys.argv[1:])
