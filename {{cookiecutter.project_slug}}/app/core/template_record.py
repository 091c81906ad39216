"""Which version of the template this service has, from the record that its generation and its upgrades leave."""

import json
from dataclasses import dataclass
from pathlib import Path

RECORD = ".template.json"
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class TemplateRecord:
    """version, commit: of the template; UNKNOWN where the record does not say."""

    version: str = UNKNOWN
    commit: str = UNKNOWN

    @classmethod
    def of(cls, root: Path) -> "TemplateRecord":
        """From the folder of the service. A missing or broken record makes no service fail."""
        try:
            content = json.loads((root / RECORD).read_text(encoding="utf-8"))
            return cls(content.get("version") or UNKNOWN, content.get("commit") or UNKNOWN)
        except (OSError, ValueError, AttributeError):
            return cls()

    def __str__(self) -> str:
        return self.version if self.commit == UNKNOWN else f"{self.version}, commit {self.commit[:12]}"
