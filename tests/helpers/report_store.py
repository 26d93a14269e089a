"""A small store that has something of everything that a report shows, and how sites are read."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from curate.builders.model import Outcome
from curate.core.certification import CertificationResult
from curate.core.model import (
    Candidate,
    CrawlState,
    Rejection,
    Run,
    TestStrength,
    Validation,
)
from curate.store import Store
from tests.helpers.factories import (
    make_candidate,
    make_certification,
    make_differences,
    make_pull,
    make_validation,
)

REPO, OTHER = "owner/name", "an-owner-of-a-long-name/a-repository-of-a-long-name"
HOSTILE = "<script>alert(1)</script> & \x1b[31mred\x1b[0m"
FLAKY = Rejection(stage="validate", reason="flaky-tests", detail=f"1 flaky test {HOSTILE}")
UNKNOWN_TIME = datetime.max.replace(tzinfo=UTC)
_VOID = frozenset({"meta", "link", "br", "hr", "img", "input"})


def fill(folder: Path) -> None:
    """Make a store in *folder*.

    Of owner/name: 1 is pending, 2 to 4 are verified, 5 is flaky, 6 no candidate, 7 malformed, 8 was
    validated before it was rejected. 3 drifted. The other repository has 1, not decided yet.
    """
    with Store(folder) as store:
        pulls = [make_pull(number, repo=REPO) for number in range(1, 9)]
        pulls[6] = replace(pulls[6], created_at=UNKNOWN_TIME)
        store.save_page(REPO, pulls, CrawlState())
        store.save_page(OTHER, [make_pull(1, repo=OTHER)], CrawlState())
        for number in (1, 2, 3, 4, 5, 8):
            store.save_candidate(_candidate(number))
        for number in (2, 3, 4):
            store.save_validation(REPO, _verified(number))
        store.save_validation(REPO, _rejected(store, 5))
        store.save_validation(REPO, _verified(8))
        for number, detail in ((6, HOSTILE), (7, ""), (8, "=1+1")):
            store.reject_pull(
                REPO, number, Rejection(stage="crawl", reason="no-tests", detail=detail)
            )
        store.certifications.save(make_certification(2, image="sha256:2"))
        failed = make_certification(
            3,
            image="sha256:3",
            result=CertificationResult.FAILED,
            gold_passes=0,
            detail="=HYPERLINK(1)",
            differences=make_differences("t.py::a", "gold 1"),
        )
        store.certifications.save(failed)


def _candidate(number: int) -> Candidate:
    return make_candidate(
        number,
        created_at=datetime(2021 + 2 * (number > 3), number, 1, tzinfo=UTC),
        problem_statement=f"Problem {number}: it breaks badly, see #{number}.",
        patch=make_candidate().patch.replace(b"+2", b"+%d" % (number * 7919)),
    )


def _verified(number: int) -> Validation:
    made = make_validation(number)
    assert made.environment
    environment = replace(
        made.environment,
        key="shared" if number < 4 else "own",
        dockerfiles={"base": "FROM x\n", "instance": "FROM base:1\n"},
        layer_bytes={"base": 500_000_000, "instance": number * 1_000_000},
        digest=f"sha256:{number}",
        lock_seconds=10.0,
        build_seconds=20.0,
    )
    return replace(
        made,
        environment=environment,
        runs=tuple(replace(run, cpu_seconds=60.0) for run in made.runs),
        test_strength=TestStrength(hunks=("a", "b"), untested=("b",) if number == 4 else ()),
    )


def _rejected(store: Store, number: int) -> Validation:
    log = store.blobs.put(f"first\n{'x' * 1000}\n{HOSTILE}\nlast line\n".encode())
    run = Run(side="after", index=0, status="completed", outcomes={"t": Outcome.FAILED}, log=log)
    return replace(make_validation(number, rejection=FLAKY), runs=(run,))


@dataclass
class ReadPage(HTMLParser):
    """A parsed page: what it loads, where it links, and what it is called."""

    loaded: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    refers: list[str] = field(default_factory=list)  # ids that attributes name
    handlers: list[str] = field(default_factory=list)  # inline event handlers
    tags: list[str] = field(default_factory=list)
    text: str = ""
    unclosed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _VOID:
            self.unclosed.append(tag)
        self._note(tag, attrs)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._note(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.unclosed.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def _note(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = {name: value or "" for name, value in attrs}
        self.tags.append(tag)
        self.handlers += [name for name in known if name.startswith("on")]
        self.ids += [known["id"]] if "id" in known else []
        for name in ("aria-labelledby", "for"):
            self.refers += known.get(name, "").split()
        if tag == "a":
            self.links.append(known["href"])
        elif address := known.get("src") or known.get("href"):
            self.loaded.append(address)


def read_page(path: Path) -> ReadPage:
    """Parse the page at *path*, whose elements must be closed in order."""
    page = ReadPage()
    page.feed(path.read_text(encoding="utf-8"))
    page.close()
    assert page.unclosed == []
    return page


def find_broken(folder: Path) -> Iterator[str]:
    """Yield what is wrong with the addresses of the site in *folder*."""
    for path in sorted(folder.rglob("*.html")):
        page = read_page(path)
        for address in page.loaded:
            parts = urlsplit(address)
            if parts.scheme == "data" or address.startswith("#"):
                continue
            if parts.scheme or parts.netloc or not (path.parent / unquote(parts.path)).is_file():
                yield f"{path.name} loads {address}"
        for address in page.links:
            parts = urlsplit(address)
            if parts.scheme == "https":
                continue
            target = path.parent / unquote(parts.path) if parts.path else path
            if (
                parts.scheme
                or not target.is_file()
                or (parts.fragment and parts.fragment not in read_page(target).ids)
            ):
                yield f"{path.name} links to {address}"
