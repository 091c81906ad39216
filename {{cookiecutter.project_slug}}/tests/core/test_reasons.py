"""Every route and command that takes a reason rejects one without a word."""

import re
from typing import Any
from uuid import UUID

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from app.cli import app
from app.core.reasons import WORD_PATTERN, ReasonRequired, check_reason
from tests.cli.test_costs_and_version import run
from tests.e2e.test_tenants import theirs

__all__ = ["run", "theirs"]

SOMETHING = UUID(int=7)
BUDGET = {"scope": "tenant", "span": "day", "usd": "1"}
DECISION = {"decision": "approve", "token": 1, "version": 1, "sha256": "0" * 64}
BODIES: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", "/v1/releases", {}),
    ("POST", "/v1/environments/staging/activate", {"release": "1"}),
    ("POST", "/v1/environments/production/rollback", {}),
    ("POST", "/v1/environments/production/canary", {"release": "1", "percent": 10}),
    ("POST", "/v1/environments/production/canary/abort", {}),
    ("POST", "/v1/releases/1/approvals", {}),
    ("POST", "/v1/releases/1/rejection", {}),
    ("POST", f"/v1/governance/break-glass/{SOMETHING}/review", {}),
    ("PUT", "/v1/budgets", BUDGET),
    ("POST", "/v1/budgets/grants", BUDGET),
    *(("POST", "/v1/reviews/{review_id}/decide", {**DECISION, "decision": verb}) for verb in ("approve", "reject")),
    *(("POST", "/v1/reviews/{review_id}/decide", {**DECISION, "decision": verb}) for verb in ("escalate", "edit")),
]
COMMANDS = (
    ("release", "create"),
    ("release", "activate", "1"),
    ("release", "activate", "1", "--break-glass"),
    ("release", "canary", "1"),
    ("release", "abort-canary"),
    ("release", "approve", "1"),
    ("release", "reject", "1"),
    ("rollback",),
    ("rollback", "--rehearse"),
    ("governance", "review-break-glass", str(SOMETHING)),
    ("budget", "set", "day", "1", "--service"),
    ("budget", "grant", "day", "1", "--service"),
)


WORDLESS = ["a", "aaaa", "ok", "x y z", "1234", "...", " \n", "\N{ZERO WIDTH SPACE}", "_" * 20, "a" * 2000, "a.a a-b"]


@pytest.mark.parametrize("reason", WORDLESS)
def test_a_text_without_a_word_is_rejected(reason: str) -> None:
    assert not re.search(WORD_PATTERN, reason)
    with pytest.raises(ReasonRequired):
        check_reason(reason)


@pytest.mark.parametrize(
    "reason",
    [
        "typo",
        "Ann left",
        "ist überholt",
        "重复的答案",
        "повтор",
        "a fix",
        "re: T-12 fixed",
        "a-b-c",
        "aab",
        "baa",
        "R.I.P.",
    ],
)
def test_a_text_with_a_word_is_accepted(reason: str) -> None:
    assert re.search(WORD_PATTERN, reason)
    assert check_reason(f" {reason}\n") == reason


@given(st.text("aAb1._ \né", max_size=12))
def test_the_document_says_the_rule_except_for_capitals(reason: str) -> None:
    try:
        accepted = bool(check_reason(reason))
    except ReasonRequired:
        accepted = False
    assert bool(re.search(WORD_PATTERN, reason.casefold())) == accepted


@pytest.mark.parametrize(("method", "path", "body"), BODIES)
@pytest.mark.parametrize("reason", ["a", "kkkk"])
async def test_a_reason_without_a_word_is_rejected_over_http(
    client: httpx.AsyncClient, theirs: dict[str, str], method: str, path: str, body: dict[str, Any], reason: str
) -> None:
    text = {"text": "At seven [1]."} if body.get("decision") == "edit" else {}
    address = path.format(**theirs)
    refused = await client.request(method, address, json={**body, **text, "reason": reason})
    assert (refused.status_code, refused.json()["code"]) == (422, "reason_required"), refused.text
    assert "in words" in refused.json()["action"]


@pytest.mark.parametrize("verb", ["release", "discard"])
async def test_a_note_about_a_quarantined_document_has_a_word_or_is_omitted(
    client: httpx.AsyncClient, theirs: dict[str, str], verb: str
) -> None:
    path = f"/v1/quarantine/{theirs['entry']}/{verb}"
    assert (await client.post(path, json={"note": "a"})).json()["code"] == "reason_required"
    assert (await client.post(path)).status_code in (200, 202)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_reason_without_a_word_is_rejected_at_the_command_line(run: CliRunner, command: tuple[str, ...]) -> None:
    done = run.invoke(app, [*command, "--reason", "a"])
    assert isinstance(done.exception, ReasonRequired), done.output
