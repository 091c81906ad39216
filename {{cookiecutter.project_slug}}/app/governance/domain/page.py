"""The card as a page that needs nothing else: no script, no font, no other host."""

from collections.abc import Iterable
from html import escape

from app.governance.domain.card import Card, Evaluated, Live, Measured
from app.governance.domain.rendering import NOTHING, value

COLOURS = {
    "in force": "good",
    "PASS": "good",
    "live": "good",
    "attention": "warn",
    "INCONCLUSIVE": "warn",
    "checked by the build": "calm",
    "missing": "bad",
    "FAIL": "bad",
}

STYLE = """
:root{--ink:#1d2129;--soft:#5b6472;--line:#dfe3e8;--paper:#fff;--wash:#f5f6f8;--good:#1a7f4b;--warn:#9a6400;
--bad:#b3261e;--calm:#3d5a80;color-scheme:light dark}
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ee;--soft:#9aa4b2;--line:#333a45;--paper:#14171c;--wash:#1c2027;
--good:#4cc38a;--warn:#e2a336;--bad:#f2766d;--calm:#8fb3dd}}
*{box-sizing:border-box}
body{margin:0;background:var(--wash);color:var(--ink);font:15px/1.55 system-ui,sans-serif}
main{max-width:68rem;margin:0 auto;padding:2.5rem 1.25rem 4rem}
h1{font-size:1.9rem;line-height:1.2;margin:0 0 .4rem}h2{font-size:1.15rem;margin:0 0 .8rem}
h3{font-size:1rem;margin:1.2rem 0 .5rem}
.lead{font-size:1.05rem;max-width:46rem;margin:.2rem 0 .4rem}.soft{color:var(--soft)}
section{background:var(--paper);border:1px solid var(--line);border-radius:10px;padding:1.25rem 1.4rem;
margin-top:1.1rem;overflow-x:auto}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(13rem,1fr));gap:.9rem 1.5rem;margin:0}
.facts dt{color:var(--soft);font-size:.82rem}.facts dd{margin:0;overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%}
th{text-align:left;font-weight:600;font-size:.82rem;color:var(--soft);white-space:nowrap}
th,td{padding:.42rem .8rem .42rem 0;border-bottom:1px solid var(--line);vertical-align:top}
tr:last-child td{border-bottom:0}td.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
code,pre{font:13px/1.5 ui-monospace,monospace;overflow-wrap:anywhere}
pre{white-space:pre-wrap;background:var(--wash);padding:.8rem 1rem;
border-radius:8px;margin:.5rem 0 0}
summary{cursor:pointer;padding:.25rem 0}
.badge{display:inline-block;border:1px solid currentColor;border-radius:99px;padding:0 .6rem;font-size:.8rem;
white-space:nowrap;font-weight:600}
.good{color:var(--good)}.warn{color:var(--warn)}.bad{color:var(--bad)}.calm{color:var(--calm)}
.bar{display:block;position:relative;height:.55rem;min-width:8rem;border-radius:99px;background:var(--line);margin-top:.45rem}
.bar i{position:absolute;inset:0 auto 0 0;border-radius:99px;background:currentColor}
.bar b{position:absolute;top:-.2rem;bottom:-.2rem;width:2px;background:var(--ink)}
.alarm{border-left:5px solid var(--bad)}
@media print{body{background:none}section{break-inside:avoid}}
"""


def page(card: Card) -> str:
    about = card.purpose
    body = [
        f"<h1>{escape(about.service)}</h1>",
        f'<p class="lead">{escape(about.purpose)}</p>',
        f'<p class="soft">Model card and risk register, made on {card.at:%Y-%m-%d %H:%M} UTC from what is live.</p>',
        _emergencies(card),
        _section("Who answers for it", _facts(_purpose(card))),
        *(_live(card.live) if card.live else [_section("Release", f"<p>{NOTHING}</p>")]),
        _risks(card),
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>Model card: {escape(about.service)}</title><style>{STYLE}</style></head>"
        f"<body><main>{''.join(body)}</main></body></html>"
    )


def _purpose(card: Card) -> list[tuple[str, str]]:
    about = card.purpose
    return [
        ("Owner of the service", escape(about.owner)),
        *((f"Owner of {part}", escape(name)) for part, name in about.owners.items()),
        ("On call", escape(about.on_call)),
        ("Risk of a wrong answer", escape(about.risk_tier)),
        ("Sensitivity of the data", escape(about.data_sensitivity)),
        (
            "Spent this month",
            f"{escape(card.spending.spent_this_month_usd)} of {escape(card.spending.monthly_budget_usd)} USD",
        ),
        ("Rollback rehearsed", _rehearsed(card)),
    ]


def _rehearsed(card: Card) -> str:
    if card.rehearsal is None:
        return "never"
    took = f", {card.rehearsal.seconds:.2f} s" if card.rehearsal.seconds is not None else ""
    return f"{card.rehearsal.at:%Y-%m-%d} by {escape(card.rehearsal.by)}{took}"


