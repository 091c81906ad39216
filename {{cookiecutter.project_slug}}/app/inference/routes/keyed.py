from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass

from fastapi import Request
from fastapi.responses import Response
from pydantic import BaseModel

from app.core.errors import Problem
from app.core.http import request_id_of
from app.core.problems import problem_response
from app.identity.domain import Principal
from app.inference.domain.idempotency import Claim, Stored
from app.inference.service import Replays
from app.releases.domain import PRODUCTION, STAGING, check_environment

HEADER = "idempotency-key"
ENVIRONMENT = "x-environment"
REPLAYED = {"idempotency-replayed": "true"}


@dataclass(frozen=True)
class Asked:
    """A request that may carry an Idempotency-Key, and what became of the key."""

    request: Request
    replays: Replays
    claim: Claim | None = None
    stored: Stored | None = None

    async def carry_out(self, work: Callable[[], Awaitable[Response]]) -> Response:
        """Does the work; a failure settles or frees the key."""
        if self.claim is None:
            return await work()
        try:
            return await work()
        except Problem as problem:
            response = self._rendered(problem)
            await self.replays.fail(self.claim, problem, bytes(response.body))
            return response
        except Exception:
            await self.replays.fail(self.claim, None, bytes(self._rendered(Problem()).body))
            raise

    async def watch(self, events: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        """A stream whose failure frees the key: a reply that broke off is not one to be replayed."""
        begun = False
        try:
            async with aclosing(events):
                async for part in events:
                    begun = True
                    yield part
        except BaseException:
            if self.claim and begun:
                await self.replays.fail(self.claim, Problem(retry_after=1), b"")
            raise

    def _rendered(self, problem: Problem) -> Response:
        return problem_response(problem, request_id_of(self.request), self.request.url.path)


async def asked_with_key(
    request: Request, replays: Replays, caller: Principal, body: BaseModel, seconds: float
) -> Asked:
    """seconds: the most that the request can take. Errors: KeyTooLong, KeyReused, StillRunning."""
    key = request.headers.get(HEADER)
    if key is None:
        return Asked(request, replays)
    found = await replays.begin(caller, request.url.path, key, body.model_dump(mode="json"), seconds)
    return Asked(request, replays, found) if isinstance(found, Claim) else Asked(request, replays, None, found)


def environment_of(request: Request) -> str | None:
    """What the header X-Environment asks for; None for production. Errors: UnknownEnvironment."""
    asked = request.headers.get(ENVIRONMENT)
    return None if asked is None or check_environment(asked.strip().lower()) == PRODUCTION else STAGING


def replayed(stored: Stored) -> Response:
    media = "application/json" if stored.status < 400 else "application/problem+json"
    return Response(stored.body, stored.status, REPLAYED, media)
