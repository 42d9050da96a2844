"""The published library's models: all that is used of it, and the one place that imports it.

Its clients and services are not: a service handles a message that is sent twice twice, and checks neither recipient nor
time nor ISPs. Importing it takes half a second, so this module is imported where the edge is.
"""

from __future__ import annotations

import logging
from typing import Final

from shapeshifter_uftp import uftp
from xsdata.models.datatype import XmlDate, XmlDuration

__all__ = ["ROOTS", "XmlDate", "XmlDuration", "built", "keyword_of", "uftp"]

# It prints every message in full and in colours; what is worth telling, the edge tells itself.
logging.getLogger("shapeshifter-uftp").handlers.clear()
logging.getLogger("shapeshifter-uftp").setLevel(logging.CRITICAL)

_MESSAGES: Final = (
    *uftp.request_response_map.keys(),
    *uftp.request_response_map.values(),
    uftp.SignedMessage,
)


def keyword_of(kind: type) -> str:
    """The element name of a model's class."""
    meta = getattr(kind, "Meta", None)
    return str(getattr(meta, "name", kind.__name__))


ROOTS: Final[dict[str, type]] = {keyword_of(kind): kind for kind in _MESSAGES}


def built(kind: type, values: dict[str, object]) -> object:
    """A model with these values, which are its own from then on, unchecked: what the schema asks is checked by `pilot.uftp.xml`.

    The classes' own checks ask for more than the specification: at least one order and one contract in each settlement.
    """
    made: object = object.__new__(kind)
    made.__dict__ = values
    return made
