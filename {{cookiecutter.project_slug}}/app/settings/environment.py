"""The variables that are given to this process, by its environment and by the file .env."""

import os
import re
from collections.abc import Mapping
from typing import TypeVar

PREFIX = "APP_"
V = TypeVar("V", str, str | None)

_INJECTED = re.compile(
    r"APP(_[A-Z0-9_]+)?_(SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)", re.IGNORECASE
)
_INJECTED_PORT = re.compile(r"APP(_[A-Z0-9_]+)?_PORT", re.IGNORECASE)
_ADDRESS = re.compile(r"(tcp|udp|sctp)://", re.IGNORECASE)


def from_environment() -> dict[str, str]:
    return without_injected(os.environ)


def from_file() -> dict[str, str | None]:
    from dotenv import dotenv_values

    return dict(dotenv_values(".env"))


def without_injected(variables: Mapping[str, V]) -> dict[str, V]:
    """Without what Kubernetes and Docker put into every container about a Service or a link named app or app-…"""
    return {
        name: value
        for name, value in variables.items()
        if not _INJECTED.fullmatch(name) and not (_INJECTED_PORT.fullmatch(name) and _ADDRESS.match(value or ""))
    }
