"""Tests of TLS in a project that is older than the OpenSSL of the images."""

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from curate.builders.model import Outcome
from curate.core.model import Rejection, Run
from curate.environments.remedies import OLD_TLS, iter_remedies
from curate.environments.remedy import EnvironmentState, Symptom
from curate.validate.old_tls import find_old_tls
from curate.validate.repair import change_command
from tests.helpers.factories import make_validation
from tests.helpers.fakes import UNUSED

OLD = datetime(2018, 5, 20, tzinfo=UTC)
HTTPS = "tests/test_client.py::HTTPSTest::test_fetch"
PLAIN = "tests/test_client.py::HTTPTest::test_fetch"


def find(outcomes: dict[str, Outcome], log: str = "", date: datetime = OLD) -> list[str]:
    run = Run(side="after", index=1, status="completed", outcomes=outcomes)
    rejection = Rejection(stage="validate", reason="no-fail-to-pass", detail="")
    record = replace(make_validation(7, rejection), runs=(run,))
    return [thing.where for thing in find_old_tls(record, date, log)]


@pytest.mark.parametrize(
    ("outcomes", "log", "where"),
    [
        ({HTTPS: Outcome.FAILED, PLAIN: Outcome.FAILED}, "timed out", [HTTPS]),
        ({HTTPS: Outcome.ERROR}, "", [HTTPS]),
        ({HTTPS: Outcome.PASSED, PLAIN: Outcome.FAILED}, "timed out", []),
        ({PLAIN: Outcome.FAILED}, "ssl.SSLError: [SSL: EE_KEY_TOO_SMALL] ee key too", [PLAIN]),
        ({PLAIN: Outcome.FAILED}, "ssl.SSLError: [SSL: CERTIFICATE_VERIFY_FAILED]", []),
    ],
)
def test_tests_of_tls_that_fail_ask_for_that_of_their_time(
    outcomes: dict[str, Outcome], log: str, where: list[str]
) -> None:
    assert find(outcomes, log) == where
    assert find(outcomes, log, datetime(2022, 1, 1, tzinfo=UTC)) == []


def test_the_remedy_is_a_configuration_that_openssl_reads() -> None:
    state = EnvironmentState(packages=("pytest==3.5.0",), test_command="pytest {tests}")
    symptom = Symptom(kind="expected-tls", name="tls", where=HTTPS)
    (remedy,) = iter_remedies(symptom, state, UNUSED)
    assert remedy.label == "TLS of its time"
    assert remedy.sentence == (
        "ran tests with TLS up to 1.2 and any key:"
        f" {HTTPS} fails with an OpenSSL that is newer than it"
    )
    command = change_command("pytest {tests}", remedy).format(tests="a")
    assert command == f"{OLD_TLS}; pytest a"
    ask = "import ssl; print(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).maximum_version.name)"
    shell = f'{OLD_TLS}; "{sys.executable}" -c "{ask}"; rm /tmp/openssl.cnf'
    done = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "TLSv1_2"


@pytest.mark.parametrize(("version", "helps"), [("3.5.0", True), ("3.2.5", False)])
def test_messages_below_warning_are_made_where_tests_expect_them(version: str, helps: bool) -> None:
    state = EnvironmentState(packages=(f"pytest=={version}",), test_command="pytest {tests}")
    symptom = Symptom(kind="log-level", name="did not get expected log message", where="test_a")
    found = list(iter_remedies(symptom, state, UNUSED))
    assert [it.arguments for it in found] == [("--log-level=INFO",)] * helps
