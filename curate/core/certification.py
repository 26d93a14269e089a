"""Certifications: what a later run of an instance's tests found, and what follows from them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

MAX_RETRIED_NIGHTS = 3  # failures in a row after which an instance waits for its turn again


class CertificationResult(StrEnum):
    """What the runs of one certification say of an instance."""

    CERTIFIED = "certified"
    FLAKY = "flaky"  # tests differ in some runs, or gold passes in some
    FAILED = "failed"  # gold passes in no run
    PASSES_WITHOUT_PATCH = "passes-without-patch"
    IMAGE_MISSING = "image-missing"  # the registry no longer has it


UNUSABLE = frozenset({
    CertificationResult.FAILED,
    CertificationResult.PASSES_WITHOUT_PATCH,
    CertificationResult.IMAGE_MISSING,
})  # fmt: skip
"""Results that keep an instance out of the next release."""


@dataclass(frozen=True, kw_only=True)
class MachineFacts:
    """What a result may depend on besides the image."""

    curate_version: str
    sandbox: str  # backend: "docker", "local", ...
    engine: str = ""  # version of the container engine; "" = there is none
    kernel: str = ""
    architecture: str = ""  # of the CPU, as `uname -m` has it
    system: str = ""  # operating system of the engine's machine
    timezone: str = ""  # of this machine's clock, such as "UTC"


@dataclass(frozen=True, kw_only=True)
class TestDifference:
    """One outcome of a test that is not what the dataset promises."""

    __test__ = False  # not a test class: keeps pytest from collecting it

    test: str  # node id; "" = the run as a whole
    run: str  # "gold 1", "gold 2", ..., "empty"
    expected: str
    got: str  # outcome, or the status of the run


@dataclass(frozen=True, kw_only=True)
class Certification:
    """The result of certifying one instance once."""

    instance_id: str
    dataset: str = ""  # "" = curate's own instance; else the set whose row was certified
    certified_at: datetime
    image: str = ""  # digest of the manifest, id of a local image, or folder of a local build
    repository: str = ""  # of a registry, without the digest; "" = the image is of this machine
    is_pulled: bool = False  # pulled by digest for this certification
    result: CertificationResult
    gold_runs: int = 0
    gold_passes: int = 0
    empty_result: str = ""  # reason of the grade without a patch; "" = not run
    seconds: float = 0.0  # of everything, pull included
    differences: tuple[TestDifference, ...] = ()
    detail: str = ""  # one line, for people
    log: str = ""  # key in the blob store of what the first run that differs printed
    machine: MachineFacts

    @property
    def reference(self) -> str:
        """What ran: as `docker pull` takes it, the id of a local image, or a folder."""
        return "@".join(part for part in (self.repository, self.image) if part)

    @property
    def is_good(self) -> bool:
        """Whether everything was as the dataset promises."""
        return self.result is CertificationResult.CERTIFIED


@dataclass(frozen=True, kw_only=True)
class InstanceCondition:
    """What all certifications of an instance's image mean for the next release."""

    certified_at: datetime | None = None
    passes: int | None = None  # of the gold patch, in the newest certification
    quarantined: tuple[str, ...] = ()  # tests that are in neither list any longer, sorted
    problem: str = ""  # why a release excludes the instance; "" = it does not


def assess_history(
    history: Sequence[Certification], fail_to_pass: Iterable[str]
) -> InstanceCondition:
    """Return the condition after *history*, certifications of one image, oldest first."""
    if not history:
        return InstanceCondition()
    newest = history[-1]
    flaky = find_flaky_tests(history)
    problem = _describe_unusable(newest) if newest.result in UNUSABLE else ""
    remaining = [test for test in fail_to_pass if test not in flaky]
    if not problem and not remaining:
        problem = f"every FAIL_TO_PASS test is flaky (certified {newest.certified_at:%Y-%m-%d})"
    return InstanceCondition(
        certified_at=newest.certified_at,
        passes=newest.gold_passes,
        quarantined=() if problem else tuple(sorted(flaky)),
        problem=problem,
    )


def certifications_of(
    image: str, history: Iterable[Certification], aliases: Mapping[str, str]
) -> list[Certification]:
    """Return those of *history* that are of *image*, which may have several names.

    *aliases* has the ids of local images by the digests of their manifests in registries.
    """
    wanted = aliases.get(image, image)
    return [one for one in history if aliases.get(one.image, one.image) == wanted]


def find_flaky_tests(history: Sequence[Certification]) -> frozenset[str]:
    """Return the tests that differed once in *history*, certifications of one image.

    They are flaky, whatever came before or after: the image is the same. A test that fails in
    every run of the newest one is broken instead, for as long as that lasts.
    """
    differed = {it.test for one in history for it in one.differences if it.test}
    return frozenset(differed - (find_broken_tests(history[-1]) if history else frozenset()))


def find_broken_tests(one: Certification) -> frozenset[str]:
    """Return the tests that failed in every gold run of *one*, if gold failed for them."""
    if one.result is not CertificationResult.FAILED:
        return frozenset()
    runs: dict[str, set[str]] = {}
    for it in one.differences:
        if it.run.startswith("gold"):
            runs.setdefault(it.run, set()).add(it.test)
    told = [tests for tests in runs.values() if "" not in tests]
    return frozenset(set.intersection(*told)) if told else frozenset()


def is_suspect(history: Sequence[Certification]) -> bool:
    """Whether *history*, oldest first, asks for another look the next night.

    After some failures in a row an instance is known to be broken, and waits for its turn.
    """
    recent = history[-MAX_RETRIED_NIGHTS:]
    if not recent or recent[-1].is_good:
        return False
    return len(recent) < MAX_RETRIED_NIGHTS or any(one.is_good for one in recent)


def _describe_unusable(newest: Certification) -> str:
    reason = {
        CertificationResult.FAILED: f"gold passes in 0 of {newest.gold_runs} runs",
        CertificationResult.PASSES_WITHOUT_PATCH: "the tests pass without the gold patch",
        CertificationResult.IMAGE_MISSING: "the registry no longer has its image",
    }[newest.result]
    return f"{reason} (certified {newest.certified_at:%Y-%m-%d})"
