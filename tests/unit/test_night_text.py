"""The report of a night as text: what images rest on."""

from typing import Any

import pytest

from curate.workflows.night import NightReport
from curate.workflows.night_base import BaseImages
from curate.workflows.night_text import make_document, merge_documents, render_report

OLD, NEW = "debian:11", "debian:12"


def document(**found: Any) -> dict[str, Any]:
    bases = BaseImages(**found) if found else None
    return make_document(NightReport(repositories=(), base_images=bases))


@pytest.mark.parametrize(
    ("found", "lines"),
    [
        ({}, []),
        ({"current": NEW, "instances": {}}, []),
        ({"current": NEW, "instances": {NEW: 3}}, []),
        (
            {"current": NEW, "instances": {OLD: 1200, NEW: 3}},
            [f"- Instances that keep {OLD}: 1,200",
             f"- Instances on {NEW}, as all new environments: 3"],
        ),
        (
            {"current": NEW, "instances": {OLD: 2}},
            [f"- Instances that keep {OLD}: 2",
             f"- Instances on {NEW}, as all new environments: 0"],
        ),
        (
            {"current": NEW, "instances": {NEW: 1}, "has_moved": True},
            [f"- {NEW} is another image now than the one that environments here rest on. It is not"
             " used: name it by its digest, or give it a tag of its own."],
        ),
    ],
)  # fmt: skip
def test_a_section_tells_what_rests_on_which_base(found: dict[str, Any], lines: list[str]) -> None:
    _, _, section = render_report(document(**found)).partition("## Base images\n\n")
    assert section.splitlines() == lines


def test_of_several_jobs_the_last_one_knows() -> None:
    first = document(current=OLD, instances={OLD: 1})
    last = document(current=NEW, instances={OLD: 1, NEW: 1})
    without = document()
    del without["base_images"]  # a report of an older version
    assert merge_documents([first, last, without])["base_images"] == last["base_images"]
    assert merge_documents([without])["base_images"] is None
