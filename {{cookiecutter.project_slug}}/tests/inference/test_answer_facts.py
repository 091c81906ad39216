"""The log line of an answer's request and the root span of its trace say who asked, what answered, and what it cost."""

import io
import json
from typing import Any

import pytest

from app.core.telemetry import shutdown_tracing
from app.core.tenant_hash import tenant_hash
from app.inference.domain.human_review import ReviewPolicy
from tests.inference.conftest import Service, change_serving

WHO = "Who built the lighthouse of Karlen?"


def root_spans(printed: str) -> list[dict[str, Any]]:
    texts = printed.replace("}\n{", "}\x00{").split("\x00")
    return [span for span in map(json.loads, texts) if span["parent_id"] is None]


@pytest.mark.parametrize("stream", [False, True])
async def test_both_have_the_facts_of_the_answer(
    quoting: Service, written: tuple[io.StringIO, io.StringIO], stream: bool
) -> None:
    rule = {"name": "all", "send": "after", "due_minutes": 60}
    change_serving(quoting.state, review=ReviewPolicy.model_validate({"owner": "tests", "overlap": 0, "rules": [rule]}))
    reply = await quoting.ask(WHO, stream=stream)
    assert reply.status_code == 200
    [stored] = await quoting.rows(
        "select a.id::text, a.release_id, a.key_id::text, a.trace_id, a.request_id, r.review_id::text, a.cost_micro_usd"
        " from answers a join reviewed_answers r on r.answer_id = a.id"
    )
    shutdown_tracing()
    printed, logged = (each.getvalue() for each in written)
    lines = [json.loads(line) for line in logged.splitlines()]
    [line] = [line for line in lines if line["event"] == "core.request_completed" and line["method"] == "POST"]
    answer_id, release_id, key_id, trace_id, request_id, review_id, cost = stored
    facts = {
        "answer_id": answer_id,
        "release_id": release_id,
        "arm": "live",
        "environment": "production",
        "tenant_hash": tenant_hash(quoting.tenant),
        "answer_status": "answered",
        "model": "extractive",
        "degraded": False,
        "cost_micro_usd": cost,
        "findings": [],
        "review_id": review_id,
    }
    ids = {"key_id": key_id, "trace_id": trace_id, "request_id": request_id}
    assert facts | ids == {name: line[name] for name in facts | ids}
    [root] = [span for span in root_spans(printed) if "app.answer_id" in span["attributes"]]
    assert root["context"]["trace_id"] == f"0x{trace_id}"
    expected = {f"app.{name}": value for name, value in facts.items()} | {"app.key_id": key_id}
    assert expected == {name: root["attributes"][name] for name in expected}
    assert str(quoting.tenant) not in printed
