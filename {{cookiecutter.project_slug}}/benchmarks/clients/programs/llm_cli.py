"""The command `llm`, as a person types it."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from common import KEY, NO_MODEL, NO_MONEY, OFF_TOPIC, POOR, REFUSAL, URL, WHO, error_of, has, run

MODELS = """
- {model_id: service, model_name: default, api_base: "%(url)s/v1", api_key_name: service}
- {model_id: none, model_name: none, api_base: "%(url)s/v1", api_key_name: service}
- {model_id: poor, model_name: default, api_base: "%(url)s/v1", api_key_name: poor}
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "extra-openai-models.yaml").write_text(MODELS % {"url": URL})
        (Path(folder) / "keys.json").write_text(json.dumps({"service": KEY, "poor": POOR}))

        def ask(question: str = WHO, model: str = "service", *options: str) -> str:
            command = [str(Path(sys.executable).with_name("llm")), "-m", model, question, *options]
            environment = os.environ | {"LLM_USER_PATH": folder}
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            if done.returncode:
                raise RuntimeError(done.stderr.strip()[-300:])
            return done.stdout

        run(
            {
                "answer": lambda: has(ask(WHO, "service", "--no-stream")),
                "stream": lambda: has(ask()),
                "refusal": lambda: has(ask(OFF_TOPIC), REFUSAL),
                "error": lambda: error_of(lambda: ask(model="none"), NO_MODEL),
                "budget": lambda: error_of(lambda: ask(model="poor"), NO_MONEY),
            },
            "llm",
        )


main()
