from typing import Annotated

from pydantic import Field

from app.identity.domain import GROUP_PATTERN

GroupName = Annotated[str, Field(json_schema_extra={"pattern": f"^{GROUP_PATTERN.pattern}$"})]
"""An access group in the body of a request. `check_groups` and access lists refuse what is none."""
