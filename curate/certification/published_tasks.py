"""Rows of a published set as tasks: in their own images, else in environments of curate."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from curate.certification.parser_names import describe_names, is_node_id
from curate.certification.published_rows import InvalidRow, PublishedRow, read_published_rows
from curate.core.errors import ConfigurationError
from curate.core.model import Candidate, Validation
from curate.core.task import Task
from curate.environments.stored_tasks import list_protected_paths, run_limits
from curate.environments.tasks import InvalidTask
from curate.store import Store

_PREFIX = "sweb.eval.x86_64."
_SEPARATORS = {"xingyaoww": ("_s_",), "swebench": ("_1776_",)}
DEFAULT_NAMESPACES = tuple(_SEPARATORS)  # on Docker Hub


@dataclass(frozen=True, kw_only=True)
class PublishedTask(Task):
    """A row; `image` is that of curate's environment, "" if there is none."""

    own_images: tuple[str, ...] = ()  # references under which its publisher may have an image
    eval_script: str = ""  # of the row
    notes: str = ""  # about the row, for people

    @property
    def has_environment(self) -> bool:
        """Whether it can run in an environment of curate."""
        return bool(self.image)


def list_own_images(row: PublishedRow, namespaces: Sequence[str]) -> tuple[str, ...]:
    """Return the references of a row's image: its own, and those that conventions derive.

    SWE-Gym's name has `_s_` for the `__` of the id, SWE-bench's `_1776_`; in a namespace that is
    neither's, both are tried.
    """
    lower = row.instance_id.lower()
    derived = [
        f"{namespace.rstrip('/')}/{_PREFIX}{lower.replace('__', separator)}:latest"
        for namespace in namespaces
        for separator in _SEPARATORS.get(namespace.rpartition("/")[2], ("_s_", "_1776_"))
        if "__" in lower
    ]
    return tuple(dict.fromkeys([*([row.image] if row.image else []), *derived]))


@dataclass(frozen=True, kw_only=True)
class PublishedTasks:
    """The rows of a published set as a source of tasks; invalid rows are tasks that are none."""

    name: str
    paths: tuple[Path, ...]
    stores: tuple[Store, ...]  # whose environments may serve, the first that has one
    namespaces: tuple[str, ...] = ()  # of registries in which rows may have an image
    backend: str = "docker"

    @cached_property
    def ids(self) -> Sequence[str]:
        """In the order of the files; of invalid rows, their place if they have no id."""
        return [row.instance_id for row in read_published_rows(self.paths)]

    def iter_tasks(self, ids: Iterable[str]) -> Iterator[Task | InvalidTask]:
        """Yield the tasks of *ids*."""
        wanted = frozenset(ids)
        for row in read_published_rows(self.paths):
            if row.instance_id not in wanted:
                continue
            yield _make_invalid(row) if isinstance(row, InvalidRow) else self._make_task(row)

    def iter_rows(self, ids: Iterable[str]) -> Iterator[PublishedRow]:
        """Yield the valid rows of *ids*."""
        wanted = frozenset(ids)
        for row in read_published_rows(self.paths):
            if row.instance_id in wanted and isinstance(row, PublishedRow):
                yield row

    def _make_task(self, row: PublishedRow) -> Task | InvalidTask:
        found = next(filter(None, (self._find(store, row) for store in self.stores)), None)
        images = list_own_images(row, self.namespaces) if self.backend == "docker" else ()
        task = make_published_task(row, found, images)
        if not task.gold.strip():
            return _make_invalid(InvalidRow(instance_id=row.instance_id, reason="it has no patch"))
        if not any(map(is_node_id, row.fail_to_pass)):
            reason = f"its tests, such as {row.fail_to_pass[0][:80]!r}, are not pytest's"
            reason += ", so curate cannot tell their outcomes"
            return _make_invalid(InvalidRow(instance_id=row.instance_id, reason=reason))
        return task

    def _find(self, store: Store, row: PublishedRow) -> tuple[Candidate, Validation] | None:
        """Return a candidate of the same change with an environment; by id, else by commit."""
        by_commit = self._index[id(store)].get((row.repo.lower(), row.base_commit))
        for name in dict.fromkeys((row.instance_id, by_commit or row.instance_id)):
            candidate, validation = store.get_candidate(name), store.get_validation(name)
            if candidate is None or validation is None or validation.environment is None:
                continue
            is_same = candidate.base_commit == row.base_commit
            if is_same and validation.environment.backend == self.backend:
                return candidate, validation
        return None

    @cached_property
    def _index(self) -> Mapping[int, Mapping[tuple[str, str], str]]:
        """(repository, base commit) -> candidate, for each store; unambiguous ones only."""
        found: dict[int, dict[tuple[str, str], str]] = {}
        for store in self.stores:
            names: dict[tuple[str, str], str] = {}
            twice = set()
            for candidate, _ in store.iter_candidate_heads():
                key = (candidate.repo.lower(), candidate.base_commit)
                twice |= {key} & names.keys()
                names[key] = candidate.instance_id
            found[id(store)] = {key: name for key, name in names.items() if key not in twice}
        return found


def make_published_task(
    row: PublishedRow, found: tuple[Candidate, Validation] | None, images: Sequence[str]
) -> PublishedTask:
    """Return the task of *row*, with the environment that was *found* for it."""
    notes = describe_names((*row.fail_to_pass, *row.pass_to_pass))
    task = PublishedTask(
        instance_id=row.instance_id,
        repo=row.repo,
        base_commit=row.base_commit,
        problem_statement="",
        hints_text="",
        image="",
        image_digest="",
        gold=row.patch.encode("utf-8", "surrogateescape"),
        test_patch=row.test_patch.encode("utf-8", "surrogateescape"),
        test_command=row.test_command,
        fail_to_pass=row.fail_to_pass,
        pass_to_pass=row.pass_to_pass,
        own_images=tuple(images),
        eval_script=row.eval_script,
        notes=notes,
    )
    if found is None:
        return task
    candidate, validation = found
    env = validation.environment
    assert env is not None
    values = {**vars(task), "notes": notes}
    values |= {
        "gold": task.gold or candidate.patch,
        "test_patch": task.test_patch or candidate.test_patch,
        "image": env.handle,
        "image_digest": env.digest,
        "test_command": validation.test_command,
        "env_vars": env.env_vars,
        "limits": run_limits(env),
        "protected_paths": list_protected_paths(env),
    }
    return PublishedTask(**values)


def _make_invalid(row: InvalidRow) -> InvalidTask:
    error = ConfigurationError(f"{row.instance_id} cannot be certified: {row.reason}.")
    return InvalidTask(instance_id=row.instance_id, error=error)
