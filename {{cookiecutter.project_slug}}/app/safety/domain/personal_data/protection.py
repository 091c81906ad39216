"""The rules for personal data, applied to the data class of a service."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from app.core.ownership import DataSensitivity
from app.safety.domain.personal_data.findings import Kind, PersonalData
from app.safety.domain.personal_data.masking import Mask
from app.safety.domain.personal_data.rules import (
    DEFAULT_RULES,
    AnswerTreatment,
    DocumentTreatment,
    PersonalDataRules,
    PromptTreatment,
    QuestionTreatment,
)
from app.safety.domain.text import Finding

RULE = "personal_data"
_NAMES: dict[Kind, str] = {
    "email": "e-mail addresses",
    "phone": "telephone numbers",
    "card": "numbers of payment cards",
    "iban": "bank account numbers",
    "national_id": "national numbers of persons",
    "passport": "passport numbers",
    "driving_licence": "numbers of driving licences",
    "ip_address": "IP addresses",
    "mac_address": "MAC addresses",
    "crypto_address": "addresses of crypto-currencies",
    "date_of_birth": "dates of birth",
    "url_user": "names of users in URLs",
}


@dataclass(frozen=True)
class PersonalDataProtection:
    """What the policy wants at each place, for the data class of the service."""

    rules: PersonalDataRules = DEFAULT_RULES
    sensitivity: DataSensitivity = "internal"

    @property
    def questions(self) -> QuestionTreatment:
        return self.rules.questions.of(self.sensitivity)

    @property
    def documents(self) -> DocumentTreatment:
        return self.rules.documents.of(self.sensitivity)

    @property
    def prompts(self) -> PromptTreatment:
        return self.rules.prompts.of(self.sensitivity)

    @property
    def answers(self) -> AnswerTreatment:
        return self.rules.answers.of(self.sensitivity)

    @property
    def mask(self) -> Mask:
        return self.rules.mask

    @property
    def answer_mask(self) -> Callable[[str], str]:
        """What is done to the sentences of an answer."""
        return self.mask if self.answers == "mask" else str

    def findings(self, text: str) -> tuple[Finding, ...]:
        """A finding for each kind in the text, which does not quote it."""
        return summarised(self.rules.detector.find(text))

    def pseudonymises(self, address: str) -> bool:
        """Whether a model at this address gets pseudonyms."""
        return self.prompts == "pseudonymise" and not self.rules.is_inside(address)


def summarised(found: tuple[PersonalData, ...]) -> tuple[Finding, ...]:
    counts = Counter(each.kind for each in found)
    first = {each.kind: each.start for each in reversed(found)}
    return tuple(
        Finding(f"{RULE}.{kind}", f"contains {_NAMES[kind]}", count, first[kind]) for kind, count in counts.items()
    )


def is_personal_data(finding: Finding) -> bool:
    return finding.rule.partition(".")[0] == RULE


DEFAULT_PROTECTION = PersonalDataProtection()
