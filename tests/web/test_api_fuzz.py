"""Every route of the app under odd input: no 500, and what was promised is what comes.

schemathesis makes the requests from the app's own OpenAPI description, as a labeller and as an
admin; what it stores on the way must not keep the app from answering.
"""

from collections.abc import Callable, Sequence

import pytest
import schemathesis
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings

from rather.config.stages import Config
from rather.records import Labeller, Message
from rather.store import labellers
from rather.store.database import Database
from rather.web.app import Outside, create_app
from rather.web.responder import Answered, Drawing
from tests.odd_requests import CHECKS

LEFT_OUT = {
    "/api/logout",  # it would end the session that all the others need
    "/api/admin/export",  # a file of its format, no JSON; tests/web/admin/test_exports.py reads it
    "/api/admin/report",  # a page
}
EXAMPLES_A_ROUTE = 25
SECRET = b"a secret of this test, 32 bytes.."

pytestmark = pytest.mark.slow


class Echo:
    """Answers with what was said last."""

    def models(self) -> list[str]:
        return ["base", "ppo-1"]

    def answer(self, messages: Sequence[Message], model: str, drawing: Drawing) -> Answered:
        return Answered(messages[-1].content, 3, is_cut_off=False)


@pytest.mark.parametrize("who", ["ann", "ada"])
def test_odd_requests_get_an_answer_that_was_promised(
    app: FastAPI, browser: Callable[..., TestClient], any_db: Database, who: str
) -> None:
    app = create_app(any_db, Config(), "fuzzed", secret=SECRET, outside=Outside(responder=Echo()))
    labellers.add(any_db, [Labeller("ada", "Ada", False, "admin")])
    client = browser(app, who)
    schema = schemathesis.openapi.from_dict(app.openapi())
    schema.app = app
    headers = {"Sec-Fetch-Site": "same-origin", "Host": "127.0.0.1"}
    num_routes = 0
    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.path in LEFT_OUT or not operation.path.startswith("/api/"):
            continue
        num_routes += 1

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
            case.call_and_validate(headers=headers, cookies=dict(client.cookies), checks=CHECKS)

        knock()
    assert num_routes > 25
    assert client.get("/api/me").status_code == 200
