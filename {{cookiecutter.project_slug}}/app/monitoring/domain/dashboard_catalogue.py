"""The dashboards of the service."""

from app.monitoring.domain.dashboards import Dashboard, Panel, Query, Unit
from app.monitoring.domain.indicators import ANSWER_ROUTES, INDICATORS, Counted

WINDOW = "$__rate_interval"


def _by(label: str, metric: str, selector: str = "") -> Query:
    return Query(f"sum by ({label}) (rate({Counted(metric, selector).vector}[{WINDOW}]))", f"{{{{{label}}}}}")


def _total(metric: str) -> Query:
    return Query(Counted(metric).rate(WINDOW))


def _quantiles(metric: str, selector: str = "", by: str = "") -> tuple[Query, ...]:
    vector = Counted(f"{metric}_bucket", selector).vector
    labels, legend = (f"le,{by}", f" {{{{{by}}}}}") if by else ("le", "")
    return tuple(
        Query(f"histogram_quantile({q}, sum by ({labels}) (rate({vector}[{WINDOW}])))", f"p{q * 100:g}{legend}")
        for q in ((0.95,) if by else (0.5, 0.95, 0.99))
    )


def _panel(title: str, description: str, unit: Unit, *queries: Query) -> Panel:
    return Panel(title, description, unit, queries)


def _share(metric: str, selector: str, legend: str) -> Query:
    return Query(f"{Counted(metric, selector).rate(WINDOW)} / {Counted(metric).rate(WINDOW)}", legend)


def _by_arm(metric: str, selector: str = "") -> str:
    return f"sum by (environment, arm) (rate({Counted(metric, selector).vector}[{WINDOW}]))"


def _share_by_arm(metric: str, selector: str = "") -> Query:
    """Of all answers; 0 for an arm that has answers and none of these."""
    answers = _by_arm("app_answers_total")
    return Query(f"({_by_arm(metric, selector)} or 0 * {answers}) / {answers}", "{{environment}} {{arm}}")


_OF_PROCESS = "instance, environment, arm"
_BY_RELEASE = Query(
    f"sum by (release, arm) (sum by ({_OF_PROCESS}) (rate(app_answers_total[{WINDOW}])) "
    f"* on ({_OF_PROCESS}) group_left (release) max by ({_OF_PROCESS}, release) (app_release_info))",
    "release {{release}}, {{arm}}",
)

SERVICE = Dashboard(
    "service",
    "Service",
    "Whether people get answers, how fast, and what stands in the way.",
    (
        _panel(
            "Bad events by objective",
            "The share of bad events of the last hour; alerts compare it with the objective.",
            "percentunit",
            *(
                Query(f'slo:bad_ratio:rate1h{{objective="{each.objective}"}}', each.objective.replace("_", " "))
                for each in INDICATORS
            ),
        ),
        _panel(
            "Requests",
            "Requests for answers, by status.",
            "reqps",
            _by("status", "app_http_request_seconds_count", ANSWER_ROUTES),
        ),
        _panel(
            "Time to the last byte",
            "Of requests for answers.",
            "s",
            *_quantiles("app_http_request_seconds", ANSWER_ROUTES),
        ),
        _panel("Time to the first text", "Of streamed answers.", "s", *_quantiles("app_answer_first_text_seconds")),
        _panel(
            "Steps of an answer",
            "p95 of each step: where the time goes.",
            "s",
            *_quantiles("app_answer_step_seconds", by="step"),
        ),
        _panel(
            "Answers in progress",
            "At the same time, in each process.",
            "short",
            Query("app_answers_active", "{{instance}}"),
        ),
        _panel("Problems", "Requests that ended in a problem, by code.", "reqps", _by("code", "app_problems_total")),
        _panel(
            "Rejected requests",
            "By admission control, before any work.",
            "reqps",
            _by("kind", "app_requests_refused_total"),
        ),
        _panel(
            "Limit of requests",
            "How many are worked on at a time, and how many wait, by kind.",
            "short",
            Query("sum by (kind) (app_requests_limit)", "limit {{kind}}"),
            Query("sum by (kind) (app_requests_waiting)", "waiting {{kind}}"),
        ),
        _panel(
            "Brownout",
            "What answers do without; 0 is nothing.",
            "short",
            Query("max by (instance) (app_brownout_level)", "{{instance}}"),
        ),
        _panel(
            "Waits for a connection",
            "Timed-out waits for a database connection.",
            "ops",
            _total("app_database_connections_busy_total"),
        ),
        _panel(
            "Calls to models",
            "By model and how they ended.",
            "ops",
            Query(f"sum by (model, outcome) (rate(app_model_calls_total[{WINDOW}]))", "{{model}} {{outcome}}"),
        ),
        _panel("Time of a model", "p95 of one call, by model.", "s", *_quantiles("app_model_seconds", by="model")),
        _panel("Circuit breakers", "Openings, by model.", "ops", _by("model", "app_model_breaker_opened_total")),
    ),
)

