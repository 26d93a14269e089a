"""What a release says of its rows, found by reading each row once."""

from collections import Counter
from dataclasses import dataclass, field

from curate.publish.card import DatasetStatistics
from curate.publish.context import ProgressCallback
from curate.publish.statistics import MeasuredRows, load_paper_counts, load_paper_statistics
from curate.releases.row import get_list, get_str
from curate.releases.table import RowTable


@dataclass(kw_only=True)
class Survey:
    """What the card says of the rows of train, and which of them are in lite."""

    licenses: Counter[str] = field(default_factory=Counter)
    certified: Counter[int] = field(default_factory=Counter)  # rows by passes of the gold patch
    last_certified_at: str = ""
    lite_ids: list[str] = field(default_factory=list)
    measures: MeasuredRows = field(default_factory=MeasuredRows)
    lite_measures: MeasuredRows = field(default_factory=MeasuredRows)

    def make_statistics(self) -> DatasetStatistics:
        """Return the statistics of the card; there must be rows."""
        own_means = {"train": self.measures.compute_means()}
        if self.lite_ids:
            own_means["lite"] = self.lite_measures.compute_means()
        names = {"SWE-Gym": "swe-gym", "SWE-Gym Lite": "swe-gym-lite"}
        return DatasetStatistics(
            own_means=own_means,
            paper_means={label: load_paper_statistics(name) for label, name in names.items()},
            counts_by_repo=self.measures.counts_by_repo(),
            paper_counts_by_repo=load_paper_counts(),
        )


def survey_rows(rows: RowTable, lite_column: str, progress: ProgressCallback) -> Survey:
    """Read all *rows* once; those whose *lite_column* is empty are in lite."""
    survey = Survey()
    for number, row in enumerate(rows, 1):
        progress("measuring rows", number, len(rows))
        survey.licenses[get_str(row, "license_spdx")] += 1
        survey.measures.add(row)
        if isinstance(passes := row["certified_passes"], int):
            survey.certified[passes] += 1
            certified_at = get_str(row, "certified_at")
            survey.last_certified_at = max(survey.last_certified_at, certified_at)
        if not get_list(row, lite_column):
            survey.lite_ids.append(get_str(row, "instance_id"))
            survey.lite_measures.add(row)
    return survey
