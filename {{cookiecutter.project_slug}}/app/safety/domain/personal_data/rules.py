"""The section `personal_data` of policies/privacy.yaml."""

from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Generic, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from app.core.base_models import ExactModel
from app.core.ownership import DataSensitivity
from app.safety.domain.personal_data.findings import KINDS, Kind
from app.safety.domain.personal_data.masking import Mask
from app.safety.domain.personal_data.national_id_rules import COUNTRIES

if TYPE_CHECKING:
    from app.safety.domain.personal_data.detection import PersonalDataDetector

QuestionTreatment = Literal["keep", "flag", "refuse"]
DocumentTreatment = Literal["keep", "flag", "mask", "quarantine"]
PromptTreatment = Literal["keep", "pseudonymise"]
AnswerTreatment = Literal["keep", "flag", "mask"]
CopyTreatment = Literal["keep", "mask"]
Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]

A = TypeVar("A")

THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})


class ByDataClass(ExactModel, Generic[A]):
    """What happens by the data_sensitivity of policies/ownership.yaml. One word instead stands for all three."""

    public: A = Field(description="Where the data is public.")
    internal: A = Field(description="Where it is internal.")
    confidential: A = Field(description="Where it is confidential.")

    @model_validator(mode="before")
    @classmethod
    def _the_same_for_all(cls, value: object) -> object:
        return dict.fromkeys(("public", "internal", "confidential"), value) if isinstance(value, str) else value

    def of(self, sensitivity: DataSensitivity) -> A:
        actions: dict[DataSensitivity, A] = {
            "public": self.public,
            "internal": self.internal,
            "confidential": self.confidential,
        }
        return actions[sensitivity]


def _same(action: A) -> ByDataClass[A]:
    return ByDataClass(public=action, internal=action, confidential=action)


class PersonalDataRules(ExactModel):
    """Personal data: what is looked for, and what happens to it at each place. `keep` does nothing."""

    kinds: tuple[Kind, ...] = Field(KINDS, description="The kinds that are looked for.")
    countries: tuple[Country, ...] = Field(
        COUNTRIES, description="ISO codes of the countries whose national and telephone numbers are looked for."
    )
    inside_hosts: tuple[str, ...] = Field(
        (), description="Hosts of your own whose models get prompts unchanged, besides this machine."
    )
    questions: ByDataClass[QuestionTreatment] = Field(
        _same("keep"), description="In questions: flag adds a finding to the answer, refuse answers 422."
    )
    documents: ByDataClass[DocumentTreatment] = Field(
        _same("flag"),
        description="In documents: flag adds a finding, mask replaces it before chunks are embedded and stored, "
        "quarantine holds the document back.",
    )
    prompts: ByDataClass[PromptTreatment] = Field(
        ByDataClass(public="keep", internal="pseudonymise", confidential="pseudonymise"),
        description="In what is sent to models elsewhere: pseudonymise sends pseudonyms and puts the values back into "
        "the reply; texts for an embedder elsewhere are masked.",
    )
    answers: ByDataClass[AnswerTreatment] = Field(
        _same("keep"), description="In answers and their quotes: flag adds a finding, mask replaces it."
    )
    evaluation_sets: CopyTreatment = Field("mask", description="In cases that are written into evals/.")
    exports: CopyTreatment = Field("mask", description="In what is printed or exported for people, such as candidates.")

    @cached_property
    def detector(self) -> "PersonalDataDetector":
        # Imported late: commands that show no text need no detector.
        from app.safety.domain.personal_data.detection import PersonalDataDetector

        return PersonalDataDetector(self.kinds, self.countries)

    @cached_property
    def mask(self) -> Mask:
        return Mask(self.detector)

    def is_inside(self, address: str) -> bool:
        """Whether models at this address get prompts unchanged."""
        host = (urlsplit(address).hostname or "").lower()
        return host in THIS_MACHINE or host in self.inside_hosts


DEFAULT_RULES = PersonalDataRules()
