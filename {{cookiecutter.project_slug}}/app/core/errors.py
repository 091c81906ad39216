"""The errors that callers and operators may see.

Problem
├── Invalid 422              the request is well formed and still cannot be done
├── BadRequest 400           the request is not well formed
├── Unauthenticated 401      no valid key
├── PaymentRequired 402      a budget is used up
├── Forbidden 403            the caller lacks the permission
├── NotFound 404             missing or of another tenant: the caller cannot tell which
├── Conflict 409             the state has moved on
├── RequestTimeout 408       the request did not arrive in time
├── TooLarge 413 · UnsupportedType 415 · TooManyRequests 429 · HeadersTooLarge 431
├── BadGateway 502           a provider sent an invalid response
├── Unavailable 503          a dependency is unavailable; try again
├── OutOfTime 504            the deadline passed
└── StorageFull 507          the disk is full

A room declares its own errors beside the rule that raises them, as subclasses with a stable `code`.
"""

from typing import Any, ClassVar


class Problem(Exception):
    """An RFC 9457 problem: what went wrong, as text for a person and a `code` for a program."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    title: ClassVar[str] = "Something went wrong in the service"
    action: ClassVar[str | None] = None
    param: str | None = None
    """The parameter of a request in the OpenAI format that is at fault."""

    def __init__(
        self,
        detail: str = "",
        *,
        action: str | None = None,
        retry_after: float | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.what_to_do = action or self.action
        self.retry_after = retry_after
        self.extra = extra

    def as_dict(self) -> dict[str, Any]:
        body: dict[str, Any] = {
            "type": f"/problems/{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
        }
        if self.what_to_do:
            body["action"] = self.what_to_do
        return body | self.extra

    def as_openai(self) -> dict[str, str | None]:
        """The problem as clients of the OpenAI API expect it in the member `error`."""
        message = f"{self.detail} {self.what_to_do}" if self.what_to_do else self.detail
        return {"message": message, "type": self._openai_type, "code": self.code, "param": self._openai_param}

    @property
    def _openai_type(self) -> str:
        if self.status >= 500:
            return "server_error"
        return _OPENAI_TYPES.get(self.status, "invalid_request_error")

    @property
    def _openai_param(self) -> str | None:
        errors = self.extra.get("errors") or [{}]
        field = str(errors[0].get("field", "")).removeprefix("body").removeprefix(".")
        return field or self.param


_OPENAI_TYPES = {
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    429: "rate_limit_error",
}


class BadRequest(Problem):
    status, code, title = 400, "bad_request", "The request is not well formed"


class Unauthenticated(Problem):
    status, code, title = 401, "unauthenticated", "A valid API key is needed"
    action = "Send the header 'Authorization: Bearer <key>'; make a key with 'app keys create'."


class PaymentRequired(Problem):
    status, code, title = 402, "payment_required", "A budget does not allow this"


class Forbidden(Problem):
    status, code, title = 403, "forbidden", "This key may not do that"


class NotFound(Problem):
    status, code, title = 404, "not_found", "Not found"


class MethodNotAllowed(Problem):
    status, code, title = 405, "method_not_allowed", "This address does not support that method"


class RequestTimeout(Problem):
    status, code, title = 408, "request_timeout", "The request did not arrive in time"
    action = "Send it again, over a faster connection."


class Conflict(Problem):
    status, code, title = 409, "conflict", "The state has changed in the meantime"


class ErasedMeanwhile(Conflict):
    """What was to be stored may hold text that an erasure has removed since it was read: nothing of it is stored."""

    code, title = "erased_meanwhile", "Something was erased while this was worked on"
    action = "Do it again; nothing of it is kept."


class TooLarge(Problem):
    status, code, title = 413, "too_large", "The request is too large"


class UnsupportedType(Problem):
    status, code, title = 415, "unsupported_type", "This kind of content is not supported"


class Invalid(Problem):
    status, code, title = 422, "invalid", "The request cannot be processed"


class Unstorable(Invalid):
    code, title = "unstorable", "A value of the request cannot be stored"
    action = "Send only numbers and dates within their ranges, and text without the character U+0000."


class TooManyRequests(Problem):
    status, code, title = 429, "too_many_requests", "Too many requests"
    action = "Wait for the time in Retry-After, then try again."


class HeadersTooLarge(Problem):
    status, code, title = 431, "headers_too_large", "The headers of the request are too large"
    action = "Send fewer and shorter headers, or raise APP_MAX_HEADER_BYTES or APP_MAX_HEADERS."


class BadGateway(Problem):
    status, code, title = 502, "bad_gateway", "A provider sent an unusable response"


class Unavailable(Problem):
    status, code, title = 503, "unavailable", "A part of the service is unavailable"
    action = "Try again; /health/ready says which part is down."


class DatabaseUnavailable(Unavailable):
    code, title = "database_unavailable", "The database is unavailable"


class ConnectionsBusy(Unavailable):
    code, title = "connections_busy", "All database connections of this process are in use"
    action = "Try again after the time in Retry-After. If it goes on, raise APP_DATABASE_POOL or run more processes."


class Overloaded(Unavailable):
    code, title = "overloaded", "The service is at its limit of concurrent work"
    action = "Try again after the time in Retry-After."


class Contended(Unavailable):
    code, title = "contended", "Other requests are changing the same rows"


class OutOfTime(Problem):
    status, code, title = 504, "out_of_time", "The deadline passed before the work was done"


class StorageFull(Problem):
    status, code, title = 507, "storage_full", "The database's disk is full"
    action = "Nothing was stored. Free space on the database's disk, then send it again."


class StartRefused(Exception):
    """The service cannot start; the message says why and what to do, in one sentence."""
