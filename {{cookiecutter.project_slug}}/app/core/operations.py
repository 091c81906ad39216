"""Regular operations whose newest run is evidence that they take place."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

OperationKind = Literal["backup", "restore_drill", "retention", "load_test", "dependency_audit"]
OPERATIONS: tuple[OperationKind, ...] = get_args(OperationKind)


@dataclass(frozen=True, slots=True)
class OperationRun:
    """passed: whether it ended well. digest: SHA-256 of its result, such as a backup's manifest; empty without one.
    detail: figures in a few words, never text of users.
    """

    kind: OperationKind
    at: datetime
    actor: str
    passed: bool
    digest: str = ""
    detail: str = ""
