"""Pages of candidates in chunks: scripts that hold compressed text, as a page may fetch nothing.

Where a chunk ends depends on the candidates in it alone, so that a new candidate changes one chunk.
Chunks of an earlier report whose inputs are the same are taken over.
"""

import hashlib
import os
import shutil
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from curate.publish.code_hash import compute_code_hash
from curate.publish.context import ProgressCallback, ignore_progress
from curate.report.browser.facts import FactsReader
from curate.report.browser.list_rows import dump_for_script
from curate.report.browser.listing import CandidateList, slug_of
from curate.report.browser.page_pool import PageTask, write_pages
from curate.store.browsing import ListedCandidate

MAX_CHUNK_BYTES = 800_000  # of what is stored of its candidates, before they are pages
MAX_CANDIDATES = 64
FOLDER, INDEX_FILE = "data/details", "data/details-index.js"
_FEW = 1000  # pages that are not worth starting processes for
_ENDS = 24  # one candidate in so many ends a chunk


@dataclass(frozen=True, kw_only=True)
class DetailChunk:
    """Candidates whose pages are in one file, whose name tells their inputs."""

    candidates: tuple[ListedCandidate, ...]
    file: str  # below `FOLDER`


def plan_chunks(reader: FactsReader) -> Iterator[DetailChunk]:
    """Yield the chunks of all candidates, in order."""
    certified = _certification_keys(reader)
    chunk: list[ListedCandidate] = []
    size = 0
    for one in reader.listing.candidates:
        if chunk and (size + one.size > MAX_CHUNK_BYTES or len(chunk) >= MAX_CANDIDATES):
            yield _make_chunk(reader, chunk, certified)
            chunk, size = [], 0
        chunk.append(one)
        size += one.size
        if zlib.crc32(one.instance_id.encode()) % _ENDS == 0:
            yield _make_chunk(reader, chunk, certified)
            chunk, size = [], 0
    if chunk:
        yield _make_chunk(reader, chunk, certified)


def _certification_keys(reader: FactsReader) -> dict[str, str]:
    ids = [one.instance_id for one in reader.listing.candidates if one.state == "verified"]
    newest = reader.store.certifications.newest(ids)
    return {name: f"{one.certified_at} {one.result}" for name, one in newest.items()}


def _make_chunk(
    reader: FactsReader, candidates: Sequence[ListedCandidate], certified: dict[str, str]
) -> DetailChunk:
    listing = reader.listing
    inputs = [
        (
            one.instance_id,
            one.key,
            [str(it) for it in reader.exclusions.get(one.instance_id, ())],
            certified.get(one.instance_id, ""),
            [(it.instance_id, it.key) for it in _neighbours(listing, one)],
        )
        for one in candidates
    ]
    whole = repr((_hash_code(), reader.settings.github_api_url, inputs))
    digest = hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()[:24]
    return DetailChunk(candidates=tuple(candidates), file=f"{digest}.js")


def _neighbours(listing: CandidateList, one: ListedCandidate) -> list[ListedCandidate]:
    return list(listing.neighbours(one.instance_id)) if one.is_validated else []


@cache
def _hash_code() -> str:
    """Return a hash of the code that makes pages."""
    digest = hashlib.sha256(compute_code_hash().encode())
    for path in sorted(Path(__file__).parents[1].rglob("*")):
        if path.suffix in {".py", ".html"}:
            digest.update(path.read_bytes())
    return digest.hexdigest()


def write_detail_chunks(
    reader: FactsReader,
    folder: Path,
    previous: Path | None = None,
    progress: ProgressCallback = ignore_progress,
) -> None:
    """Write all chunks and their index below *folder*.

    *previous* is an earlier report; its chunks that would be the same are taken from it.
    """
    chunks = list(plan_chunks(reader))
    (folder / FOLDER).mkdir(parents=True, exist_ok=True)
    new = [chunk for chunk in chunks if not _take_over(chunk, folder, previous)]
    tasks = (_make_task(reader, chunk, folder) for chunk in new)
    done, total = 0, sum(len(chunk.candidates) for chunk in new)
    for count in write_pages(reader.settings, reader.store, tasks, is_long=total > _FEW):
        done += count
        progress("writing pages", done, total)
    (folder / INDEX_FILE).write_text(dump_index(chunks), encoding="ascii")


def _make_task(reader: FactsReader, chunk: DetailChunk, folder: Path) -> PageTask:
    """Return what another process needs of *reader*: the candidates of *chunk*, and neighbours."""
    needed = {one.instance_id: one for one in chunk.candidates}
    for one in chunk.candidates:
        needed |= {it.instance_id: it for it in _neighbours(reader.listing, one)}
    ids = [one.instance_id for one in chunk.candidates]
    return PageTask(
        ids=tuple(ids),
        candidates=tuple(needed.values()),
        exclusions={name: reader.exclusions[name] for name in ids if name in reader.exclusions},
        file=folder / FOLDER / chunk.file,
    )


def dump_index(chunks: Sequence[DetailChunk]) -> str:
    """Return the script that says at which candidate each chunk begins."""
    index = [(slug_of(it.candidates[0]), it.candidates[0].number, it.file) for it in chunks]
    return f"const curateDetailsIndex = {dump_for_script(index)};\n"


def _take_over(chunk: DetailChunk, folder: Path, previous: Path | None) -> bool:
    """Link or copy the chunk from *previous*; False if it is not there."""
    if previous is None or not (old := previous / FOLDER / chunk.file).is_file():
        return False
    new = folder / FOLDER / chunk.file
    try:
        os.link(old, new)
    except OSError:
        shutil.copyfile(old, new)
    return True
