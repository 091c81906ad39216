from collections.abc import Sequence

import pytest

from app.monitoring.domain.data_health.column_change import ColumnChange

PRICES = ("article", "price", "valid_from")


@pytest.mark.parametrize(
    ("after", "added", "missing", "renamed"),
    [
        (PRICES, (), (), ()),
        (("valid_from", "article", "price"), (), (), ()),
        ((*PRICES, "currency"), ("currency",), (), ()),
        (("article", "valid_from"), (), ("price",), ()),
        (("article", "prices", "valid_from"), (), (), (("price", "prices"),)),
        (
            ("Article", "PRICE", "valid from"),
            (),
            (),
            (("article", "Article"), ("price", "PRICE"), ("valid_from", "valid from")),
        ),
        (("article", "amount", "valid_from"), (), (), (("price", "amount"),)),
        (("article", "amount"), ("amount",), ("price", "valid_from"), ()),
        (("sku", "amount", "stock", "count"), ("sku", "amount", "stock", "count"), PRICES, ()),
    ],
    ids=["same", "another order", "added", "missing", "similar", "case", "in its place", "not in its place", "all"],
)
def test_what_became_of_each_column(
    after: Sequence[str], added: Sequence[str], missing: Sequence[str], renamed: Sequence[tuple[str, str]]
) -> None:
    change = ColumnChange.between(PRICES, after)
    assert (change.added, change.missing, change.renamed) == (added, missing, renamed)
    assert change.size == len(added) + len(missing) + len(renamed)
