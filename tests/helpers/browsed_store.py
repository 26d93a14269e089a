"""A store with a candidate of every state, and one whose texts are hostile; its site."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from curate.builders.model import Outcome
from curate.core.model import (
    Candidate,
    CrawlState,
    ManualExclusion,
    Rejection,
    Run,
    TestStrength,
    Validation,
    Verdict,
)
from curate.core.settings import read_settings
from curate.report.browser.write import write_instances
from curate.report.site import write_assets
from curate.store import Store
from tests.helpers.factories import make_candidate, make_pull, make_validation
from tests.helpers.fakes import not_none

FILLERS = 400
VERIFIED, REJECTED, HOSTILE, EXCLUDED = (f"owner__name-{it}" for it in (7, 8, 9, 10))
TITLE = "Parser loses the last token \u202egnp.exe"
FIX = "return join_tokens(first_token, last_token)"
LOG_END = "E   AssertionError: the last line of the log"

PATCH = f"""diff --git a/parser.py b/parser.py
--- a/parser.py
+++ b/parser.py
@@ -1,3 +1,3 @@ def parse(text):
 def parse(text):
-    return None
+    {FIX}
     # </script><script>window.wasRun = "patch"</script>
""".encode()

HOSTILE_TEXT = "\n\n".join([
    "<script>window.wasRun = 'script'; alert(1)</script>",
    "</script><script>window.wasRun = 'closed'</script>",
    "<img src=x onerror=\"window.wasRun='error'\">",
    "<img src='http://tracker.example/pixel.png' width=100000 height=100000>",
    "![huge](http://tracker.example/huge.png)",
    "<svg onload=\"window.wasRun='svg'\"><a xlink:href=\"javascript:alert(1)\">x</a></svg>",
    "<iframe src='http://tracker.example/'></iframe><object data='http://tracker.example/o'></object>",
    "<a href=\"javascript:window.wasRun='href'\" onclick=\"window.wasRun='click'\">click me</a>",
    "[click me, too](javascript:alert(1)) [data](data:text/html,<script>alert(1)</script>)",
    "<style>body { display: none } @import 'http://tracker.example/a.css';</style>",
    "<p style='position:fixed; inset:0; background:url(//tracker.example/b.png)' id=q>x</p>",
    "<link rel=stylesheet href='http://tracker.example/c.css'><base href='http://tracker.example/'>",
    "<form action='//tracker.example/'><input autofocus onfocus=\"window.wasRun='f'\"></form>",
    "<meta http-equiv=refresh content='0; url=http://tracker.example/'>",
    "[](http://empty.example/) [ok](https://docs.example/page)",
    "\u202eright to left \u0645\u0631\u062d\u0628\u0627 \u05e9\u05dc\u05d5\u05dd",
    "Z\u0338\u0322\u031b\u034e\u0317" * 400,
    "W" * 5000,
    "# A heading of its own\n\n| a | b |\n|---|---|\n| 1 | 2 |",
    "\x00\x07 \ud800 control",
    "lorem ipsum " * 25_000,
])  # fmt: skip


def make_browsed_store(folder: Path, fillers: int = FILLERS) -> None:
    """Make a store in *folder*."""
    with Store(folder) as store:
        log = store.blobs.put(f"collected 3 items\n{LOG_END}\n".encode())
        pulls = [
            make_pull(7, repo="owner/name", title=TITLE),
            make_pull(8, repo="owner/name", title="A flaky one"),
            make_pull(9, repo="owner/name", title="<img src=x onerror=alert(1)></script> hostile"),
            make_pull(10, repo="owner/name", title="Newer packages"),
        ]
        store.save_page("owner/name", pulls, CrawlState(is_complete=True))
        for candidate in _list_candidates():
            store.save_candidate(candidate)
        for validation in _list_validations(log):
            store.save_validation("owner/name", validation)
        store.manual_exclusions.save(
            [
                ManualExclusion(
                    instance_id=EXCLUDED,
                    reason="its issue is a question",
                    author="somebody",
                    excluded_at=datetime(2023, 1, 1, tzinfo=UTC),
                )
            ]
        )
        _add_fillers(store, fillers)


def _list_candidates() -> list[Candidate]:
    plain = make_candidate(
        7, patch=PATCH, test_patch=PATCH.replace(b"parser.py", b"test_parser.py")
    )
    statement = f"It *loses* tokens.\n\n```python\n{FIX}\n```\n\nSee the fix above."
    day = timedelta(days=1)
    return [
        plain,
        replace(plain, instance_id=REJECTED, pull_number=8, created_at=plain.created_at + day),
        replace(
            plain,
            instance_id=HOSTILE,
            pull_number=9,
            problem_statement=HOSTILE_TEXT.encode("utf-8", "replace").decode(),
            hints_text=HOSTILE_TEXT[:3000],
            patch=PATCH + b"\n+" + b"x" * 100_000,
            created_at=plain.created_at + 2 * day,
        ),
        replace(
            plain,
            instance_id=EXCLUDED,
            pull_number=10,
            problem_statement=statement,
            created_at=plain.created_at + 3 * day,
        ),
    ]


def _list_validations(log: str) -> list[Validation]:
    verified = _make_verified(7)
    why = Rejection(stage="validate", reason="flaky-tests", detail="1 flaky test <b>bold</b>")
    environment = not_none(verified.environment)
    newer = replace(environment, lock="a==2\nb==1\nd==4\n", python="3.11")
    return [
        verified,
        replace(
            make_validation(8, why),
            runs=(_make_run("before", 0, ""), _make_run("after", 0, log)),
            verdict=Verdict(fail_to_pass=(), pass_to_pass=(), rejection=why),
        ),
        replace(_make_verified(10), environment=newer),
    ]


def _make_verified(number: int) -> Validation:
    plain = make_validation(number)
    tests = tuple(f"test_parser.py::test_{index}" for index in range(1000))
    return replace(
        plain,
        environment=replace(
            not_none(plain.environment),
            lock="a==1\nb==1\nc==3\n",
            dockerfiles={"base": "FROM scratch\n"},
            layer_bytes={"base": 10**8, "instance": 10**6},
        ),
        runs=tuple(
            _make_run(side, index, "") for side in ("before", "after") for index in range(3)
        ),
        verdict=Verdict(
            fail_to_pass=("test_parser.py::test_fix",),
            pass_to_pass=tests,
            flaky_tests=("test_parser.py::test_flaky",),
            pre_fix_outcomes={"test_parser.py::test_fix": Outcome.FAILED},
        ),
        test_strength=TestStrength(hunks=("parser.py @@ -1,3", "other.py"), untested=("other.py",)),
    )


def _make_run(side: str, index: int, log: str) -> Run:
    outcomes = {f"test_parser.py::test_{number}": Outcome.PASSED for number in range(1000)}
    outcomes["test_parser.py::test_fix"] = Outcome.PASSED if side == "after" else Outcome.FAILED
    outcomes["test_parser.py::test_flaky"] = Outcome.ERROR if index else Outcome.PASSED
    return Run(
        side=side,
        index=index,
        status="completed",
        outcomes=outcomes,
        seconds=2.5,
        cpu_seconds=2,
        log=log,
    )


def _add_fillers(store: Store, count: int) -> None:
    """Add *count* candidates that are pending, so that a list has something to scroll."""
    numbers = range(1, count + 1)
    pulls = [make_pull(it, repo="second/project", title=f"Change {it} of many") for it in numbers]
    store.save_page("second/project", pulls, CrawlState(is_complete=True))
    plain = make_candidate()
    for number in numbers:
        store.save_candidate(
            replace(
                plain,
                instance_id=f"second__project-{number}",
                repo="second/project",
                pull_number=number,
                created_at=datetime(2019, 1, 1, tzinfo=UTC) + timedelta(days=number),
            )
        )


def write_site(data: Path, folder: Path, previous: Path | None = None) -> None:
    """Write the browser of the store in *data*, with the assets of the report."""
    folder.mkdir(parents=True, exist_ok=True)
    write_assets(folder)
    write_instances(read_settings({"data_dir": data}, {}), folder, previous=previous)


def list_files(folder: Path) -> Sequence[str]:
    """Return the paths of all files below *folder*, sorted."""
    return sorted(str(it.relative_to(folder)) for it in folder.rglob("*") if it.is_file())
