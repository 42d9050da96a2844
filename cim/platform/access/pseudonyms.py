"""Pseudonyms: keyed, of one project, so that two projects cannot join what they were given."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from cim.model.errors import BadInput

_KEY_BYTES = 32


class Pseudonyms:
    """Stand-ins for names in one project: HMAC-SHA256 under a key that is the project's, 80 bits of it.

    Who has a pseudonym but not the key can neither undo it nor try names out.
    """

    def __init__(self, key: bytes, project: str) -> None:
        if len(key) < _KEY_BYTES:
            raise BadInput(f"pseudonym key: it has {len(key)} bytes; expected {_KEY_BYTES}")
        self._key = hmac.digest(key, b"iles pseudonyms of " + project.encode(), hashlib.sha256)

    def of(self, name: str) -> str:
        """The pseudonym of a home or device."""
        return "p-" + hmac.digest(self._key, name.encode(), hashlib.sha256)[:10].hex()


def pseudonym_key(path: Path) -> bytes:
    """The site's key, from its file, which only its owner may read; made where there is none. Who erases it cuts the link.

    Raises:
        BadInput: it cannot be read, is too short, or others may read it.
    """
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(secrets.token_bytes(_KEY_BYTES))
            try:
                os.link(draft, path)
            except FileExistsError:
                pass  # another process was first: both read that one
            finally:
                draft.unlink()
        if os.name == "posix" and path.stat().st_mode & 0o077:
            raise BadInput(f"pseudonym key: others may read {path}; expected mode 0600")
        key = path.read_bytes()
    except OSError as error:
        raise BadInput(f"pseudonym key: {path} cannot be read ({error}); expected a file of yours") from error
    if len(key) < _KEY_BYTES:
        raise BadInput(f"pseudonym key: {path} has {len(key)} bytes; expected {_KEY_BYTES}")
    return key
