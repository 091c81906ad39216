import base64
import hashlib
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from uuid import UUID

import httpx
import pytest

from app.governance.domain.markdown_card import markdown
from app.governance.domain.model_card import ModelCard
from app.governance.service import Overview
from app.governance.service.html_card import html_card
from app.wiring import State
from tests.governance.conftest import House, person

Houses = Callable[..., House]


def overview(state: State, here: House) -> Overview:
    return replace(
        state.governance,
        clock=here.clock,
        releases=here.releases,
        environments=here.environments,
        approvals=here.approvals,
        audit=replace(state.audit, clock=here.clock),
    )


def standing(card: ModelCard, number: int) -> tuple[str, str]:
    return card.risks[number - 1].standing, card.risks[number - 1].found


async def go_live(here: House) -> None:
    release = await here.measured()
    await here.approvals.approve(person("bob"), release.id, "read it")
    await here.rollouts.activate("ana", release.id, "ship it")


async def test_with_nothing_live_the_card_says_so(state: State, house: Houses) -> None:
    card = await overview(state, house()).card()
    assert card.live is None
    assert len(card.risks) == 12
    assert standing(card, 5) == ("missing", "Nothing is live.")
    assert "Nothing is live in production." in markdown(card)
    assert "Nothing is live in production." in html_card(card)


async def test_the_card_tells_what_is_live_from_what_was_stored(state: State, house: Houses) -> None:
    here = house()
    await go_live(here)
    card = await overview(state, here).card()
    live = here.environments.current()
    assert card.live is not None
    assert (card.live.id, card.live.number, card.live.author) == (live.id, live.number, "ana")
    assert {each.digest for each in card.live.prompts} == set(live.manifest.prompts.values())
    assert {each.name: each.digest for each in card.live.policies} == live.manifest.policies
    assert all(each.owner for each in card.live.policies)
    assert card.live.retrieval == live.manifest.retrieval
    assert [each.approver for each in card.live.approvals] == ["bob"]
    assert card.live.evaluation is not None
    assert card.live.evaluation.verdict == "PASS"
    assert card.live.fallbacks()[-2:] == ("extractive", "an honest refusal")
    assert card.purpose.owners.keys() == {"model", "prompts", "data", "policies"}


async def review_all(here: House) -> None:
    """What other tests did by break-glass would stand in the register."""
    for each in await here.approvals.emergencies():
        if each.review is None:
            await here.approvals.review(person("zoe"), each.approval.id, "a test did that")


async def test_each_risk_has_a_control_an_owner_and_what_was_found(state: State, house: Houses) -> None:
    here = house()
    await review_all(here)
    await go_live(here)
    card = await overview(state, here).card()
    assert [risk.number for risk in card.risks] == list(range(1, 13))
    assert all(risk.risk and risk.control and risk.found and risk.owner for risk in card.risks)
    assert standing(card, 5)[0] == "in force"
    assert "approved by bob" in standing(card, 8)[1]
    assert standing(card, 7)[0] == "in force"
    assert standing(card, 11)[0] == "in force"


async def test_an_emergency_stands_in_the_register_until_it_is_reviewed(state: State, house: Houses) -> None:
    here = house()
    await review_all(here)
    release = await here.draft()
    await here.rollouts.activate("ana", release.id, "production is on fire", break_glass=True)
    found = overview(state, here)
    assert standing(await found.card(), 5) == ("missing", "The live release was never evaluated.")
    assert "waits for a review: " in standing(await found.card(), 8)[1]
    here.wait(hours=25)
    card = await found.card()
    assert standing(card, 8)[0] == "missing"
    assert "production is on fire" in html_card(card)
    assert "review pending" in html_card(card)


async def test_an_approval_that_ran_out_is_seen(state: State, house: Houses) -> None:
    here = house()
    await review_all(here)
    await go_live(here)
    here.wait(days=31)
    assert standing(await overview(state, here).card(), 8)[0] == "attention"


async def test_other_files_than_those_of_the_live_release_are_seen(state: State, house: Houses) -> None:
    here = house()
    await go_live(here)
    digests = {**state.policies.digests, "cost": "0" * 64}
    found = replace(overview(state, here), policies=replace(state.policies, digests=digests))
    assert standing(await found.card(), 12) == ("attention", "The files here differ from the live release in cost.")


async def test_an_audit_log_that_is_too_long_for_each_card_is_told_of_by_its_last_check(
    state: State, house: Houses, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = house()
    await go_live(here)
    found = overview(state, here)
    monkeypatch.setattr("app.governance.service.overview.MAX_VERIFIED_LINES", 1)
    await found.audit.verify("auditor")
    assert "by auditor" in (await found.chain())[1]


class Names(HTMLParser):
    """Every address that a browser would fetch, and the tags that are open at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.fetched += [value or "" for name, value in attrs if name in ("src", "href", "action", "srcset")]
        if tag not in ("meta", "br", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


async def test_the_page_stands_alone_and_is_well_formed(state: State, house: Houses) -> None:
    here = house()
    await go_live(here)
    told = html_card(await overview(state, here).card())
    read = Names()
    read.feed(told)
    assert (read.fetched, read.open) == ([], [])
    assert "<script" not in told
    assert "@import" not in told
    assert "url(" not in told


async def test_what_people_wrote_is_text_on_the_page(state: State, house: Houses) -> None:
    here = house()
    release = await here.measured()
    await here.approvals.approve(person("<b>bob</b>"), release.id, "<script>alert(1)</script> | a pipe")
    await here.rollouts.activate("ana", release.id, "ship it")
    card = await overview(state, here).card()
    assert "<script>" not in html_card(card)
    assert "&lt;script&gt;" in html_card(card)
    assert "\\| a pipe" in markdown(card)


async def test_the_card_over_http(client: httpx.AsyncClient, state: State) -> None:
    await state.environments.resolve()
    told = (await client.get("/v1/governance")).json()
    assert told["live"]["number"] == state.environments.current().number
    assert len(told["risks"]) == 12
    shown = await client.get("/v1/governance/card")
    assert shown.headers["content-type"].startswith("text/html")
    assert told["live"]["id"] in shown.text


async def test_the_page_may_use_its_own_style_and_load_nothing(client: httpx.AsyncClient, state: State) -> None:
    await state.environments.resolve()
    page = await client.get("/v1/governance/card")
    rules = dict(rule.split(" ", 1) for rule in page.headers["content-security-policy"].split("; "))
    style = page.text.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert rules["default-src"] == "'none'"
    assert rules["style-src"] == f"'sha256-{digest}'"
    assert "unsafe-inline" not in page.headers["content-security-policy"]
    assert rules["style-src"] in unescape(page.text), "a page that was saved has the policy too"
    assert " style=" not in page.text, "the policy blocks style attributes"


async def test_no_role_of_a_tenant_sees_the_card(state: State, client: httpx.AsyncClient, tenant: UUID) -> None:
    key = await state.identity.create_key(tenant, "reader", ["user", "admin"])
    headers = {"Authorization": f"Bearer {key.text}"}
    for path in ("/v1/governance", "/v1/governance/card"):
        assert (await client.get(path, headers=headers)).status_code == 403
