from datetime import UTC, datetime

import pytest

from app.llm.domain.errors import (
    AuthenticationFailed,
    ConnectionDropped,
    ContentFiltered,
    InvalidResponse,
    ModelFailure,
    ModelOverloaded,
    OutputFiltered,
    Reaction,
    RequestRejected,
    ServerError,
    StreamInterrupted,
    failure_for_status,
    retry_after,
)

NOW = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("3", 3.0),
        ("0.5", 0.5),
        ("-4", 0.0),
        ("Tue, 01 Jan 2030 00:00:07 GMT", 7.0),
        ("Mon, 31 Dec 2029 00:00:00 GMT", 0.0),
        ("Tue, 01 Jan 2030 00:00:07 -0000", None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_a_number_a_date_or_nothing(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, NOW) == seconds


@pytest.mark.parametrize(
    ("status", "kind", "expected"),
    [
        (400, "", RequestRejected),
        (404, "model_not_found", RequestRejected),
        (413, "", RequestRejected),
        (422, "", RequestRejected),
        (401, "", AuthenticationFailed),
        (402, "", AuthenticationFailed),
        (403, "", AuthenticationFailed),
        (429, "rate_limit_exceeded", ModelOverloaded),
        (429, "insufficient_quota", AuthenticationFailed),  # no wait brings money
        (498, "", ModelOverloaded),
        (529, "overloaded_error", ModelOverloaded),
        (408, "", ServerError),
        (409, "", ServerError),
        (425, "", ServerError),
        (500, "", ServerError),
        (503, "", ServerError),
        (599, "", ServerError),
        (400, "content_filter", ContentFiltered),
        (400, "ResponsibleAIPolicyViolation", ContentFiltered),
        (403, "content_policy_violation", ContentFiltered),
        (429, "PROHIBITED_CONTENT", ContentFiltered),
        (500, "SAFETY", ContentFiltered),
    ],
)
def test_a_status_and_the_providers_code_say_what_failed(status: int, kind: str, expected: type[ModelFailure]) -> None:
    failure = failure_for_status(status, kind, 4.0)
    assert type(failure) is expected
    assert str(failure) == f"status {status} {kind}".strip()
    waits = expected in (AuthenticationFailed, ModelOverloaded, ServerError)
    assert failure.retry_after == (4.0 if waits else None)


def subclasses(of: type[ModelFailure]) -> list[type[ModelFailure]]:
    return [of, *(each for direct in of.__subclasses__() for each in subclasses(direct))]


def test_which_failures_are_repeated_although_they_may_be_charged_and_which_end_the_chain() -> None:
    failures = subclasses(ModelFailure)[1:]
    charged_and_repeated = {
        each for each in failures if each.may_be_charged and each.reaction in (Reaction.RETRY, Reaction.REPAIR)
    }
    assert charged_and_repeated == {ConnectionDropped, InvalidResponse, StreamInterrupted}
    assert {each for each in failures if each.reaction is Reaction.STOP} == {ContentFiltered, OutputFiltered}
    assert not any(each.outage for each in failures if issubclass(each, (ContentFiltered, AuthenticationFailed)))


def test_a_failure_without_detail_is_called_by_its_reason() -> None:
    assert str(ModelOverloaded()) == "model_overloaded"
    assert str(ModelOverloaded("status 429")) == "status 429"
