"""Requests made up from /openapi.json, valid and not, get answers that it describes; none is a 5xx.

`make fuzz` makes more of them.
"""

from __future__ import annotations

import os

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import checks
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from tests.service.serving import app_of

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "8"))
# Not checked: that valid requests are taken (a schema cannot say that an id may not come twice),
# and that an unknown method is told from an unknown kind of body (either is refused).
CHECKS = [
    checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
schema = schemathesis.openapi.from_asgi("/openapi.json", app_of(hosts=("testserver", "localhost")))


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_made_up_requests_are_answered_as_described(case: schemathesis.Case) -> None:
    case.call_and_validate(checks=CHECKS)
