from collections.abc import Callable

import httpx
import pytest

from app.evaluation.service import SuiteFiles
from app.governance.domain.approval_rules import NoEvidence
from app.releases.domain import EvaluationVerdict, NotApproved
from tests.conftest import ROOT
from tests.governance.conftest import House, person

Houses = Callable[..., House]


async def test_an_answer_names_what_it_was_made_with_so_that_two_ways_can_be_compared(
    client: httpx.AsyncClient,
) -> None:
    answer = (await client.post("/v1/answers", json={"question": "Who lights the lamp?"})).json()
    assert answer["corpus_version"] == 0
    release = (await client.get(f"/v1/releases/{answer['release_id']}")).json()
    made_with = release["manifest"]
    assert {"code", "prompts", "chain", "retrieval", "policies", "prices"} <= made_with.keys()
    for part in ("prompts", "policies"):
        assert made_with[part].keys() == {path.stem for path in (ROOT / part).iterdir() if path.is_file()}
    digests = [*made_with["prompts"].values(), *made_with["policies"].values(), made_with["prices"]]
    assert set(digests) <= release["parts"].keys()


@pytest.mark.parametrize("verdict", ["FAIL", "INCONCLUSIVE"])
async def test_what_did_not_pass_the_gate_does_not_go_live(
    house_of_releases: Houses, verdict: EvaluationVerdict
) -> None:
    house = house_of_releases()
    release = await house.measured(verdict)
    with pytest.raises(NoEvidence):
        await house.approvals.approve(person("bob"), release.id, "it looks fine to me")
    with pytest.raises(NotApproved, match="may not go live"):
        await house.rollouts.activate("ana", release.id, "ship it")


async def test_nobody_approves_on_a_report_that_is_not_the_newest(house_of_releases: Houses) -> None:
    house = house_of_releases()
    release = await house.draft()
    older = await house.measure(release)
    await house.measure(release)
    with pytest.raises(NoEvidence):
        await house.approvals.approve(person("bob"), release.id, "read the report", report=older)


def test_cases_and_attacks_are_there_from_the_first_day() -> None:
    suites = SuiteFiles(ROOT / "evals")
    assert len(suites.load("golden").cases) >= 50
    assert len([case for case in suites.load("red_team").cases if case.attack]) >= 20
