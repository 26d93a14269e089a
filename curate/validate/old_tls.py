"""Tests of TLS that fail because OpenSSL is newer than they are, whatever the lock has.

Images have the OpenSSL of their Debian release. Since 1.1.1 (September 2018) it speaks TLS 1.3,
which servers and clients of before do not expect; Debian's refuses keys of 1024 bits and SHA-1.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from curate.builders.model import Outcome
from curate.core.model import Validation
from curate.validate.missing import MissingThing

KIND = "expected-tls"  # what no log says is missing
OPENSSL_3 = datetime(2021, 9, 7, tzinfo=UTC)  # projects of after it were tested with it

_NAME = re.compile(r"ssl|https|tls", re.IGNORECASE)  # of a test or its class
_REFUSED = re.compile(
    r"\[SSL: (?:\w*KEY_TOO_SMALL|\w*MD_TOO_WEAK|UNSUPPORTED_PROTOCOL|NO_PROTOCOLS_AVAILABLE"
    r"|TLSV1_ALERT_PROTOCOL_VERSION|NO_SHARED_CIPHER|NO_CIPHERS_AVAILABLE|WRONG_SIGNATURE_TYPE)\]"
)


def find_old_tls(record: Validation, date: datetime, log: str) -> Iterator[MissingThing]:
    """Yield the TLS of *date* if it is before `OPENSSL_3` and tests of TLS fail after the patch."""
    after = next((run for run in record.runs if run.side == "after"), None)
    if after is None or date >= OPENSSL_3:
        return
    refused = _REFUSED.search(log)
    failed = (Outcome.FAILED, Outcome.ERROR)
    names = sorted(name for name, outcome in after.outcomes.items() if outcome in failed)
    tests = [name for name in names if _NAME.search(name.partition("::")[2])]
    if refused and names:
        yield MissingThing(kind=KIND, name="tls", where=names[0], evidence=refused[0])
    elif tests:
        yield MissingThing(kind=KIND, name="tls", where=tests[0], evidence="its name says TLS")
