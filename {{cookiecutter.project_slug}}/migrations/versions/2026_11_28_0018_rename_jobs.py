"""Jobs in the queue follow the new names of their kinds."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"

RENAMED = {
    "webhooks.tell": "webhooks.send",
    "review.take": "review.add_answer",
    "review.take_action": "review.add_action",
}
_RENAME = sa.text("update procrastinate_jobs set task_name = :new where task_name = :old")


def upgrade() -> None:
    for old, new in RENAMED.items():
        op.execute(_RENAME.bindparams(old=old, new=new))


def downgrade() -> None:
    for old, new in RENAMED.items():
        op.execute(_RENAME.bindparams(old=new, new=old))