QUALITY = Dashboard(
    "quality",
    "Quality",
    "Whether answers are what they should be.",
    (
        _panel(
            "Answers by status",
            "Answered, refused, or waiting for a person.",
            "reqps",
            _by("status", "app_answers_total"),
        ),
        _panel(
            "Refused",
            "The share of questions that are refused.",
            "percentunit",
            _share("app_answers_total", 'status="refused"', "refused"),
        ),
        _panel(
            "Degraded",
            "The share of answers without the first model or with a step left out.",
            "percentunit",
            _share("app_answers_total", 'degraded="true"', "degraded"),
        ),
        _panel("Answers by model", "Which model answered.", "reqps", _by("model", "app_answers_total")),
        _panel(
            "Groundedness",
            "Share of the sentences that the evidence supports: the median, and that of the weakest twentieth.",
            "percentunit",
            *(
                Query(
                    f"histogram_quantile({q}, sum by (le) (rate(app_answer_groundedness_bucket[{WINDOW}])))",
                    f"p{q * 100:g}",
                )
                for q in (0.05, 0.5)
            ),
        ),
        _panel(
            "Output filter",
            "Answers with text that was taken out or masked, by rule.",
            "ops",
            _by("rule", "app_output_filtered_total"),
        ),
        _panel(
            "Scores of live answers",
            "The mean of a sample that workers score, by metric.",
            "percentunit",
            Query(
                f"sum by (metric) (rate(app_online_score_sum[{WINDOW}])) "
                f"/ sum by (metric) (rate(app_online_score_count[{WINDOW}]))",
                "{{metric}}",
            ),
        ),
        _panel(
            "Sampling",
            "Decisions to score an answer or not, by reason.",
            "ops",
            Query(
                f"sum by (decision, reason) (rate(app_online_evaluations_total[{WINDOW}]))", "{{decision}} {{reason}}"
            ),
        ),
        _panel("Evaluations", "Runs of the evaluation, by verdict.", "ops", _by("verdict", "app_evaluations_total")),
    ),
)

DOCUMENTS = Dashboard(
    "documents",
    "Retrieval and documents",
    "Whether documents arrive, and whether they are found.",
    (
        _panel("Uploads", "Uploaded files, by result.", "ops", _by("result", "app_uploads_total")),
        _panel("Documents", "Processed versions, by final status.", "ops", _by("status", "app_documents_total")),
        _panel(
            "Quarantine",
            "Versions that were held back, by reason.",
            "ops",
            _by("reason", "app_documents_total", 'status="quarantined"'),
        ),
        _panel(
            "Steps of processing",
            "p95 of each step of one document.",
            "s",
            *_quantiles("app_ingestion_step_seconds", by="step"),
        ),
        _panel("Steps of a search", "p95 of each step.", "s", *_quantiles("app_search_seconds", by="step")),
        _panel("Searches without vectors", "By reason.", "ops", _by("why", "app_search_degraded_total")),
        _panel("Parser processes", "That ended, by reason.", "ops", _by("why", "app_parser_processes_total")),
        _panel(
            "Unhealthy data",
            "Tenants whose sources, quarantine, tables or index are not as usual, by signal.",
            "short",
            Query("max by (signal) (app_unhealthy_data_tenants)", "{{signal}}"),
        ),
        _panel(
            "Checks of data",
            "That were due, by result: none within an hour means that nobody looks.",
            "ops",
            _by("result", "app_monitoring_checks_total", 'kind="health"'),
        ),
    ),
)

COST = Dashboard(
    "cost",
    "Cost",
    "What is spent, on what, and how much of the budget is left.",
    (
        _panel(
            "Spent by model",
            "Dollars an hour.",
            "currencyUSD",
            Query(f"sum by (model) (rate(app_cost_micro_usd_total[{WINDOW}])) * 3600 / 1e6", "{{model}}"),
        ),
        _panel(
            "Spent by feature",
            "Dollars an hour.",
            "currencyUSD",
            Query(f"sum by (feature) (rate(app_cost_micro_usd_total[{WINDOW}])) * 3600 / 1e6", "{{feature}}"),
        ),
        _panel(
            "Cost of an answer",
            "Dollars, over all models and features.",
            "currencyUSD",
            Query(
                f"sum(rate(app_cost_micro_usd_total[{WINDOW}])) / 1e6 / sum(rate(app_answers_total[{WINDOW}]))",
                "an answer",
            ),
        ),
        _panel(
            "Budget used",
            "The part of the service's limits that is spent or reserved.",
            "percentunit",
            Query("max by (span) (app_budget_used_ratio)", "{{span}}"),
        ),
        _panel(
            "Tenants at their limits",
            "Near a limit of their own, or past it.",
            "short",
            Query("max by (span, state) (app_budget_tenants)", "{{span}} {{state}}"),
        ),
        _panel(
            "Reservations",
            "By outcome: a refused one is an answer without a paid model.",
            "ops",
            _by("outcome", "app_budget_reservations_total"),
        ),
        _panel("Tokens", "By kind.", "ops", _by("kind", "app_tokens_total")),
        _panel(
            "Charges",
            "That wait for a retry, and that were lost.",
            "short",
            Query("sum(app_charges_late)", "waiting"),
            Query("sum(increase(app_charges_lost_total[1h]))", "lost"),
        ),
    ),
)

