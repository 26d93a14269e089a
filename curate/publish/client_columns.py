"""Columns by which clients run the tests of a row and read what these print."""

import json
import shlex
from collections.abc import Mapping

from curate.builders.model import CONTAINER_ENV, CONTAINER_USER
from curate.core.model import Candidate, Validation
from curate.harness.eval_script import ExpectedTests, ScriptProcess, render_eval_script
from curate.harness.grade import HASH_SEED
from curate.publish.escaped_ids import escape_test_ids
from curate.releases.row import Row

LOG_PARSER = "parse_log_pytest"
# As in the first run of a validation.
_EVAL_ENV = {**CONTAINER_ENV, **HASH_SEED}
_ADDOPTS, _PRINT_ALL = "PYTEST_ADDOPTS", "-rA --color=no"  # the parser finds every test


def make_client_columns(
    candidate: Candidate, validation: Validation, env_vars: Mapping[str, str], test_seconds: float
) -> Row:
    """Return the columns that say how tests are run and graded, without those of the image."""
    variables = _EVAL_ENV | dict(env_vars)
    script = render_eval_script(
        test_patch=candidate.test_patch,
        test_command=validation.test_command,
        gold=candidate.patch,
        process=ScriptProcess(
            environment=variables, user=CONTAINER_USER, test_seconds=test_seconds
        ),
        expected=ExpectedTests(
            fail_to_pass=escape_test_ids(validation.verdict.fail_to_pass),
            pass_to_pass=escape_test_ids(validation.verdict.pass_to_pass),
        ),
    )
    return {
        "environment_setup_commit": candidate.base_commit,
        "eval_script": script,
        "log_parser": LOG_PARSER,
        "eval_type": "pass_and_fail",
        "language": "python",
        "install_config": json.dumps(_make_install_config(validation.test_command, variables)),
    }


def _make_install_config(test_command: str, variables: Mapping[str, str]) -> dict[str, object]:
    """Return SWE-rebench's description of an instance; the image has everything installed."""
    options = f"{variables.get(_ADDOPTS, '')} {_PRINT_ALL}".strip()
    exported = {**variables, _ADDOPTS: options}
    exports = [f"export {name}={shlex.quote(it)}" for name, it in sorted(exported.items())]
    return {"install": [], "test_cmd": [*exports, test_command], "log_parser": LOG_PARSER}
