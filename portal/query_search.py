"""An offered query as it is found by search: by its words, by those whose role may call it."""

from __future__ import annotations

from cim.platform.access.groups import groups_for_roles
from cim.platform.provisioning.definition import Definition
from cim.platform.search.document import SearchDocument

KIND = "query"


def identity_of(name: str) -> str:
    """Of the document of a query."""
    return f"{KIND}/{name}"


def searchable_query(definition: Definition) -> SearchDocument:
    """The document of a query: its title, where it is an endpoint, and the words of its columns and parameters."""
    title = f"{definition.title or definition.name}: /data/q/{definition.name}"
    said = (f"{one.name} {one.says}" for one in definition.parameters)
    words = " ".join((definition.dataset, *definition.columns(), *said))
    return SearchDocument(identity_of(definition.name), KIND, title, words, groups=groups_for_roles(definition.roles))