def _live(live: Live) -> list[str]:
    corpus = live.corpus
    since = f"{live.live_since:%Y-%m-%d %H:%M} UTC" if live.live_since else "–"
    facts = [
        ("Release", f"{live.number} {_badge(live.state)}"),
        ("Digest", f"<code>{escape(live.id)}</code>"),
        ("Live since", since),
        ("Made by", f"{escape(live.author)}, {live.made_at:%Y-%m-%d}"),
        ("Code", f"<code>{escape(live.code)}</code>"),
        ("Index", f"{corpus.index or '–'}: {escape(corpus.embedder)}, {escape(corpus.text_search)}"),
        ("Chunker", escape(corpus.chunker)),
        ("Corpus", f"{corpus.documents:,} documents, {corpus.chunks:,} chunks, {corpus.tenants:,} tenants"),
    ]
    chain = _table(
        ("model", "provider", "address", "parameters"),
        [
            (_text(step.model), _text(step.provider), _text(step.address or "here"), _parameters(step.parameters))
            for step in live.chain
        ],
    )
    parameters = sorted({**live.retrieval, **live.settings}.items())
    prompts = "".join(_folded(f"{p.name} · {p.digest[:12]}", p.text) for p in live.prompts)
    policies = "".join(_folded(f"{p.name} · {p.digest[:12]} · {p.owner}", p.text) for p in live.policies)
    fallbacks = " → ".join(escape(each) for each in live.fallbacks())
    return [
        _section("Release", _facts(facts)),
        _section("Evaluation", _evaluation(live.evaluation)),
        _section("Approvals", _approvals(live)),
        _section("Models", f"{chain}<p>When one does not answer in time: {fallbacks}</p>"),
        _section("Parameters", _facts([(escape(name), escape(str(held))) for name, held in parameters])),
        _section("Prompts", prompts),
        _section("Policies", policies),
    ]


def _evaluation(found: Evaluated | None) -> str:
    if found is None:
        return "<p>This release was never evaluated.</p>"
    head = (
        f"<p>{_badge(found.verdict)} on {found.at:%Y-%m-%d %H:%M} UTC, report <code>{escape(found.report)}</code></p>"
    )
    fallen = f'<p class="bad">Protected cases that fell: {escape(", ".join(found.fallen))}</p>' if found.fallen else ""
    names = ("metric", "", "value", "cases", "verdict", "guards against")
    whole = _table(names, [_measured(each) for each in found.whole]) if found.whole else ""
    weak = [(_text(each.slice), *_measured(each)[:4]) for each in found.weakest()]
    limits = "<h3>Known limits: the slices with the lowest scores</h3>" if weak else ""
    return head + fallen + whole + limits + (_table(("slice", "metric", "", "value", "cases"), weak) if weak else "")


def _measured(each: Measured) -> tuple[str, ...]:
    told = (f"<td class='n'>{value(each.unit, each.value)}</td>", f"<td class='n'>{each.cases}</td>")
    return (_text(each.metric), f"<td>{_bar(each)}</td>", *told, f"<td>{_badge(each.verdict)}</td>", _text(each.harm))


def _bar(each: Measured) -> str:
    if each.unit != "share":
        return ""
    colour = COLOURS.get(each.verdict, "calm")
    floor = f'<b style="left:{each.floor:.1%}" title="floor {each.floor:.3f}"></b>' if each.floor is not None else ""
    width = min(max(each.value, 0), 1)
    return f'<span class="bar {colour}"><i style="width:{width:.1%}"></i>{floor}</span>'


def _approvals(live: Live) -> str:
    rows = [
        (
            _text(each.approver),
            _text(each.role),
            _text(each.kind.replace("_", " ")),
            _text(f"{each.at:%Y-%m-%d %H:%M}"),
            _text(f"{each.expires_at:%Y-%m-%d}" if each.expires_at else "–"),
            f"<td><code>{(each.report or '–')[:12]}</code></td>",
            _text(each.reason),
        )
        for each in live.approvals
    ]
    table = _table(("who", "as", "what", "when", "until", "report", "why"), rows) if rows else "<p>None.</p>"
    return table + (f'<p class="warn">Lacking now: {escape(live.lacking)}</p>' if live.lacking else "")


def _emergencies(card: Card) -> str:
    rows = [
        (
            _text(f"{each.approval.at:%Y-%m-%d %H:%M}"),
            f"<td><code>{each.approval.release_id[:12]}</code></td>",
            _text(each.approval.approver),
            _text(each.approval.reason),
            f"<td class='{'bad' if each.overdue(card.at) else 'warn'}'>due by {each.due:%Y-%m-%d %H:%M}</td>",
        )
        for each in card.open_emergencies()
    ]
    if not rows:
        return ""
    table = _table(("when", "release", "who", "why", "review"), rows)
    return f'<section class="alarm"><h2>Went live without approval, and waits for a review</h2>{table}</section>'


def _risks(card: Card) -> str:
    rows = [
        (
            f"<td class='n'>{each.number}</td>",
            f"<td>{escape(each.risk)}<br><span class='soft'>{escape(each.control)}</span></td>",
            f"<td>{_badge(each.standing)}</td>",
            _text(each.found),
            _text(each.owner),
        )
        for each in card.risks
    ]
    return _section("Risk register", _table(("", "risk and control", "stands", "found just now", "owner"), rows))


def _section(title: str, content: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{content}</section>"


def _facts(pairs: Iterable[tuple[str, str]]) -> str:
    return f'<dl class="facts">{"".join(f"<div><dt>{name}</dt><dd>{held}</dd></div>" for name, held in pairs)}</dl>'


def _table(names: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    body = "".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _text(content: str) -> str:
    return f"<td>{escape(content)}</td>"


def _parameters(values: dict[str, str | int | float | bool | None]) -> str:
    return _text(", ".join(f"{name} {held}" for name, held in sorted(values.items()) if held is not None))


def _folded(title: str, content: str) -> str:
    return f"<details><summary>{escape(title)}</summary><pre>{escape(content.strip())}</pre></details>"


def _badge(text: str) -> str:
    return f'<span class="badge {COLOURS.get(text, "calm")}">{escape(text)}</span>'
