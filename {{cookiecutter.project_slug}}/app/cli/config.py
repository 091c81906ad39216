import typer
from rich.table import Table

from app.cli.common import out, settings_for_command
from app.core.policies import EXTENSIONS
from app.settings import sources
from app.wiring import check as check_start

app = typer.Typer(help="Settings and policies.", no_args_is_help=True)


@app.command()
def check() -> None:
    """Check settings, policies, prompts and prices; print each setting with its source, secrets masked."""
    settings = settings_for_command()
    policies = check_start(settings)
    table = Table("setting", "value", "from", "what it does", title="Settings", title_justify="left")
    for row in sources(settings):
        table.add_row(*row)
    out.print(table)
    files = Table("policy", "owner", "digest", title="Policies", title_justify="left")
    for name, policy in policies.loaded.items():
        extended = (settings.root / "policies" / EXTENSIONS / f"{name}.yaml").exists()
        files.add_row(
            f"policies/{name}.yaml{' + ' + EXTENSIONS if extended else ''}", policy.owner, policies.digests[name][:12]
        )
    out.print(files)
    out.print("Settings, policies, prompts and prices are valid.")
