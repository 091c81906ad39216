"""Each way out of the service: the routes that are read and the commands that print. A new one needs a line here."""

SHOWS = "shows texts"
AS_UPLOADED = "the file as it was uploaded, always as a download, for those who may have it"
FIGURES = "figures and names that the service gives itself"
OF_THE_SERVICE = "settings, policies and prompts of the service, which its owners write and release"
OF_PEOPLE = "names and notes that people give, which the last step masks as it does those that are tried"
FRAME = "a page without data; its script reads the routes, and no page parses a text as markup"

ROUTES: dict[str, str] = {
    "/v1/answers": SHOWS,
    "/v1/answers/{answer_id}": SHOWS,
    "/v1/conversations": SHOWS,
    "/v1/conversations/{conversation_id}": SHOWS,
    "/v1/responses/{response_id}": SHOWS,
    "/v1/documents": SHOWS,
    "/v1/documents/{document_id}": SHOWS,
    "/v1/documents/{document_id}/text": SHOWS,
    "/v1/quarantine": SHOWS,
    "/v1/quarantine/{entry}": SHOWS,
    "/v1/reviews": SHOWS,
    "/v1/reviews/{review_id}": SHOWS,
    "/v1/actions": SHOWS,
    "/v1/actions/{action_id}": SHOWS,
    "/v1/tickets": SHOWS,
    "/v1/tickets/{number}": SHOWS,
    "/v1/keys": SHOWS,
    "/v1/privacy/requests": SHOWS,
    "/v1/privacy/requests/{privacy_request_id}": SHOWS,
    "/v1/privacy/holds": SHOWS,
    "/v1/releases/{release_id}/approvals": SHOWS,
    "/v1/environments/{environment}/moves": SHOWS,
    "/v1/audit": SHOWS,
    "/v1/evaluations": SHOWS,
    "/v1/evaluations/{run_id}": SHOWS,
    "/v1/evaluations/{run_id}/report.json": "the bytes that an approval is bound to, masked where they are made",
    "/v1/evaluations/{run_id}/report.md": SHOWS,
    "/v1/evaluations/{run_id}/report.html": SHOWS,
    "/v1/monitoring/case-candidates": SHOWS,
    "/v1/governance": SHOWS,
    "/v1/governance/card": SHOWS,
    "/v1/documents/{document_id}/original": AS_UPLOADED,
    "/v1/quarantine/{entry}/original": AS_UPLOADED,
    "/v1/monitoring/failure-patterns": "questions, masked where they are read: test_failure_patterns",
    "/v1/monitoring/drift": "questions, masked where they are read: test_drift_analysis",
    "/v1/monitoring/data-health": FIGURES,
    "/v1/monitoring/scores": FIGURES,
    "/v1/monitoring/business": FIGURES,
    "/v1/monitoring/business.html": FIGURES,
    "/v1/monitoring/error-budgets": FIGURES,
    "/v1/reviews/agreement": FIGURES,
    "/v1/environments/production/canary": FIGURES,
    "/v1/costs": SHOWS,
    "/v1/costs/units": FIGURES,
    "/v1/costs.csv": SHOWS,
    "/v1/budgets": FIGURES,
    "/v1/indexes": FIGURES,
    "/v1/audit/head": FIGURES,
    "/v1/caller": FIGURES,
    "/v1/identities": OF_PEOPLE,
    "/v1/models": FIGURES,
    "/v1/models/{model}": FIGURES,
    "/v1/sources/access": "names of groups and addresses that the caller set",
    "/v1/actions/catalogue": OF_THE_SERVICE,
    "/v1/readiness": OF_PEOPLE,
    "/v1/readiness/page": OF_PEOPLE,
    "/v1/releases": OF_PEOPLE,
    "/v1/releases/current": OF_THE_SERVICE,
    "/v1/releases/at": OF_THE_SERVICE,
    "/v1/releases/{release_id}": OF_THE_SERVICE,
    "/v1/releases/{release_id}/diff": OF_THE_SERVICE,
    "/v1/releases/{release_id}/export": OF_THE_SERVICE,
    "/console/": FRAME,
    "/console/quarantine": FRAME,
    "/console/budgets": FRAME,
    "/console/error-budgets": FRAME,
    "/console/document": FRAME,
    "/console/files/{name}": FRAME,
    "/console/session": FIGURES,
    "/console/sign-in": "an address of the identity provider",
    "/console/signed-in": "the end of a sign-in",
    "/.well-known/oauth-protected-resource": FIGURES,
    "/.well-known/oauth-protected-resource/mcp": FIGURES,
    "/health/live": FIGURES,
    "/health/ready": FIGURES,
    "/metrics": "no metric has a text as a label: test_seeded_secrets",
}
WITH_PROMPTS = {"/v1/governance/card", "governance card"}
"""Ways out that show the prompts of a release, to those who approve it."""
PROVISIONING = "/scim/v2/"
"""Routes that give the identity provider back what it sent."""

