"""The search in another process, `app serve --only retrieval`."""

from dataclasses import dataclass

import orjson
from pydantic import ValidationError

from app.adapters.outbound import make_transport
from app.adapters.rooms.client import RoomClient
from app.core.clock import Clock, Deadline
from app.core.outbound import DIRECT, OutboundRules
from app.core.rooms import RoomReplyInvalid, RoomUnavailable
from app.core.telemetry import span
from app.identity.domain import Principal
from app.retrieval.domain import Evidence, IndexRow, SearchParams
from app.retrieval.domain.room_messages import read_evidence

READY_SECONDS = 5.0


@dataclass(frozen=True)
class RemoteSearch:
    """A PassageSearch over HTTP. Row-level security and access groups decide in the other process."""

    client: RoomClient

    async def search(
        self,
        caller: Principal,
        query: str,
        *,
        deadline: Deadline,
        limit: int = 10,
        corpus_version: int | None = None,
        index: IndexRow | None = None,
        params: SearchParams | None = None,
        charge: bool = False,
    ) -> Evidence:
        """As PassageSearch.search."""
        call = {
            "tenant_id": caller.tenant_id,
            "key_id": caller.key_id,
            "groups": sorted(caller.groups),
            "query": query.replace("\0", " "),
            "limit": limit,
            "corpus_version": corpus_version,
            "index_id": index.id if index else None,
            "params": params.manifest() if params else None,
            "charge": charge,
        }
        with span("search", remote=True):
            reply = await self.client.post("/internal/v1/search", orjson.dumps(call), deadline)
        try:
            return read_evidence(reply)
        except ValidationError as error:
            raise RoomReplyInvalid(f"{self.client.room} at {self.client.url} replied with something else.") from error

    async def ready(self) -> None:
        """Whether the other process accepts our key and can search.

        Errors: RoomUnavailable, RoomKeyRefused, OutOfTime.
        """
        reply = await self.client.get("/internal/v1/ready", Deadline.after(READY_SECONDS, self.client.clock))
        if reply.status != 200:
            raise RoomUnavailable(f"{self.client.room} at {self.client.url} is not ready: {_missing(reply.body)}.")

    async def close(self) -> None:
        await self.client.close()


def _missing(body: bytes) -> str:
    """The failed checks of a reply, as one text."""
    try:
        checks = orjson.loads(body)["checks"]
        return "; ".join(f"{name}: {state}" for name, state in checks.items() if state != "ok")
    except (ValueError, KeyError, TypeError, AttributeError):
        return "it does not say why"


def make_remote_search(url: str, key: bytes, clock: Clock, rules: OutboundRules = DIRECT) -> RemoteSearch:
    """Nothing is connected before the first call: this process starts while the other one is down."""
    return RemoteSearch(RoomClient("retrieval", url, key, make_transport(rules=rules), clock))
