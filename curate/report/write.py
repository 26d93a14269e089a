"""The report as files: pages with plots in them, and downloads beside; same numbers, same bytes."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from curate.publish.context import ProgressCallback
from curate.report.folder import replaced_report
from curate.report.navigation import NAVIGATION
from curate.report.numbers import ReportNumbers
from curate.report.page import Page
from curate.report.pages.certificates import make_certificates_page
from curate.report.pages.costs import make_costs_page
from curate.report.pages.environments import make_environments_page
from curate.report.pages.funnel import make_funnel_page
from curate.report.pages.overview import make_overview_page
from curate.report.pages.quality import make_quality_page
from curate.report.pages.rejections import list_reasons, make_rejections_page
from curate.report.site import render_page, write_assets, write_page

DOWNLOADS_FOLDER = "downloads"
NUMBERS_FILE = "report.json"  # in it


@dataclass(frozen=True, kw_only=True)
class WrittenReport:
    """A report on disk."""

    folder: Path
    numbers: dict[str, object]  # as its JSON file has them
    pages: int
    files: int
    bytes: int

    @property
    def first_page(self) -> Path:
        """Where a reader begins."""
        return self.folder / NAVIGATION[0].file


def write_report(
    folder: Path,
    numbers: ReportNumbers,
    progress: ProgressCallback,
    write_instances: Callable[[Path], None],
) -> WrittenReport:
    """Write the report to *folder*, in place of an earlier one.

    *write_instances* writes the browser of instances into the folder that it is given.

    Raises:
        AuthenticationError: Permission is missing.
        ConfigurationError: *folder* is something else, or cannot be written for another reason.
    """
    folder = folder.absolute()
    with replaced_report(folder) as work:
        write_assets(work)
        document = _write_pages(work, numbers, progress)
        write_instances(work)
    files = [path for path in folder.rglob("*") if path.is_file()]
    return WrittenReport(
        folder=folder,
        numbers=document,
        pages=sum(path.suffix == ".html" for path in files),
        files=len(files),
        bytes=sum(path.stat().st_size for path in files),
    )


def _write_pages(
    work: Path, numbers: ReportNumbers, progress: ProgressCallback
) -> dict[str, object]:
    document: dict[str, object] = {}
    total = len(NAVIGATION)
    (work / DOWNLOADS_FOLDER).mkdir()
    for number, page in enumerate(_make_pages(numbers), 1):
        progress("drawing pages", number, total)
        _write_page(work, page, numbers)
        document[page.key] = page.as_dict()
    text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    (work / DOWNLOADS_FOLDER / NUMBERS_FILE).write_text(text, encoding="utf-8")
    return document


def _make_pages(numbers: ReportNumbers) -> Iterator[Page]:
    funnels, cohorts = numbers.funnels, numbers.cohorts
    measures = numbers.measures, numbers.lite
    yield make_overview_page(funnels, *measures, numbers.excluded, numbers.included)
    yield make_funnel_page(funnels, cohorts)
    yield make_costs_page(funnels, cohorts, numbers.costs, numbers.environments.image_bytes)
    yield make_environments_page(numbers.environments)
    yield make_quality_page(numbers.quality, numbers.leak_groups, numbers.rejected)
    yield make_rejections_page(numbers.rejected)
    yield make_certificates_page(numbers.certificates, numbers.verified, numbers.certified)


def _write_page(work: Path, page: Page, numbers: ReportNumbers) -> None:
    file = next(entry.file for entry in NAVIGATION if entry.key == page.key)
    is_rejections = page.key == "rejections"
    template = "rejections.html" if is_rejections else "page.html"
    reasons = list_reasons(numbers.rejected, numbers.examples) if is_rejections else ()
    text = render_page(template, title=page.title, active=page.key, page=page, reasons=reasons)
    write_page(work, file, text)
    for table in page.iter_tables():
        path = work / DOWNLOADS_FOLDER / f"{table.name}.csv"
        path.write_text(table.make_csv(), encoding="utf-8")
