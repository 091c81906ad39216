"""An OpenAI client that reaches the service through the proxy of LiteLLM."""

import json
import secrets
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

import openai
from common import KEY, NO_MONEY, OFF_TOPIC, POOR, REFUSAL, URL, WHO, error_of, has, run

KINDS = {"rich": KEY, "poor": POOR}
MASTER = f"sk-{secrets.token_hex(24)}"


def config() -> str:
    def entry(name: str, key: str) -> dict[str, Any]:
        place = {"model": "openai/default", "api_base": f"{URL}/v1", "api_key": key}
        return {"model_name": name, "litellm_params": place}

    models = [entry(name, key) for name, key in KINDS.items()]
    return json.dumps({"model_list": models, "general_settings": {"master_key": MASTER}})


def ask(client: openai.OpenAI, question: str = WHO, model: str = "rich", **more: Any) -> Any:
    return client.chat.completions.create(model=model, messages=[{"role": "user", "content": question}], **more)


def main() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.yaml"
        path.write_text(config())
        command = [str(Path(sys.executable).with_name("litellm")), "--config", str(path), "--port", str(port)]
        with (Path(folder) / "log").open("wb") as log:
            proxy = subprocess.Popen([*command, "--host", "127.0.0.1"], stdout=log, stderr=log, cwd=folder)
        try:
            if not starts(port, proxy):
                raise SystemExit(f"the proxy did not start: {(Path(folder) / 'log').read_text()[-300:]}")
            client = openai.OpenAI(base_url=f"http://127.0.0.1:{port}", api_key=MASTER, max_retries=0)
            tour(client)
        finally:
            proxy.terminate()
            proxy.wait()


def starts(port: int, proxy: "subprocess.Popen[bytes]") -> bool:
    for _ in range(600):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health/liveliness", timeout=2).close()
        except OSError:
            if proxy.poll() is not None:
                return False
            time.sleep(0.2)
        else:
            return True
    return False


def tour(client: openai.OpenAI) -> None:
    def stream() -> str:
        pieces = ask(client, stream=True)
        return "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices)

    run(
        {
            "answer": lambda: has(ask(client).choices[0].message.content),
            "stream": lambda: has(stream()),
            "refusal": lambda: has(ask(client, OFF_TOPIC).choices[0].message.content, REFUSAL),
            "budget": lambda: error_of(lambda: ask(client, model="poor"), NO_MONEY),
        },
        "litellm",
    )


main()
