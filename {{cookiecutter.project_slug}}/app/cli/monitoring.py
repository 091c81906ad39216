from collections.abc import Sequence
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from rich.markup import escape
from rich.table import Table

from app.cli import data_health, drift, failures
from app.cli.common import (
    DEFAULT_TENANT,
    caller_at_the_command_line,
    out,
    settings_for_command,
    with_caller,
    with_state,
    write_result,
)
from app.core.slo import SloPolicy
from app.monitoring.domain.alert_notices import DrillResult, alertmanager_config
from app.monitoring.domain.business_report import ReleaseWorth
from app.monitoring.domain.dashboard_catalogue import DASHBOARDS
from app.monitoring.domain.error_budget import BudgetException, ExceptionKind
from app.monitoring.domain.rules import alerts_of, chart_rules, rule_files
from app.monitoring.service.business_page import business_page
from app.wiring import State
from app.wiring import check as check_start

app = typer.Typer(help="Alert rules, dashboards, error budgets, business value and failures.", no_args_is_help=True)
app.add_typer(failures.app, name="failures")
app.command("drift")(drift.show)
app.command("data")(data_health.show)

STATES = {"unjudged": "too few events", "left": "", "spent": "[red]spent[/]"}
FOLDER = "monitoring"
CHART = Path("deploy", "helm", "files")


@app.command()
def write(
    check: Annotated[bool, typer.Option("--check", help="Change nothing; exit status 1 when files are stale.")] = False,
) -> None:
    """Write Prometheus rules and Grafana dashboards from policies/slo.yaml to monitoring and to the chart."""
    settings = settings_for_command()
    folder = settings.root / FOLDER
    objectives = check_start(settings).get(SloPolicy).objectives
    wanted = {folder / "rules" / name: text for name, text in rule_files(objectives).items()}
    wanted |= {folder / "dashboards" / f"{board.uid}.json": board.as_json() for board in DASHBOARDS}
    wanted[folder / "alertmanager" / "alertmanager.yml"] = alertmanager_config()
    if (chart := settings.root / CHART).is_dir():
        wanted[chart / "rules.yml"] = chart_rules(objectives)
    stale = [path for path, text in wanted.items() if _text(path) != text]
    unknown = [
        path
        for kind in ("rules", "dashboards", "alertmanager")
        for path in (folder / kind).glob("*")
        if path not in wanted
    ]
    if check:
        _report(settings.root, [*stale, *unknown])
        return
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted[path], encoding="utf-8")
    for path in unknown:
        path.unlink()
    out.print(f"{len(wanted)} files, {len(stale)} of them changed, {len(unknown)} removed.")


@app.command()
def alerts(
    drill: Annotated[bool, typer.Option("--drill", help="Send each to the person on call, marked as a drill.")] = False,
    key_file: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="For --drill: the key that Alertmanager uses.")
    ] = None,
) -> None:
    """Show every alert: its severity, when it fires, and the runbook that helps. Exit status 1: in a drill, one did not
    reach its receiver."""
    if drill:
        _drill(key_file)
        return
    table = Table("alert", "severity", "fires when", "runbook")
    for alert in alerts_of(check_start(settings_for_command()).get(SloPolicy).objectives):
        notes = alert.annotations
        table.add_row(alert.name, alert.severity, escape(alert.expression), f"docs/runbooks/{notes.runbook}.md")
    out.print(table)


@app.command()
def budgets() -> None:
    """Show what was used of the error budget of each objective. Exit status 1: one is spent."""
    budgets = with_state(lambda state: state.monitoring.error_budgets.current())
    table = Table("objective", "target", "events", "bad", "used", "left", "")
    for each in budgets:
        figures = (f"{each.target:.4g}", f"{each.events:,}", f"{each.bad:,}", f"{each.used:.1%}", f"{each.left:.1%}")
        table.add_row(each.objective, *figures, STATES[each.state])
    out.print(table)
    if any(each.state == "spent" for each in budgets):
        raise typer.Exit(1)


