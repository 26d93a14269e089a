"""What earlier certifications say of instances, by the image that is theirs now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from curate.core.certification import Certification, find_flaky_tests, is_suspect
from curate.core.task import Task
from curate.environments.tasks import StoredTasks, TaskSource
from curate.store import Store


@dataclass(frozen=True, kw_only=True)
class KnownCertifications:
    """For `choose_sample`: last certifications, and who asks for another look."""

    last: Mapping[str, datetime | None]  # of every instance; None = never, with this image
    suspects: frozenset[str]


def read_known(source: TaskSource, store: Store, dataset: str = "") -> KnownCertifications:
    """Return what is known of all instances of *source*; its rows are not read for it.

    *dataset* is "" for curate's own instances. In the store, a certification of another image
    than the present one does not count.
    """
    own = store.verified_images() if isinstance(source, StoredTasks) else {}
    last: dict[str, datetime | None] = dict.fromkeys(source.ids)
    aliases = store.image_ids_by_digest()
    newest = store.certifications.newest(last, dataset)
    for name, one in newest.items():
        if name not in own or aliases.get(one.image, one.image) == own[name]:
            last[name] = one.certified_at
    failed = [name for name, one in newest.items() if last[name] and not one.is_good]
    suspects = [name for name in failed if is_suspect(store.certifications.history(name, dataset))]
    return KnownCertifications(last=last, suspects=frozenset(suspects))


def drop_flaky_tests(task: Task, history: Sequence[Certification]) -> Task:
    """Return *task* as the next release has it; as it is if no FAIL_TO_PASS test would be left."""
    flaky = find_flaky_tests(history)
    fixed = tuple(test for test in task.fail_to_pass if test not in flaky)
    kept = tuple(test for test in task.pass_to_pass if test not in flaky)
    return replace(task, fail_to_pass=fixed, pass_to_pass=kept) if fixed else task
