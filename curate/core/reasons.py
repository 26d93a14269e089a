"""What the stored reasons mean: of rejections, by stage, and of exclusions from a release.

The reference is made from these tables, and a test compares them with what the code can give.
"""

from collections.abc import Mapping

REJECTIONS: Mapping[str, Mapping[str, str]] = {
    "crawl": {
        "pull-not-found": "GitHub no longer shows the PR.",
        "malformed-pull": "GitHub's answer lacks what it documents, such as the time of the merge.",
        "missing-objects": "Commits of the PR are neither in the mirror nor on GitHub.",
        "empty-patch": "The merge changes nothing.",
        "no-tests": "No test file changes.",
        "no-source-changes": "Only tests change.",
        "no-issue": "The PR says of no issue that it closes it.",
        "linked-issue-is-pr": "What it closes are PRs, not issues.",
        "issue-not-found": "No linked issue exists any more, or the token may not read it.",
        "empty-problem-statement": "The linked issues have no text.",
        "unexpected-error": "A bug in curate; the next crawl decides the PR again.",
    },
    "recipe": {
        "no-environment": "No `[[env]]` table, or several, are for the version.",
        "skipped": "The recipe says in `skip` why this range is not supported.",
        "architecture": "The recipe's range is for other machines (`architectures`).",
    },
    "plan": {
        "no-test-module-changed": "The test patch changes no file that pytest could be given.",
        "tests-only-removed": "The test patch only removes test files.",
        "tests-not-collected": "The recipe says that pytest cannot take them (`not_collected`).",
        "no-changed-cases": "In data-driven test files, no case changes.",
        "unittest-doctests": "Only doctests change, which unittest runs and pytest does not.",
    },
    "lock": {
        "needs-python-2": "The project is for Python 2 only.",
        "no-compatible-python": "No Python that is available fits what the project allows.",
        "no-requirements": "The repository declares nothing that could be installed.",
        "unsatisfiable": "The requirements contradict each other as of the date.",
        "unbuildable": "A source distribution does not give its metadata.",
        "timeout": "Resolving took too long.",
    },
    "build": {
        "build-command-failed": "A command of the build failed.",
        "no-interpreter": "uv has no such version of Python for this machine.",
        "shared_packages-failed": "The layer of large packages does not build.",
        "environment-failed": "A package of the lock does not install or compile.",
        "checkout-failed": "The shared checkout cannot be made.",
        "timeout": "The environment took too long to build.",
    },
    "install": {
        "install-failed": "The project itself does not install or compile.",
        "not-imported": "Its package is not imported from the checkout afterwards.",
        "not-clean": "The install changes files that git tracks.",
        "missing-submodule": "It lacks files of a submodule that could not be cloned.",
        "registry-unreachable": "The install needs packages of another registry, such as npm's.",
        "timeout": "The install took too long.",
    },
    "collect": {
        "collection-error": "After the gold patch, pytest cannot import a test file.",
        "no-tests-collected": "After the gold patch, pytest finds no test in the changed files.",
    },
    "validate": {
        "no-fail-to-pass": "No test fails without the gold patch and passes with it.",
        "pass-to-fail": "A test passes without the gold patch and fails with it.",
        "flaky-tests": "The tests that the gold patch fixes pass in some runs only.",
        "config-only-fix": "The gold patch's configuration alone makes the tests pass.",
        "no-test-reads-data": "Only data changes, and no test was seen to read it.",
        "crashed": "pytest ended before its session did.",
        "timeout": "The run reached its time limit.",
        "out-of-memory": "The run reached its memory limit.",
        "out-of-pids": "The run reached its limit of processes and threads.",
        "out-of-disk": "The run reached its disk limit.",
        "patch-failed": "A patch does not apply to the base commit.",
        "tampered": "The signed report of the tests was changed or removed.",
        "not-run": "No attempt came as far as a run.",
    },
    "merge": {
        "contradictory-verdicts": "Two merged stores have different verdicts for the same inputs.",
    },
}
"""Stage -> reason -> what it means, in the order in which they are checked."""

EXCLUSIONS: Mapping[str, str] = {
    "manual": "A person excluded it (`curate exclude`).",
    "benchmark-repository": "Its repository is one of a benchmark.",
    "benchmark-pull": "A benchmark has the same PR.",
    "benchmark-patch": "A benchmark has the same change.",
    "license-unknown": "No license was detected.",
    "license": "A license is not among those allowed.",
    "secret": "A text or patch holds what looks like a credential.",
    "weak-tests": "Tests need too few of the gold patch's hunks.",
    "strength-unmeasured": "The strength of the tests was not measured.",
    "flaky-tests": "One more run would probably show further flaky tests.",
    "flakiness-unmeasured": "Flakiness cannot be estimated.",
    "leak": "The issue's text gives too much of the solution away.",
    "words-out-of-bounds": "Words of the problem statement.",
    "characters-out-of-bounds": "Characters of the problem statement.",
    "links-out-of-bounds": "Links in the problem statement.",
    "english-out-of-bounds": "Share of ASCII among the letters of the problem statement.",
    "patch-words-out-of-bounds": "Words of the gold patch.",
    "files-out-of-bounds": "Source files that the gold patch edits.",
    "fail-to-pass-out-of-bounds": "Number of FAIL_TO_PASS tests.",
    "pass-to-pass-out-of-bounds": "Number of PASS_TO_PASS tests.",
    "near-duplicate": "An older row has nearly the same text and patch.",
    "leak-group": "An older row of its leak group is in the release.",
    "failed-evaluation": "Its evaluation script does not grade as validation did.",
    "certification-failed": "A later look found that the gold patch fails.",
    "no-environment": "Its environment is not recorded.",
    "not-verified": "It was rejected since.",
    "no-fail-to-pass": "No FAIL_TO_PASS test is left after certification.",
    "command-not-one-line": "An evaluation script cannot hold its test command.",
    "patch-not-utf8": "A patch is not UTF-8, so no column can hold it.",
    "text-not-unicode": "A text is not valid Unicode, so no column can hold it.",
    "unexpected-error": "A bug in curate; the log file has the traceback.",
}
"""Reason -> why a verified instance is not in a release."""


def list_reasons() -> list[str]:
    """Return every reason, alone and with its stage, as `--reason` takes them."""
    rejections = [(stage, reason) for stage, each in REJECTIONS.items() for reason in each]
    rejections += [("excluded", reason) for reason in EXCLUSIONS]
    alone = dict.fromkeys(reason for _, reason in rejections)
    return [*alone, *(f"{stage}/{reason}" for stage, reason in rejections)]
