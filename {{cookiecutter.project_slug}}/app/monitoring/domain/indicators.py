"""What is counted for each objective: the bad events and all events, in the service's own metrics."""

from dataclasses import dataclass

ANSWER_ROUTES = 'method="POST",route=~"/v1/answers|/v1/chat/completions|/v1/responses"'


@dataclass(frozen=True)
class Counted:
    """A set of series: `metric` with the labels that match `selector`."""

    metric: str
    selector: str = ""

    def rate(self, window: str) -> str:
        return f"sum(rate({self.vector}[{window}]))"

    def increase(self, window: str) -> str:
        return f"sum(increase({self.vector}[{window}]))"

    @property
    def vector(self) -> str:
        return f"{self.metric}{{{self.selector}}}" if self.selector else self.metric


@dataclass(frozen=True)
class Indicator:
    """objective: the field of policies/slo.yaml. bad: a part of `events`. trouble: what an alert says."""

    objective: str
    bad: Counted
    events: Counted
    trouble: str
    runbook: str

    def bad_ratio(self, window: str) -> str:
        """The share of bad events. Without any bad event yet, whose counter then does not exist, it is 0."""
        return f"({self.bad.rate(window)} or vector(0)) / {self.events.rate(window)}"


ANSWERS = Counted("app_answers_total")

INDICATORS = (
    Indicator(
        "available",
        Counted("app_http_request_seconds_count", f'{ANSWER_ROUTES},status=~"5.."'),
        Counted("app_http_request_seconds_count", ANSWER_ROUTES),
        "Requests for answers end in server errors",
        "database-down",
    ),
    Indicator(
        "in_time",
        Counted("app_answers_late_total"),
        ANSWERS,
        "Answers take longer than answer_p95_ms",
        "overloaded",
    ),
    Indicator(
        "undegraded",
        Counted("app_answers_total", 'degraded="true"'),
        ANSWERS,
        "Answers are degraded",
        "provider-down",
    ),
    Indicator(
        "answered",
        Counted("app_answers_total", 'status="refused"'),
        ANSWERS,
        "Questions are refused",
        "refusals-rising",
    ),
    Indicator(
        "grounded",
        Counted("app_answer_groundedness_bucket", 'le="0.8"'),
        Counted("app_answer_groundedness_count"),
        "Answers are weakly supported by their evidence",
        "refusals-rising",
    ),
    Indicator(
        "reviewed",
        Counted("app_review_items_ended_total", 'outcome="denied"'),
        Counted("app_review_items_ended_total"),
        "Review items reach their due time undecided",
        "reviews-late",
    ),
    Indicator(
        "ingested",
        Counted("app_documents_total", 'status="quarantined"'),
        Counted("app_documents_total"),
        "Documents are quarantined",
        "quarantine-filling",
    ),
    Indicator(
        "processed",
        Counted("app_jobs_total", 'result!="done"'),
        Counted("app_jobs_total"),
        "Attempts of jobs fail",
        "queue-stuck",
    ),
)
