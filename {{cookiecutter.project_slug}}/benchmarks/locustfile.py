"""Callers that ask questions, for Locust: `make locust`. LOAD_KEY: an API key; LOAD_QUESTIONS: a file, one a line.

Locust waits for a reply before a caller asks again, so that a slow service is asked less. For budgets use `make load`.
"""

import os
import random
from pathlib import Path

from locust import HttpUser, between, task  # type: ignore[import-not-found]

QUESTIONS = Path(os.environ["LOAD_QUESTIONS"]).read_text("utf-8").splitlines()


class Caller(HttpUser):  # type: ignore[misc]
    wait_time = between(0.5, 2)

    @task
    def ask(self) -> None:
        headers = {"authorization": f"Bearer {os.environ['LOAD_KEY']}"}
        body = {"question": random.choice(QUESTIONS)}
        with self.client.post("/v1/answers", json=body, headers=headers, catch_response=True) as reply:
            if reply.status_code == 503:
                reply.failure("refused")
