"""Pages made on all cores: each process reads the store itself and writes whole chunks."""

import base64
import gzip
import json
import multiprocessing
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from curate.core.machine import usable_cores
from curate.core.settings import Settings
from curate.publish.stored_exclusions import ExclusionsById
from curate.report.browser.article import render_article
from curate.report.browser.facts import FactsReader
from curate.report.browser.listing import order_candidates
from curate.store import Store
from curate.store.browsing import ListedCandidate


@dataclass(frozen=True, kw_only=True)
class PageTask:
    """A chunk of pages to write."""

    ids: tuple[str, ...]
    candidates: tuple[ListedCandidate, ...]  # those, and their neighbours
    exclusions: ExclusionsById
    file: Path


def write_pages(
    settings: Settings, store: Store, tasks: Iterable[PageTask], *, is_long: bool
) -> Iterator[int]:
    """Write the chunks of *tasks*; yield the number of pages of each.

    With *is_long*, on all cores, each with a store of its own.
    """
    workers = usable_cores()
    if not is_long or workers == 1:
        yield from (_write_chunk(store, settings, task) for task in tasks)
        return
    with ProcessPoolExecutor(
        workers,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_open_store,
        initargs=(settings,),
    ) as pool:
        try:
            yield from pool.map(_write_here, tasks)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


_of_process: list[tuple[Store, Settings]] = []


def _open_store(settings: Settings) -> None:
    _of_process.append((Store(settings.data_dir), settings))


def _write_here(task: PageTask) -> int:
    return _write_chunk(*_of_process[0], task)


def _write_chunk(store: Store, settings: Settings, task: PageTask) -> int:
    listing = order_candidates(task.candidates)
    reader = FactsReader(
        store=store, settings=settings, listing=listing, exclusions=task.exclusions
    )
    pages = {}
    for facts in reader.read(task.ids):
        article = render_article(facts)
        pages[facts.listed.instance_id] = [article.title, article.html]
    packed = gzip.compress(json.dumps(pages).encode(), compresslevel=6, mtime=0)
    script = f'curateDetails.add("{task.file.name}", "{base64.b64encode(packed).decode()}");\n'
    task.file.write_text(script, encoding="ascii")
    return len(task.ids)
