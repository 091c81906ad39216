from urllib.parse import urlsplit

from pydantic import BaseModel, Field, SecretStr, field_validator


class McpSettings(BaseModel):
    """The server and the client of the Model Context Protocol."""

    mcp: bool = Field(True, description="Whether the API serves tools over the Model Context Protocol, at /mcp.")
    mcp_hosts: tuple[str, ...] = Field(
        (),
        description='Names by which clients of /mcp may call this service, as JSON: ["answers.example.com"]. Always '
        "allowed: this machine's own names, and that of APP_PUBLIC_URL. Another name in the header Host is refused.",
    )
    mcp_origins: tuple[str, ...] = Field(
        (),
        description='Web pages that may call /mcp, as JSON: ["https://chat.example.com"]. That of APP_PUBLIC_URL '
        "always may. A request from the page of another origin is refused; programs send no origin. A browser sends it "
        "only if APP_CORS_ORIGINS names the origin too.",
    )
    mcp_secrets: dict[str, SecretStr] = Field(
        {},
        description="Header values for the MCP servers of policies/actions.yaml, by the names that it uses for "
        'them, as JSON: {"tracker": "Bearer …"}.',
    )

    @field_validator("mcp_hosts")
    @classmethod
    def _names_of_hosts(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        for each in hosts:
            if not each or "/" in each or each != each.strip():
                raise ValueError(f"'{each[:100]}' is no host such as answers.example.com")
        return tuple(each.lower() for each in hosts)

    @field_validator("mcp_origins")
    @classmethod
    def _origins_of_pages(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for each in origins:
            parts = urlsplit(each)
            if parts.scheme not in ("http", "https") or not parts.netloc or each != f"{parts.scheme}://{parts.netloc}":
                raise ValueError(f"'{each[:100]}' is no origin such as https://chat.example.com")
        return tuple(each.lower() for each in origins)
