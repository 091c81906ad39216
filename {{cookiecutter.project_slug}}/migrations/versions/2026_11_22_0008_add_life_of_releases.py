"""The life of a release, canaries, and what each answer needs to be replayed."""

revision = "0008"
down_revision = "0007"


def upgrade() -> None: ...


def downgrade() -> None: ...
