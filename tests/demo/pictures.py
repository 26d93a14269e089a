"""Makes the README's pictures from what the demo prints and leaves: `make pictures`.

docs/assets/demo.svg is a recording of its output, with lines left out where "…" stands: each line
appears when it did, in a demo of `PLAYING_SECONDS`. docs/assets/report.png is the report of its
store in Chromium (CHROMIUM names another one than /usr/bin/chromium).
"""

import io
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.text import Text

from tests.demo.sample import ROOT

ASSETS = ROOT / "docs" / "assets"
FOLDER = ROOT / ".cache" / "pictures"
COLUMNS = 116
PLAYING_SECONDS = 12.0
_SHOWN = ("crawl", "validate", "status")  # commands whose output is shown
WIDTH, HEIGHT = 1180, 760  # of the browser's window


def main() -> None:
    """Run the demo and write both pictures."""
    ASSETS.mkdir(exist_ok=True)
    variables = {"FORCE_COLOR": "1", "COLUMNS": str(COLUMNS)}
    lines = _run("tests.demo", "--folder", str(FOLDER), "--sandbox", "local", **variables)
    (ASSETS / "demo.svg").write_text(draw_terminal(lines), encoding="utf-8")
    report = FOLDER / "report"
    _run("curate", "--data-dir", str(FOLDER / "data"), "report", "--output", str(report))
    take_screenshot(report / "index.html", ASSETS / "report.png")


def draw_terminal(lines: list[tuple[float, str]]) -> str:
    """Return a recording, SVG, of the main commands of the demo, with its colors.

    *lines* has the seconds since its start with each. Where motion is unwanted, all lines stand.
    """
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    shown = select_lines(lines)
    for _, line in shown:
        console.print(Text.from_ansi(line), overflow="ellipsis", no_wrap=True)
    svg = console.export_svg(title="make demo", unique_id="demo")
    # Browsers load nothing for a picture: another monospaced font takes its place.
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    return svg.replace(
        "</style>", make_animation([seconds for seconds, _ in shown]) + "</style>", 1
    )


def make_animation(seconds: list[float]) -> str:
    """Return the style that lets line N appear after seconds[N], scaled to `PLAYING_SECONDS`."""
    scale = PLAYING_SECONDS / (seconds[-1] or 1)
    rules = [
        f'[clip-path$="-line-{number})"] {{ animation: appear 1ms {at * scale:.2f}s both }}'
        for number, at in enumerate(seconds)
    ]
    appear = "@keyframes appear { from { opacity: 0 } to { opacity: 1 } }"
    motion = "@media (prefers-reduced-motion: no-preference) {"
    return "\n".join([appear, motion, *rules, "}", ""])


def select_lines(lines: list[tuple[float, str]]) -> list[tuple[float, str]]:
    """Return the lines to show, without progress and the addresses of this machine."""
    shown, chosen = [(0.0, "$ make demo"), (0.0, "…")], False
    for seconds, line in lines:
        if line.startswith("$ curate "):
            chosen = line.split()[2] in _SHOWN
        if line.startswith("Sandbox:"):
            chosen = False
        if (chosen or line.startswith("Everything came out")) and " elapsed" not in line:
            shown.append((seconds, re.sub(r" --(?:github-api-url|mirror) \S+", "", line.rstrip())))
    return shown


def take_screenshot(page: Path, target: Path) -> None:
    """Write a picture of the top of *page*, in the light theme."""
    from playwright.sync_api import sync_playwright

    program = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        view = browser.new_page(color_scheme="light")
        view.set_viewport_size({"width": WIDTH, "height": HEIGHT})
        view.goto(page.as_uri())
        view.wait_for_load_state("networkidle")
        view.screenshot(path=target)
        browser.close()


def _run(module: str, *arguments: str, **variables: str) -> list[tuple[float, str]]:
    environment: Mapping[str, str] = {**os.environ, "PYTHONUNBUFFERED": "1", **variables}
    command = [sys.executable, "-m", module, *arguments]
    began, lines = time.monotonic(), []
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        for line in process.stdout or ():
            lines.append((time.monotonic() - began, line.rstrip("\n")))
    if process.returncode:
        sys.exit(f"{' '.join(command)} failed:\n" + "\n".join(line for _, line in lines[-20:]))
    return lines


if __name__ == "__main__":
    main()
