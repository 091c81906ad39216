from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field


class DeploymentSettings(BaseModel):
    """What this deployment is, and where its files are."""

    environment: Literal["development", "staging", "production"] = Field(
        "development",
        description="Where this runs. Outside development no secret is generated: each must be set.",
    )
    root: Path = Field(Path("."), description="Folder that holds policies/, prompts/, migrations/ and docs/.")
    data_dir: Path = Field(Path(".data"), description="Folder of the embedded server and of development secrets.")
