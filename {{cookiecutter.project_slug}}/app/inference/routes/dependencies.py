"""What several routes of this room depend on: its services, and callers by their permission."""

from typing import Annotated

from app.core.http import provided
from app.idempotency.service import IdempotencyKeys
from app.identity.domain import Principal
from app.identity.service.caller import require
from app.inference.service import AnswerArchive, Answers

Service = Annotated[Answers, provided(Answers)]
Archives = Annotated[AnswerArchive, provided(AnswerArchive)]
Keys = Annotated[IdempotencyKeys, provided(IdempotencyKeys)]
Asker = Annotated[Principal, require("answers:write")]
Reader = Annotated[Principal, require("answers:read")]
