"""Writes data/sample-release: the demo's release, the same to the byte on every machine.

What the local sandbox built lies in folders of one machine, at one time. Such values are replaced;
all others, such as patches, tests, verdicts and locks, are what the demo found.
"""

import shutil
from pathlib import Path

from curate import __version__
from curate.core.settings import read_settings
from curate.publish.release import CHECKSUMS_FILE, compute_checksums
from curate.publish.run import ReleaseSteps, write_filtered_release
from curate.releases.row import Row
from curate.releases.table import RowTable
from curate.store import Store
from tests.demo.sample import ROOT, SAMPLE
from tests.demo.stage import Stage

SAMPLE_RELEASE = ROOT / "data" / "sample-release"
PYTHON = "3.11"  # on other versions packages, and so locks, may be others
VERSION = "0.1.0.dev0"  # of a source tree without git history
VALIDATED_AT = "2026-12-01T00:00:00Z"


def pin_python(folder: Path) -> Path:
    """Write the sample's recipe, with the Python of the sample release, to *folder*; return it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for recipe in SAMPLE.glob("*__*.toml"):
        text = recipe.read_text(encoding="utf-8")
        pinned = text.replace("[[env]]\n", f'[[env]]\npython = "{PYTHON}"\n')
        (folder / recipe.name).write_text(pinned, encoding="utf-8")
    return folder


def write_sample_release(stage: Stage, folder: Path) -> None:
    """Write the release of the store of *stage*, without what differs between machines."""
    settings = read_settings({}, stage.variables)
    with Store(settings.data_dir) as store:
        steps = ReleaseSteps(set_images=_fix_rows, before_replacing=_fix_card)
        write_filtered_release(settings, store, folder, steps=steps)


def _fix_rows(rows: RowTable) -> RowTable:
    return rows.map(_fix_row)


def _fix_row(row: Row) -> Row:
    image = f"local/{row['instance_id']}"
    fixed: Row = {"image": image, "image_name": image, "curate_version": VERSION}
    fixed["validated_at"] = VALIDATED_AT
    return row | {name: value for name, value in fixed.items() if name in row}


def _fix_card(folder: Path) -> None:
    card = folder / "README.md"
    text = card.read_text(encoding="utf-8")
    card.write_text(text.replace(f"curate {__version__}.", f"curate {VERSION}."), encoding="utf-8")
    found = {name: it for name, it in compute_checksums(folder).items() if name != CHECKSUMS_FILE}
    lines = (f"{digest}  {name}\n" for name, digest in sorted(found.items()))
    (folder / CHECKSUMS_FILE).write_text("".join(lines), encoding="utf-8")
