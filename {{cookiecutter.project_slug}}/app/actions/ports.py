from collections.abc import Mapping
from typing import Any, Protocol

from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncConnection

from app.actions.domain import RiskClass, Run


class Action(Protocol):
    """Something that a model may propose. wiring names those there are.

    description: for the model, one or two sentences. scope: the permission that its requester must hold, now and when
    it runs. untrusted: what it returns may have been written by anybody. arguments: refuses unknown fields.
    """

    @property
    def name(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def risk(self) -> RiskClass: ...
    @property
    def scope(self) -> str: ...
    @property
    def untrusted(self) -> bool: ...
    @property
    def arguments(self) -> type[BaseModel]: ...

    async def run(self, connection: AsyncConnection, run: Run, arguments: Any) -> Mapping[str, Any]:
        """Does it, and returns what is told about it, as JSON. arguments: an instance of `self.arguments`.

        What it writes through `connection` is there exactly once. A system elsewhere gets `run.id` as its idempotency
        key, for the call may come again when this process dies in it. A read is given a connection that refuses to
        write. Errors: a Problem, whose detail is what the model or the reader is told; one that asks to be tried again
        is.
        """
        ...
