"""The dashboards of the service."""

from app.monitoring.domain.dashboards import Dashboard, Query
from app.monitoring.domain.indicators import ANSWER_ROUTES, INDICATORS, Counted
from app.monitoring.domain.panel_queries import WINDOW, by, panel, quantiles, share, share_by_arm, total

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
        panel(
            "Bad events by objective",
            "The share of bad events of the last hour; alerts compare it with the objective.",
            "percentunit",
            *(
                Query(f'slo:bad_ratio:rate1h{{objective="{each.objective}"}}', each.objective.replace("_", " "))
                for each in INDICATORS
            ),
        ),
        panel(
            "Requests",
            "Requests for answers, by status.",
            "reqps",
            by("status", "app_http_request_seconds_count", ANSWER_ROUTES),
        ),
        panel(
            "Time to the last byte",
            "Of requests for answers.",
            "s",
            *quantiles("app_http_request_seconds", ANSWER_ROUTES),
        ),
        panel("Time to the first text", "Of streamed answers.", "s", *quantiles("app_answer_first_text_seconds")),
        panel(
            "Steps of an answer",
            "p95 of each step: where the time goes.",
            "s",
            *quantiles("app_answer_step_seconds", by="step"),
        ),
        panel(
            "Answers in progress",
            "At the same time, in each process.",
            "short",
            Query("app_answers_active", "{{instance}}"),
        ),
        panel("Problems", "Requests that ended in a problem, by code.", "reqps", by("code", "app_problems_total")),
        panel(
            "Rejected requests",
            "By admission control, before any work.",
            "reqps",
            by("kind", "app_requests_refused_total"),
        ),
        panel(
            "Limit of requests",
            "How many are worked on at a time, and how many wait, by kind.",
            "short",
            Query("sum by (kind) (app_requests_limit)", "limit {{kind}}"),
            Query("sum by (kind) (app_requests_waiting)", "waiting {{kind}}"),
        ),
        panel(
            "Brownout",
            "What answers do without; 0 is nothing.",
            "short",
            Query("max by (instance) (app_brownout_level)", "{{instance}}"),
        ),
        panel(
            "Waits for a connection",
            "Timed-out waits for a database connection.",
            "ops",
            total("app_database_connections_busy_total"),
        ),
        panel(
            "Calls to models",
            "By model and how they ended.",
            "ops",
            Query(f"sum by (model, outcome) (rate(app_model_calls_total[{WINDOW}]))", "{{model}} {{outcome}}"),
        ),
        panel("Time of a model", "p95 of one call, by model.", "s", *quantiles("app_model_seconds", by="model")),
        panel("Circuit breakers", "Openings, by model.", "ops", by("model", "app_model_breaker_opened_total")),
    ),
)

