"""Names of tests as SWE-bench's log parsers make them, which published sets list."""

from collections.abc import Iterable, Mapping, Sequence

from curate.builders.model import Outcome

_BY_STATUS = {
    "PASSED": Outcome.PASSED,
    "XFAIL": Outcome.XFAILED,
    "SKIPPED": Outcome.SKIPPED,
    "ERROR": Outcome.ERROR,
    "FAILED": Outcome.FAILED,
}


def make_parser_name(node_id: str) -> str:
    """Return what a log parser makes of *node_id*: it ends at the first blank."""
    words = node_id.split()
    return words[0] if words else node_id


def rename_outcomes(
    outcomes: Mapping[str, Outcome], names: Iterable[str] = ()
) -> dict[str, Outcome]:
    """Return *outcomes* of pytest's node ids by the names of log parsers.

    Of tests that share a name, one that did not pass counts. Of *names*, those that are node ids
    keep their own outcome.
    """
    renamed: dict[str, Outcome] = {}
    for node_id, outcome in outcomes.items():
        name = make_parser_name(node_id)
        if renamed.get(name, Outcome.PASSED) is Outcome.PASSED:
            renamed[name] = outcome
    return renamed | {name: outcomes[name] for name in names if name in outcomes}


def read_outcomes(statuses: Mapping[str, str]) -> dict[str, Outcome]:
    """Return outcomes by name of the statuses that a log parser read."""
    return {name: _BY_STATUS.get(status, Outcome.ERROR) for name, status in statuses.items()}


def accept_as_swebench(
    outcomes: Mapping[str, Outcome], pass_to_pass: Iterable[str]
) -> dict[str, Outcome]:
    """Return *outcomes* with those as PASSED that SWE-bench's grading takes for it.

    It accepts expected failures, and of PASS_TO_PASS skipped tests, too.
    """
    kept = frozenset(pass_to_pass)
    return {
        name: Outcome.PASSED
        if outcome is Outcome.XFAILED or (outcome is Outcome.SKIPPED and name in kept)
        else outcome
        for name, outcome in outcomes.items()
    }


def is_node_id(name: str) -> bool:
    """Whether *name* is one of pytest's, which begin with a file: `tests/test_a.py::test_b`.

    Those of unittest (`test_b (tests.Case)`), of SymPy (`test_b`) and of other languages
    (`module::tests::test_b`) are none.
    """
    path, separator, _ = name.partition("::")
    return bool(separator) and "." in path.rpartition("/")[2]


def describe_names(names: Sequence[str]) -> str:
    """Return what is special of *names*, for people; "" if all are plain node ids."""
    other = sum(not is_node_id(name) for name in names)
    cut = sum("[" in name and not name.endswith("]") for name in names)
    parts = [
        f"{other:,} test names are not pytest's" if other else "",
        f"{cut:,} test names end at a blank, so several tests may share one" if cut else "",
    ]
    return "; ".join(filter(None, parts))
