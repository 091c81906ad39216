from pathlib import Path

import pytest
from pydantic import SecretStr

from app.adapters.embeddings.masked import MaskedEmbedder
from app.core.embedded import Urls
from app.core.errors import StartRefused
from app.settings import Settings
from app.setup.process import database_urls, make_embedders
from app.setup.release_check import protection_of
from app.wiring import infrastructure

SERVICE, OWNER = "postgresql://service@db/app", "postgresql://owner@db/app"


@pytest.mark.parametrize(
    ("owner", "urls"),
    [(None, Urls(service=SERVICE, owner=SERVICE)), (SecretStr(OWNER), Urls(service=SERVICE, owner=OWNER))],
    ids=["one role", "two roles"],
)
def test_with_a_database_url_no_server_is_started(settings: Settings, owner: SecretStr | None, urls: Urls) -> None:
    given = settings.model_copy(update={"database_url": SecretStr(SERVICE), "database_owner_url": owner})
    assert database_urls(given) == (urls, None)


@pytest.mark.parametrize(
    ("first", "second", "names"),
    [
        ("none", None, ["none"]),
        ("none", "none", ["none"]),
        ("none", "openai", ["none", "text-embedding-3-small"]),
        ("openai", "none", ["text-embedding-3-small", "none"]),
    ],
)
def test_the_embedder_of_new_indexes_comes_first_and_none_is_opened_twice(
    settings: Settings, first: str, second: str | None, names: list[str]
) -> None:
    embedders = make_embedders(settings.model_copy(update={"embedder": first, "embedder_next": second}))
    assert [name in embedder.name for name, embedder in zip(names, embedders, strict=True)] == [True] * len(names)


def test_only_the_embedder_elsewhere_gets_masked_texts(settings: Settings) -> None:
    protection = protection_of(infrastructure.policies_of(settings))
    both = settings.model_copy(update={"embedder": "none", "embedder_next": "openai"})
    here, elsewhere = make_embedders(both, protection)
    assert (isinstance(here, MaskedEmbedder), isinstance(elsewhere, MaskedEmbedder)) == (False, True)


def test_an_embedder_whose_folder_is_empty_is_refused_at_the_start(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(StartRefused, match=str(tmp_path)):
        make_embedders(settings.model_copy(update={"embedder": "minilm", "embedder_folder": tmp_path}))
