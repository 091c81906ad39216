"""The Idempotency-Key of a request over HTTP."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass

from fastapi import Request
from fastapi.responses import Response
from pydantic import BaseModel

from app.core.errors import Problem
from app.core.http import request_id_of
from app.core.problems import problem_response
from app.idempotency.domain import Claim, StoredResponse
from app.idempotency.service.keys import IdempotencyKeys
from app.identity.domain import Principal

HEADER = "idempotency-key"
REPLAYED = {"idempotency-replayed": "true"}
FORM = {"stream": False, "stream_options": None}
"""Fields that only say in which form the reply is sent: a repetition may ask for the other form of the same reply."""


@dataclass(frozen=True)
class IdempotentRequest:
    """A request that may carry an Idempotency-Key. claim: None without a key, and where `stored` is the response."""

    request: Request
    keys: IdempotencyKeys
    claim: Claim | None = None
    stored: StoredResponse | None = None

    async def run(self, process: Callable[[], Awaitable[Response]]) -> Response:
        """Process the request; a failure is stored or frees the key."""
        if self.claim is None:
            return await process()
        try:
            return await process()
        except Problem as problem:
            response = self._rendered(problem)
            await self.keys.fail(self.claim, problem, bytes(response.body))
            return response
        except Exception:
            await self.keys.fail(self.claim, None, bytes(self._rendered(Problem()).body))
            raise

    async def guard(self, events: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        """The events of a stream; a failure frees the key, because an interrupted stream cannot be repeated."""
        started = False
        try:
            async with aclosing(events):
                async for event in events:
                    started = True
                    yield event
        except BaseException:
            if self.claim and started:
                await self.keys.fail(self.claim, Problem(retry_after=1), b"")
            raise

    def _rendered(self, problem: Problem) -> Response:
        return problem_response(problem, request_id_of(self.request), self.request.url.path)


async def claim_request(
    request: Request,
    keys: IdempotencyKeys,
    caller: Principal,
    body: BaseModel,
    seconds: float,
    **headers: str | None,
) -> IdempotentRequest:
    """Claim the Idempotency-Key of a request, if it has one. seconds: the maximum time of processing it. headers: what
    they ask for, by their names without `X-`; it distinguishes requests as the body does.

    Errors: IdempotencyKeyInvalid, IdempotencyKeyReused, RequestInFlight, StoredResponseNotFound.
    """
    key = request.headers.get(HEADER)
    if key is None:
        return IdempotentRequest(request, keys)
    asked = {name: FORM.get(name, value) for name, value in body.model_dump(mode="json").items()}
    asked |= {f"x-{name}": value for name, value in headers.items() if value is not None}
    result = await keys.claim(caller, request.url.path, key, asked, seconds)
    if isinstance(result, Claim):
        return IdempotentRequest(request, keys, claim=result)
    return IdempotentRequest(request, keys, stored=result)


def repeated_response(stored: StoredResponse, headers: Mapping[str, str] | None = None) -> Response:
    """The stored response of the first request, marked as such. headers: further ones that the first had."""
    media_type = "application/json" if stored.status < 400 else "application/problem+json"
    return Response(stored.body, stored.status, {**REPLAYED, **(headers or {})}, media_type)
