"""Writes the browser of instances into a report: list, pages, and the data of both."""

from dataclasses import dataclass
from pathlib import Path

from curate.core.settings import Settings
from curate.publish.context import ProgressCallback, ignore_progress
from curate.publish.excluded import excluded_instances
from curate.publish.stored_exclusions import ExclusionsById
from curate.report.browser.detail_chunks import INDEX_FILE, dump_index, write_detail_chunks
from curate.report.browser.facts import FactsReader
from curate.report.browser.list_rows import ListRow, list_chunks, make_list_rows
from curate.report.browser.listing import read_candidate_list
from curate.report.site import render_page, write_page
from curate.store import Store
from curate.store.database import DATABASE_FILE

LIST_PAGE, INSTANCE_PAGE = "instances.html", "instance.html"
COLUMNS = (
    ("id", "Instance", "wide"),
    ("state", "State", "state-column"),
    ("created", "Opened", "small"),
    ("python", "Python", "small"),
    ("f2p", "F2P", "small number"),
    ("strength", "Strength", "small number"),
)
"""Key, label and CSS classes of the columns of the list."""


@dataclass(frozen=True, kw_only=True)
class BrowserSource:
    """What pages are made from."""

    reader: FactsReader
    rows: list[ListRow]


def write_instances(
    settings: Settings,
    folder: Path,
    *,
    previous: Path | None = None,
    progress: ProgressCallback = ignore_progress,
) -> None:
    """Write the browser of the store of *settings*; of an empty list if there is none."""
    if (settings.data_dir / DATABASE_FILE).exists():
        with Store(settings.data_dir) as store:
            write_browser(store, settings, folder, previous=previous, progress=progress)
        return
    (folder / "data").mkdir(parents=True, exist_ok=True)
    (folder / INDEX_FILE).write_text(dump_index([]), encoding="ascii")
    write_page(folder, LIST_PAGE, render_list_page(0, []))
    write_page(folder, INSTANCE_PAGE, render_instance_page("Instance"))


def write_browser(
    store: Store,
    settings: Settings,
    folder: Path,
    *,
    previous: Path | None = None,
    progress: ProgressCallback = ignore_progress,
) -> None:
    """Write the list and the pages of all candidates below *folder*, the root of a report.

    *previous* is an earlier report, whose chunks are taken over where they would be the same.
    """
    source = read_browser_source(store, settings, progress=progress)
    chunks = []
    (folder / "data").mkdir(parents=True, exist_ok=True)
    for name, script in list_chunks(source.rows):
        (folder / "data" / name).write_text(script, encoding="ascii")
        chunks.append(name)
    write_page(folder, LIST_PAGE, render_list_page(len(source.rows), chunks))
    write_page(folder, INSTANCE_PAGE, render_instance_page("Instance"))
    write_detail_chunks(source.reader, folder, previous, progress)


def read_browser_source(
    store: Store,
    settings: Settings,
    exclusions: ExclusionsById | None = None,
    progress: ProgressCallback = ignore_progress,
) -> BrowserSource:
    """Return the rows of the list, and what reads the facts of pages.

    Without *exclusions*, those by the release filters of *settings* are found, which examines every
    verified instance that was not examined before.
    """
    listing = read_candidate_list(store.folder)
    if exclusions is None:
        exclusions = excluded_instances(settings, store, progress=progress)
    reader = FactsReader(store=store, settings=settings, listing=listing, exclusions=exclusions)
    return BrowserSource(reader=reader, rows=make_list_rows(store, listing, exclusions, progress))


def render_list_page(total: int, chunks: list[str]) -> str:
    """Return the page of the list, which loads *chunks* of rows."""
    return render_page(
        "browser/instances.html",
        title="Instances",
        active="instances",
        total=total,
        chunks=chunks,
        columns=COLUMNS,
    )


def render_instance_page(title: str, article: str | None = None) -> str:
    """Return the page of an instance: with its *article*, or one that loads it from a chunk."""
    from markupsafe import Markup

    return render_page(
        "browser/instance.html",
        title=title,
        active="instances",
        article=None if article is None else Markup(article),
    )
