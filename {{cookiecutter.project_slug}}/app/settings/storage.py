from pathlib import Path

from pydantic import BaseModel, Field, SecretStr, field_validator


class StorageSettings(BaseModel):
    """The database, and what is stored outside of it."""

    database_url: SecretStr | None = Field(
        None,
        validation_alias="DATABASE_URL",
        description="PostgreSQL with pgvector >= 0.8.5, as a role that owns nothing. Unset: the embedded server.",
    )
    database_owner_url: SecretStr | None = Field(
        None, description="The same database as the owner of its tables: for 'app migrate' and 'app index optimise'."
    )
    database_session_url: SecretStr | None = Field(
        None,
        description="The same database and role, past the pooler, where DATABASE_URL leads through one in transaction "
        "mode: for notifications and the queue. Statements are then not prepared.",
    )
    database_backup_url: SecretStr | None = Field(
        None,
        description="The same database as a role that reads the rows of all tenants, for 'app backup' and "
        "'app restore'. Unset: as the owner, where that is a superuser.",
    )
    database_pool: int = Field(16, ge=2, le=200, description="Most connections of each of the process's two pools.")
    tombstones: Path | None = Field(
        None,
        description="File outside of the database to which each erasure is added, for restored backups. "
        "Unset: tombstones.jsonl in APP_DATA_DIR.",
    )

    @field_validator("database_url", "database_owner_url", "database_session_url", "database_backup_url")
    @classmethod
    def _postgresql(cls, value: SecretStr | None) -> SecretStr | None:
        if value and not value.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError("must read postgresql://user:password@host:port/database")
        return value