REVIEW = Dashboard(
    "review",
    "Human review",
    "What people look at, and whether they keep up.",
    (
        _panel("Sent to review", "Answers, by rule.", "ops", _by("rule", "app_answers_sent_to_review_total")),
        _panel("Decisions", "Of reviewers, by kind.", "ops", _by("decision", "app_review_decisions_total")),
        _panel(
            "Ended",
            "Items by outcome; denied is one that nobody decided in time.",
            "ops",
            _by("outcome", "app_review_items_ended_total"),
        ),
        _panel("Actions", "That ended, by state.", "ops", _by("state", "app_actions_ended_total")),
        _panel("Webhooks", "Messages about decisions, by result.", "ops", _by("result", "app_webhooks_total")),
    ),
)

RELEASES = Dashboard(
    "releases",
    "Releases",
    "What is live, and what moved.",
    (
        _panel(
            "Release",
            "The number that each process serves, by environment and arm.",
            "short",
            Query("max by (environment, arm) (app_release_number)", "{{environment}} {{arm}}"),
        ),
        _panel("Moves", "Of environments, by kind.", "ops", _by("kind", "app_release_moves_total")),
        _panel(
            "Answers by environment", "Production beside staging.", "reqps", _by("environment", "app_answers_total")
        ),
        _panel("Answers by release", "By the number of the release and its arm.", "reqps", _BY_RELEASE),
        _panel(
            "Refused by arm",
            "The share of questions that are refused: the canary beside its control.",
            "percentunit",
            _share_by_arm("app_answers_total", 'status="refused"'),
        ),
        _panel(
            "Degraded by arm",
            "The share of answers without the first model or with a step left out.",
            "percentunit",
            _share_by_arm("app_answers_total", 'degraded="true"'),
        ),
        _panel(
            "Late by arm",
            "The share of answers that took longer than answer_p95_ms of policies/slo.yaml.",
            "percentunit",
            _share_by_arm("app_answers_late_total"),
        ),
        _panel(
            "Groundedness by arm",
            "Share of the sentences that the evidence supports: the median.",
            "percentunit",
            Query(
                f"histogram_quantile(0.5, sum by (le, environment, arm) "
                f"(rate(app_answer_groundedness_bucket[{WINDOW}])))",
                "{{environment}} {{arm}}",
            ),
        ),
        _panel("Emergencies", "Releases that went live without approval.", "ops", _total("app_break_glass_total")),
    ),
)

WORKER = Dashboard(
    "worker",
    "Workers",
    "Whether background work keeps up.",
    (
        _panel("Jobs", "Attempts, by result.", "ops", _by("result", "app_jobs_total")),
        _panel("Jobs by kind", "Attempts, by job.", "ops", _by("job", "app_jobs_total")),
        _panel(
            "Dead jobs", "That failed in every attempt, by job.", "ops", _by("job", "app_jobs_total", 'result="dead"')
        ),
        _panel(
            "Waiting jobs", "Of the whole queue, by job.", "short", Query("max by (job) (app_jobs_ready)", "{{job}}")
        ),
        _panel(
            "Age of the first job",
            "For how long the oldest waiting job has waited; scale workers by it.",
            "s",
            Query("max by (job) (app_jobs_oldest_seconds)", "{{job}}"),
        ),
        _panel("Parked jobs", "That failed for good.", "short", Query("max by (job) (app_jobs_parked)", "{{job}}")),
        _panel("Erased because of age", "Rows, by kind of content.", "ops", _by("kind", "app_expired_total")),
        _panel("Processes scraped", "By job of Prometheus.", "short", Query("sum by (job) (up)", "{{job}}")),
        _panel(
            "Memory",
            "Resident, of each process.",
            "short",
            Query("process_resident_memory_bytes", "{{job}} {{instance}}"),
        ),
    ),
)

BUSINESS = Dashboard(
    "business",
    "Business",
    "What answers are worth, as far as outcomes were reported.",
    (
        _panel("Outcomes", "That were reported, by kind.", "ops", _by("outcome", "app_business_outcomes_total")),
        _panel(
            "Worth and cost",
            "What outcomes are worth within the hour, and what they cost.",
            "currencyUSD",
            Query(Counted("app_business_value_usd_total").increase("1h"), "worth"),
            Query(Counted("app_business_loss_usd_total").increase("1h"), "cost"),
        ),
        _panel(
            "Outcomes by answer",
            "How many are reported for each answer: whether the other panels say something.",
            "short",
            Query(
                f"{Counted('app_business_outcomes_total').rate(WINDOW)} / {Counted('app_answers_total').rate(WINDOW)}"
            ),
        ),
    ),
)

DASHBOARDS = (SERVICE, QUALITY, DOCUMENTS, COST, REVIEW, RELEASES, BUSINESS, WORKER)
