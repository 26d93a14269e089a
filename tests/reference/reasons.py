"""Every reason that a rejection, an exclusion or a grade can have."""

from curate.core.reasons import EXCLUSIONS, REJECTIONS
from tests.reference.tables import code, make_table

INTRODUCTION = """\
# Reasons

`curate status` counts them, `curate list --reason REASON` lists their candidates, and
`curate show ID` has the detail: tests, packages or files by name.
[Verdicts explained](../verdicts-explained.md) says how they come about.
"""


def render() -> str:
    """The page."""
    parts = [INTRODUCTION, "## Rejections", ""]
    parts += ["A PR or candidate that is no instance, by the stage at which it was rejected.", ""]
    rows = [
        (stage, code(reason), meaning)
        for stage, reasons in REJECTIONS.items()
        for reason, meaning in reasons.items()
    ]
    parts += [make_table(("stage", "reason", "meaning"), rows), "", "## Exclusions", ""]
    parts += [
        "A verified instance that a release leaves out. Which of these count is a matter of the",
        "[release filters](../publishing.md#release-filters).",
        "",
        make_table(("reason", "meaning"), [(code(k), v) for k, v in EXCLUSIONS.items()]),
        "",
        "Reasons of grades are in [Grading patches](../evaluation.md#what-it-writes), results of",
        "certifications in [Certification](../certification.md).",
    ]
    return "\n".join(parts)
