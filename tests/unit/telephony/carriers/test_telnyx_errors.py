from __future__ import annotations

import pytest

from desktop_voice.telephony.carriers.telnyx_errors import diagnose, error_code
from tests.helpers.carrier_specs import carrier_spec_or_skip


def refusal(code: str, pointer: str = "", detail: str = "") -> dict[str, object]:
    source = {"source": {"pointer": pointer}} if pointer else {}
    return {"errors": [{"code": code, "title": "x", "detail": detail, **source}]}


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (401, refusal("10009"), "CARRIER-03"),
        (401, {}, "CARRIER-03"),
        (402, {}, "CARRIER-22"),
        (403, refusal("10010"), "CARRIER-04"),
        (403, refusal("10010", detail="User channel limit exceeded D1"), "CARRIER-10"),
        (403, refusal("10010", detail="Not included in whitelisted countries D13."), "CARRIER-08"),
        (404, refusal("10005"), "CARRIER-19"),
        (422, refusal("90015", "/call_control_id"), "CARRIER-19"),
        (422, refusal("90018"), "CARRIER-16"),
        (422, refusal("90034"), "CARRIER-16"),
        (422, refusal("90103"), "CARRIER-09"),
        (422, refusal("10015", "/connection_id"), "CARRIER-05"),
        (422, refusal("10016", "/to"), "CARRIER-14"),
        (422, refusal("10016", "/from"), "CARRIER-15"),
        (422, refusal("10015", "/webhook_url"), "CARRIER-17"),
        (422, refusal("10033", "/time_limit_secs"), "CARRIER-18"),
        (400, {}, "CARRIER-18"),
        (422, {"errors": "no"}, "CARRIER-18"),
        (422, {"errors": [None, {"code": 90018}]}, "CARRIER-16"),
    ],
)
def test_a_refusal_is_explained(status: int, body: dict[str, object], code: str) -> None:
    problem = diagnose(status, body)
    assert problem.code == code
    assert problem.do


def test_a_refusal_repeats_no_number() -> None:
    problem = diagnose(422, refusal("10016", "/to", "+14155550100 is not a number"))
    assert "0100" not in str(problem)


def test_every_published_refusal_is_explained() -> None:
    spec = carrier_spec_or_skip("telnyx_call_control.openapi.json")
    responses = spec.document["components"]["responses"]
    content = responses["UnprocessableEntityResponse"]["content"]["application/json"]
    for example in content["examples"].values():
        assert error_code(example["value"])
        assert diagnose(422, example["value"]).what
    unauthorised = responses["UnauthorizedResponse"]["content"]["application/json"]["example"]
    assert diagnose(401, unauthorised).code == "CARRIER-03"
