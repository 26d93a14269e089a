"""Where changes are: hand-made cases of functions, classes, modules and their skeletons."""

import pytest

from curate.patches.lines import split_lines
from curate.process_data.line_edits import diff_lines
from curate.process_data.localization import Location, locate_edits
from curate.process_data.location_rate import (
    LocationRate,
    TaggedLocations,
    compute_location_rate,
    tag_bug_locations,
    tag_gold_locations,
)
from curate.process_data.python_source import PythonSource, UnparsedSource, parse_source, parse_text
from curate.process_data.skeleton import list_signatures, make_skeleton
from curate.process_data.stages import FileLocations, list_places

CODE = '''\
"""About birds."""
import os

LIMIT = 3


@cached
def fly(height):
    # high
    return height + 1


class Bird(Animal):
    """A bird."""

    wings = 2

    @property
    def name(self):
        return "x"

    @name.setter
    def name(self, value):
        self._name = value

    class Egg:
        def hatch(self):
            def crack():
                return 1

            return crack()


if LIMIT:
    async def swim(): return 1
else:
    def swim(): return 2
'''


def parsed(text: str) -> PythonSource:
    source = parse_text(text)
    assert isinstance(source, PythonSource)
    return source


def located(old: str | None, new: str | None) -> list[Location]:
    edits = diff_lines(split_lines(old or ""), split_lines(new or ""))
    sides = [None if it is None else parsed(it) for it in (old, new)]
    return list(locate_edits(sides[0], sides[1], edits))


def told(old: str | None, new: str | None) -> list[tuple[str, str, str]]:
    return [(it.kind, it.change, it.name) for it in located(old, new)]


@pytest.mark.parametrize(
    ("before", "after", "places"),
    [
        ("height + 1", "height + 2", [("function", "modified", "fly")]),
        ("@cached", "@cached(1)", [("function", "modified", "fly")]),
        ("    # high\n", "", [("function", "modified", "fly")]),
        ("return 1\n\n            return", "return 3\n\n            return",
         [("function", "modified", "Bird.Egg.hatch.crack")]),
        ("return crack()", "return crack() or 2", [("function", "modified", "Bird.Egg.hatch")]),
        ("wings = 2", "wings = 3", [("class", "modified", "Bird")]),
        ("class Bird(Animal)", "class Bird(Thing)", [("class", "modified", "Bird")]),
        ("LIMIT = 3", "LIMIT = 4", [("module", "modified", "")]),
        ("self._name = value", "self._name = 1", [("function", "modified", "Bird.name")]),
        ("swim(): return 2", "swim(): return 3", [("function", "modified", "swim")]),
        ("import os\n", "import os\nimport re\n\n\ndef walk():\n    return re\n",
         [("module", "modified", ""), ("function", "added", "walk")]),
        ("    wings = 2\n", "    wings = 2\n\n    def sing(self):\n        return 1\n",
         [("function", "added", "Bird.sing")]),
        ("\n@cached\ndef fly(height):\n    # high\n    return height + 1\n", "",
         [("function", "deleted", "fly")]),
        ("def fly(", "def soar(", [("function", "deleted", "fly"), ("function", "added", "soar")]),
        ("LIMIT = 3\n\n\n", "LIMIT = 3\n\n", [("module", "modified", "")]),
    ],
)  # fmt: skip
def test_the_place_of_a_change(before: str, after: str, places: list[tuple[str, str, str]]) -> None:
    assert CODE.count(before) == 1
    found = told(CODE, CODE.replace(before, after))
    if places[0] == ("function", "deleted", "fly") and len(places) == 2:
        found = [it for it in found if it[1] != "modified"]
    assert sorted(found) == sorted(places)


def test_a_place_has_its_lines_and_its_code_on_both_sides() -> None:
    (place,) = located(CODE, CODE.replace("    # high\n", "    # low\n    height -= 1\n"))
    assert (place.old_lines, place.new_lines) == ((7, 10), (7, 11))
    assert (place.old_edited, place.new_edited) == ((9,), (9, 10))
    assert place.old_code == "@cached\ndef fly(height):\n    # high\n    return height + 1\n"
    assert place.new_code.endswith("    # low\n    height -= 1\n    return height + 1\n")
    assert (place.class_name, place.function_name, place.inserted_at) == ("", "fly", None)
    (method,) = located(CODE, CODE.replace("return crack()", "crack()\n            return 2"))
    assert (method.class_name, method.function_name) == ("Bird.Egg", "hatch")


def test_the_second_of_two_with_one_name_is_told_from_the_first() -> None:
    (place,) = located(CODE, CODE.replace("self._name = value", "self._name = 1"))
    assert place.old_code.startswith("    @name.setter")
    getter = '    @property\n    def name(self):\n        return "x"\n'
    places = located(CODE.replace(getter + "\n", ""), CODE)
    assert [(it.change, it.new_code) for it in places] == [("added", getter)]


def test_files_that_come_or_go_are_all_added_or_deleted() -> None:
    assert {it[1] for it in told(None, CODE)} == {"added"}
    assert {it[1] for it in told(CODE, None)} == {"deleted"}
    assert ("function", "added", "Bird.Egg.hatch.crack") in told(None, CODE)
    assert all(it.old_code == "" and it.old_lines is None for it in located(None, CODE))


def test_bug_locations_name_what_exists_before_the_change() -> None:
    new = CODE.replace("    wings = 2\n", "    wings = 2\n\n    def sing(self):\n        pass\n")
    new = new.replace("LIMIT = 3", "LIMIT = 4").replace("height + 1", "height")
    new = new.replace("return crack()", "return 1")
    file = FileLocations(path="a.py", old=parsed(CODE), locations=tuple(located(CODE, new)))
    assert list_places([file]) == [
        {"file": "a.py", "code_snippets": "\nLIMIT = 3\n\n"},
        {"file": "a.py", "method": "fly"},
        {"file": "a.py", "class": "Bird"},
        {"file": "a.py", "class": "Egg", "method": "hatch"},
    ]


