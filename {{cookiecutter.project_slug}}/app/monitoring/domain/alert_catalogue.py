"""Alerts about causes, beside those about objectives: what a person has to look at whatever the shares say."""

from app.monitoring.domain.alerts import Alert, Annotations, IncreaseAlert, LevelAlert, TargetAlert
from app.monitoring.domain.indicators import Counted

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
        Counted("app_model_breaker_opened_total"),
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
        Counted("app_budget_used_ratio"),
        '{span="month"}',
        0.9,
        Annotations("{{ $value | humanizePercentage }} of a budget of the service is used", "budget-used-up", "cost"),
    ),
    LevelAlert(
        "BudgetUsedUp",
        "page",
        Counted("app_budget_used_ratio"),
        '{span="month"}',
        1.0,
        Annotations("A budget of the service is used up: paid models are refused", "budget-used-up", "cost"),
        lasting="5m",
    ),
    LevelAlert(
        "TenantBudgetUsedUp",
        "ticket",
        Counted("app_budget_tenants", 'state="used_up"'),
        '{span="month",state="used_up"}',
        1,
        Annotations("{{ $value | humanize }} tenants have used up a budget of their own", "budget-used-up", "cost"),
    ),
    IncreaseAlert(
        "ChargesLost",
        "page",
        Counted("app_charges_lost_total"),
        "",
        Annotations("Charges were given up: the ledger is incomplete; the log names them", "database-down", "cost"),
    ),
    IncreaseAlert(
        "JobsDead",
        "ticket",
        Counted("app_jobs_total", 'result="dead"'),
        '{job="ingestion.process",result="dead"}',
        Annotations("{{ $value | humanize }} jobs failed in every attempt within an hour", "queue-stuck", "worker"),
    ),
    LevelAlert(
        "JobsWaitLong",
        "ticket",
        Counted("app_jobs_oldest_seconds"),
        '{job="ingestion.process"}',
        900,
        Annotations("The first job of a kind has waited for {{ $value | humanizeDuration }}", "queue-stuck", "worker"),
    ),
    IncreaseAlert(
        "DatabaseConnectionsBusy",
        "ticket",
        Counted("app_database_connections_busy_total"),
        "",
        Annotations("Requests waited in vain for a database connection of their process", "overloaded"),
        window="30m",
        least=10,
    ),
    IncreaseAlert(
        "RequestsRefused",
        "ticket",
        Counted("app_requests_refused_total"),
        '{kind="answers",reason="full"}',
        Annotations(
            "{{ $value | humanize }} requests were rejected by admission control within 30 minutes", "overloaded"
        ),
        window="30m",
        least=100,
    ),
    IncreaseAlert(
        "MarkOfAnotherTenant",
        "page",
        Counted("app_output_filtered_total", 'rule=~"other_tenant.*"'),
        '{rule="other_tenant"}',
        Annotations(
            "A model's text had the mark of another tenant; it was taken out", "mark-of-another-tenant", "quality"
        ),
    ),
    LevelAlert(
        "TrafficDrifted",
        "ticket",
        Counted("app_drifted_tenants"),
        '{signal="uncovered"}',
        1,
        Annotations(
            "The traffic of {{ $value | humanize }} tenants differs from the pinned week", "traffic-drifted", "quality"
        ),
    ),
    LevelAlert(
        "DataUnhealthy",
        "ticket",
        Counted("app_unhealthy_data_tenants"),
        '{signal="freshness"}',
        1,
        Annotations(
            "The data of {{ $value | humanize }} tenants is not as usual: `app monitoring data` says what",
            "data-unhealthy",
            "documents",
        ),
    ),
    IncreaseAlert(
        "ReleasedWithoutApproval",
        "ticket",
        Counted("app_break_glass_total"),
        "",
        Annotations("A release went live without approval, by an emergency", "release-gone-wrong", "releases"),
    ),
)
