"""Instances of a store, a release, a file or the Hub, as process data needs them."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from curate.environments.tasks import RowTasks, TaskSource
from curate.process.model import ProcessInput
from curate.store import Store

COLUMNS = ("instance_id", "repo", "base_commit", "problem_statement", "patch")


def iter_inputs(
    source: TaskSource, store: Store, ids: Iterable[str], repos: Collection[str] = ()
) -> Iterator[ProcessInput]:
    """Yield the instances *ids* of *source*, of which *store* may be what it reads.

    Of *repos* only, if there are any; upper and lower case are the same. A row that is not usable
    is yielded with its problem.
    """
    wanted = {repo.lower() for repo in repos}
    for instance in _iter_all(source, store, ids):
        if not wanted or instance.repo.lower() in wanted:
            yield instance


def _iter_all(source: TaskSource, store: Store, ids: Iterable[str]) -> Iterator[ProcessInput]:
    wanted = frozenset(ids)
    if isinstance(source, RowTasks):
        yield from map(_make_input, source.files.iter_rows(COLUMNS, wanted))
        return
    for candidate, _ in store.iter_verified([name for name in source.ids if name in wanted]):
        yield _make_input({column: getattr(candidate, column) for column in COLUMNS})


def _make_input(row: Mapping[str, Any]) -> ProcessInput:
    name = str(row["instance_id"])
    wrong = [name for name in COLUMNS if not isinstance(row.get(name), str | bytes)]
    if wrong:
        return ProcessInput(instance_id=name, problem=f"no text in the columns {', '.join(wrong)}")
    values = {name: row[name] for name in COLUMNS if name != "patch"}
    patch = row["patch"]
    try:
        if isinstance(patch, str):
            patch = patch.encode("utf-8", "surrogateescape")
        "".join(values.values()).encode()
    except UnicodeEncodeError:
        return ProcessInput(instance_id=name, problem="its text is no valid Unicode")
    return ProcessInput(**values, patch=patch)
