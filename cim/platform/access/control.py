"""Everything that access keeps of a site, in one place: policies, consents, audit, pseudonyms, and who is who."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from cim.model.errors import BadInput
from cim.platform.access.attributes import Dataset
from cim.platform.access.audit import Access, AuditLog
from cim.platform.access.consents import Consent, ConsentBook
from cim.platform.access.policies import DEFAULT, Decision, Policies
from cim.platform.access.principals import Principal, PrincipalBook, Role
from cim.platform.access.pseudonyms import Pseudonyms, pseudonym_key
from cim.platform.access.secured import Denied

Clock = Callable[[], datetime]  # the site's own, UTC

_NOT_YOURS = "it is not there, or not yours to ask for"


class Holder(Protocol):
    """Something that keeps personal data and can let go of it."""

    name: str

    def erase(self, usage_points: Iterable[str]) -> int:
        """Remove all of these homes, for good; how many rows or documents they were."""
        ...


@dataclass(frozen=True)
class AccessControl:
    """Who may do what on a site; every try is in the audit log before its answer leaves.

    Attributes:
        key: of the site's pseudonyms.
    """

    book: PrincipalBook
    policies: Policies
    consents: ConsentBook
    audit: AuditLog
    key: bytes
    now: Clock

    @staticmethod
    def open(folder: Path, book: PrincipalBook, now: Clock, policies: Path | None = None) -> AccessControl:
        """Of a site's data folder (`DIR/data`).

        Its own policies, `access/policies.cedar` there, stand in place of the package's where there are any.

        Raises:
            BadInput: a file cannot be read.
        """
        own = folder / "access" / "policies.cedar"
        return AccessControl(
            book,
            Policies.read(policies or (own if own.exists() else DEFAULT)),
            ConsentBook(folder / "access" / "consents.sqlite"),
            AuditLog(folder / "audit" / "accesses.sqlite"),
            pseudonym_key(folder / "access" / "pseudonym.key"),
            now,
        )

    def who(self, name: str, act: str, what: str) -> Principal:
        """The principal of a name.

        Raises:
            Denied: nobody here has it.
        """
        try:
            return self.book.principal(name)
        except BadInput:
            self.audit.add(Access(self.now(), name, "", act, what, reason="nobody has this name"))
            raise Denied(f"access: {name!r} may not {act} {what!r}; {_NOT_YOURS}") from None

    def decide(self, principal: Principal, dataset: Dataset, purpose: str) -> tuple[Principal, Decision]:
        """What may be read now, and the principal with the consents that hold now."""
        now = self.now()
        asking = principal.with_consents(self.consents.in_force(principal.name, purpose, now))
        return asking, self.policies.decide(asking, dataset, purpose)

    def pseudonyms(self, principal: Principal) -> Pseudonyms:
        """Those of the principal's project; one without a project has a project of its own."""
        return Pseudonyms(self.key, principal.project or f"principal {principal.name}")

    def give(self, principal: Principal, consent: Consent) -> Consent:
        """Keep a consent of the principal.

        Raises:
            Denied: it is another's, or for a home that is not the principal's.
        """
        own = consent.giver == principal.name
        rules = [self.policies.may(principal, "consent", home) if own else () for home in consent.usage_points]
        self._held(principal, "consent", consent.identity, all(rules), sorted({r for found in rules for r in found}))
        return self.consents.give(consent)

    def withdraw(self, principal: Principal, identity: str) -> None:
        """End a consent that the principal gave; from the next request on it is gone.

        Raises:
            BadInput: it gave none of that identity that holds.
        """
        try:
            self.consents.withdraw(identity, principal.name, self.now())
        except BadInput:
            self.deny(principal, "withdraw", "consent", (), "it gave none of this identity that holds")
            raise
        self.allow(principal, "withdraw", identity, (), (), 0)  # who gave it may: no policy stands in the way

    def erase(self, principal: Principal, homes: Iterable[str], holders: Iterable[Holder]) -> dict[str, int]:
        """Have every holder let go of these homes' data; how much each let go.

        Raises:
            Denied: the principal may not.
        """
        points = tuple(homes)
        rules = [self.policies.may(principal, "erase", home) for home in points]
        self._held(principal, "erase", "homes", bool(rules) and all(rules), sorted({r for got in rules for r in got}))
        done = {holder.name: holder.erase(points) for holder in holders}
        # Beside the permission: that it was done, by how much.
        self._note(principal, "erased", ", ".join(sorted(done)), sum(done.values()))
        return done

    def log_of(self, principal: Principal, who: str | None = None, last: int | None = None) -> list[Access]:
        """The audit log: for an administrator all of it, for others their own accesses.

        Raises:
            Denied: somebody asked for another's.
        """
        if principal.role is not Role.ADMINISTRATOR and who in (None, principal.name):
            return self.audit.entries(principal.name, last)
        rules = self.policies.may(principal, "audit")
        self._held(principal, "audit", "accesses", bool(rules), list(rules))
        return self.audit.entries(who, last)

    def deny(self, principal: Principal, act: str, what: str, asked: tuple[str, ...], reason: str) -> Denied:
        """Keep that somebody was denied; the exception to raise, in words that are the same whatever is there."""
        self.audit.add(Access(self.now(), principal.name, principal.role, act, what, asked, reason=reason))
        return Denied(f"access: {principal.name!r} may not {act} {what!r} this way; {_NOT_YOURS}")

    def allow(
        self, principal: Principal, act: str, what: str, asked: tuple[str, ...], policies: tuple[str, ...], rows: int
    ) -> None:
        """Keep that rows left."""
        self.audit.add(
            Access(self.now(), principal.name, principal.role, act, what, asked, True, policies=policies, rows=rows)
        )

    def _held(self, principal: Principal, act: str, what: str, allowed: bool, rules: list[str]) -> None:
        if not allowed:
            raise self.deny(principal, act, what, (), "no policy permits it")
        self.allow(principal, act, what, (), tuple(rules), 0)

    def _note(self, principal: Principal, act: str, what: str, rows: int) -> None:
        self.allow(principal, act, what, (), (), rows)
