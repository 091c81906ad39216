"""Alerts about causes, beside those about objectives: what a person has to look at whatever the shares say."""

from app.monitoring.domain.alerts import Alert, Annotations, IncreaseAlert, LevelAlert, TargetAlert

CAUSES: tuple[Alert, ...] = (
    TargetAlert(
        "NoApiScraped",
        "page",
        "api",
        Annotations(
            "Prometheus reaches no process of the API: it is down, or no alert about it can fire", "database-down"
        ),
    ),
    TargetAlert(
        "NoWorkerScraped",
        "page",
        "worker",
        Annotations("Prometheus reaches no worker: documents and reviews stand still", "queue-stuck", "worker"),
    ),
    IncreaseAlert(
        "ModelCircuitOpened",
        "ticket",
        "app_model_breaker_opened_total",
        '{model="gpt-4o-mini"}',
        Annotations(
            "The circuit breaker of a model opened {{ $value | humanize }} times within 30 minutes", "provider-down"
        ),
        window="30m",
        least=3,
    ),
    LevelAlert(
        "BudgetNearlyUsedUp",
        "ticket",
        "app_budget_used_ratio",
        '{span="month"}',
        0.9,
        Annotations("{{ $value | humanizePercentage }} of a budget of the service is used", "budget-used-up", "cost"),
    ),
    LevelAlert(
        "BudgetUsedUp",
        "page",
        "app_budget_used_ratio",
        '{span="month"}',
        1.0,
        Annotations("A budget of the service is used up: paid models are refused", "budget-used-up", "cost"),
        lasting="5m",
    ),
    LevelAlert(
        "TenantBudgetUsedUp",
        "ticket",
        "app_budget_tenants",
        '{span="month",state="used_up"}',
        1,
        Annotations("{{ $value | humanize }} tenants have used up a budget of their own", "budget-used-up", "cost"),
        selector='state="used_up"',
    ),
    IncreaseAlert(
        "ChargesLost",
        "page",
        "app_charges_lost_total",
        "",
        Annotations("Charges were given up: the ledger is incomplete; the log names them", "database-down", "cost"),
    ),
    IncreaseAlert(
        "JobsDead",
        "ticket",
        "app_jobs_total",
        '{job="ingestion.process",result="dead"}',
        Annotations("{{ $value | humanize }} jobs failed in every attempt within an hour", "queue-stuck", "worker"),
        selector='result="dead"',
    ),
    LevelAlert(
        "JobsWaitLong",
        "ticket",
        "app_jobs_oldest_seconds",
        '{job="ingestion.process"}',
        900,
        Annotations("The first job of a kind has waited for {{ $value | humanizeDuration }}", "queue-stuck", "worker"),
    ),
    IncreaseAlert(
        "DatabaseConnectionsBusy",
        "ticket",
        "app_database_connections_busy_total",
        "",
        Annotations("Requests waited in vain for a database connection of their process", "overloaded"),
        window="30m",
        least=10,
    ),
    IncreaseAlert(
        "RequestsRefused",
        "ticket",
        "app_requests_refused_total",
        '{kind="answers"}',
        Annotations(
            "{{ $value | humanize }} requests were rejected by admission control within 30 minutes", "overloaded"
        ),
        window="30m",
        least=100,
    ),
    IncreaseAlert(
        "MarkOfAnotherTenant",
        "page",
        "app_output_filtered_total",
        '{rule="other_tenant"}',
        Annotations(
            "A model's text had the mark of another tenant; it was taken out", "mark-of-another-tenant", "quality"
        ),
        selector='rule=~"other_tenant.*"',
    ),
    IncreaseAlert(
        "ReleasedWithoutApproval",
        "ticket",
        "app_break_glass_total",
        "",
        Annotations("A release went live without approval, by an emergency", "release-gone-wrong", "releases"),
    ),
)