QUALITY = Dashboard(
    "quality",
    "Quality",
    "Whether answers are what they should be.",
    (
        panel(
            "Answers by status",
            "Answered, refused, or waiting for a person.",
            "reqps",
            by("status", "app_answers_total"),
        ),
        panel(
            "Refused",
            "The share of questions that are refused.",
            "percentunit",
            share("app_answers_total", 'status="refused"', "refused"),
        ),
        panel(
            "Degraded",
            "The share of answers without the first model or with a step left out.",
            "percentunit",
            share("app_answers_total", 'degraded="true"', "degraded"),
        ),
        panel("Answers by model", "Which model answered.", "reqps", by("model", "app_answers_total")),
        panel(
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
        panel(
            "Output filter",
            "Answers with text that was taken out or masked, by rule.",
            "ops",
            by("rule", "app_output_filtered_total"),
        ),
        panel(
            "Scores of live answers",
            "The mean of a sample that workers score, by metric.",
            "percentunit",
            Query(
                f"sum by (metric) (rate(app_online_score_sum[{WINDOW}])) "
                f"/ sum by (metric) (rate(app_online_score_count[{WINDOW}]))",
                "{{metric}}",
            ),
        ),
        panel(
            "Sampling",
            "Decisions to score an answer or not, by reason.",
            "ops",
            Query(
                f"sum by (decision, reason) (rate(app_online_evaluations_total[{WINDOW}]))", "{{decision}} {{reason}}"
            ),
        ),
        panel("Evaluations", "Runs of the evaluation, by verdict.", "ops", by("verdict", "app_evaluations_total")),
    ),
)

DOCUMENTS = Dashboard(
    "documents",
    "Retrieval and documents",
    "Whether documents arrive, and whether they are found.",
    (
        panel("Uploads", "Uploaded files, by result.", "ops", by("result", "app_uploads_total")),
        panel("Documents", "Processed versions, by final status.", "ops", by("status", "app_documents_total")),
        panel(
            "Quarantine",
            "Versions that were held back, by reason.",
            "ops",
            by("reason", "app_documents_total", 'status="quarantined"'),
        ),
        panel(
            "Steps of processing",
            "p95 of each step of one document.",
            "s",
            *quantiles("app_ingestion_step_seconds", by="step"),
        ),
        panel("Steps of a search", "p95 of each step.", "s", *quantiles("app_search_seconds", by="step")),
        panel("Searches without vectors", "By reason.", "ops", by("why", "app_search_degraded_total")),
        panel("Parser processes", "That ended, by reason.", "ops", by("why", "app_parser_processes_total")),
        panel(
            "Unhealthy data",
            "Tenants whose sources, quarantine, tables or index are not as usual, by signal.",
            "short",
            Query("max by (signal) (app_unhealthy_data_tenants)", "{{signal}}"),
        ),
        panel(
            "Checks of data",
            "That were due, by result: none within an hour means that nobody looks.",
            "ops",
            by("result", "app_monitoring_checks_total", 'kind="health"'),
        ),
    ),
)

COST = Dashboard(
    "cost",
    "Cost",
    "What is spent, on what, and how much of the budget is left.",
    (
        panel(
            "Spent by model",
            "Dollars an hour.",
            "currencyUSD",
            Query(f"sum by (model) (rate(app_cost_micro_usd_total[{WINDOW}])) * 3600 / 1e6", "{{model}}"),
        ),
        panel(
            "Spent by feature",
            "Dollars an hour.",
            "currencyUSD",
            Query(f"sum by (feature) (rate(app_cost_micro_usd_total[{WINDOW}])) * 3600 / 1e6", "{{feature}}"),
        ),
        panel(
            "Cost of an answer",
            "Dollars, over all models and features.",
            "currencyUSD",
            Query(
                f"sum(rate(app_cost_micro_usd_total[{WINDOW}])) / 1e6 / sum(rate(app_answers_total[{WINDOW}]))",
                "an answer",
            ),
        ),
        panel(
            "Budget used",
            "The part of the service's limits that is spent or reserved.",
            "percentunit",
            Query("max by (span) (app_budget_used_ratio)", "{{span}}"),
        ),
        panel(
            "Tenants at their limits",
            "Near a limit of their own, or past it.",
            "short",
            Query("max by (span, state) (app_budget_tenants)", "{{span}} {{state}}"),
        ),
        panel(
            "Reservations",
            "By outcome: a refused one is an answer without a paid model.",
            "ops",
            by("outcome", "app_budget_reservations_total"),
        ),
        panel("Tokens", "By kind.", "ops", by("kind", "app_tokens_total")),
        panel(
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
        panel("Sent to review", "Answers, by rule.", "ops", by("rule", "app_answers_sent_to_review_total")),
        panel("Decisions", "Of reviewers, by kind.", "ops", by("decision", "app_review_decisions_total")),
        panel(
            "Ended",
            "Items by outcome; denied is one that nobody decided in time.",
            "ops",
            by("outcome", "app_review_items_ended_total"),
        ),
        panel("Actions", "That ended, by state.", "ops", by("state", "app_actions_ended_total")),
        panel("Webhooks", "Messages about decisions, by result.", "ops", by("result", "app_webhooks_total")),
    ),
)

RELEASES = Dashboard(
    "releases",
    "Releases",
    "What is live, and what moved.",
    (
        panel(
            "Release",
            "The number that each process serves, by environment and arm.",
            "short",
            Query("max by (environment, arm) (app_release_number)", "{{environment}} {{arm}}"),
        ),
        panel("Moves", "Of environments, by kind.", "ops", by("kind", "app_release_moves_total")),
        panel("Answers by environment", "Of production and staging.", "reqps", by("environment", "app_answers_total")),
        panel("Answers by release", "By the number of the release and its arm.", "reqps", _BY_RELEASE),
        panel(
            "Refused by arm",
            "The share of questions that are refused: the canary beside its control.",
            "percentunit",
            share_by_arm("app_answers_total", 'status="refused"'),
        ),
        panel(
            "Degraded by arm",
            "The share of answers without the first model or with a step left out.",
            "percentunit",
            share_by_arm("app_answers_total", 'degraded="true"'),
        ),
        panel(
            "Late by arm",
            "The share of answers that took longer than answer_p95_ms of policies/slo.yaml.",
            "percentunit",
            share_by_arm("app_answers_late_total"),
        ),
        panel(
            "Groundedness by arm",
            "Share of the sentences that the evidence supports: the median.",
            "percentunit",
            Query(
                f"histogram_quantile(0.5, sum by (le, environment, arm) "
                f"(rate(app_answer_groundedness_bucket[{WINDOW}])))",
                "{{environment}} {{arm}}",
            ),
        ),
        panel("Emergencies", "Releases that went live without approval.", "ops", total("app_break_glass_total")),
    ),
)

WORKER = Dashboard(
    "worker",
    "Workers",
    "Whether background work keeps up.",
    (
        panel("Jobs", "Attempts, by result.", "ops", by("result", "app_jobs_total")),
        panel("Jobs by kind", "Attempts, by job.", "ops", by("job", "app_jobs_total")),
        panel(
            "Dead jobs", "That failed in every attempt, by job.", "ops", by("job", "app_jobs_total", 'result="dead"')
        ),
        panel(
            "Waiting jobs", "Of the whole queue, by job.", "short", Query("max by (job) (app_jobs_ready)", "{{job}}")
        ),
        panel(
            "Age of the first job",
            "For how long the oldest waiting job has waited; scale workers by it.",
            "s",
            Query("max by (job) (app_jobs_oldest_seconds)", "{{job}}"),
        ),
        panel("Parked jobs", "That failed for good.", "short", Query("max by (job) (app_jobs_parked)", "{{job}}")),
        panel("Erased because of age", "Rows, by kind of content.", "ops", by("kind", "app_expired_total")),
        panel("Processes scraped", "By job of Prometheus.", "short", Query("sum by (job) (up)", "{{job}}")),
        panel(
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
        panel("Outcomes", "That were reported, by kind.", "ops", by("outcome", "app_business_outcomes_total")),
        panel(
            "Worth and cost",
            "What outcomes are worth within the hour, and what they cost.",
            "currencyUSD",
            Query(Counted("app_business_value_usd_total").increase("1h"), "worth"),
            Query(Counted("app_business_loss_usd_total").increase("1h"), "cost"),
        ),
        panel(
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
