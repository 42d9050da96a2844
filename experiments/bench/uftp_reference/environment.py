"""Environments of their own for what ours cannot hold, as a lock beside each user says: here FastAPI below 0.140."""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

from cim.model.errors import BadInput

_HERE = Path(__file__).parent
LOCK = _HERE / "requirements.lock"
SERVICE = _HERE / "service.py"
_PATIENCE_S = 600


def reference_python(place: Path, lock: Path = LOCK) -> Path:
    """The Python of the environment of a lock, made in `place` when it is not there or was made from another lock.

    Raises:
        BadInput: it cannot be made, for example because no package index is reached; the last lines of pip say why.
    """
    place.mkdir(parents=True, exist_ok=True)
    python, mark = place / "bin" / "python", place / "made-from"
    digest = hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()
    with place.with_suffix(".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # two test workers may want it at once
        if mark.exists() and mark.read_text() == digest and python.exists():
            return python
        mark.unlink(missing_ok=True)
        venv.create(place, with_pip=True, clear=True)
        order = [str(python), "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--quiet"]
        clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        done = subprocess.run(  # noqa: S603 - our own words
            [*order, "--no-deps", "--require-hashes", "-r", str(lock)],
            capture_output=True, text=True, env=clean, timeout=_PATIENCE_S, check=False,
        )  # fmt: skip
        if done.returncode:
            raise BadInput(f"reference library: it cannot be installed in {place} ({done.stderr.strip()[-300:]})")
        mark.write_text(digest)
    return python
