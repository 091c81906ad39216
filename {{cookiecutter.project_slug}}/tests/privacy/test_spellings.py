"""A name is found and erased however its letters were composed and its spaces written."""

import re
import unicodedata
from collections.abc import Callable
from uuid import UUID, uuid4

import httpx
import pytest

from app.core.embedded import Urls
from app.privacy.domain.requests import Selection
from app.wiring import State
from benchmarks.harness import work_off
from tests.privacy.planted import Garden
from tests.privacy.test_erasure import WHY, left

NAMES = (
    "Zoë Quíllfeather",
    'O\'Brien "Ace" Quill',
    "ÉMILE Čapková",
    "山田太郎様",
    "ada.quill+x@ex-ample.org",
    "Quill/Feather & <Co>",
    "İlker Şahin",
    "\\d+ (x)|y",
    "zoe\u0308 quick",
    "Griffith-O'Fiffe",
)


def composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


FORMS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "capitals": str.upper,
    "decomposed": lambda name: unicodedata.normalize("NFD", name),
    "composed": composed,
    "spaces that do not break": lambda name: name.replace(" ", "\u00a0"),
    "emphasis": lambda name: f"__{name.replace(' ', '__ **')}**",
    "name of a file": lambda name: name.replace(" ", "_"),
    "what an office program makes of it": lambda name: name.translate(str.maketrans("'-", "’\u2011")),
    "full width": lambda name: composed(name).translate({code: code + 0xFEE0 for code in range(0x21, 0x7F)}),
    "invisible characters": lambda name: "\u200b".join(re.findall(r".[\u0300-\u036f]*", name)),
    "ligatures": lambda name: name.replace("ffi", "ﬃ").replace("fi", "ﬁ").replace("ff", "ﬀ"),
    "numbers of characters": lambda name: re.sub(r"[^\w\s]|[À-ÿ]", lambda one: f"&#{ord(one[0])};", composed(name)),
}


async def comment(client: httpx.AsyncClient, answer_id: str, text: str) -> None:
    body = {"helpful": False, "comment": text}
    (await client.post(f"/v1/answers/{answer_id}/feedback", json=body)).raise_for_status()


@pytest.mark.parametrize("name", NAMES)
async def test_a_name_is_erased_in_every_spelling_of_its_characters(
    state: State, tenant: UUID, client: httpx.AsyncClient, database_urls: Urls, name: str
) -> None:
    garden = Garden(state, client, tenant, database_urls.owner, state.settings.root / "evals")
    spellings = {garden.word(form).split()[-1]: spell(name) for form, spell in FORMS.items()}
    for word, said in spellings.items():
        text = f"# The keeper\n\nThe keeper of the {word} harbour is {said} indeed.\n"
        files = {"files": (f"{word}.md", text.encode())}
        (await client.post("/v1/documents", files=files, data={"metadata": "{}"})).raise_for_status()
    await work_off(state)
    for word, said in spellings.items():
        body = {"question": f"Who keeps the {word} harbour, {said}?", "conversation": f"about {said} {word}"}
        asked = await client.post("/v1/answers", json=body, headers={"Idempotency-Key": uuid4().hex})
        await comment(client, asked.json()["id"], f"It is {said}, {word}.")
    # Nothing else leads to these; questions are stored composed.
    alone = {garden.word(f"{form}, in a comment").split()[-1]: spell(name) for form, spell in FORMS.items()}
    for word, said in alone.items():
        asked = await client.post("/v1/answers", json={"question": "Which volcano of Peru is the highest?"})
        await comment(client, asked.json()["id"], f"Ask {said}, {word}.")
    assert left(garden) == {*spellings, *alone}
    await state.privacy.erasure.erase(tenant, Selection("subject", name), "officer", WHY)
    assert garden.by_store(left(garden)) == {}
