"""Makes the README's pictures from what the demo prints and leaves: `make pictures`.

docs/assets/demo.svg is its output, with lines left out where "…" stands, and docs/assets/report.png
the report of its store in Chromium (CHROMIUM names another one than /usr/bin/chromium).
"""

import io
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.text import Text

from tests.demo.sample import ROOT

ASSETS = ROOT / "docs" / "assets"
FOLDER = ROOT / ".cache" / "pictures"
COLUMNS = 116
_SHOWN = ("crawl", "validate", "status")  # commands whose output is shown
_WINDOW = {"width": 1180, "height": 760}


def main() -> None:
    """Run the demo and write both pictures."""
    ASSETS.mkdir(exist_ok=True)
    variables = {"FORCE_COLOR": "1", "COLUMNS": str(COLUMNS)}
    output = _run("tests.demo", "--folder", str(FOLDER), "--sandbox", "local", **variables)
    (ASSETS / "demo.svg").write_text(draw_terminal(output), encoding="utf-8")
    report = FOLDER / "report"
    _run("curate", "--data-dir", str(FOLDER / "data"), "report", "--output", str(report))
    take_screenshot(report / "index.html", ASSETS / "report.png")


def draw_terminal(output: str) -> str:
    """Return a picture, SVG, of the main commands of the demo in *output*, with its colors."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    for line in select_lines(output.splitlines()):
        console.print(Text.from_ansi(line), overflow="ellipsis", no_wrap=True)
    svg = console.export_svg(title="make demo", unique_id="demo")
    # Browsers load nothing for a picture: another monospaced font takes its place.
    return re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)


def select_lines(lines: list[str]) -> list[str]:
    """Return the lines to show, without progress and the addresses of this machine."""
    shown, chosen = ["$ make demo", "…"], False
    for line in lines:
        if line.startswith("$ curate "):
            chosen = line.split()[2] in _SHOWN
        if line.startswith("Sandbox:"):
            chosen = False
        if (chosen or line.startswith("Everything came out")) and " elapsed" not in line:
            shown.append(re.sub(r" --(?:github-api-url|mirror) \S+", "", line.rstrip()))
    return shown


def take_screenshot(page: Path, target: Path) -> None:
    """Write a picture of the top of *page*, in the light theme."""
    from playwright.sync_api import sync_playwright

    program = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        view = browser.new_page(viewport=_WINDOW, color_scheme="light")
        view.goto(page.as_uri())
        view.wait_for_load_state("networkidle")
        view.screenshot(path=target)
        browser.close()


def _run(module: str, *arguments: str, **variables: str) -> str:
    environment: Mapping[str, str] = {**os.environ, **variables}
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    )
    return done.stdout


if __name__ == "__main__":
    main()
