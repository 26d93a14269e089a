"""All rows of the store after filtering, for releases and exports."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from curate.core.errors import report_bug
from curate.core.model import Candidate, Validation
from curate.publish.filters.apply import apply_filters
from curate.publish.filters.config import Exclusion, ReleaseFilters
from curate.publish.measures.benchmark_overlap import load_benchmark
from curate.publish.measures.codebase import CodebaseReader
from curate.publish.measures.leak_groups import compute_leak_groups
from curate.publish.measures.solution_leaks import may_name_commits
from curate.publish.rows import CodebaseFacts, PublishedImage, make_raw_row, make_train_row
from curate.releases.row import Row
from curate.store import Store


@dataclass(frozen=True, kw_only=True)
class FilteredRows:
    """Included rows of one split, and the exclusions of the others by instance id."""

    rows: Sequence[Row]
    excluded: Mapping[str, Sequence[Exclusion]]


def make_raw_rows(store: Store, codebases: CodebaseReader, filters: ReleaseFilters) -> FilteredRows:
    """Return the rows of all candidates, after the filters for the raw split only."""

    def make_row(candidate: Candidate) -> Row | Exclusion:
        license = codebases.detect_license(candidate.repo, candidate.base_commit)
        return make_raw_row(candidate, CodebaseFacts(license=license))

    rows = (_make_alone(c, partial(make_row, c)) for c in store.iter_candidates())
    return _filter_made_rows(rows, filters.for_raw_pool())


def make_train_rows(
    store: Store,
    codebases: CodebaseReader,
    filters: ReleaseFilters,
    images: Mapping[str, PublishedImage] | None = None,
) -> FilteredRows:
    """Return the rows of all verified candidates; *images* by instance id, default local ones."""
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

    return _filter_made_rows(_iter_verified_rows(store, make_codebase_facts, images or {}), filters)


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

    return _filter_made_rows(_iter_verified_rows(store, make_codebase_facts, {}), filters).excluded


def _iter_verified_rows(
    store: Store,
    make_codebase_facts: Callable[[Candidate], CodebaseFacts],
    images: Mapping[str, PublishedImage],
) -> Iterator[Row | Exclusion]:
    def make_row(candidate: Candidate, validation: Validation) -> Row | Exclusion:
        image = images.get(candidate.instance_id)
        return make_train_row(candidate, validation, image, make_codebase_facts(candidate))

    for candidate, validation in store.iter_verified():
        yield _make_alone(candidate, partial(make_row, candidate, validation))


def _make_alone(candidate: Candidate, make_row: Callable[[], Row | Exclusion]) -> Row | Exclusion:
    """Return what *make_row* returns; a bug in curate excludes this instance alone."""
    try:
        return make_row()
    except Exception as error:
        name, problem = candidate.instance_id, report_bug(error, candidate.instance_id)
        return Exclusion(instance_id=name, reason="unexpected-error", detail=str(problem))


def _filter_made_rows(made: Iterator[Row | Exclusion], filters: ReleaseFilters) -> FilteredRows:
    rows: list[Row] = []
    unpublishable: dict[str, Sequence[Exclusion]] = {}
    for row in made:
        if isinstance(row, Exclusion):
            unpublishable[row.instance_id] = [row]
        else:
            rows.append(row)
    benchmarks = [load_benchmark(name) for name in filters.contamination.lists]
    included, excluded = apply_filters(rows, filters, benchmarks)
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
