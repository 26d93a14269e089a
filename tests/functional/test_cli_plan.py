"""`curate plan` at the command line."""

import json
from pathlib import Path

from curate.core.model import CrawlState
from curate.store import Store
from tests.helpers.factories import make_candidate, make_pull, make_validation
from tests.helpers.terminal import typed

REPO = "owner/name"
PAGE = Path(__file__).parents[2] / "docs/planning.md"


def test_without_a_store_it_prints_the_page(tmp_path: Path) -> None:
    done = typed(("plan",), tmp_path, {})
    assert done.returncode == 0, done.stderr
    lines = [line.rstrip() for line in done.stdout.splitlines() if line.strip()]
    page = PAGE.read_text(encoding="utf-8")
    missing = [line for line in lines if line not in page]
    assert not missing, "run `curate plan` in an empty folder and put its output into the page"
    assert max(map(len, lines)) <= 80


def test_the_rest_is_what_has_no_verdict(tmp_path: Path) -> None:
    with Store(tmp_path / "data") as store:
        for number in (1, 2, 3):
            state = CrawlState(is_complete=True, points=6)
            store.save_page(REPO, [make_pull(number, repo=REPO)], state)
            store.save_candidate(make_candidate(number))
        store.save_validation(REPO, make_validation(1, None))
    done = typed(("plan", "--json", "--candidates", "100", "--machines", "3"), tmp_path, {})
    document = json.loads(done.stdout)
    rest, pool = document["plans"]
    assert (rest["name"], rest["candidates"], rest["api_points"]) == ("the rest", 3, 0)
    assert (pool["candidates"], pool["api_points"]) == (100, 200)
    assert [it["machines"] for it in pool["machines"]] == [3]
    assert document["measured"]["history"] == 1


def test_bad_input_is_told(tmp_path: Path) -> None:
    for arguments in (
        ("--machines", "0"),
        ("--candidates", "-5"),
        ("--candidates", "many"),
        ("-j", "0"),
        ("--repo", "o/unknown"),
        ("--repo", "nonsense"),
    ):
        done = typed(("plan", *arguments), tmp_path, {})
        assert done.returncode in {2, 4}, (arguments, done)
        assert "Error: " in done.stderr and "Traceback" not in done.stderr
        assert not (tmp_path / "data").exists()
