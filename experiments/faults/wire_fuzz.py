"""How `iles faults --wire` spoils a true frame, and how it judges what a driver made of it; the same for every protocol."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Mapping
from copy import deepcopy

from cim.model.readings import Kind
from experiments.faults.wire_report import WireReport

_MOST = 1e13  # no good reading of a community is beyond: W, Wh, %, V
_OWN_FAULT = "could not be processed"  # the answer of OCPP and S2 to what a handler of ours broke on
_DEEP = "a place for deep nesting"  # json.dumps does not go as deep as a peer may
_NESTED = "[" * 20_000 + "]" * 20_000
_ODD: tuple[object, ...] = (
    None,
    "",
    "x" * 300,
    -1,
    0,
    1e308,
    -1e308,
    5e-324,
    2**70,
    10**400,
    -(10**400),
    float("nan"),
    float("inf"),
    True,
    [],
    {},
    [[]],
    "2026-02-30T25:00:00Z",
    "NaN",
    "1e999",
    "9" * 400,
    "1_0",
    "\ud800",
    _DEEP,
)


def fuzzed(frame: object, rng: random.Random) -> str:
    """A true message, spoiled: a field taken away or replaced, or bytes changed, lost or doubled."""
    if rng.random() < 0.5:
        copy = json.loads(json.dumps(frame))
        for _ in range(rng.randint(1, 3)):
            _spoil(copy, rng)
        return json.dumps(copy).replace(json.dumps(_DEEP), _NESTED)
    data = bytearray(json.dumps(frame).encode())
    for _ in range(rng.randint(1, 4)):
        place = rng.randrange(len(data))
        data[place : place + rng.randint(0, 2)] = rng.choice(
            (b"", bytes([rng.randrange(256)]), data[place : place + 8])
        )
    return data.decode(errors="replace")


def _spoil(node: object, rng: random.Random) -> None:
    while isinstance(node, dict | list) and node:
        key = rng.choice(list(node) if isinstance(node, dict) else list(range(len(node))))
        below = node[key]
        if isinstance(below, dict | list) and below and rng.random() < 0.8:
            node = below
        elif rng.random() < 0.3:
            del node[key]
            return
        else:
            node[key] = deepcopy(rng.choice(_ODD))  # a list of it may be spoiled further
            return


def hear(protocol: str, receive: Callable[[str], list[str]], frame: str, report: WireReport) -> None:
    """Let a driver take a frame: where it breaks, admits that it did, or answers what cannot be sent, that is a failure."""
    try:
        for answer in receive(frame):
            answer.encode()
            if _OWN_FAULT in answer:
                report.failures.append(f"{protocol}: it says that it is at fault by {frame[:300]!r}")
    except Exception as error:
        report.failures.append(f"{protocol}: {type(error).__name__} ({error}) by {frame[:300]!r}")


def believed(protocol: str, told: Mapping[Kind, float], frame: str, report: WireReport) -> None:
    """See that what is taken for good could be true: a number that nothing real shows is a failure."""
    for kind, value in told.items():
        if not math.isfinite(value) or abs(value) > _MOST:
            report.failures.append(f"{protocol}: {kind} {value:g} is taken for good, by {frame[:300]!r}")
