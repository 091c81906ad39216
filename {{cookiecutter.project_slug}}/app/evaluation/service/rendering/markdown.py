import re
from collections.abc import Sequence
from html import escape

from app.core.redaction import redact
from app.evaluation.domain.report import ReleaseAnswer, Report, worst_cases
from app.evaluation.service.rendering.report_tables import ReportTable, as_tables
from app.evaluation.service.rendering.wording import MARKS, headline, notes, reasons, short

_WORST = 10
_SPECIAL = re.compile(r"([\\`*_\[\]|~$])")
# A comment inside keeps a forge from making a mention, a reference or a link of it.
_LINKED = re.compile(r"(@|#|https?:|ftp:|mailto:|www)(?=\S)")


def as_markdown(report: Report) -> str:
    """For a pull request: verdict first, then why, then the figures, then what got worse."""
    lines = [f"## {MARKS[report.verdict]} {_plain(headline(report))}", ""]
    if report.verdict == "INCONCLUSIVE":
        lines += ["Inconclusive blocks the release. Add cases, or make a change that affects fewer answers.", ""]
    lines += [f"- {_plain(each)}" for each in (*reasons(report), *notes(report))]
    for table in as_tables(report):
        lines += ["", f"### {table.title}", "", *_grid(table)]
    lines += _worse(report)
    lines += ["", f"Report `{report.digest}` · policy `{short(report.policy_digest)}` · seed {report.seed}", ""]
    return "\n".join(lines)


def _grid(table: ReportTable) -> list[str]:
    rows = [table.columns, tuple("---" for _ in table.columns), *table.rows]
    marked = [rows[0], rows[1], *(tuple(_plain(cell) for cell in row) for row in rows[2:])]
    return [f"| {' | '.join(row)} |" for row in marked]


def _worse(report: Report) -> list[str]:
    count = len({case_id for case_id, *_ in report.judgement.worse})
    if not count:
        return []
    lines = ["", f"### {count} {'case' if count == 1 else 'cases'} got worse"]
    for case, metrics in worst_cases(report, _WORST):
        moved = ", ".join(f"{metric} {old:.3g} → {new:.3g}" for metric, (old, new) in metrics.items())
        lines += ["", f"<details><summary>{escape(case.case_id)}: {escape(moved)}</summary>", ""]
        lines += [f"**{_plain(case.question)}**", "", *_side("Before", case.before), "", *_side("After", case.after)]
        lines += ["", "</details>"]
    return lines


def _side(title: str, answer: ReleaseAnswer | None) -> Sequence[str]:
    if answer is None:
        return [f"{title}: not known"]
    cited = [f"> [{number}] {_plain(each)}" for number, each in enumerate(answer.citations, start=1)]
    return [f"{title}{' (refused)' if answer.refused else ''}:", "", f"> {_plain(answer.text)}", ">", *cited]


def _plain(text: str) -> str:
    """Text of documents and askers, in which nothing is a mark, a link or a mention. Credentials are masked
    first: after this their forms are not those that are looked for.
    """
    escaped = redact(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _LINKED.sub(r"\1<!-- -->", _SPECIAL.sub(r"\\\1", " ".join(escaped.split())))
