"""The generated reference is that of the code, and knows everything that the code can say."""

import ast
import inspect
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from curate.builders.images import install_script
from curate.builders.model import RunStatus
from curate.cli.app import COMMANDS, load_command
from curate.core import errors
from curate.core.reasons import EXCLUSIONS, REJECTIONS
from curate.crawl.rejections import REASONS
from curate.publish.filters import decide
from curate.store import verdicts
from tests.helpers.doc_blocks import find_curate_commands, parse_command
from tests.reference import PAGES, recipe_keys, render_pages
from tests.reference.commands import read_example

ROOT = Path(__file__).parents[2]
MAKERS = {"Rejection", "Failure", "Exclusion", "_rejected", "_fail", "_make_exclusion"}
WORD = re.compile(r"[a-z0-9_]+(?:-[a-z0-9_]+)*")


def test_the_reference_is_that_of_the_code() -> None:
    for name, text in render_pages().items():
        assert (PAGES / name).read_text(encoding="utf-8") == text, f"{name}: run `make docs`"


def test_examples_of_help_are_accepted() -> None:
    found = [it for name in COMMANDS for it in list_leaves(load_command(name))]
    assert len(found) > 25 and all(it.epilog for it in found)
    for command in found:
        [arguments] = find_curate_commands(read_example(command))
        parse_command(arguments)


def list_leaves(command: Any) -> list[Any]:
    nested = [list_leaves(it) for it in getattr(command, "commands", {}).values()]
    return [it for leaves in nested for it in leaves] or [command]


def test_every_key_of_a_recipe_has_a_meaning() -> None:
    for table in recipe_keys.TABLES.values():
        assert set(recipe_keys.read_comments(table)) == set(table.model_fields)
        assert all(recipe_keys.read_comments(table).values()), table


def test_exit_codes_are_those_of_errors() -> None:
    classes = [it for _, it in inspect.getmembers(errors, inspect.isclass)]
    codes = {it.exit_code for it in classes if issubclass(it, errors.CurateError)}
    assert codes <= set(errors.EXIT_CODES)
    assert set(errors.EXIT_CODES) == {*range(9), 130}


def sources(*folders: str) -> Iterator[ast.Module]:
    for folder in folders:
        for path in (ROOT / folder).rglob("*.py"):
            yield ast.parse(path.read_text(encoding="utf-8"))


def literals(node: ast.AST) -> Iterator[str]:
    for each in ast.walk(node):
        if isinstance(each, ast.Constant) and isinstance(each.value, str):
            yield each.value


def given_reasons(tree: ast.AST) -> Iterator[str]:
    """Literals that become reasons: of calls that make records, and of variables of that name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from reasons_of_call(node)
        elif isinstance(node, ast.Assign):
            names = {getattr(it, "id", "") for it in ast.walk(node.targets[0])}
            if "reason" in names:
                yield from filter(is_hyphenated, literals(node.value))
        elif isinstance(node, ast.Yield) and isinstance(node.value, ast.Tuple):
            yield from filter(is_hyphenated, constants(node.value.elts[:1]))


def reasons_of_call(call: ast.Call) -> Iterator[str]:
    name = getattr(call.func, "id", getattr(call.func, "attr", ""))
    if name in {*MAKERS, "replace"}:
        yield from constants([it.value for it in call.keywords if it.arg == "reason"])
    if name in MAKERS:
        yield from constants(call.args)


def constants(nodes: Iterable[ast.expr]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def is_hyphenated(text: object) -> bool:
    return isinstance(text, str) and bool(WORD.fullmatch(text)) and "-" in text


def is_reason(text: object) -> bool:
    return isinstance(text, str) and bool(WORD.fullmatch(text)) and text not in REJECTIONS


def test_every_reason_of_a_rejection_has_a_meaning() -> None:
    documented = {reason for reasons in REJECTIONS.values() for reason in reasons}
    trees = sources("curate/crawl", "curate/validate", "curate/environments", "builders")
    found = {it for tree in trees for it in given_reasons(tree) if is_reason(it)}
    assert found - documented == set()
    statuses = {str(it) for it in RunStatus} - {str(RunStatus.COMPLETED)}
    assert statuses <= set(REJECTIONS["validate"])
    assert set(REASONS) == set(REJECTIONS["crawl"])
    assert verdicts.REASON in REJECTIONS[verdicts.STAGE]


def test_no_reason_is_explained_that_the_code_cannot_give() -> None:
    trees = [*sources("curate/crawl", "curate/validate", "curate/environments", "curate/store")]
    trees += [*sources("builders", "curate/publish")]
    known = {text for tree in trees for text in literals(tree)}
    made = {"shared_packages-failed", "checkout-failed"}  # of the names of layers
    made |= {it for it in EXCLUSIONS if it.endswith("-out-of-bounds")}
    stated = {it for reasons in REJECTIONS.values() for it in reasons} | set(EXCLUSIONS)
    assert stated - known - made == set()
    for name in made & set(EXCLUSIONS):
        assert name.removesuffix("-out-of-bounds") in known
    assert "{layer}-failed" in inspect.getsource(install_script)


def test_every_exclusion_has_a_meaning() -> None:
    found = {it for tree in sources("curate/publish") for it in given_reasons(tree)}
    assert {it for it in found if is_reason(it)} - set(EXCLUSIONS) == set()
    assert {decide.FAILED_EVALUATION, decide.FAILED_CERTIFICATION} <= set(EXCLUSIONS)
