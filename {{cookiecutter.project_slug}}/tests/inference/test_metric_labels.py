"""What the labels of the service's own metrics may hold: few values each, and never an id or a text of anybody."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import httpx
from prometheus_client import REGISTRY

from app.inference.domain.human_review import ReviewPolicy
from tests.conftest import ROOT
from tests.inference.conftest import Service, change_serving

LABELS = {
    "action": "the actions of policies/actions.yaml",
    "arm": "live, control, canary",
    "code": "the codes of problems",
    "decision": "the decisions of a reviewer, and whether an answer is scored",
    "degraded": "true, false",
    "environment": "the environments of the policy",
    "feature": "what is charged for",
    "job": "the kinds of jobs",
    "kind": "a kind that its metric lists",
    "method": "the methods of HTTP",
    "metric": "the scores of answers",
    "model": "the models of the chain, and the embedders",
    "outcome": "an outcome that its metric lists",
    "reason": "the reasons of refusals",
    "release": "the numbers of the releases that a process serves now",
    "responsible": "who a failure goes to",
    "result": "a result that its metric lists",
    "route": "the paths of routes, as they are declared",
    "rule": "the rules of policies/review.yaml and of the output filter",
    "server": "the MCP servers of policies/actions.yaml",
    "signal": "the signals of drift",
    "span": "day, month",
    "state": "the states of actions and budgets",
    "status": "the statuses of HTTP, answers and documents",
    "step": "the steps of an answer, a search and the reading of a document",
    "timing": "before, after",
    "tool": "the tools of the MCP server: three of its own, and the actions of policies/actions.yaml",
    "verdict": "the verdicts of evaluations",
    "why": "the reasons why something ended or was left out",
}
"""Every label, and what bounds its values. A new one needs a bound, and no tenant, key, person or text is one."""
VALUE = re.compile(r"[A-Za-z0-9_./{}:-]{0,60}")
ID = re.compile(r"[0-9a-f]{12,}|[0-9a-f]{8}-[0-9a-f]{4}-", re.IGNORECASE)

Sample = tuple[str, frozenset[tuple[str, str]]]


DECLARED = """
import json, app.main, app.worker
from prometheus_client import REGISTRY
found = {each._name: each._labelnames for each in set(REGISTRY._collector_to_names) if hasattr(each, "_labelnames")}
print(json.dumps({name: labels for name, labels in found.items() if name.startswith("app_")}))
"""


def own_labels() -> dict[str, set[str]]:
    """The label names of each metric, with or without a value yet, in a process that runs no tests."""
    done = subprocess.run([sys.executable, "-c", DECLARED], cwd=ROOT, capture_output=True, text=True, check=True)
    return {name: set(labels) for name, labels in json.loads(done.stdout).items()}


def samples() -> dict[Sample, float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in REGISTRY.collect()
        if family.name.startswith("app_")
        for sample in family.samples
    }


def changed(before: dict[Sample, float]) -> Iterator[tuple[str, str, str]]:
    """Metric, label and value of what was counted since."""
    for (name, labels), value in samples().items():
        if before.get((name, labels)) != value:
            yield from ((name, label, held) for label, held in labels if label != "le")


def test_every_label_of_a_metric_has_a_bound() -> None:
    declared = own_labels()
    assert len(declared) > 50
    assert set().union(*declared.values()) == set(LABELS)


async def test_traffic_of_hostile_callers_leaves_nothing_of_theirs_in_a_label(quoting: Service) -> None:
    mine, state = f"quokka{uuid4().hex[:6]}", quoting.state
    rule = {"name": "all", "send": "after", "due_minutes": 60}
    change_serving(state, review=ReviewPolicy.model_validate({"owner": "tests", "overlap": 0, "rules": [rule]}))
    tenant = await state.identity.ensure_tenant(f"tenant {mine}")
    key = (await state.identity.create_key(tenant, f"key {mine}", ["user", "operator"], (f"group-{mine}",))).text
    before = samples()
    asked: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", "/v1/answers", {"json": {"question": f"Who built the lighthouse of Karlen, {mine}?"}}),
        ("POST", "/v1/answers", {"json": {"question": "Who?", "model": mine}}),
        ("POST", "/v1/answers", {"json": {"question": "Close T-1.", "actions": [mine]}}),
        ("POST", "/v1/answers", {"json": {"question": "Who?", mine: 1}}),
        ("POST", f"/v1/answers/{uuid4()}/feedback", {"json": {"helpful": True}}),
        ("GET", "/v1/answers", {"params": {"model": mine, "release": mine}}),
        ("GET", f"/v1/answers/{mine}", {}),
        ("GET", f"/v1/answers/{UUID(int=5)}", {}),
        ("GET", f"/{mine}/{uuid4()}", {}),
        ("PROPFIND", f"/v1/{mine}", {}),
        ("SUBSCRIBE", "/v1/answers", {}),
        ("GET", "/v1/answers", {"headers": {"Authorization": f"Bearer {mine}"}}),
        ("GET", "/v1/answers", {"headers": {"X-Request-Id": mine, "Idempotency-Key": mine, "Host": mine}}),
    ]
    async with quoting.client(key) as client:
        replies: list[httpx.Response] = [await client.request(verb, path, **rest) for verb, path, rest in asked]
    assert replies[0].status_code == 200
    assert all(400 <= each.status_code < 500 for each in replies[1:5]), replies
    found = list(changed(before))
    assert {"app_answers_total", "app_answers_sent_to_review_total", "app_problems_total"} <= {
        each[0] for each in found
    }
    for name, label, value in found:
        assert label in LABELS, name
        assert VALUE.fullmatch(value), (name, label, value)
        assert not ID.search(value), (name, label, value)
        assert mine not in value, (name, label, value)
    methods = {value for _, label, value in found if label == "method"}
    assert methods == {"GET", "POST", "_OTHER"}
