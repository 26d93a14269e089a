"""A word with one letter too few, or two swapped, is answered with the right one."""

from collections.abc import Callable
from pathlib import Path

import pytest

from curate.cli.app import COMMANDS, load_command
from curate.core.near_words import find_near_id, find_near_word, suggest_word
from curate.core.reasons import list_reasons
from tests.doubles.github import GitHubDouble, World
from tests.helpers.command_tree import Command, list_commands
from tests.helpers.shown_store import fill_shown_store
from tests.helpers.terminal import Typed, typed

GROUPS = [(name, sub) for name in COMMANDS for sub in getattr(load_command(name), "commands", {})]
IDS = ["owner__name-7", "owner__name-8", "owner__name-70", "other__thing-7"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("typos")
    fill_shown_store(place)
    return place


def drop_letter(word: str) -> str:
    """*word* without the letter in its middle."""
    middle = len(word) // 2
    return word[:middle] + word[middle + 1 :]


def swap_letters(word: str) -> str:
    """*word* with its last two letters swapped."""
    return word[:-2] + word[-1] + word[-2]


MISTAKES = pytest.mark.parametrize("spoil", [drop_letter, swap_letters])
Spoil = Callable[[str], str]


def run(folder: Path, *words: str) -> Typed:
    done = typed(words, folder, {"NO_COLOR": "1", "COLUMNS": "500"})
    assert done.returncode in {2, 4}, done.stdout
    assert "Traceback" not in done.stderr
    return done


@MISTAKES
@pytest.mark.parametrize("name", COMMANDS)
def test_commands(folder: Path, name: str, spoil: Spoil) -> None:
    if (wrong := spoil(name)) not in COMMANDS:
        assert f"'{name}'" in run(folder, wrong).stderr.partition("Did you mean")[2]


@MISTAKES
@pytest.mark.parametrize(("group", "name"), GROUPS)
def test_commands_of_groups(folder: Path, group: str, name: str, spoil: Spoil) -> None:
    if (wrong := spoil(name)) != name:
        assert f"'{name}'" in run(folder, group, wrong).stderr.partition("Did you mean")[2]


@pytest.mark.parametrize("command", list_commands(), ids=str)
def test_options(folder: Path, command: Command) -> None:
    for name in (it.opts[-1] for it in command.parameters if it.param_type_name == "option"):
        wrong = drop_letter(name)
        if len(name) > 5 and not any(it.opts[-1].startswith(wrong) for it in command.parameters):
            told = run(folder, *command.words, wrong, "x").stderr
            assert name in told.partition(wrong)[2], (name, told)


@MISTAKES
@pytest.mark.parametrize(
    "line",
    [
        ("show", "{owner__name-7}"),
        ("logs", "{owner__name-7}"),
        ("validate", "{owner__name-7}"),
        ("exclude", "{owner__name-7}", "--reason", "x"),
        ("recipe", "explain", "{owner__name-7}"),
        ("run", "{owner__name-7}", "--", "ls"),
        ("shell", "{owner__name-7}"),
        ("list", "--repo", "{owner/name}"),
        ("plan", "--repo", "{owner/name}"),
        ("validate", "--repo", "{owner/name}"),
        ("recipe", "check", "{pandas-dev/pandas}"),
        ("validate", "--reason", "{flaky-tests}"),
        ("list", "--state", "{rejected}"),
        ("validate", "--sandbox", "{podman}"),
        ("export", "x.parquet", "--format", "{parquet}"),
        ("publish", "--release-filters", "{swe-gym}"),
    ],
    ids=lambda it: "-".join(it[:2]),
)
def test_names(folder: Path, line: tuple[str, ...], spoil: Spoil) -> None:
    (right,) = (it.strip("{}") for it in line if it.startswith("{"))
    stem, hyphen, number = right.rpartition("-")
    owner, slash, name = right.rpartition("/")
    wrong = spoil(stem) + hyphen + number if number.isdigit() else owner + slash + spoil(name)
    done = run(folder, *(wrong if it.startswith("{") else it for it in line))
    assert f"Perhaps you meant {right}?" in done.stderr


@MISTAKES
@pytest.mark.parametrize("reason", list_reasons())
def test_reasons(reason: str, spoil: Spoil) -> None:
    near = find_near_word(spoil(reason), list_reasons())
    assert near == reason or spoil(reason) in list_reasons() or near.endswith(reason)


def test_a_repository_that_github_does_not_have(folder: Path) -> None:
    with GitHubDouble(World()) as double:
        variables = {"CURATE_GITHUB_API_URL": double.url}
        done = typed(("crawl", "owner/nme"), folder, variables)
    assert done.returncode == 4, done.stderr
    assert "Perhaps you meant owner/name?" in done.stderr


def test_a_list_of_nothing_names_the_reason_that_was_meant(folder: Path) -> None:
    done = typed(("list", "--reason", "flaky-test"), folder, {})
    assert (done.returncode, done.stdout) == (0, "")
    assert "Perhaps you meant flaky-tests?" in done.stderr
    assert "Perhaps" not in typed(("list", "--reason", "no-issue"), folder, {}).stderr


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("owner__nam-7", "owner__name-7"),
        ("Owner/Name#7", "owner__name-7"),
        ("https://github.com/ownr/name/pull/8", "owner__name-8"),
        ("owner__name-700", "owner__name-70"),
        ("#8", "owner__name-8"),
        ("9", ""),
        ("nothing-like-it", ""),
        ("", ""),
    ],
)
def test_ids(word: str, near: str) -> None:
    assert find_near_id(word, IDS) == near


def test_the_word_itself_is_not_suggested() -> None:
    assert suggest_word("abc", ["abc", "abd"]) == ""
    assert suggest_word("ABC", ["abc"]) == "Perhaps you meant abc?"


def test_a_near_id_is_found_quickly_among_many() -> None:
    many = [f"owner-{n % 11}__name-{n}" for n in range(66_894)]
    assert find_near_id("ownr-3__name-58", many) == "owner-3__name-58"
    assert find_near_id("no-such-thing-at-all", many) == ""
