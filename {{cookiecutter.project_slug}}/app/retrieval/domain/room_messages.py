"""A search as a message between processes, and its reply. Unknown fields are ignored, so that processes of neighbouring
versions understand each other; an unknown search parameter is not, because it changes the ranking.
"""

from dataclasses import replace
from uuid import UUID

import orjson
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from app.identity.domain import Principal
from app.retrieval.domain.evidence import Evidence
from app.retrieval.domain.indexes import SearchParams

_EVIDENCE = TypeAdapter(Evidence)


class SearchCall(BaseModel):
    """A call of PassageSearch.search. Of the caller it has what a search needs: the tenant and the access groups, and
    the key for the ledger. The index is named by its id; what it was built with is read from the database.
    """

    model_config = ConfigDict(frozen=True)

    tenant_id: UUID
    key_id: UUID
    groups: frozenset[str]
    query: str
    limit: int = Field(10, ge=1, le=50)
    corpus_version: int | None = Field(None, ge=0, le=2**31 - 1)
    index_id: UUID | None = None
    params: dict[str, object] | None = None
    charge: bool = False

    @property
    def caller(self) -> Principal:
        """A principal without any role: other rooms have checked what its key permits."""
        return Principal(self.tenant_id, self.key_id, "room", frozenset(), self.groups)

    @property
    def search_params(self) -> SearchParams | None:
        """Errors: ReleaseUnservable, for a parameter that this code does not know."""
        return None if self.params is None else SearchParams.of(self.params)


def evidence_message(evidence: Evidence) -> bytes:
    """The evidence as JSON. A hold travels without the reservation that it is a part of: that is of one process."""
    usage = evidence.usage
    if usage and usage.hold and usage.hold.reservation:
        evidence = replace(evidence, usage=replace(usage, hold=replace(usage.hold, reservation=None)))
    return orjson.dumps(evidence)


def read_evidence(message: bytes) -> Evidence:
    """Errors: pydantic.ValidationError."""
    return _EVIDENCE.validate_json(message)