CHANGES = "changes something, and prints names, ids and figures"
RUNS = "runs, and prints what it does"

COMMANDS: dict[str, tuple[str, ...] | str] = (
    {
        "actions list": ("actions", "list"),
        "actions show": ("actions", "show", "{action_id}"),
        "answers list": FIGURES,
        "answers show": ("answers", "show", "{answer_id}"),
        "answer replay": "both texts are filtered where they are made, and printed as those of the others are",
        "audit list": ("audit", "list", "--limit", "200"),
        "documents list": ("documents", "list"),
        "documents show": ("documents", "show", "{document_id}", "--text"),
        "governance card": ("governance", "card"),
        "governance show": ("governance", "show"),
        "keys list": ("keys", "list"),
        "monitoring failures candidates": ("monitoring", "failures", "candidates"),
        "privacy holds": ("privacy", "holds"),
        "quarantine list": ("quarantine", "list"),
        "quarantine show": ("quarantine", "show", "{entry}"),
        "release approvals": ("release", "approvals", "{release_id}"),
        "review list": ("review", "list"),
        "review next": ("review", "next"),
        "search": ("search", "Who built the lighthouse of Karlen?"),
        "tickets list": ("tickets", "list"),
        "tickets show": ("tickets", "show", "{number}"),
        "ask": "its answer is filtered where it is made; printed as those of 'answers show' are",
        "audit export": "its hashes cover each sign; lines are masked before they are written",
        "backup": "a copy of the database, sealed as it is stored",
        "costs": ("costs", "--csv"),
        "demo": "the handbook of the service",
        "evals candidates": "masked where they are stored: test_seeded_secrets",
        "evaluate": "a report, whose texts are masked where it is made",
        "keys create": "a new key, which is shown this once",
        "keys webhook-secret": "the secret that a receiver needs",
        "privacy export": "what is stored about a person, for that person, as it is stored",
        "release export": OF_THE_SERVICE,
        "run": "a key for development, on the machine that it is for",
    }
    | dict.fromkeys(
        (
            *("actions catalogue", "actions tools", "adopt", "config check", "plan", "release diff", "release list"),
            *("release show", "release at", "readiness attest", "readiness record", "readiness waive"),
            "readiness withdraw",
        ),
        OF_THE_SERVICE,
    )
    | dict.fromkeys(
        (
            *(
                "audit verify",
                "budget near",
                "budget show",
                "documents source",
                "health",
                "identities list",
                "index list",
            ),
            *("jobs list", "jobs show", "monitoring alerts", "monitoring budgets", "monitoring business"),
            *(
                "monitoring data",
                "monitoring drift",
                "monitoring failures cases",
                "monitoring scores",
                "monitoring write",
            ),
            *("privacy requests", "privacy stores", "reconcile", "review agreement", "version"),
        ),
        FIGURES,
    )
    | dict.fromkeys(
        (
            *("budget grant", "budget set", "documents access", "documents delete", "evals accept", "monitoring allow"),
            *(
                "governance review-break-glass",
                "identities admit",
                "identities revoke",
                "index build",
                "index optimise",
            ),
            *("index retire", "ingest", "jobs retry", "keys revoke", "monitoring failures accept", "outcomes import"),
            *("privacy decrypt", "privacy encrypt", "privacy erase", "privacy expire", "privacy hold", "privacy lift"),
            *(
                "privacy reapply",
                "privacy resume",
                "privacy rotate-keys",
                "privacy rotate-master-key",
                "privacy vacuum",
            ),
            *(
                "quarantine discard",
                "quarantine release",
                "release abort-canary",
                "release activate",
                "release approve",
            ),
            *(
                "release canary",
                "release create",
                "release import",
                "release judge-canary",
                "release reject",
                "restore",
            ),
            *("review decide", "rollback", "tickets add", "migrate"),
        ),
        CHANGES,
    )
    | dict.fromkeys(("serve", "worker"), RUNS)
)
"""Each command: how it is called where it shows texts of tenants, else why it shows none."""
