"""What a process knows of its models outlives a release."""

from contextlib import AsyncExitStack

from app.adapters.chat.choice import ModelChoice
from app.adapters.chat.openai import OpenAIChat
from app.core.clock import SystemClock
from app.safety.domain.personal_data import PersonalDataProtection
from app.safety.domain.privacy_policy import PrivacyPolicy
from app.setup.release_check import ReleaseCheck
from app.wiring import State
from app.wiring.release_loader import ReleaseLoader


async def test_a_field_that_a_model_refused_stays_out_after_a_change_of_its_options(state: State) -> None:
    protection = PersonalDataProtection(PrivacyPolicy(owner="tests").personal_data, "public")
    choices = [ModelChoice(model="m", base_url="http://127.0.0.1:9/v1", idle_seconds=each) for each in (1, 2)]
    async with AsyncExitStack() as stack:
        loader = ReleaseLoader(ReleaseCheck(state.retrieval.indexes, ()), SystemClock(), stack)
        one, other = [(await loader._guarded_model(each, protection)).model for each in choices]
    assert isinstance(one, OpenAIChat)
    assert isinstance(other, OpenAIChat)
    assert one is not other
    assert one.learned is other.learned
