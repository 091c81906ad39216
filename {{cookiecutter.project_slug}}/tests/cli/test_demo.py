"""The demo's handbook answers no question about anybody's own documents."""

from pathlib import Path

from app.cli.common import DEFAULT_TENANT, caller_at_the_command_line
from app.cli.demo import TENANT, Stopwatch, read_and_answer
from app.inference.domain.answer import Answer, Question
from app.ingestion.domain.documents import Upload, UploadOptions
from app.settings import Settings
from app.wiring import State

HANDBOOK = {
    "keys.md": "# Keys\n\nTo revoke an API key, run `app keys revoke` with its prefix.\n",
    "gates.md": "# Gates\n\nA document that fails a quality gate is put into quarantine and is not served.\n",
}
OWN = b"# The gym\n\nThe key of the gym is handed back at the desk of the porter every evening.\n"


async def test_the_handbook_of_the_demo_does_not_mix_with_own_documents(
    state: State, settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "docs").mkdir()
    for name, text in HANDBOOK.items():
        (tmp_path / "docs" / name).write_text(text)
    await read_and_answer(state, settings.model_copy(update={"root": tmp_path}), Stopwatch())
    await state.identity.ensure_tenant(DEFAULT_TENANT)
    tenants = [await state.identity.tenant(name) for name in (DEFAULT_TENANT, TENANT)]
    own, demo = (caller_at_the_command_line(tenant) for tenant in tenants)
    (item,) = await state.ingestion.upload(own, UploadOptions(), [Upload("gym.md", OWN, "gym.md")])
    assert item.id
    await state.ingestion.process(own.tenant_id, item.id, item.version or 0)
    for caller, question, uris in (
        (own, "Where is the key of the gym handed back?", {"gym.md"}),
        (own, "How do I revoke an API key?", {"gym.md"}),
        (demo, "How do I revoke an API key?", {"keys.md"}),
    ):
        answer = await state.answers.answer(caller, Question(question))
        assert isinstance(answer, Answer)
        assert {each.uri for each in answer.citations} <= uris, question
    await state.ingestion.delete(own, item.id)
