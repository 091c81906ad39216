from datetime import datetime

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.monitoring.domain.alert_notices import AlertNotice
from app.monitoring.tables import alert_notices


async def add_notice(connection: AsyncConnection, notice: AlertNotice, at: datetime) -> bool:
    """Whether it was added; False when this alert was in this state before, since the same start."""
    values = {
        "fingerprint": notice.fingerprint,
        "state": notice.state,
        "starts_at": notice.starts_at,
        "alert": notice.alert,
        "at": at,
    }
    new = insert(alert_notices).values(values).on_conflict_do_nothing().returning(alert_notices.c.alert)
    return (await connection.execute(new)).first() is not None
