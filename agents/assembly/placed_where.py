"""Where agents are placed, as people write it; see `agents.runtime.placement`."""

from __future__ import annotations

from cim.model.errors import BadInput


def where_of(texts: list[str]) -> tuple[tuple[str, str], ...]:
    """`PATTERN=RESOURCE` as values.

    Raises:
        BadInput: a text has another form.
    """
    found = []
    for text in texts:
        pattern, equals, resource = text.partition("=")
        if not (pattern and equals and resource):
            raise BadInput(f"place: {text!r}; expected PATTERN=RESOURCE, for example 'farm-1*=wire-strem'")
        found.append((pattern, resource))
    return tuple(found)
