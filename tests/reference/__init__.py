"""The reference of the documentation, written from the code by `make docs`."""

from pathlib import Path

from tests.reference import columns, commands, exit_codes, reasons, recipe_keys

PAGES = Path(__file__).parents[2] / "docs" / "reference"
NOTE = "<!-- Made from the code by `make docs`; edits are overwritten. -->"
WRITERS = {
    "commands.md": commands.render,
    "recipe-keys.md": recipe_keys.render,
    "columns.md": columns.render,
    "reasons.md": reasons.render,
    "exit-codes.md": exit_codes.render,
}


def render_pages() -> dict[str, str]:
    """Each page of the reference by its file name."""
    return {name: f"{NOTE}\n\n{render().rstrip()}\n" for name, render in WRITERS.items()}


def write_pages() -> None:
    """Write every page whose text differs."""
    for name, text in render_pages().items():
        page = PAGES / name
        if not page.exists() or page.read_text(encoding="utf-8") != text:
            page.write_text(text, encoding="utf-8")
