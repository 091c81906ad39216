"""Every table is on the list of stores, with each column that could hold content: nothing is erased by memory."""

import importlib
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.types import ARRAY as PLAIN_ARRAY
from sqlalchemy.types import LargeBinary, Text

from app.core.database import metadata
from app.core.embedded import Urls
from app.privacy.domain.catalogue import CATALOGUE
from app.privacy.domain.stores import Kept, Store
from app.retrieval.tables import HalfVector, SparseVector
from app.wiring import load_extensions
from tests.conftest import ROOT

for path in sorted((ROOT / "app").glob("*/tables.py")):
    importlib.import_module(f"app.{path.parent.name}.tables")

load_extensions()
STORES = {store.table: store for store in CATALOGUE.stores}
TYPES = """
    select table_name::text, column_name::text from information_schema.columns
    where table_schema = 'public'
      and (data_type in ('text', 'character varying', 'character', 'jsonb', 'json', 'bytea', 'xml')
        or udt_name in ('_text', '_varchar', '_bpchar', '_jsonb', 'citext', 'halfvec', 'sparsevec', 'vector',
                        'tsvector'))
"""


def holds_content(kind: object) -> bool:
    if isinstance(kind, ARRAY | PLAIN_ARRAY):
        return isinstance(kind.item_type, Text)
    return isinstance(kind, Text | JSONB | LargeBinary | HalfVector | SparseVector)


@pytest.mark.parametrize("table", sorted(metadata.tables))
def test_a_table_and_each_of_its_columns_that_may_hold_content_are_listed(table: str) -> None:
    assert table in STORES, f"list it in app/extensions/stores.py: what does {table} hold, and how is it erased?"
    columns = {column.name for column in metadata.tables[table].columns if holds_content(column.type)}
    assert columns == set(STORES[table].columns)


def test_the_list_is_what_the_database_has(database_urls: Urls) -> None:
    """Also the tables of the queue and of the migrations, which no code here declares."""
    with psycopg.connect(database_urls.owner) as connection:
        found: dict[str, set[str]] = {}
        for table, column in connection.execute(TYPES).fetchall():
            found.setdefault(table, set()).add(column)
    assert found == {name: set(store.columns) for name, store in STORES.items() if store.columns}


def test_each_store_is_listed_once() -> None:
    assert len(STORES) == len(CATALOGUE.stores)


@pytest.mark.parametrize(
    "store", [each for each in CATALOGUE.stores if each.erasing == "change"], ids=lambda s: s.table
)
def test_what_stays_has_something_in_place_of_its_content(store: Store) -> None:
    assert store.contents
    assert [name for name, column in store.contents.items() if column.to is None] == []


@pytest.mark.parametrize("store", [each for each in CATALOGUE.stores if each.erasing == "kept"], ids=str)
def test_what_is_kept_says_why(store: Store) -> None:
    assert store.note
    assert all(isinstance(column, Kept) and column.why for column in store.columns.values())


def test_every_row_that_is_deleted_has_content_or_belongs_to_a_document_or_an_answer() -> None:
    deleted = [each for each in CATALOGUE.stores if each.erasing == "delete"]
    owned = [each for each in deleted if each.contents or "document" in each.linked or "answer_id" in each.linked]
    assert [each.table for each in deleted if each not in owned] == []
    assert all(column.to is None for each in deleted for column in each.contents.values())


def test_the_page_names_every_store() -> None:
    page = (Path(ROOT) / "docs" / "how-to" / "erase-personal-data.md").read_text(encoding="utf-8")
    assert "app privacy stores" in page
    assert all(file.how for file in CATALOGUE.files)
