"""All rows of the store after filtering, for releases and exports."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from curate.core.model import Candidate
from curate.publish.eval_results import set_known_result
from curate.publish.filters.apply import FAILED_EVALUATION, apply_filters
from curate.publish.filters.config import Exclusion, ReleaseFilters
from curate.publish.measures.benchmark_overlap import load_benchmark
from curate.publish.measures.codebase import CodebaseReader
from curate.publish.measures.leak_groups import compute_leak_groups
from curate.publish.measures.solution_leaks import may_name_commits
from curate.publish.rows import CodebaseFacts, make_raw_row, make_train_row
from curate.releases.row import Row
from curate.store import Store


@dataclass(frozen=True, kw_only=True)
class FilteredRows:
    """Included rows of one split, and the exclusions of the others by instance id."""

    rows: Sequence[Row]
    excluded: Mapping[str, Sequence[Exclusion]]


def make_raw_rows(store: Store, codebases: CodebaseReader, filters: ReleaseFilters) -> FilteredRows:
    """Return the rows of all candidates, after the filters for the raw split only."""
    rows = (
        make_raw_row(c, CodebaseFacts(license=codebases.detect_license(c.repo, c.base_commit)))
        for c in store.iter_candidates()
    )
    return _filter_made_rows(rows, filters.for_raw_pool(), {})


def make_train_rows(
    store: Store, codebases: CodebaseReader, filters: ReleaseFilters
) -> FilteredRows:
    """Return the rows of all verified candidates, with the images as built on this machine."""
    highest_numbers, groups = (
        _find_highest_numbers(store),
        compute_leak_groups(store.iter_candidates()),
    )

    def make_codebase_facts(candidate: Candidate) -> CodebaseFacts:
        return CodebaseFacts(
            license=codebases.detect_license(candidate.repo, candidate.base_commit),
            size=codebases.measure_size(candidate.repo, candidate.base_commit),
            patch_stats=codebases.measure_patch(candidate),
            highest_number=highest_numbers[candidate.repo],
            commits=_list_commits_if_needed(candidate, codebases),
            leak_group=groups.get(candidate.instance_id),
        )

    problems: dict[str, str] = {}
    rows = _iter_verified_rows(store, make_codebase_facts, problems)
    return _filter_made_rows(rows, filters, problems)


def find_exclusions(
    store: Store, codebases: CodebaseReader, filters: ReleaseFilters
) -> Mapping[str, Sequence[Exclusion]]:
    """Return the exclusions of all verified candidates by instance id.

    The same as those of `make_train_rows`, without computing data that only its columns need.
    """
    groups = compute_leak_groups(store.iter_candidates()) if filters.one_per_leak_group else {}

    def make_codebase_facts(candidate: Candidate) -> CodebaseFacts:
        return CodebaseFacts(
            license=codebases.detect_license(candidate.repo, candidate.base_commit),
            commits=_list_commits_if_needed(candidate, codebases),
            leak_group=groups.get(candidate.instance_id),
        )

    problems: dict[str, str] = {}
    rows = _iter_verified_rows(store, make_codebase_facts, problems)
    return _filter_made_rows(rows, filters, problems).excluded


def _iter_verified_rows(
    store: Store,
    make_codebase_facts: Callable[[Candidate], CodebaseFacts],
    problems: dict[str, str],
) -> Iterator[Row | Exclusion]:
    """Yield rows with what is known of their evaluation; fill *problems* by instance id."""
    known = store.eval_checks.load()
    for candidate, validation in store.iter_verified():
        row = make_train_row(candidate, validation, codebase=make_codebase_facts(candidate))
        if known and not isinstance(row, Exclusion):
            problems[candidate.instance_id] = set_known_result(row, known)
        yield row


def _filter_made_rows(
    made: Iterator[Row | Exclusion], filters: ReleaseFilters, problems: Mapping[str, str]
) -> FilteredRows:
    rows: list[Row] = []
    unpublishable: dict[str, Sequence[Exclusion]] = {}
    for row in made:
        if isinstance(row, Exclusion):
            unpublishable[row.instance_id] = [row]
        else:
            rows.append(row)
    benchmarks = [load_benchmark(name) for name in filters.contamination.lists]
    included, excluded = apply_filters(rows, filters, benchmarks)
    for name, reasons in excluded.items():
        excluded[name] = [
            replace(it, detail=problems[name]) if it.reason == FAILED_EVALUATION else it
            for it in reasons
        ]
    return FilteredRows(rows=included, excluded={**unpublishable, **excluded})


def _list_commits_if_needed(candidate: Candidate, codebases: CodebaseReader) -> tuple[str, ...]:
    """Commits of the PR, read only if a text may mention one."""
    return codebases.list_pull_commits(candidate) if may_name_commits(candidate) else ()


def _find_highest_numbers(store: Store) -> dict[str, int]:
    """Return the highest known issue or PR number by repository."""
    highest_numbers: dict[str, int] = {}
    for candidate in store.iter_candidates():
        number = max(candidate.pull_number, *candidate.issue_numbers, 0)
        highest_numbers[candidate.repo] = max(number, highest_numbers.get(candidate.repo, 0))
    return highest_numbers
