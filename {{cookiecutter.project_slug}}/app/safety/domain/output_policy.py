"""Section `output` of policies/security.yaml: what may leave in an answer, and what happens to the rest."""

from collections.abc import Iterable
from typing import Literal

from pydantic import Field, field_validator

from app.core.base_models import ExactModel
from app.safety.domain.link_hosts import HOST, LinkHosts
from app.safety.domain.text import Finding

TextAction = Literal["remove", "refuse", "review"]
SpanAction = Literal["mask", "remove", "refuse", "review"]

_FIELDS = {"prompt_leak": "prompt", "other_tenant": "prompt", "secret": "secrets", "output_link": "links"}
_ALLOWED = frozenset({"output_link.parted"})


def is_of_output(finding: Finding) -> bool:
    """Whether the finding is about text that leaves, and not about a question or a document."""
    return finding.rule.partition(".")[0] in _FIELDS


class OutputPolicy(ExactModel):
    """mask: the characters are replaced. remove: the sentence is taken out. refuse: a refusal takes the answer's place.
    review: as the mildest of these, and the answer waits for a person.
    """

    hosts: tuple[str, ...] = Field(
        (), description="Hosts that answers may link to and load images from, over https; sub-domains are named too."
    )
    links: TextAction = Field("remove", description="A link, an image or an address of a host that is not named.")
    prompt: TextAction = Field(
        "remove", description="Parts of the instructions to the model, or marks of another tenant; also what follows."
    )
    secrets: SpanAction = Field("mask", description="Keys, tokens, private keys, connection strings and passwords.")

    sources: Literal["marks", "list"] = Field(
        "marks",
        description="Whether answers in the OpenAI format end with a list of their sources; a request may say so.",
    )

    @field_validator("hosts")
    @classmethod
    def _are_hosts(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        hosts = tuple(name.strip().lower().removesuffix(".") for name in names)
        for given, host in zip(names, hosts, strict=True):
            if not HOST.fullmatch(host):
                raise ValueError(f"'{given}' is not a host; write it like docs.example.com, in its ASCII form")
        return hosts

    @property
    def link_hosts(self) -> LinkHosts:
        return LinkHosts(self.hosts)

    @property
    def decides_on_the_whole(self) -> bool:
        """Whether a finding can keep back the whole answer, so that no text may be sent before all of it is checked."""
        return not {"refuse", "review"}.isdisjoint({self.links, self.prompt, self.secrets})

    def action(self, rule: str) -> SpanAction:
        """What happens on a finding of this rule; a kind without a field of its own is masked."""
        field = _FIELDS.get(rule.partition(".")[0])
        action: SpanAction = getattr(self, field) if field and rule not in _ALLOWED else "mask"
        return action

    def needs_review(self, findings: Iterable[Finding]) -> bool:
        return any(self.action(finding.rule) == "review" for finding in findings)