@app.command()
def business(
    tenant: Annotated[str, typer.Option(help="Whose answers.")] = DEFAULT_TENANT,
    days: Annotated[int | None, typer.Option(min=1, max=365, help="The window; else that of the policy.")] = None,
    html: Annotated[Path | None, typer.Option(dir_okay=False, help="Write the report as a page instead.")] = None,
) -> None:
    """Show what answers were worth, by release, and whether that goes with latency or groundedness."""
    report = with_caller(tenant, lambda state, caller: state.monitoring.business.report(caller, days))
    if html is not None:
        write_result(html, business_page(report))
        out.print(f"Written: {html}", highlight=False, markup=False)
        return
    table = Table(
        "release", "answers", "reported", "settled", "", "USD an answer", "", "asked again", "USD a settled one"
    )
    for each in (report.total, *report.releases):
        table.add_row(each.release_id[:12] or "all", *_worth(each))
    out.print(table)
    for link in report.links:
        sign = "goes with" if link.found else "does not show in"
        figures = f"{link.difference.value:+.1%} ({link.difference.low:+.1%} to {link.difference.high:+.1%})"
        out.print(
            f"{link.metric} {sign} the outcomes of {link.part}: {figures} above {link.median:.3g}.", highlight=False
        )


def _worth(worth: ReleaseWorth) -> tuple[str, ...]:
    share, value, cost = worth.settled_share, worth.value_usd, worth.cost_per_settled_usd
    return (
        f"{worth.answers:,}",
        f"{worth.reported:,}",
        f"{share.value:.1%}",
        f"{share.low:.1%} to {share.high:.1%}",
        f"{value.value:.2f}",
        f"{value.low:.2f} to {value.high:.2f}",
        f"{worth.reasked:,} of {worth.deflected:,}",
        "-" if cost is None else f"{cost:.4f}",
    )


@app.command()
def scores(
    tenant: Annotated[str, typer.Option(help="Whose answers.")] = DEFAULT_TENANT,
    days: Annotated[int, typer.Option(min=1, max=90, help="How many days back.")] = 14,
) -> None:
    """Show the scores of a sample of live answers, by day and stratum, with 95 % intervals."""
    table = Table("day", "stratum", "score", "answers", "mean", "")
    for each in with_caller(tenant, lambda state, caller: state.monitoring.online.daily(caller, days)):
        figures = (f"{each.answers:,}", f"{each.mean:.3f}", f"{each.low:.3f} to {each.high:.3f}")
        table.add_row(f"{each.day}", each.stratum, each.metric, *figures)
    out.print(table if table.row_count else "No answer was scored yet.")


@app.command()
def allow(
    release: Annotated[str, typer.Argument(metavar="RELEASE", help="Its number or id.")],
    kind: Annotated[ExceptionKind, typer.Option("--as", help="fix: it repairs what used the budget up.")],
    reason: Annotated[str, typer.Option(help="Why; for the audit log.")],
) -> None:
    """Let a release go live although an error budget is spent: as a fix, or by name."""

    async def work(state: State) -> BudgetException:
        caller = caller_at_the_command_line(UUID(int=0))
        return await state.monitoring.error_budgets.allow(caller, release, kind, reason)

    exception = with_state(work)
    until = f"{exception.expires_at:%Y-%m-%d %H:%M} UTC"
    out.print(f"Release {exception.release_id[:12]} may go live until {until}, as {exception.kind}.", highlight=False)


def _drill(key_file: Path | None) -> None:
    if key_file is None:
        raise typer.BadParameter("a drill signs with the key that Alertmanager uses: --key-file FILE")
    key = key_file.read_text(encoding="utf-8").strip()

    async def work(state: State) -> Sequence[DrillResult]:
        caller = await state.identity.authenticate(key)
        caller.require("service:alerts")
        return await state.monitoring.alert_notices.drill(caller, alerts_of(state.policies.get(SloPolicy).objectives))

    results = with_state(work)
    table = Table("alert", "severity", "reached", "")
    for each in results:
        table.add_row(
            each.alert, each.severity, "yes" if each.reached else "[red]no[/]", "" if each.reached else each.why
        )
    out.print(table)
    reached = sum(each.reached for each in results)
    out.print(f"{reached} of {len(results)} alerts reached their receiver.", highlight=False)
    if reached < len(results):
        raise typer.Exit(1)


def _report(root: Path, stale: list[Path]) -> None:
    if not stale:
        out.print("All rules and dashboards are up to date.")
        return
    names = ", ".join(str(path.relative_to(root)) for path in sorted(stale))
    out.print(f"Stale: {names}. Run: app monitoring write", highlight=False)
    raise typer.Exit(1)


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None
