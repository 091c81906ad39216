"""Database errors as one sentence for the command line, with the missing privilege and how to grant it."""

import re

import psycopg
from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError

from app.core.rls import SERVICE_ROLE

DENIED = "42501"
ABSENT = {"0A000", "58P01"}
ADMINISTRATOR = "let an administrator of the database run"

_OBJECT = re.compile(r"permission denied for (schema|table|view|sequence|database|function|large object) (.+)")
_OWNED = re.compile(r"must be (?:the )?owner of (?:relation|(materialized view|\w+)) (.+)")
_GRANTED = {
    "schema": "usage, create",
    "table": "all",
    "view": "select",
    "sequence": "all",
    "database": "all",
    "function": "execute",
}
_FATAL = re.compile(r"FATAL:\s+(.+)")


def sentence_of(error: BaseException, owner_url: str, service_url: str) -> str | None:
    """An error of the database as a sentence; None for any other error.

    owner_url: of the role that ran the statement; service_url: of the service's role.
    """
    cause = error.orig if isinstance(error, DBAPIError) else error
    if not isinstance(cause, psycopg.Error):
        return None
    message = (cause.diag.message_primary or str(cause).partition("\n")[0]).rstrip(".")
    if cause.sqlstate == DENIED:
        return _denied(message, _user(owner_url), _user(service_url))
    if cause.sqlstate in ABSENT and "extension" in message and "vector" in message:
        return "This database server does not have pgvector: install version 0.8.5 or newer on it, then try again."
    state = f" ({cause.sqlstate})" if cause.sqlstate else ""
    return f"The database refused a statement{state}: {message}."


def greeting_of(error: BaseException) -> str | None:
    """The server's message when it refused the connection; None when no server answered."""
    below: BaseException | None = error
    while below is not None:
        if isinstance(below, psycopg.OperationalError) and (match := _FATAL.search(str(below))):
            return match[1].strip()
        below = below.__cause__
    return None


def _denied(message: str, role: str, service: str) -> str:
    if "create extension" in message:
        need, statement = "may not create the extension vector", "create extension vector"
    elif "create role" in message:
        need, statement = f"may not create the role {SERVICE_ROLE}", f"create role {SERVICE_ROLE} nologin"
    elif "grant role" in message or "admin option" in message.lower():
        need, statement = f"may not grant the role {SERVICE_ROLE}", f"grant {SERVICE_ROLE} to {service}"
    elif match := _OWNED.search(message):
        kind = match[1] or "table"
        need, statement = f"does not own the {kind} {match[2]}", f"alter {kind} {match[2]} owner to {role}"
    elif match := _OBJECT.search(message):
        kind, name = match[1], match[2]
        rights = _GRANTED.get(kind, "all")
        need, statement = f"lacks {rights} on the {kind} {name}", f"grant {rights} on {kind} {name} to {role}"
    else:
        return f"The role {role} lacks a privilege: {message}; let an administrator of the database grant it."
    return f"The role {role} {need}; {ADMINISTRATOR} '{statement};' in this database, then try again."


def _user(url: str) -> str:
    user = make_url(url).username or "of this user"
    return user if re.fullmatch(r"[a-z_][a-z0-9_]*", user) else '"' + user.replace('"', '""') + '"'
