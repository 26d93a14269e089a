"""Prepare a checkout for grading: apply a candidate's patch, then put back what decides the tests.

    python -I prepare_checkout.py INPUTS OUTPUTS [INSTALLED]

runs in the checkout, before any code of the candidate. INPUTS has `plan.json` of
`curate.harness.protection`, `candidate.patch`, `settings.patch` and `test.patch`. Exit codes:
EXIT_CANDIDATE if the candidate's patch does not apply, EXIT_TESTS if the test patch does not.
INSTALLED is where the checkout was when it was installed, if elsewhere. OUTPUTS/prepared gets a
JSON report, signed with the key in OUTPUTS/key if there is one, OUTPUTS/watched the paths of files
whose code must not change pytest.

It is copied into sandboxes and exports as text: standalone, Python 3.6 and later.
"""

import hashlib
import hmac
import json
import os
import re
import shutil
import sys
import tempfile
from typing import Any

from curate.harness.apply_patch import (
    EXIT_CANDIDATE,
    EXIT_ERROR,
    EXIT_TESTS,
    DoesNotApplyError,
    apply_patch,
    list_changed_paths,
)
from curate.harness.entries import put_back, read_entry
from curate.harness.pytest_tables import restore_tables
from curate.harness.shadows import find_import_roots, remove_shadows

_TEST_TOOLS = re.compile(rb"pytest|pluggy|unittest")
# As a client would apply it, then with wrong counts of lines, then with less context.
APPLY_OPTIONS = ((), ("--recount",), ("-C1",), ("--recount", "-C1"))


class Protection:
    """Which files a candidate's patch must not change, as `plan.json` says."""

    def __init__(self, plan: Any) -> None:
        self._rules = [
            (re.compile(rule["regex"], re.DOTALL), rule["covers"]) for rule in plan["rules"]
        ]
        self._exempt = frozenset(plan["exempt"])
        self.shared = frozenset(plan["shared"])
        self.gold_paths = frozenset(plan["gold_paths"])
        self.import_roots = tuple(plan["import_roots"])
        self.test_tools = frozenset(plan["test_tools"])

    def covers(self, path: str) -> bool:
        """Whether *path* is protected as a whole; the last rule that matches it counts."""
        if path in self._exempt:
            return False
        covers = [covers for regex, covers in self._rules if regex.fullmatch(path)]
        return bool(covers) and covers[-1]

    def is_shared(self, path: str) -> bool:
        """Whether *path* has pytest's settings beside others."""
        return os.path.basename(path) in self.shared and not self.covers(path)


def main(inputs: str, outputs: str, installed: str = "") -> int:
    """Prepare the checkout in the working directory; return the exit code."""
    try:
        report, watched = prepare(os.getcwd(), inputs, installed)
    except DoesNotApplyError as error:
        sys.stdout.write(f"{error.args[1]}\n")
        return int(error.args[0])
    text = json.dumps(report, sort_keys=True).encode("ascii")
    key = read_entry(os.path.join(outputs, "key"))
    mac = hmac.new(key[1], text, hashlib.sha256).hexdigest().encode("ascii") if key else b""
    with open(os.path.join(outputs, "prepared"), "wb") as stream:
        stream.write(mac + b" " + text)
    with open(os.path.join(outputs, "watched"), "w", encoding="ascii") as target:
        json.dump(watched, target)
    return 0


def prepare(checkout: str, inputs: str, installed: str = "") -> Any:
    """Prepare *checkout*; return a report, and the files that must not change pytest.

    The report says how the patch was applied, and which paths were put back.
    """
    with open(os.path.join(inputs, "plan.json"), encoding="utf-8") as stream:
        protection = Protection(json.load(stream))
    settings, tests = (os.path.join(inputs, name) for name in ("settings.patch", "test.patch"))
    reference = make_reference(checkout, settings)
    roots = find_import_roots(checkout, installed, protection.import_roots)
    options, changed, before = apply_candidate(
        checkout, os.path.join(inputs, "candidate.patch"), protection, reference
    )
    restored = set(remove_shadows(checkout, roots, changed, protection))
    for path in sorted(set(changed) | set(reference)):
        wanted = reference[path] if path in reference else before.get(path)
        if protection.is_shared(path):
            wanted = restore_tables(path, read_entry(os.path.join(checkout, path)), wanted)
        elif path not in reference and not protection.covers(path):
            continue
        if put_back(checkout, path, wanted) and path in changed:
            restored.add(path)
    if os.path.getsize(tests):
        apply_patch(checkout, tests, (), EXIT_TESTS)
    report = {"applied_with": " ".join(options), "restored": sorted(restored)}
    trusted = {path for path, entry in before.items() if has_test_tools(entry)}
    trusted |= restored | protection.test_tools
    watched = [it for it in changed if it not in trusted]
    return report, [os.path.realpath(os.path.join(checkout, it)) for it in watched]


def has_test_tools(entry: Any) -> bool:
    """Whether a file has something to do with pytest or unittest, as plugins of them have."""
    return entry is not None and entry[0] == "file" and bool(_TEST_TOOLS.search(entry[1]))


def make_reference(checkout: str, patch: str) -> Any:
    """Return path -> entry of the files that *patch* of the gold patch's settings changes."""
    if not os.path.getsize(patch):
        return {}
    paths = list_changed_paths(checkout, patch, ())
    folder = tempfile.mkdtemp()
    try:
        for path in paths:
            put_back(folder, path, read_entry(os.path.join(checkout, path)))
        apply_patch(folder, patch, (), EXIT_ERROR)
        return {path: read_entry(os.path.join(folder, path)) for path in paths}
    finally:
        shutil.rmtree(folder)


def apply_candidate(checkout: str, patch: str, protection: Any, reference: Any) -> Any:
    """Apply *patch*; return git's options, the paths it changes, and path -> earlier entry.

    Entries are kept of what may have to be put back, and of what `has_test_tools`.
    """
    if not os.path.getsize(patch):
        return (), [], {path: read_entry(os.path.join(checkout, path)) for path in reference}
    message = ""
    for options in APPLY_OPTIONS:
        try:
            changed = list_changed_paths(checkout, patch, options)
            apply_patch(checkout, patch, ("--check", *options), EXIT_CANDIDATE)
        except DoesNotApplyError as error:
            message = message or error.args[1]
            continue
        entries = {
            path: read_entry(os.path.join(checkout, path)) for path in set(changed) | set(reference)
        }
        before = {
            path: entry
            for path, entry in entries.items()
            if protection.covers(path)
            or protection.is_shared(path)
            or path in reference
            or has_test_tools(entry)
        }
        apply_patch(checkout, patch, options, EXIT_CANDIDATE)
        return options, changed, before
    raise DoesNotApplyError(EXIT_CANDIDATE, message)


if __name__ == "__main__":
    try:
        code = main(*sys.argv[1:])
    except Exception as error:
        sys.stdout.write(f"curate: the checkout cannot be prepared: {error!r}\n")
        raise SystemExit(EXIT_ERROR) from error
    sys.exit(code)
