"""Secrets that are put in wherever text comes in are found nowhere that text goes out."""

import io
from datetime import UTC, datetime

import structlog

from app.adapters.chat.standin import Fault
from app.core import audit
from app.core.audit import Act
from app.core.telemetry import shutdown_tracing
from app.inference.domain.human_review import ReviewPolicy
from tests.core.test_redaction import found_in
from tests.inference.conftest import TOWER, Service, change_serving
from tests.inference.forms import FORMS, WHO, ask
from tests.inference.test_held_answers import decide
from tests.safety.outbound_forms import CARRIERS, SECRETS, carried

BUILT = "It was built in 1874 by the engineer Marta Holm [1]."


async def ask_about(service: Service, kind: str) -> list[str]:
    """All responses to requests that carry the secret, to answers that do, and to failures that do."""
    said, sent = carried(kind), []
    secret = said if kind in CARRIERS else SECRETS[kind]
    service.model.always = Fault(pieces=(f"{BUILT} {BUILT} {said}",))
    sent += [(await ask(service, way, f"{WHO} {said}")).raw for way in FORMS]
    service.model.always = None
    service.model.faults.append(Fault(status=400, body=b'{"error": {"message": "%b"}}' % secret.encode()))
    sent.append((await ask(service, "json", f"{WHO} {said}")).raw)
    async with service.client() as client:
        answers = [row[0] for row in await service.rows("select id from answers order by created_at desc limit 1")]
        for path in (f"/v1/answers/{answers[0]}", f"/v1/answers/{secret}", f"/v1/documents?cursor={secret}"):
            sent.append((await client.get(path)).text)
        for body in (
            {"question": WHO, secret: 1},
            {"question": WHO, "model": secret},
            {"question": WHO, "sentences": said},
            {"question": WHO, "webhook": f"https://user:{SECRETS[kind]}@hooks.example/x"},
        ):
            sent.append((await client.post("/v1/answers", json=body)).text)
        sent.append((await client.post("/v1/search", json={"query": f"lighthouse {said}"})).text)
    return sent


async def test_seeded_secrets_are_in_no_response_log_trace_metric_or_audit_line(
    service: Service, written: tuple[io.StringIO, io.StringIO]
) -> None:
    await service.publish(f"{TOWER} {' '.join(map(carried, SECRETS))}", title="Keys", uri="keys.md")
    sent: list[str] = []
    for kind in ("GitHub", "AWS key id", "assigned password", "web token", "connection string", "Slack"):
        sent += await ask_about(service, kind)
    async with service.state.database.transaction(service.tenant) as connection:
        for said in map(carried, SECRETS):
            act = Act(said, "test.seed", said, reason=said, before=said, after=said, tenant_id=service.tenant)
            await audit.record(connection, act, datetime.now(UTC))
        sent += [str(line.as_dict()) for line in await audit.page(connection, 100)]
    async with service.client() as client:
        sent.append((await client.get("/metrics")).text)
    structlog.get_logger().info("tests.ended")
    shutdown_tracing()
    traces, logged = (each.getvalue() for each in written)
    assert "tests.ended" in logged
    assert "trace_id" in traces
    assert found_in("\n".join(sent)) == []
    assert found_in(logged) == []
    assert found_in(traces) == []


async def test_seeded_secrets_are_not_shown_to_reviewers_nor_kept_in_evaluation_cases(service: Service) -> None:
    rule = {"name": "all", "send": "before", "due_minutes": 60}
    change_serving(service.state, review=ReviewPolicy.model_validate({"owner": "tests", "overlap": 0, "rules": [rule]}))
    service.model.always = Fault(pieces=(f"{BUILT} {BUILT} {carried('GitHub')}",))
    held = await ask(service, "json", f"{WHO} {carried('AWS key id')}")
    await decide(service, held.answer["id"], "edit", "It was built by an engineer.")
    rows = await service.rows("select row_to_json(review_items)::text from review_items")
    payloads = await service.rows("select encode(payload, 'escape') from review_items")
    assert len(rows) == 1
    assert found_in(f"{rows} {payloads}") == []
