"""Run by `app migrate`, which hands over an open connection with its lock and statement timeouts set."""

from alembic import context

from app.core.database import metadata
from app.core.schema import ours

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, include_object=ours, transaction_per_migration=True)
with context.begin_transaction():
    context.run_migrations()
