"""What a store says of its validations, in a form in which two stores can be compared."""

import sqlite3
from pathlib import Path

from curate.builders.model import RequirementsLock
from curate.core.model import Validation
from curate.store import Store


def stored_verdict_times(data: Path) -> dict[str, str]:
    """When each stored verdict was made, by instance id; the store is not written to."""
    with sqlite3.connect(f"file:{data / 'curate.sqlite'}?mode=ro", uri=True) as database:
        return dict(database.execute("SELECT instance_id, finished_at FROM validations"))


def fingerprint_store(data: Path) -> dict[str, object]:
    """What every validation found, without times."""
    with Store(data) as store:
        made = [store.get_validation(name) for name in stored_verdict_times(data)]
    return {each.instance_id: _facts(each) for each in made if each}


def _facts(made: Validation) -> object:
    """Which tests of a candidate are seen to be flaky is chance in an undisturbed run, too."""
    environment, verdict, why = made.environment, made.verdict, made.verdict.rejection
    lock = environment and RequirementsLock(
        text=environment.lock, python=environment.python, exclude_newer=environment.exclude_newer
    )
    facts = (
        made.inputs_hash,
        lock and lock.packages,
        environment and environment.key,
        made.attempts,
    )
    reason = why and (why.stage, why.reason)
    if why and why.reason == "flaky-tests":
        return facts, reason
    names = (verdict.fail_to_pass, verdict.pass_to_pass)
    if verdict.flaky_tests:
        names = (verdict.fail_to_pass, tuple(sorted(verdict.pass_to_pass + verdict.flaky_tests)))
    return (
        facts,
        reason,
        names,
        bool(verdict.flaky_tests),
        sorted(verdict.pre_fix_outcomes.items()),
        made.test_strength,
    )
