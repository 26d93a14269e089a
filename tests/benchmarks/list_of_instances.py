"""How long the list of instances takes from a key to the painted rows, with 70,000 rows.

    python -m tests.benchmarks.list_of_instances [--rows 70000] [--folder DIR]

Rows are made, not crawled; the page is opened from its file, in the Chromium of this machine. A
keystroke is measured with `performance.now()`, from before the input event until its frame has been
handed over to be painted. Prints JSON.
"""

import argparse
import json
import random
import shutil
import statistics
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from curate.report.browser.list_rows import ListRow, ValidationFacts, list_chunks
from curate.report.browser.write import LIST_PAGE, render_list_page
from curate.report.site import write_assets, write_page
from curate.store.browsing import ListedCandidate

_WORDS = [
    *("fix", "error", "in", "parser", "when", "token", "is", "missing", "add", "support", "for"),
    *("python", "handle", "empty", "frame", "raise", "value", "index", "dtype", "of", "merge"),
    *("and", "groupby", "allow", "None", "remove", "deprecated", "keyword", "option", "server"),
]
_REASONS = ("flaky-tests", "no-fail-to-pass", "pass-to-fail", "build-failed", "timeout")
_TYPED = ("p", "pa", "par", "pars", "parse", "parser", "parser t", "parser to", "parser", "")

_MEASURE = """
([id, value]) => new Promise((resolve) => {
  const field = document.getElementById(id);
  field.value = value;
  const start = performance.now();
  field.dispatchEvent(new Event(field.tagName === "INPUT" ? "input" : "change", {bubbles: true}));
  const script = performance.now() - start;
  requestAnimationFrame(() => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => resolve([script, performance.now() - start]);
    channel.port2.postMessage(0);
  });
})
"""
_SORT = """
(key) => new Promise((resolve) => {
  const start = performance.now();
  document.querySelector(`th[data-key=${key}] button`).click();
  requestAnimationFrame(() => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => resolve(performance.now() - start);
    channel.port2.postMessage(0);
  });
})
"""


def make_rows(count: int, seed: int = 1) -> list[ListRow]:
    """Return *count* rows of eleven repositories, always the same."""
    chance = random.Random(seed)
    return [_make_row(chance, f"owner-{it % 11}/project-{it % 11}", it) for it in range(count)]


def _make_row(chance: random.Random, repo: str, number: int) -> ListRow:
    is_validated = chance.random() < 0.3
    is_rejected = is_validated and chance.random() < 0.7
    listed = ListedCandidate(
        instance_id=f"{repo.replace('/', '__')}-{number}",
        repo=repo,
        number=number,
        title=" ".join(chance.choices(_WORDS, k=9)),
        created_at=f"{chance.randint(2014, 2025)}-{chance.randint(1, 12):02}-01T00:00:00Z",
        is_validated=is_validated,
        stage="validate" if is_rejected else "",
        reason=chance.choice(_REASONS) if is_rejected else "",
        key="",
        size=0,
    )
    facts = ValidationFacts(
        python=f"3.{chance.randint(7, 13)}" if is_validated else "",
        fail_to_pass=chance.randint(1, 200) if is_validated else None,
        strength=round(chance.random(), 2) if is_validated else None,
    )
    return ListRow(listed=listed, facts=facts, excluded=())


def write_list(folder: Path, rows: list[ListRow]) -> int:
    """Write the list of *rows*; return the bytes of their chunks."""
    write_assets(folder)
    (folder / "data").mkdir()
    chunks = dict(list_chunks(rows))
    for name, script in chunks.items():
        (folder / "data" / name).write_text(script, encoding="ascii")
    write_page(folder, LIST_PAGE, render_list_page(len(rows), list(chunks)))
    return sum(map(len, chunks.values()))


def measure(page: Page, address: str) -> dict[str, Any]:
    """Return milliseconds of loading, keystrokes, filters and sorts."""
    page.goto(address)
    page.wait_for_selector("#body a")
    loaded = page.evaluate("performance.now()")
    page.wait_for_timeout(2000)
    keys = [page.evaluate(_MEASURE, ["q", text]) for text in _TYPED * 5]
    filters = [
        page.evaluate(_MEASURE, [name, value])[1]
        for name, value in (
            ("state", "verified"),
            ("year", "2020"),
            ("python", "3.9"),
            ("strength", "0.5"),
            ("year", ""),
            ("state", ""),
        )
    ]
    page.click("button[type=reset]")
    sorts = [page.evaluate(_SORT, key) for key in ("f2p", "f2p", "created", "strength", "id")]
    return {
        "load_ms": round(loaded),
        "key_painted_ms": _summarize([painted for _, painted in keys]),
        "key_script_ms": _summarize([script for script, _ in keys]),
        "filter_painted_ms": _summarize(filters),
        "sort_painted_ms": _summarize(sorts),
    }


def _summarize(values: list[float]) -> dict[str, float]:
    return {"median": round(statistics.median(values), 1), "max": round(max(values), 1)}


def run(rows: int, folder: Path) -> dict[str, Any]:
    """Write the list to *folder* and measure it in Chromium."""
    size = write_list(folder, make_rows(rows))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        found = measure(page, (folder / LIST_PAGE).as_uri())
        browser.close()
    return {"rows": rows, "data_bytes": size, **found}


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=70_000)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        print(json.dumps(run(given.rows, given.folder or Path(temporary)), indent=2))


if __name__ == "__main__":
    main()
