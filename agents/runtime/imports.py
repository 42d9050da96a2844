"""Things by import path: what a layer above names, and a host in whatever process finds."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from cim.model.errors import ProgrammingFault


def imported(path: str) -> Any:
    """What `module:name` names.

    Raises:
        ProgrammingFault: the path has another form, or there is no such module or name.
    """
    module, colon, name = path.partition(":")
    if not (module and colon and name):
        raise ProgrammingFault(f"import path {path!r}; expected module:name")
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ProgrammingFault(f"import path {path!r}: {error}; expected module:name") from error
