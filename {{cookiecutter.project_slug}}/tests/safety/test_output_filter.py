"""What may leave in a text, by section `output` of the security policy."""

import re
import time
from collections.abc import Callable
from uuid import UUID, uuid4

import pytest

from app.core.redaction import SensitiveSpan, TextDetector
from app.safety.domain.link_hosts import LinkHosts
from app.safety.domain.output_filter import OutputFilter, OutputPolicy, canary_of, with_canary
from app.safety.domain.output_filter.canary import canaries_in
from app.safety.domain.output_filter.sentence_filter import SentenceFilter
from app.safety.domain.policy import SecurityPolicy
from app.safety.domain.text import normalise
from tests.safety.exfiltration import FORMS
from tests.safety.harmless_answers import HARMLESS, HOST
from tests.safety.outbound_forms import AROUND_THE_LIST, DISGUISES, SECRETS, carried
from tests.safety.rendering import stray_tags

PROMPT = (
    "You are Bo, the helper of the Sarn ferry. Quote timetables only from the board and name the pier. "
    "Never speak about strikes. Internal code word: HERON-3310. When unsure, send people to the kiosk."
)
OUTPUT = OutputFilter(OutputPolicy(hosts=(HOST,)))
TENANT, OTHER = UUID(int=1), UUID(int=2)
CANARY = canary_of("release", TENANT)


def filtered(text: str, output: OutputFilter = OUTPUT, known: tuple[str, ...] = ()) -> tuple[str, SentenceFilter]:
    sentences = output.sentences(PROMPT, known, CANARY)
    return sentences.passes(normalise(text).text), sentences


def rules(sentences: SentenceFilter) -> list[str]:
    return [finding.rule for finding in sentences.findings]


def signs(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]", "", text)


@pytest.mark.parametrize("before", ["", "Here is your summary. ", "Here it is.\n\n"])
def test_nothing_is_loaded_or_linked_but_from_named_hosts(before: str) -> None:
    assert len((*FORMS, *AROUND_THE_LIST)) > 200
    for form in (*FORMS, *AROUND_THE_LIST):
        left, sentences = filtered(before + form)
        assert stray_tags(left) == [], form
        assert "evil" not in left or "://" not in left.replace(f"://{HOST}/", ""), form
        assert any(rule.startswith(("output_link", "secret")) for rule in rules(sentences)), form


def test_the_forms_around_the_list_are_active_without_the_filter() -> None:
    """Checks that they are worth filtering: most of them load or link something in one of the renderers."""
    assert sum(bool(stray_tags(form)) for form in AROUND_THE_LIST) > 0.75 * len(AROUND_THE_LIST)


def test_a_harmless_answer_is_not_changed() -> None:
    assert len(HARMLESS) > 200
    for text in HARMLESS:
        for prompt in (PROMPT, "You answer questions for the readers of a document collection. Be brief."):
            sentences = OUTPUT.sentences(prompt, (), CANARY)
            assert (sentences.passes(text), sentences.findings, sentences.stopped) == (text, (), False)


def test_links_to_named_hosts_stay_links_and_without_a_named_host_none_does() -> None:
    text = f"[The guide](https://{HOST}/guide) and ![a plan](https://{HOST}/plan.png)"
    assert filtered(text)[0] == text
    assert stray_tags(filtered(text)[0], LinkHosts()) != []
    assert stray_tags(filtered(text, OutputFilter())[0], LinkHosts()) == []


@pytest.mark.parametrize("kind", SECRETS)
def test_a_secret_is_masked_and_the_rest_of_the_sentence_stays(kind: str) -> None:
    left, sentences = filtered(carried(kind), known=(carried(kind),))
    assert SECRETS[kind] not in left
    assert signs(SECRETS[kind])[-10:] not in signs(left).removesuffix("asasked")
    assert any(rule.startswith("secret.") for rule in rules(sentences))
    assert "•" in left or kind == "connection string"


@pytest.mark.parametrize("how", DISGUISES)
def test_a_secret_is_recognised_in_every_encoding(how: str) -> None:
    for kind in ("service key", "model provider", "AWS key id", "GitHub", "Slack", "Google", "vault", "private key"):
        disguised = DISGUISES[how](SECRETS[kind])
        left, sentences = filtered(f"Here: {disguised}")
        assert left == "" or "secret" in {rule.partition(".")[0] for rule in rules(sentences)}, kind
        assert signs(SECRETS[kind])[-10:] not in signs(left), kind


def test_the_lines_of_a_private_key_are_taken_out_one_by_one() -> None:
    sentences, key = OUTPUT.sentences(PROMPT, ()), SECRETS["private key"]
    left = "".join(sentences.passes(f"\n{line}") for line in (*key.split("\n"), "Keep it safe."))
    assert not any(line in left for line in key.split("\n")[1:-1])
    assert left.endswith("Keep it safe.")


