from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from app.cli import drift, failures
from app.cli.common import out, settings_for_command
from app.core.slo import SloPolicy
from app.monitoring.domain.dashboard_catalogue import DASHBOARDS
from app.monitoring.domain.rules import alerts_of, chart_rules, rule_files
from app.wiring import check as check_start

app = typer.Typer(help="Alert rules, dashboards, and what the worker finds in live traffic.", no_args_is_help=True)
app.add_typer(failures.app, name="failures")
app.command("drift")(drift.show)

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
    if (chart := settings.root / CHART).is_dir():
        wanted[chart / "rules.yml"] = chart_rules(objectives)
    stale = [path for path, text in wanted.items() if _text(path) != text]
    unknown = [path for kind in ("rules", "dashboards") for path in (folder / kind).glob("*") if path not in wanted]
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
def alerts() -> None:
    """Show every alert: its severity, when it fires, and the runbook that helps."""
    table = Table("alert", "severity", "fires when", "runbook")
    for alert in alerts_of(check_start(settings_for_command()).get(SloPolicy).objectives):
        notes = alert.annotations
        table.add_row(alert.name, alert.severity, escape(alert.expression), f"docs/runbooks/{notes.runbook}.md")
    out.print(table)


def _report(root: Path, stale: list[Path]) -> None:
    if not stale:
        out.print("All rules and dashboards are up to date.")
        return
    names = ", ".join(str(path.relative_to(root)) for path in sorted(stale))
    out.print(f"Stale: {names}. Run: app monitoring write", highlight=False)
    raise typer.Exit(1)


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None
