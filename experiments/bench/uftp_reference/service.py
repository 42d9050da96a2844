"""The published DSO service as its users run it, counting the D-Prognoses that its own code was given.

    python service.py CONFIG

CONFIG is a JSON file: domain, key, port, peer and public_key, all as its constructor wants them. Each line read on
standard input is answered with the count; it ends with standard input.
"""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path

from shapeshifter_uftp import ShapeshifterDsoService
from shapeshifter_uftp import logging as their_logging

their_logging.logger.setLevel("ERROR")  # as delivered it prints every message in full, which would be measured too
config = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
taken: list[str] = []


def _count(_service: object, message: object) -> None:
    taken.append(type(message).__name__)


def _ignore(_service: object, _message: object) -> None:
    """Whatever else there is."""


names = ShapeshifterDsoService.__abstractmethods__
methods = {name: _count if name == "process_d_prognosis" else _ignore for name in names}
kind: type = type("CountingDso", (ShapeshifterDsoService,), methods)
service = kind(
    config["domain"],
    config["key"],
    key_lookup_function=lambda _domain, _role: config["public_key"],
    endpoint_lookup_function=lambda _domain, _role: config["peer"],
    host="127.0.0.1",
    port=config["port"],
)
logging.getLogger("uvicorn.access").disabled = True
with service:
    print("listening", file=sys.stderr, flush=True)
    for _ in sys.stdin:
        sys.stdout.write(f"{len(taken)}\n")
        sys.stdout.flush()
