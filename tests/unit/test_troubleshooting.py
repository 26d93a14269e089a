"""Every error and rejection leads to an entry of the page, and every entry is led to."""

import re

import pytest

from curate.builders.errors import DiskFullError, EngineUnavailableError
from curate.core.errors import ConfigurationError, NetworkError, describe_error
from curate.core.reasons import REJECTIONS
from curate.core.troubleshooting import (
    PAGE,
    TOPICS,
    find_anchor,
    find_anchor_by_names,
    locate_entry,
    reason_anchor,
)
from curate.serve.errors import ERRORS, ErrorKind
from curate.workflows.problem import Problem
from tests.reference import troubleshooting
from tests.reference.printed_errors import PrintedError, class_bases, list_printed_errors

TEXT = troubleshooting.PAGE.read_text(encoding="utf-8")
ANCHORS = re.findall(r'<a id="([\w-]+)"></a>', TEXT)
ENTRIES = dict(
    re.findall(r'^<a id="([\w-]+)"></a>\n\n(### .*?)(?=^<a id|^## |\Z)', TEXT, re.M | re.S)
)
REASONS = [reason_anchor(stage, reason) for stage, each in REJECTIONS.items() for reason in each]
OF_THE_SYSTEM = (
    "The disk is full.",
    "…: Permission denied.",
    "…: No such file or directory.",
)
RAISED_BY_PYTHON = ("PermissionError", "FileNotFoundError", "OSError", "ConnectionError")


def test_the_sentences_are_those_of_the_code() -> None:
    assert troubleshooting.render() == TEXT, "Run: python -m tests.reference"


@pytest.mark.parametrize("error", list_printed_errors(), ids=lambda it: it.message[:60] or it.file)
def test_every_error_that_is_raised_leads_to_an_entry(error: PrintedError) -> None:
    anchor = troubleshooting.lead(error)
    assert anchor in ENTRIES
    if re.search(r"\w", error.message):
        shown = " ".join(error.message.split()).replace("`", "")
        assert f"`{shown}`" in ENTRIES[anchor]


@pytest.mark.parametrize("name", sorted(class_bases()))
def test_every_class_of_errors_leads_to_an_entry(name: str) -> None:
    assert find_anchor_by_names(list(class_bases()[name]), "something new") in ENTRIES


def test_every_reason_of_a_rejection_has_what_to_do() -> None:
    rows = re.findall(r'^\| <a id="([\w-]+)"></a>([\w/-]+) \| (.+) \|$', TEXT, re.MULTILINE)
    assert [anchor for anchor, _, _ in rows] == REASONS
    assert [reason_anchor(*name.split("/")) for _, name, _ in rows] == REASONS
    assert all(text.endswith(".") for _, _, text in rows)


def test_nothing_is_explained_that_nobody_is_led_to() -> None:
    led = {troubleshooting.lead(it) for it in list_printed_errors()}
    led |= {find_anchor_by_names([name], "") for name in RAISED_BY_PYTHON}
    assert set(ENTRIES) == led == {it.anchor for it in TOPICS}
    assert sorted(ANCHORS) == sorted([*ENTRIES, *REASONS])


@pytest.mark.parametrize("anchor", ENTRIES)
def test_each_entry_has_sentence_cause_and_remedy(anchor: str) -> None:
    head, *_ = ENTRIES[anchor].splitlines()
    assert all(f"**{word}.** " in ENTRIES[anchor] for word in ("Cause", "Remedy"))
    printed = [*re.findall(r"^- `(.*)`$", ENTRIES[anchor], re.MULTILINE), *OF_THE_SYSTEM]
    sentence = head.removeprefix("### ")
    assert any(re.fullmatch(re.escape(it).replace("…", ".*"), sentence) for it in printed), printed


@pytest.mark.parametrize(
    ("error", "anchor"),
    [
        (DiskFullError("the disk of x is full"), "disk-full"),
        (DiskFullError("something else"), "disk-full"),
        (OSError(28, "No space left on device"), "disk-full"),
        (EngineUnavailableError("no container engine responds: refused"), "no-engine"),
        (
            ConfigurationError(
                "Infrastructure errors on 3 candidates, the first a__b-1: podman: x"
            ),
            "podman",
        ),
        (NetworkError("odd"), "no-connection"),
        (PermissionError(13, "Permission denied", "/x"), "permission"),
        (FileNotFoundError(2, "No such file or directory", "/x"), "not-found"),
        (NotADirectoryError(20, "Not a directory", "/x"), "invalid-input"),
        (ConnectionResetError(104, "Connection reset by peer"), "no-connection"),
    ],
)
def test_the_cause_inside_counts_before_the_class(error: Exception, anchor: str) -> None:
    description = describe_error(error)
    assert description
    assert find_anchor(error, description[0]) == anchor


def test_a_problem_as_a_value_says_where_its_entry_is() -> None:
    assert Problem.of(DiskFullError("the disk of x is full")).docs == f"{PAGE}#disk-full"
    assert Problem.of(KeyError("x")).docs == f"{PAGE}#unexpected"
    assert locate_entry("") == ""


@pytest.mark.parametrize("kind", ErrorKind)
def test_every_kind_of_reply_of_the_server_leads_to_an_entry(kind: ErrorKind) -> None:
    names = [it.__name__ for it in ERRORS[kind].raised.__mro__]
    assert find_anchor_by_names(names, "Something.") in ENTRIES