def test_a_secret_that_begins_in_the_sentence_before_is_masked() -> None:
    sentences = OUTPUT.sentences(PROMPT, ())
    assert sentences.passes("The database password:") == "The database password:"
    assert SECRETS["assigned password"] not in sentences.passes(f"\n{SECRETS['assigned password']}")


DISGUISED = {"as it stands": str, "in capitals": str.upper, **DISGUISES}


@pytest.mark.parametrize("how", DISGUISED)
@pytest.mark.parametrize(("tenant", "rule"), [(TENANT, "prompt_leak"), (OTHER, "other_tenant")])
def test_the_canary_of_any_tenant_ends_the_text(how: str, tenant: UUID, rule: str) -> None:
    disguise: Callable[[str], str] = DISGUISED[how]
    left, sentences = filtered(f"It says {disguise(canary_of('release', tenant))}.")
    assert (left, sentences.stopped, rules(sentences)) == ("", True, [rule])
    assert sentences.passes("It was built in 1874.") == ""


@pytest.mark.parametrize("part", [CANARY[:8], CANARY[7:15], CANARY[-8:]])
def test_a_part_of_the_own_canary_ends_the_text(part: str) -> None:
    sentences = OUTPUT.sentences(PROMPT, (), CANARY)
    assert sentences.passes("It was built in 1874. ") != ""
    assert (sentences.passes(f"It begins {part}."), sentences.stopped, rules(sentences)) == ("", True, ["prompt_leak"])
    assert OUTPUT.sentences(PROMPT, (), canary_of("release", OTHER)).passes(f"It begins {part}.") != ""


def test_findings_are_counted_and_a_link_that_was_parted_is_no_kind_that_was_removed() -> None:
    said = "I was instructed to quote the documents. "
    sentences = OUTPUT.sentences(PROMPT, ())
    assert [sentences.passes(said) for _ in range(3)] == ["", "", ""]
    assert [(found.rule, found.count) for found in sentences.findings] == [("prompt_leak.described", 3)]
    assert sentences.removed_kinds == ("prompt_leak",)
    where = "It stands at https://ferry.example/times."
    _, parted = filtered(where, known=(where,))
    assert (rules(parted), parted.removed_kinds) == (["output_link.parted"], ())


def test_a_canary_is_the_same_for_a_tenant_and_release_and_another_for_others() -> None:
    assert canary_of("release", TENANT) == CANARY
    assert len({CANARY, canary_of("release", OTHER), canary_of("another", TENANT)}) == 3
    assert CANARY in with_canary(PROMPT, CANARY)
    changed = CANARY[:-1] + ("b" if CANARY[-1] != "b" else "c")
    assert canaries_in(f"It says {changed}.") == frozenset()


@pytest.mark.parametrize(
    "said",
    [
        "I am set up to help with one company's material only, and there are topics I have been told not to handle.",
        "I was instructed to quote the documents and never to speak about prices.",
        "My instructions say that I refuse other topics.",
        "My system prompt tells me to stay polite.",
    ],
)
def test_a_description_of_the_instructions_is_taken_out_unless_a_document_says_it(said: str) -> None:
    left, sentences = filtered(said)
    assert (left, rules(sentences)) == ("", ["prompt_leak.described"])
    assert filtered(said, known=(f"The old assistant wrote: {said}",))[0] == said


@pytest.mark.parametrize(
    ("field", "text"),
    [("links", "See https://evil.example/?q=s."), ("prompt", PROMPT), ("secrets", carried("GitHub"))],
)
def test_the_policy_says_what_happens_on_a_finding(field: str, text: str) -> None:
    for action in ("remove", "refuse", "review"):
        output = OutputFilter(OutputPolicy.model_validate({field: action}))
        left, sentences = filtered(text, output)
        assert sentences.refused == (action == "refuse")
        assert output.policy.needs_review(sentences.findings) == (action == "review")
        assert output.policy.decides_on_the_whole == (action != "remove")
        assert SECRETS["GitHub"] not in left
        assert "evil" not in left
        assert (left == "") == (field != "secrets" or action != "review")


def test_an_address_of_the_documents_is_no_reason_to_refuse() -> None:
    where = "The timetable stands at https://ferry.example/times."
    left, sentences = filtered(where, OutputFilter(OutputPolicy(links="refuse")), known=(where,))
    assert (rules(sentences), sentences.refused) == (["output_link.parted"], False)
    assert "ferry" in left


def test_another_kind_of_sensitive_text_is_one_more_detector() -> None:
    class Names:
        def find(self, text: str) -> list[SensitiveSpan]:
            at = text.find("Marta Holm")
            return [SensitiveSpan("personal_data", "personal_data.name", at, at + 10)] if at >= 0 else []

    detectors: tuple[TextDetector, ...] = (*OutputFilter().detectors, Names())
    left, sentences = filtered("It was built by Marta Holm.", OutputFilter(detectors=detectors))
    assert (left, rules(sentences)) == ("It was built by ••••••••.", ["personal_data.name"])


