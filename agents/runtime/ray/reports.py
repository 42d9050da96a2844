"""Where Ray's reports on its own processes go: to the log `iles.ray`, not into what a command says.

Ray prints on the driver's console that a worker was killed, an actor restarted or a node lost. Here hosts are killed on
purpose or come back by themselves, and who has to know is told by `Revival`. Ray 2.60 has no setting for it: with
`log_to_driver=False` these reports are printed all the same.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

_log = logging.getLogger("iles.ray")


def log_reports(file: Path | None = None) -> None:
    """Let Ray's reports go to the log, from now on; after Ray was imported.

    Args:
        file: where the log is kept; None: only where the process's own logging puts it (Ray has them in its session's
            folder in any case).
    """
    from ray._private import worker

    if file is not None and not any(isinstance(handler, logging.FileHandler) for handler in _log.handlers):
        handler = logging.FileHandler(file, encoding="utf-8", delay=True)
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        _log.addHandler(handler)
        _log.setLevel(logging.INFO)
        _log.propagate = False
    worker.print_to_stdstream = _logged


def _logged(data: dict[str, Any], ignore_prefix: bool) -> None:  # noqa: ARG001 - the signature is Ray's
    for line in data["lines"]:
        _log.info("%s: %s", data["pid"], line)
