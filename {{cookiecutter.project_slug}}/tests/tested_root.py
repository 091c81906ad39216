"""The folder that the services of the tests read: this one, at risk tier medium and with internal data.

Its owner chooses both when the service is generated, and may change them later. What the service does at another tier,
or with other data, is shown by tests that say so.
"""

import atexit
import re
import shutil
import tempfile
from pathlib import Path

CHOSEN = {"risk_tier": "medium", "data_sensitivity": "internal"}
OWNERSHIP = Path("policies", "ownership.yaml")


def at_medium_risk(text: str) -> str:
    """policies/ownership.yaml with these two answers."""
    for name, value in CHOSEN.items():
        text, count = re.subn(rf"^{name}:.*$", f"{name}: {value}", text, flags=re.MULTILINE)
        assert count == 1, f"{OWNERSHIP} says {count} times what its {name} is"
    return text


def tested_root(project: Path) -> Path:
    """The project's own folder where it says so itself, else one beside it that differs in nothing else."""
    chosen = (project / OWNERSHIP).read_text(encoding="utf-8")
    tested = at_medium_risk(chosen)
    if tested == chosen:
        return project
    folder = Path(tempfile.mkdtemp(prefix="tested-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for path in project.iterdir():
        if path.name not in {".data", "policies"}:
            (folder / path.name).symlink_to(path)
    shutil.copytree(project / "policies", folder / "policies")
    (folder / OWNERSHIP).write_text(tested, encoding="utf-8")
    return folder
