"""Monotonic concession by Zeuthen's rule: who risks less by a conflict gives way, just enough.

The peer's utility is not known. It is taken for the mirror of one's own: what one side loses the other gains, and the
peer's conflict is where one's own aspiration lies. So two such parties may both wait for the other to give way; who then
hears the same offer again gives way by a step, and the last offer is one's reservation.
"""

from __future__ import annotations

from market.contracts.contract import FlexContract
from market.negotiation.concession import NegotiationPreferences
from market.negotiation.strategy import Answer, Heard, taken_or_countered, taken_or_refused


class MonotonicConcession:
    """Zeuthen 1930, as a monotonic concession protocol (Rosenschein and Zlotkin 1994); `rounds` are its steps as well."""

    def opening(self, wants: NegotiationPreferences, draft: FlexContract) -> FlexContract:
        """At one's aspiration."""
        return wants.at_share(draft, 0.0)

    def answer(self, wants: NegotiationPreferences, heard: Heard) -> Answer:
        """Take what is worth one's next offer; else stand still, or give way just enough that the peer risks less."""
        if heard.round >= wants.rounds:
            return taken_or_refused(wants, heard.contract)
        standing = heard.earlier[-1] if heard.earlier else wants.at_share(heard.contract, 0.0)
        stuck = len(heard.earlier) > 1 and wants.worth(heard.earlier[-2]) == wants.worth(heard.contract)
        if heard.round + 1 >= wants.rounds:
            own = wants.at_share(heard.contract, 1.0)
        else:
            own = self._next(wants, heard.contract, standing, stuck=stuck)
        return taken_or_countered(wants, heard.contract, own)

    def _next(
        self, wants: NegotiationPreferences, offered: FlexContract, standing: FlexContract, *, stuck: bool
    ) -> FlexContract:
        """One's next offer: never worth more to oneself than the last."""
        best, least = wants.worth(wants.at_share(offered, 0.0)), wants.least()
        held, given = wants.worth(standing), wants.worth(offered)
        if best is None or held is None or best <= least:
            return standing
        theirs = least if given is None else max(given, least)  # what is not taken at all is as good as no contract

        def product(worth: float) -> float:
            return (worth - least) * (best - worth)

        # Zeuthen: who risks less is who has the smaller product of both sides' gains.
        if product(held) > product(theirs) and not stuck:
            return standing
        for step in range(1, wants.rounds + 1):
            own = wants.at_share(offered, step / wants.rounds)
            worth = wants.worth(own)
            if worth is not None and worth < held and (stuck or product(worth) > product(theirs)):
                return own
        return wants.at_share(offered, 1.0)