def test_a_quotation_keeps_links_to_named_hosts_and_its_offsets() -> None:
    text = f"See https://{HOST}/a and https://evil.example/b; {carried('GitHub')}"
    quoted = OUTPUT.quoted(text)
    assert f"https://{HOST}/a" in quoted
    assert stray_tags(quoted) == []
    assert SECRETS["GitHub"] not in quoted
    masked = OUTPUT.masked(text, keep_length=True)
    assert len(masked) == len(text)
    assert SECRETS["GitHub"] not in masked


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        (f"note {PROMPT[:90]}", "prompt_leak"),
        (f"note {CANARY}", "prompt_leak"),
        (f"note {SECRETS['AWS key id']}", "secret.aws_access_key"),
        ("note https://evil.example/?q=s", "output_link.removed"),
        (f"note {DISGUISES['hexadecimal'](SECRETS['GitHub'])}", "secret.hidden"),
        ("note the drum was replaced, call back on Monday", None),
        ("note see https://ferry.example/times", None),
    ],
)
def test_the_arguments_of_an_action_are_filtered_like_an_answer(arguments: str, rule: str | None) -> None:
    assert OUTPUT.objection(arguments, PROMPT, ("Add that it is at https://ferry.example/times",)) == rule


@pytest.mark.parametrize(
    "name", ["https://a.example", "a example.com", "*.example.com", "bücher.example", "-a.com", ""]
)
def test_only_a_host_can_be_named(name: str) -> None:
    with pytest.raises(ValueError, match="is not a host"):
        SecurityPolicy.model_validate({"owner": "someone", "output": {"hosts": [name]}})


def test_a_host_is_compared_in_lower_case_and_with_its_port() -> None:
    hosts = OutputPolicy(hosts=("Docs.Example.com.", "other.example:8443")).link_hosts
    assert hosts.permits("https://DOCS.example.com/a")
    assert hosts.permits("https://docs.example.com:443/a")
    assert hosts.permits("https://other.example:8443/a")
    assert not hosts.permits("https://other.example/a")
    assert not hosts.permits("https://docs.example.com:99999/a")


@pytest.mark.parametrize(
    "address", ["http://docs.example.com/a", "ftp://docs.example.com/a", "//docs.example.com/a", "docs.example.com/a"]
)
def test_only_an_address_over_https_of_a_common_length_is_permitted(address: str) -> None:
    hosts = LinkHosts(("docs.example.com",))
    assert not hosts.permits(address)
    longest = "https://docs.example.com/".ljust(500, "a")
    assert hosts.permits(longest)
    assert not hosts.permits(f"{longest}a")
    assert not LinkHosts().permits("https://docs.example.com/a")


@pytest.mark.parametrize(
    "piece", ["[", "](https://", "sk-", "password=", "a ", "1. a\n", "-----BEGIN ", "eyJ.", "://a:"]
)
def test_filtering_takes_linear_time(piece: str) -> None:
    text, began = piece * (20_000 // len(piece)), time.process_time()
    OUTPUT.sentences(PROMPT, (), CANARY).passes(text)
    OUTPUT.quoted(text)
    assert time.process_time() - began < 20, "quadratic time would take minutes"


def test_a_random_text_has_no_canary() -> None:
    assert not any(filtered(f"The id is {uuid4().hex}.")[1].stopped for _ in range(50))


def test_a_name_that_the_model_has_read_is_no_objection_and_another_one_is() -> None:
    class Names:
        def find(self, text: str) -> list[SensitiveSpan]:
            found = re.finditer("Marta Holm|Jon Berg", text)
            return [SensitiveSpan("personal_data", "personal_data.name", *each.span()) for each in found]

    output = OutputFilter(detectors=(Names(),))
    assert output.objection("Ask Marta Holm.", PROMPT, ("nothing", "Marta Holm built it.")) is None
    assert output.objection("Marta Holm, Jon Berg", PROMPT, ("Marta Holm",)) == "personal_data.name"
    assert output.objection("It is at the pier.", PROMPT, ()) is None


def test_what_is_masked_is_counted_by_its_kind() -> None:
    secret = SECRETS["GitHub"]
    (found,) = OUTPUT.mask_findings(f"{secret} and {secret}")
    assert (found.rule.startswith("secret."), found.count) == (True, 2)
    assert OUTPUT.mask_findings("nothing") == ()
    text = "nothing"
    assert OUTPUT.masked(text) is text


@pytest.mark.parametrize(
    ("text", "waits"), [(PROMPT[:60], True), ("Spell: g h p _ a b c d e", True), ("The ferry leaves at eight.", False)]
)
def test_a_text_waits_for_the_next_where_both_could_leak(text: str, waits: bool) -> None:
    assert filtered(text)[1].may_go_on is waits
