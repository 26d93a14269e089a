"""Every number of the report, read from the store once."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from curate.core.certification import Certification
from curate.core.settings import Settings
from curate.git.locations import find_mirror
from curate.publish.certified import read_newest
from curate.publish.context import ProgressCallback, PublishContext
from curate.publish.excluded import excluded_instances
from curate.publish.statistics import MeasuredRows
from curate.publish.stored_rows import StoredRows
from curate.report.examples import Example, choose_examples, read_examples
from curate.report.pages.certificates import CertificateCounts
from curate.report.pages.environments import EnvironmentCounts
from curate.report.pages.quality import QualityCounts
from curate.report.row_facts import iter_row_facts
from curate.report.step_costs import CostCounts
from curate.report.validation_facts import iter_validation_facts
from curate.store import RepositoryFunnel, Store
from curate.store.cohorts import Cohort
from curate.store.listing import ListingFilter, list_pulls


@dataclass(kw_only=True)
class ReportNumbers:
    """What the pages show; as it is, of a store that is empty."""

    funnels: Sequence[RepositoryFunnel] = ()
    cohorts: Sequence[Cohort] = ()
    examples: Mapping[str, Sequence[Example]] = field(default_factory=dict)  # by stage/reason
    costs: CostCounts = field(default_factory=CostCounts)
    environments: EnvironmentCounts = field(default_factory=EnvironmentCounts)
    quality: QualityCounts = field(default_factory=QualityCounts)
    measures: MeasuredRows = field(default_factory=MeasuredRows)
    lite: MeasuredRows = field(default_factory=MeasuredRows)
    excluded: Mapping[str, int] = field(default_factory=dict)  # instances by reason
    included: int = 0  # instances of a release
    leak_groups: Mapping[str, str] = field(default_factory=dict)  # of instances, by id
    certificates: CertificateCounts = field(default_factory=CertificateCounts)
    certified: Mapping[str, Certification] = field(default_factory=dict)  # newest, by instance id

    @property
    def rejected(self) -> dict[str, int]:
        """Rejections by "stage/reason"."""
        return dict(sum((Counter(it.rejected) for it in self.funnels), Counter()))

    @property
    def verified(self) -> int:
        """Verified candidates."""
        return sum(funnel.verified for funnel in self.funnels)


def read_numbers(settings: Settings, store: Store, progress: ProgressCallback) -> ReportNumbers:
    """Read everything; rows and measures that are missing are made and stored first."""
    progress("counting pull requests", 0, 0)
    numbers = ReportNumbers(funnels=store.list_funnels(), cohorts=store.list_cohorts())
    _read_validations(numbers, store, progress)
    if numbers.verified:
        _read_rows(numbers, settings, store, progress)
    progress("reading rejections", 0, 0)
    rejected = list_pulls(settings.data_dir, ListingFilter(states=("rejected",)))
    numbers.examples = read_examples(store, choose_examples(rejected), settings.github_api_url)
    _read_certifications(numbers, store, progress)
    return numbers


def _read_validations(numbers: ReportNumbers, store: Store, progress: ProgressCallback) -> None:
    repos = store.candidate_repositories()
    for name, facts in iter_validation_facts(store, progress):
        numbers.costs.add(name, facts)
        if repo := repos.get(name):  # else the pull request is no candidate any longer
            numbers.environments.add(repo, facts)
            numbers.quality.add_validation(repo, facts)


def _read_rows(
    numbers: ReportNumbers, settings: Settings, store: Store, progress: ProgressCallback
) -> None:
    from curate.publish.measures.codebase import CodebaseReader

    exclusions = excluded_instances(settings, store, progress=progress)
    reasons = ({it.reason for it in them} for them in exclusions.values())
    numbers.excluded = Counter(reason for found in reasons for reason in found)
    numbers.included = numbers.verified - len(exclusions)
    with CodebaseReader(lambda repo: find_mirror(settings, repo)) as codebases:
        stored = StoredRows(ctx=PublishContext(store=store, codebases=codebases, progress=progress))
        stored.refresh()
        for facts in iter_row_facts(stored):
            numbers.quality.add_row(facts)
            numbers.measures.add_measured(facts.repo, facts.measured)
            if facts.is_lite:
                numbers.lite.add_measured(facts.repo, facts.measured)
        known = stored.groups.leak_groups
        numbers.leak_groups = {name: known[name] for name in stored.inputs if name in known}


def _read_certifications(numbers: ReportNumbers, store: Store, progress: ProgressCallback) -> None:
    total, _ = store.certifications.fingerprint()
    for number, one in enumerate(store.certifications.iter_all(), 1):
        progress("reading certifications", number, total)
        numbers.certificates.add(one)
    if total:
        numbers.certified = read_newest(store, list(store.verified_inputs()))