def test_a_skeleton_has_everything_but_bodies_and_docstrings() -> None:
    assert make_skeleton(parsed(CODE)) == (
        "import os\n\nLIMIT = 3\n\n\n@cached\ndef fly(height):\n    # high\n\n\n"
        "class Bird(Animal):\n\n    wings = 2\n\n    @property\n    def name(self):\n\n"
        "    @name.setter\n    def name(self, value):\n\n    class Egg:\n"
        "        def hatch(self):\n\n\nif LIMIT:\n    async def swim():\nelse:\n    def swim():\n"
    )
    signatures = list_signatures(parsed(CODE)).split("\n")
    assert [it.strip() for it in signatures[:3]] == [
        "def fly(height):",
        "class Bird(Animal):",
        "def name(self):",
    ]
    assert "crack" not in "".join(signatures)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"print 'old'\n", "syntax-error"),
        (b"x = 1\ry = 2\r", "carriage-returns"),
        (b"x = '\xff\xfe'\n", "not-text"),
        (b"x = '\0'\n", "not-text"),
        (b"x = " + b"-" * 100_000 + b"1\n", "too-deep"),
        (b"if a: pass\n" + b"elif b: pass\n" * 20_000, "too-deep"),
        (b"x" * 5_000_000, "too-large"),
    ],
    ids=["python-2", "returns", "utf-8", "zero", "nested", "elif", "large"],
)
def test_a_file_that_cannot_be_parsed_has_a_reason(content: bytes, reason: str) -> None:
    source = parse_source(content)
    assert isinstance(source, UnparsedSource)
    assert source.reason == reason


@pytest.mark.parametrize(
    "content", [b"", b"\xef\xbb\xbfx = 1\n", b"x = 1\r\n", b"# coding: cp1252\n\xe9 = 1"]
)
def test_odd_files_are_parsed(content: bytes) -> None:
    assert isinstance(parse_source(content), PythonSource)


def tagged(path: str, *tags: str) -> TaggedLocations:
    return TaggedLocations(path=path, tags=tags)


@pytest.mark.parametrize(
    ("predicted", "gold", "rate"),
    [
        ([], [], (-1, -1, -1, -1)),
        ([], [tagged("a.py", "<function>f</function>")], (0, 0, -1, 0)),
        (
            [tagged("b.py", "<function>f</function>")],  # a name counts in any file
            [tagged("a.py", "<function>f</function>")],
            (0, 1, -1, 1),
        ),
        (
            [tagged("a.py", "<function>f</function>"), tagged("b.py", "<function>f</function>")],
            [tagged("a.py", "<function>f</function>", "<class>C</class>")],
            (1, 1, -1, 1),  # hits of the prediction, so two for one
        ),
        (
            [tagged("a.py", "<code_snippets>x = 12\ny\n</code_snippets>")],
            [tagged("a.py", "<code_snippets>w\nx = 12\n</code_snippets>", "<class>C</class>")],
            (1, 0, 1, 0.5),
        ),
        (
            [tagged("a.py", "<code_snippets>x = 1\n</code_snippets>")],
            [tagged("a.py", "<code_snippets>y = 1\n</code_snippets>")],
            (1, -1, 0, 0),
        ),
        (
            [tagged("a.py", "<code_snippets>x\n</code_snippets>")],  # too short a line to count
            [tagged("a.py", "<code_snippets>x\n</code_snippets>")],
            (1, -1, 0, 0),
        ),
    ],
)
def test_location_rates(
    predicted: list[TaggedLocations],
    gold: list[TaggedLocations],
    rate: tuple[float, float, float, float],
) -> None:
    names = ("file", "function", "line", "function_line")
    assert compute_location_rate(predicted, gold) == LocationRate(
        **dict(zip(names, rate, strict=True))
    )


def test_gold_is_tagged_as_swe_gpt_does() -> None:
    def tags(before: str, after: str) -> tuple[str, ...]:
        edits = diff_lines(split_lines(CODE), split_lines(CODE.replace(before, after)))
        return tag_gold_locations(parsed(CODE), edits)

    assert tags("height + 1", "height") == ("<function>fly</function>",)
    assert tags("@cached", "@cached(1)") == ("<function>fly</function>",)
    assert tags("@property", "@other") == ("<class>Bird</class>",)  # decorators of methods
    assert tags("return 1\n\n            return", "return 3\n\n            return") == (
        "<function>hatch</function>",  # the outermost function
    )
    assert tags("    # high\n", "    # high\n    # low\n") == ("<function>fly</function>",)
    assert tags("LIMIT = 3", "LIMIT = 4") == ("<code_snippets>\nLIMIT = 3\n\n</code_snippets>",)


def test_locations_of_an_answer_are_tagged_by_file() -> None:
    answer: list[object] = [
        {"file": "a.py", "class": "C", "method": "m"},
        {"file": "b.py", "class": "C"},
        {"file": "a.py", "code_snippets": "x\n"},
        {"method": "f"},
        {"file": "c.py"},
        "no location",
    ]
    assert tag_bug_locations(answer) == (
        tagged("a.py", "<function>m</function>", "<code_snippets>x\n</code_snippets>"),
        tagged("b.py", "<class>C</class>"),
        tagged("unknown", "<function>f</function>"),
        tagged("c.py", "none"),
    )
