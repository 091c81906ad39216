"""What the objectives count is counted for every form of the response."""

import pytest
from prometheus_client import REGISTRY

from app.core.policies import Policies
from app.core.slo import SloPolicy
from tests.inference.conftest import Service, change_serving
from tests.inference.forms import FORMS, ask
from tests.samples import total

WHO = "Who built the lighthouse of Karlen?"


def counted(name: str) -> float:
    return REGISTRY.get_sample_value(name, {"environment": "production", "arm": "live"}) or 0


def objective(service: Service, milliseconds: int) -> None:
    """Every answer of the service is late, or none."""
    state = service.state
    policies = state.answers.loaded_releases.by_id[state.environments.current().id].policies
    slow = policies.get(SloPolicy).model_copy(update={"answer_p95_ms": milliseconds})
    loaded = {name: slow if isinstance(policy, SloPolicy) else policy for name, policy in policies.loaded.items()}
    change_serving(state, policies=Policies(loaded, policies.digests, policies.contents))


@pytest.mark.parametrize("form", FORMS)
async def test_an_answer_past_the_objective_counts_as_late_and_its_groundedness_is_observed(
    service: Service, form: str
) -> None:
    before = counted("app_answers_late_total"), counted("app_answer_groundedness_count")
    steps = {each: total("app_answer_step_seconds_count", step=each) for each in ("screen", "evidence", "record")}
    objective(service, 600_000)
    await ask(service, form, WHO)
    assert counted("app_answers_late_total") == before[0]
    objective(service, 0)
    await ask(service, form, WHO)
    assert counted("app_answers_late_total") == before[0] + 1
    assert counted("app_answer_groundedness_count") == before[1] + 2
    for each, then in steps.items():
        assert total("app_answer_step_seconds_count", step=each) == then + 2, each
