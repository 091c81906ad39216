"""A prototype as it was read: its files, and what is fragile in them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

FragilityKind = Literal[
    "hard_coded_key",
    "committed_secret",
    "evaluated_text",
    "unpickled_data",
    "sql_from_text",
    "bare_except",
    "missing_timeout",
    "prompt_in_code",
    "model_in_code",
    "no_tests",
    "no_retries",
    "no_logging",
    "one_big_file",
    "unpinned_requirements",
    "notebook_code",
    "print_as_log",
    "unreadable_file",
]
RiskyWorkflow = Literal["sends messages", "moves money", "deletes", "writes to a database", "runs commands"]


class Remedy(NamedTuple):
    """harm: why it is fragile. room: where this service has it instead. page: of docs/, that helps."""

    harm: str
    room: str
    page: str


REMEDIES: Final[Mapping[FragilityKind, Remedy]] = {
    "hard_coded_key": Remedy("a key in code is in every copy of it", "app/settings", "runbooks/key-leaked.md"),
    "committed_secret": Remedy(
        "a file with secrets goes where the code goes", "app/settings", "runbooks/key-leaked.md"
    ),
    "evaluated_text": Remedy("text that is run may be anybody's", "app/actions", "explanation/actions.md"),
    "unpickled_data": Remedy("reading such data runs what is in it", "app/ingestion", "explanation/threat-model.md"),
    "sql_from_text": Remedy("text of users becomes a statement", "app/core", "explanation/threat-model.md"),
    "bare_except": Remedy("every error looks like success", "app/core", "reference/problems.md"),
    "missing_timeout": Remedy("one slow provider stops everybody", "app/llm", "how-to/connect-a-provider.md"),
    "prompt_in_code": Remedy("nobody knows which prompt answered", "prompts", "how-to/change-a-policy.md"),
    "model_in_code": Remedy("another model needs another version", "app/settings", "how-to/connect-a-provider.md"),
    "no_tests": Remedy("no change is known to be harmless", "evals", "how-to/write-an-evaluation-case.md"),
    "no_retries": Remedy("a passing failure reaches the user", "app/llm", "how-to/connect-a-provider.md"),
    "no_logging": Remedy("nobody sees what happened", "app/core", "how-to/observe.md"),
    "one_big_file": Remedy("no part can be tested or changed alone", "app", "explanation/architecture.md"),
    "unpinned_requirements": Remedy("it is another program every day", "app", "how-to/keep-dependencies-current.md"),
    "notebook_code": Remedy("its order is in somebody's head", "app", "explanation/architecture.md"),
    "print_as_log": Remedy("it has no level, time or request", "app/core", "how-to/observe.md"),
    "unreadable_file": Remedy("nothing can be said about it", "app", "explanation/architecture.md"),
}


@dataclass(frozen=True, slots=True)
class PrototypeFile:
    """path: relative, with forward slashes. text: None where the file is not text, or was too large to be read."""

    path: str
    size: int
    text: str | None

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def suffix(self) -> str:
        return ("." + self.name.rpartition(".")[2]).lower() if "." in self.name else ""


@dataclass(frozen=True, slots=True)
class Fragility:
    """detail: in words; never the secret itself. place: of a notebook, the cell that the line is in."""

    kind: FragilityKind
    path: str
    line: int
    detail: str


@dataclass(frozen=True, slots=True)
class WorkflowSign:
    """A line that does something with effects outside, and whose risk somebody has to classify."""

    workflow: RiskyWorkflow
    path: str
    line: int
    detail: str
