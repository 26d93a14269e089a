"""Publishing: rows to a release folder, images to a registry."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from curate import __version__
from curate.core.errors import BadInput
from curate.publish.card import CardFacts
from curate.publish.filters.config import Problem, Rules
from curate.publish.filters.where import subset
from curate.publish.images import image_at, images
from curate.publish.measures.codebase import Bases
from curate.publish.plots import Figures
from curate.publish.release import Release, write_release
from curate.publish.rows import Image
from curate.publish.statistics import measures, paper, paper_shares, shares
from curate.publish.tables import raw_table, train_table
from curate.releases.row import Row, strings, text
from curate.store import Store

Push = Callable[[str, str, str], tuple[str, int]]
"""(local image, repository, tag) -> (reference by digest, bytes sent)"""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What of the store goes into a release."""

    rules: Rules = field(default_factory=Rules)
    where: str = ""  # condition on verified rows; "" = all
    lite: str = "strict"  # reading of SWE-bench Lite's rules: "strict" or "intended"
    subsets: Mapping[str, str] = field(default_factory=dict)  # condition by name of the split


def image_repository(namespace: str, instance_id: str) -> str:
    """Name of an instance's image in SWE-Gym's form: `…/sweb.eval.x86_64.owner_s_name-N`."""
    return f"{namespace.rstrip('/')}/sweb.eval.x86_64.{instance_id.replace('__', '_s_').lower()}"


def push_images(
    store: Store, registry: str, push: Push, told: Callable[[str, int], None]
) -> Mapping[str, Image]:
    """Push the image of every verified instance that *registry* lacks; places by instance id.

    Each push is recorded when it is done, so a second call sends only what is missing.
    """
    known = images(store, registry)
    places = dict(known.there)
    for name, env in known.built.items():
        if name not in known.there:
            reference, sent = push(env.handle, image_repository(registry, name), "latest")
            store.save_pushed(name, registry, env.digest, reference)
            told(name, sent)
            places[name] = image_at(reference, env)
    return places


def release(
    store: Store,
    bases: Bases,
    folder: Path,
    *,
    repo_id: str,
    images: Mapping[str, Image],
    choice: Choice,
) -> tuple[Path, Sequence[Problem]]:
    """Write the next release as *folder*; also what was held back, with the first reason."""
    if not store.repositories():
        raise BadInput("There is nothing to publish.", hint="Run: curate crawl, curate validate")
    train = train_table(store, bases, choice.rules, images)
    raw = raw_table(store, bases, choice.rules)
    rows = subset(train.kept, choice.where) if choice.where else list(train.kept)
    subsets = {"lite": [row for row in rows if not strings(row, f"lite_{choice.lite}")]}
    subsets |= {name: subset(rows, where) for name, where in choice.subsets.items()}
    held = [them[0] for them in {**raw.held, **train.held}.values()]
    facts = CardFacts(
        repo_id=repo_id,
        curate_version=__version__,
        funnels=store.funnels(),
        held=Counter(f"publish/{problem.reason}" for problem in held),
        rules=choice.rules.about,
        unverified=choice.rules.unverified,
        lite=choice.lite,
        subsets=choice.subsets,
        licences=Counter(text(row, "license_spdx") for row in rows),
        figures=_figures(rows, subsets["lite"]) if rows else None,
    )
    made = Release(facts=facts, train=rows, raw=raw.kept, subsets=subsets)
    return write_release(folder, made), held


def _figures(train: Sequence[Row], lite: Sequence[Row]) -> Figures:
    ours = {"train": measures(train)} | ({"lite": measures(lite)} if lite else {})
    names = {"SWE-Gym": "swe-gym", "SWE-Gym Lite": "swe-gym-lite"}
    return Figures(
        ours=ours,
        paper={label: paper(name) for label, name in names.items()},
        shares=shares(train),
        paper_shares=paper_shares(),
    )
