from pathlib import Path
from typing import Annotated

import typer

from app.cli.common import out, write_result
from app.governance.domain.adoption.map_markdown import map_markdown
from app.governance.service.prototype_reader import adopt as read_prototype


def adopt(
    folder: Annotated[Path, typer.Argument(help="The folder of the prototype.")],
    file: Annotated[Path | None, typer.Option("--out", help="Where to write the map; else standard output.")] = None,
) -> None:
    """Read the folder of a prototype, without running it, and write what is fragile and where it belongs."""
    found = read_prototype(folder)
    text = map_markdown(found)
    if file is None:
        out.print(text, markup=False, highlight=False, soft_wrap=True)
        return
    write_result(file, text)
    counts = f"{len(found.files)} files, {len(found.fragile)} fragile places, {len(found.risky)} workflows to classify"
    out.print(f"Written to {file}: {counts}.", highlight=False, soft_wrap=True, markup=False)
