"""The databases of a run: copied one by one from a migrated one, and dropped together at its end.

A database is hundreds of files. For minutes after files were removed, ext4 takes long to find a place for a new one: if
databases were dropped one by one, each would make the next ones dear.
"""

import os
import re
from dataclasses import dataclass
from uuid import uuid4

import psutil
import psycopg

from app.core.embedded import EmbeddedPostgres, Urls
from benchmarks.harness import copy_database

NAME = re.compile(r"test_(\d+)_[0-9a-f]{12}")
"""Of which process it is, and which one."""


@dataclass(frozen=True)
class Databases:
    server: EmbeddedPostgres

    def new_name(self) -> str:
        return f"test_{os.getpid()}_{uuid4().hex[:12]}"

    def copy(self, template: str) -> Urls:
        name = self.new_name()
        copy_database(self.server, template, name)
        return self.server.urls(name)

    def drop(self) -> None:
        """Those of this process, and of runs that were killed."""
        with psycopg.connect(self.server.urls("postgres").owner) as connection:
            names = [name for (name,) in connection.execute("select datname from pg_database").fetchall()]
        for name in names:
            found = NAME.fullmatch(name)
            if found and (int(found[1]) == os.getpid() or not psutil.pid_exists(int(found[1]))):
                self.server.drop(name)
