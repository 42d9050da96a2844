"""What the data routes do for a caller, without HTTP: queries, search, consents, and what it may see."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from cim.model.errors import BadInput
from cim.platform.access.audit import Access
from cim.platform.access.consents import Consent, Purpose
from cim.platform.access.control import AccessControl
from cim.platform.access.groups import groups_of
from cim.platform.access.odrl import from_odrl, to_odrl
from cim.platform.access.policies import Decision
from cim.platform.access.principals import Principal
from cim.platform.access.residue import Json
from cim.platform.access.secured import visible
from cim.platform.provisioning.definition import Definition, Value
from cim.platform.provisioning.definitions import DefinitionBook
from cim.platform.provisioning.provision import Answer, Page, Provision
from cim.platform.search.document import Found, Search
from cim.platform.search.index import SearchIndex, SearchWriter
from portal.query_search import identity_of, searchable_query
from portal.views import ViewError

OPERATOR = "operator"  # the administrator that the operator's token stands for


@dataclass(frozen=True)
class DataSite:
    """The data of a site as callers of the portal reach it. A caller is known by its domain, the operator by `OPERATOR`.

    Attributes:
        index: folder of the search index.
    """

    provision: Provision
    definitions: DefinitionBook
    index: Path

    @property
    def access(self) -> AccessControl:
        """Who may do what."""
        return self.provision.access

    def offered(self, who: str) -> list[Definition]:
        """The queries that are for the caller's role."""
        role = self.access.who(who, "read", "queries").role
        return [one for one in self.definitions.all() if role in one.roles]

    def run(self, who: str, name: str, given: Mapping[str, Value], page: Page, purpose: Purpose | None) -> Answer:
        """Answer a query that the site offers.

        Raises:
            BadInput, Denied, TooOften, TooLong: see `Provision.ask`.
        """
        return self.provision.ask(who, self.definitions.get(name), dict(given), page, purpose)

    def define(self, who: str, definition: Definition) -> int:
        """Offer a query from now on; the number of its version.

        Raises:
            Denied: the caller may not.
            BadInput: it speaks of what is not there.
        """
        principal = self._may(who, "define", definition.name)
        self.provision.check(definition)
        version = self.definitions.put(definition, principal.name, self.access.now())
        self._index(lambda writer: writer.put([searchable_query(definition)]))
        return version

    def take_back(self, who: str, name: str) -> None:
        """Offer a query no longer.

        Raises:
            Denied: the caller may not.
        """
        principal = self._may(who, "define", name)
        self.definitions.take_back(name, principal.name, self.access.now())
        self._index(lambda writer: writer.remove(identity_of(name)))

    def history(self, who: str, name: str) -> list[dict[str, Json]]:
        """All versions of a query.

        Raises:
            Denied: the caller may not.
        """
        self._may(who, "define", name)
        return [
            {
                "version": one.number,
                "by": one.by,
                "at": one.at.isoformat(),
                "definition": None if one.definition is None else json.loads(one.definition.model_dump_json()),
            }
            for one in self.definitions.history(name)
        ]

    def search(self, who: str, asked: Search, purpose: Purpose) -> Found:
        """What the caller finds, consents that hold now among its reasons.

        Raises:
            Denied: nobody has this name.
            ViewError: the index has not been made yet.
        """
        if not (self.index / "meta.json").exists():
            raise ViewError("search: the index has not been made yet; expected a while after the site's start")
        principal = self.access.who(who, "search", "index")
        asking = principal.with_consents(self.access.consents.in_force(who, purpose, self.access.now()))
        found = SearchIndex(self.index).search(asked, groups_of(asking))
        fields = tuple(sorted(asked.wanted or ()))
        self.access.allow(asking, "search", "index", (f"purpose {purpose}", *fields), (), len(found.hits))
        return found

    def sight(self, who: str, dataset: str, purpose: Purpose) -> dict[str, Json]:
        """What the caller may see of a dataset, and by which policies.

        Raises:
            Denied: nobody has this name.
            BadInput: there is no such dataset.
        """
        principal = self.access.who(who, "read", dataset)
        shape = self.provision.dataset(dataset)
        asking, decision = self.access.decide(principal, shape, purpose)
        return {
            "principal": asking.name,
            "role": asking.role.value,
            "purpose": purpose.value,
            "attributes": list(visible(decision, shape)),
            "rows": "" if decision.denied else decision.rows.sql(dialect="duckdb"),
            # Who sees pseudonyms is not told which homes stand behind them.
            "values": {}
            if decision.pseudonyms
            else {name: value for name, value in decision.values.items() if name in _named(decision)},
            "pseudonyms": decision.pseudonyms,
            "minimum_homes": decision.minimum_homes,
            "denied": decision.denied,
            "policies": [{"name": grant.rule.name, "says": grant.rule.says} for grant in decision.grants],
        }

    def consent(self, who: str, agreement: Json) -> Consent:
        """Keep a consent that the caller gives, as an ODRL agreement.

        Raises:
            BadInput: it is none.
            Denied: it is not the caller's to give.
        """
        principal = self.access.who(who, "consent", "agreement")
        return self.access.give(principal, from_odrl(agreement, self.access.now()))

    def withdraw(self, who: str, identity: str) -> None:
        """End a consent of the caller's.

        Raises:
            BadInput: it gave none of this identity that holds.
        """
        self.access.withdraw(self.access.who(who, "withdraw", "consent"), identity)

    def consents(self, who: str) -> list[dict[str, Json]]:
        """Those that the caller gave, as ODRL, with the instant of withdrawal beside."""
        principal = self.access.who(who, "read", "consents")
        return [
            {
                "agreement": to_odrl(one),
                "given": one.given.isoformat(),
                "withdrawn": None if one.withdrawn is None else one.withdrawn.isoformat(),
            }
            for one in self.access.consents.given_by(principal.name)
        ]

    def log(self, who: str, last: int) -> list[dict[str, Json]]:
        """Accesses: all for an administrator, else the caller's own."""
        if not 1 <= last <= 10_000:
            raise BadInput(f"last: {last}; expected 1 to 10000")
        principal = self.access.who(who, "audit", "accesses")
        return [_entry(one) for one in self.access.log_of(principal, last=last)]

    def _index(self, change: Callable[[SearchWriter], object]) -> None:
        """Change the index; where another writes it, it is made again from all that is offered when that is done."""
        with contextlib.suppress(BadInput), SearchWriter(self.index) as writer:
            change(writer)

    def _may(self, who: str, act: str, what: str) -> Principal:
        principal = self.access.who(who, act, what)
        rules = self.access.policies.may(principal, act)
        if not rules:
            raise self.access.deny(principal, act, what, (), "no policy permits it")
        self.access.allow(principal, act, what, (), rules, 0)
        return principal


SeeData = Callable[[], DataSite]  # the data as it is now; raises ViewError where there is none yet


def _named(decision: Decision) -> set[str]:
    from sqlglot import exp

    return {str(one.this) for one in decision.rows.find_all(exp.Placeholder)}


def _entry(access: Access) -> dict[str, Json]:
    lists = {"asked": list(access.asked), "policies": list(access.policies)}
    return asdict(access) | lists | {"at": access.at.isoformat()}
