"""The variants that a matrix of Azure Pipelines, GitLab or Travis makes of a job."""

import re
from collections.abc import Iterator, Mapping
from itertools import islice, product
from typing import Any

from curate.recipe_tools.draft.ci_yaml import as_table, iter_tables, plain_variables
from curate.recipe_tools.draft.job import is_other_purpose

MAX_VARIANTS = 12
MAX_PRODUCT = 1000
_ASSIGNMENT = re.compile(r"""(\w+)=(?:"([^"]*)"|'([^']*)'|([^"'\s]*))""")


def list_azure_legs(job: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the variables of each leg of a matrix, without those for other purposes.

    One empty leg if there is no matrix.
    """
    matrix = as_table(as_table(job.get("strategy")).get("matrix"))
    legs = {str(name): plain_variables(it) for name, it in matrix.items() if isinstance(it, dict)}
    usual = [it for name, it in legs.items() if not is_special(name, it)]
    return (usual or list(legs.values()))[:MAX_VARIANTS] or [{}]


def list_gitlab_variants(job: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the variables of each variant of `parallel: matrix`; one empty variant without it."""
    variants: list[dict[str, str]] = []
    for table in iter_tables(as_table(job.get("parallel")).get("matrix")):
        values = [it if isinstance(it, list) else [it] for it in table.values()]
        combined = islice(product(*values), MAX_PRODUCT)
        variants += [plain_variables(dict(zip(table, it, strict=True))) for it in combined]
    usual = [it for it in variants if not is_special("", it)] or variants
    return usual[:MAX_VARIANTS] or [{}]


def is_special(name: str, variables: Mapping[str, str]) -> bool:
    """Whether the name or a value of a variant says that it is not for the usual tests."""
    texts = (name, *variables.values(), *(k for k, v in variables.items() if v.lower() == "true"))
    return any(is_other_purpose(text.replace("_", "-")) for text in texts)


def name_in_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Return variables of Azure under the names that they have in the environment of a script."""
    return {re.sub(r"\W", "_", name).upper(): value for name, value in variables.items()}


def list_travis_environments(value: Any) -> list[dict[str, str]]:
    """Return the variables of each variant that `env` of the whole file makes; at least one."""
    table = value if isinstance(value, dict) else {"matrix": value}
    if isinstance(value, dict) and not {"global", "matrix", "jobs"} & value.keys():
        return [plain_variables(value)]
    common = dict(_iter_assignments(table.get("global")))
    listed = table.get("matrix", table.get("jobs"))
    items = listed if isinstance(listed, list) else [listed] if listed else []
    variants = [dict(_iter_assignments(item)) for item in items]
    usual = [it for it in variants if not is_special("", it)] or variants
    return [common | it for it in usual[:MAX_VARIANTS]] or [common]


def read_travis_environment(value: Any) -> dict[str, str]:
    """Return the variables that `env` of one job sets, in any of its forms."""
    return dict(_iter_assignments(value))


def _iter_assignments(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        for name, *texts in _ASSIGNMENT.findall(value):
            yield name, next(filter(None, texts), "")
    elif isinstance(value, list):
        for item in value:
            yield from _iter_assignments(item)
    elif isinstance(value, dict) and "secure" not in value:
        yield from plain_variables(*iter_tables([value])).items()
