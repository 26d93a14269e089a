"""Publishing: images to a registry, rows to a release folder, the folder to the Hub."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from curate import __version__
from curate.errors import BadInput
from curate.hub.card import CardFacts
from curate.model import Candidate, Validation
from curate.publishing.release import Release, write_release
from curate.publishing.rows import Image, Problem, Row, raw_rows, train_rows
from curate.store import Store

Push = Callable[[str, str, str], tuple[str, int]]
"""(local image, repository, tag) -> (reference by digest, bytes sent)"""


def image_repository(namespace: str, instance_id: str) -> str:
    """Name of an instance's image in SWE-Gym's form: `…/sweb.eval.x86_64.owner_s_name-N`."""
    return f"{namespace.rstrip('/')}/sweb.eval.x86_64.{instance_id.replace('__', '_s_').lower()}"


def push_images(
    store: Store, registry: str, push: Push, told: Callable[[str, int], None]
) -> Mapping[str, Image]:
    """Push the image of every verified instance that *registry* lacks; places by instance id.

    Each push is recorded when it is done, so a second call sends only what is missing.
    """
    known = store.pushed(registry)
    places = {}
    for candidate, validation in store.verified():
        env = validation.environment
        if env is None or env.backend != "docker":
            continue
        name = candidate.instance_id
        image, reference = known.get(name, ("", ""))
        if image != env.digest:
            reference, sent = push(env.handle, image_repository(registry, name), "latest")
            store.save_pushed(name, registry, env.digest, reference)
            told(name, sent)
        digest = reference.partition("@")[2]
        places[name] = Image(reference=reference, digest=digest, environment=env.variables)
    return places


def release(
    store: Store, folder: Path, *, repo_id: str, images: Mapping[str, Image]
) -> tuple[Path, Sequence[Problem]]:
    """Write the next release as *folder*; also what could not be published, with the reason."""
    pairs = list(store.verified())
    if not pairs and not store.repositories():
        raise BadInput("There is nothing to publish.", hint="Run: curate crawl, curate validate")
    train = train_rows(pairs, _places(pairs) | dict(images))
    raw = raw_rows(store.candidates())
    facts = CardFacts(
        repo_id=repo_id,
        curate_version=__version__,
        funnels=tuple(store.funnel(repo) for repo in store.repositories()),
    )
    written = write_release(folder, Release(facts=facts, train=_rows(train), raw=_rows(raw)))
    problems = {p.instance_id: p for p in (*raw, *train) if isinstance(p, Problem)}
    return written, tuple(problems.values())


def _places(pairs: Sequence[tuple[Candidate, Validation]]) -> dict[str, Image]:
    """Images as they were built here."""
    built = ((c.instance_id, v.environment) for c, v in pairs)
    return {
        name: Image(reference=env.handle, digest=env.digest, environment=env.variables)
        for name, env in built
        if env is not None
    }


def _rows(made: Sequence[Row | Problem]) -> list[Row]:
    return [row for row in made if not isinstance(row, Problem)]
