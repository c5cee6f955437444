"""Odd requests about feedback get an answer that was promised, and never a 500."""

from collections.abc import Callable
from typing import Any

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings

from rather.serving.feedback.joining import FromUse
from tests.odd_requests import CHECKS
from tests.serving.feedback.conftest import KEPT, chat

EXAMPLES_A_ROUTE = 60


@pytest.mark.slow
def test_odd_requests(serve: Callable[..., tuple[TestClient, FromUse]]) -> None:
    client, _ = serve(**KEPT)
    app: Any = client.app
    given_ids = [chat(client)["id"] for _ in range(2)]
    schema = schemathesis.openapi.from_dict(app.openapi())
    schema.app = app
    seen = []
    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.path not in ("/v1/feedback", "/v1/compare"):
            continue
        seen.append(operation.path)

        @settings(
            max_examples=EXAMPLES_A_ROUTE,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def knock(case: schemathesis.Case) -> None:
            if isinstance(case.body, dict) and "completion_ids" in case.body:
                case.body["completion_ids"] = given_ids[: len(case.body["completion_ids"])]
            case.call_and_validate(headers={"Host": "127.0.0.1"}, checks=CHECKS)

        knock()
    assert sorted(seen) == ["/v1/compare", "/v1/feedback"]
    assert chat(client)["choices"]
