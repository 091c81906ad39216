from uuid import UUID

import pytest

from app.core.clock import ManualClock
from app.wiring import State
from tests.monitoring.traffic import Traffic


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def traffic(state: State, tenant: UUID, clock: ManualClock) -> Traffic:
    return Traffic(state, tenant, clock)
