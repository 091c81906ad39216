"""Who is told of a decision, what a person made of an answer, and whom a second look is hidden from."""

from alembic import op

from app.core.rls import SERVICE_ROLE

revision = "0014"
down_revision = "0013"

ADD = """
alter table reviewed_answers
    add column webhook text,
    add column outcome text
        constraint ck_reviewed_answers_outcome check (outcome in ('approved', 'edited', 'rejected')),
    add column reason text,
    add column blind boolean not null default false,
    add constraint ck_reviewed_answers_reasoned check ((outcome is null) = (reason is null));
alter table review_items add column seen_by text[] not null default '{}';
"""

REMOVE = """
alter table review_items drop column seen_by;
alter table reviewed_answers
    drop column webhook, drop column outcome, drop column reason, drop column blind;
"""


def upgrade() -> None:
    op.execute(ADD)
    op.execute(f"grant update (outcome, reason, blind) on reviewed_answers to {SERVICE_ROLE}")
    op.execute(f"grant update (seen_by) on review_items to {SERVICE_ROLE}")


def downgrade() -> None:
    op.execute(REMOVE)
