"""The page of one candidate to open now: that of a report, or a file that needs no other."""

import base64
import gzip
import json
import re
import tempfile
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote

from markupsafe import Markup

from curate.core.errors import NotFoundError
from curate.core.settings import Settings
from curate.publish.excluded import instance_exclusions
from curate.report.browser.article import render_article
from curate.report.browser.detail_chunks import FOLDER, INDEX_FILE
from curate.report.browser.facts import FactsReader, InstanceFacts
from curate.report.browser.listing import read_candidate_list
from curate.report.browser.write import INSTANCE_PAGE
from curate.report.site import load_templates
from curate.store import Store
from curate.store.unknown_ids import explain_unknown_id

_STYLES = ("site.css", "browser.css")
_PACKED = re.compile(r'"([A-Za-z0-9+/=]+)"\);\s*$')


def find_page(store: Store, settings: Settings, name: str, report: Path) -> Path | str:
    """Return where the page of candidate *name* is: an address in *report*, or a new file.

    A report that is older than the candidate's validation does not count. Raises NotFoundError.
    """
    facts = read_facts(store, settings, name)
    if _has_page(report, name, facts):
        return f"{(report.absolute() / INSTANCE_PAGE).as_uri()}?id={quote(name)}"
    folder = Path(tempfile.mkdtemp(prefix="curate-show-"))
    path = folder / f"{re.sub(r'[^A-Za-z0-9_.-]', '_', name)[:150]}.html"
    path.write_text(render_single_page(facts), encoding="utf-8")
    return path


def read_facts(store: Store, settings: Settings, name: str) -> InstanceFacts:
    """Return the facts of one candidate; raises NotFoundError."""
    candidate = store.get_candidate(name)
    if candidate is None:
        raise explain_unknown_id(store, name)
    reader = FactsReader(
        store=store,
        settings=settings,
        listing=read_candidate_list(store.folder, candidate.repo),
        exclusions=instance_exclusions(settings, store, [name]).exclusions,
    )
    for facts in reader.read([name]):
        return facts
    raise NotFoundError(f"{name} is no longer in the store.")


def render_single_page(facts: InstanceFacts) -> str:
    """Return the page with its styles in it, and without scripts."""
    article = render_article(facts, is_alone=True)
    assets = files("curate.report").joinpath("assets")
    styles = [Markup(assets.joinpath(name).read_text(encoding="utf-8")) for name in _STYLES]
    template = load_templates().get_template("browser/single.html")
    return template.render(title=article.title, article=Markup(article.html), styles=styles)


def _has_page(report: Path, name: str, facts: InstanceFacts) -> bool:
    """Whether *report* has the page, made after the newest validation."""
    index = report / INDEX_FILE
    try:
        made_at = datetime.fromtimestamp(index.stat().st_mtime, tz=UTC)
        if facts.validation and facts.validation.finished_at > made_at:
            return False
        entries = json.loads(index.read_text(encoding="ascii").partition("= ")[2].rstrip(";\n"))
        number = facts.listed.number
        before = [it for it in entries if (it[0], it[1]) <= (name.rpartition("-")[0], number)]
        return bool(before) and name in _read_chunk(report / FOLDER / before[-1][2])
    except (OSError, ValueError):  # no report, or that of another version
        return False


def _read_chunk(path: Path) -> dict[str, object]:
    match = _PACKED.search(path.read_text(encoding="ascii"))
    if match is None:
        return {}
    pages: dict[str, object] = json.loads(gzip.decompress(base64.b64decode(match[1])))
    return pages
