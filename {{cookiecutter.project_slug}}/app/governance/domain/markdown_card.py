"""The model card in Markdown, for a repository or a pull request."""

from app.governance.domain.approval_rules import Emergency
from app.governance.domain.markdown_table import markdown_table as _table
from app.governance.domain.model_card import EvaluationSummary, LiveReleaseDetails, MetricResult, ModelCard

NOTHING = "Nothing is live in production."


def value(unit: str, number: float | None) -> str:
    """A value of a metric with its unit; a dash for None."""
    if number is None:
        return "–"
    number = max(number, 0.0)  # a mean of logarithms can come out slightly below 0
    return {"ms": f"{number:,.0f} ms", "micro_usd": f"${number / 1_000_000:.6f}"}.get(unit, f"{number:.3f}")


def markdown(card: ModelCard) -> str:
    about = card.purpose
    parts = [
        f"# Model card: {about.service}",
        f"Generated on {card.at:%Y-%m-%d %H:%M} UTC from the live release.",
        about.purpose,
        _table(
            ("", ""),
            [
                ("owner", about.owner),
                *((f"owner of {part}", name) for part, name in about.owners.items()),
                ("on call", about.on_call),
                ("risk of a wrong answer", about.risk_tier),
                ("sensitivity of the data", about.data_sensitivity),
                ("monthly budget", f"{card.spending.monthly_budget_usd} USD"),
                ("spent this month", f"{card.spending.spent_this_month_usd} USD"),
                ("template", card.template),
            ],
        ),
        *(_live(card.live) if card.live else ["## Release", NOTHING]),
        "## Releases without approval",
        *(_emergency(each) for each in card.emergencies),
        *([] if card.emergencies else ["None."]),
        "## Risk register",
        _table(
            ("", "risk", "control", "status", "evidence", "owner"),
            ((str(r.number), r.risk, r.control, f"**{r.standing}**", r.found, r.owner) for r in card.risks),
        ),
    ]
    return "\n\n".join(parts) + "\n"


def _live(live: LiveReleaseDetails) -> list[str]:
    corpus = live.corpus
    size = f"{corpus.documents:,} documents, {corpus.chunks:,} chunks, {corpus.tenants:,} tenants"
    since = f"{live.live_since:%Y-%m-%d %H:%M} UTC" if live.live_since else ""
    return [
        "## Release",
        _table(
            ("", ""),
            [
                ("release", f"{live.number}, `{live.id}`"),
                ("state", f"{live.state} since {since}"),
                ("created by", f"{live.author} on {live.made_at:%Y-%m-%d}"),
                ("code", live.code),
                ("fallback order", " > ".join(live.fallbacks())),
                ("index", f"{corpus.index or 'none'}: {corpus.embedder}, {corpus.chunker}, {corpus.text_search}"),
                ("corpus", size),
            ],
        ),
        "## Models",
        _table(
            ("model", "provider", "address", "parameters"),
            ((s.model, s.provider, s.address or "here", _pairs(s.parameters)) for s in live.chain),
        ),
        "## Parameters",
        _table(("parameter", "value"), sorted((k, str(v)) for k, v in {**live.retrieval, **live.settings}.items())),
        "## Prompts",
        *(f"`{each.name}` {each.digest[:12]}\n\n{_quoted(each.text)}" for each in live.prompts),
        "## Policies",
        _table(("policy", "digest", "owner"), ((p.name, f"`{p.digest[:12]}`", p.owner) for p in live.policies)),
        "## Evaluation",
        *(_evaluated(live.evaluation) if live.evaluation else ["This release was never evaluated."]),
        "## Approvals",
        _table(
            ("who", "as", "what", "when", "until", "report", "why"),
            (
                (
                    each.approver,
                    each.role,
                    each.kind.replace("_", " "),
                    f"{each.at:%Y-%m-%d %H:%M}",
                    f"{each.expires_at:%Y-%m-%d}" if each.expires_at else "–",
                    f"`{(each.report or '–')[:12]}`",
                    each.reason,
                )
                for each in live.approvals
            ),
        ),
        f"Missing now: {live.lacking}" if live.lacking else "Nothing is missing.",
    ]


def _evaluated(summary: EvaluationSummary) -> list[str]:
    head = f"**{summary.verdict}** on {summary.at:%Y-%m-%d %H:%M} UTC, report `{summary.report}`."
    fallen = [f"Protected cases that failed: {', '.join(summary.fallen)}."] if summary.fallen else []
    rows = _table(("metric", "value", "floor", "verdict", "guards against"), map(_measured, summary.whole))
    weak = _table(
        ("slice", "metric", "value", "cases"),
        ((each.slice, each.metric, value(each.unit, each.value), str(each.cases)) for each in summary.weakest()),
    )
    limits = ["### Known limits", "The slices with the lowest scores.", weak] if summary.weakest() else []
    return [head, *fallen, rows, *limits]


def _measured(each: MetricResult) -> tuple[str, ...]:
    return each.metric, value(each.unit, each.value), value(each.unit, each.floor), each.verdict, each.harm


def _emergency(each: Emergency) -> str:
    review = (
        f"{each.review.reviewer}: {each.review.reason}" if each.review else f"review due by {each.due:%Y-%m-%d %H:%M}"
    )
    approval = each.approval
    when = f"{approval.at:%Y-%m-%d %H:%M} UTC"
    return f"- {when}, `{approval.release_id[:12]}`, {approval.approver}: {approval.reason} ({review})"


def _pairs(values: object) -> str:
    return ", ".join(f"{k}={v}" for k, v in values.items() if v is not None) if isinstance(values, dict) else ""


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.strip().splitlines())
