"""An action that a team adds, as the handbook shows it, behaves like those that were shipped."""

import re
from typing import Any

from app.actions.domain import ActionProposal, NewAction
from tests.actions.conftest import Shop
from tests.actions.test_proposing import limited
from tests.conftest import ROOT


async def test_the_action_of_the_handbook_is_offered_and_runs_once(shop: Shop) -> None:
    page = (ROOT / "docs" / "how-to" / "add-an-action.md").read_text(encoding="utf-8")
    example = re.findall(r"```python\n(.*?)```", page, re.S)[0]
    found: dict[str, Any] = {}
    exec(example, found)  # noqa: S102, it is our own page
    added = found["ReopenTicket"]()
    shop.register(added)
    ticket = await shop.ticket()
    shop.tamper("update tickets set status = 'closed' where tenant_id = %s", shop.tenant)
    proposal = await shop.propose("reopen_ticket", limited(reopen_ticket=1), ticket=ticket, reason="It drips again.")
    assert isinstance(proposal, ActionProposal)
    await shop.enter(NewAction(proposal, "approved", None, False))
    for _ in range(2):
        assert (await shop.run(proposal)).state == "done"
    shown = await shop.state.tickets.show(shop.caller, 1)
    assert (shown.status, [note.text for note in shown.notes]) == ("open", ["It drips again."])
