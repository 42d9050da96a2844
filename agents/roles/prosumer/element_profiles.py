"""What an element's metering says beside its power: what was ordered of it, and what it would have done without."""

from __future__ import annotations

from collections.abc import Mapping

from agents.roles.parts.contracts import Contracts
from agents.roles.prosumer.available_energy import AvailableEnergy
from agents.roles.prosumer.config import ProsumerConfig
from agents.roles.prosumer.element_history import ElementHistory
from agents.roles.prosumer.energy_metering import EnergyMetering
from agents.roles.prosumer.held_orders import HeldOrders
from cim.model.intervals import LocalDay
from market.contracts.contract import BaselineKind
from market.rules import MarketRules
from market.settlement.day import dense
from market.settlement.elements import AVAILABLE, LIKE_DAYS, contract_baseline, moved
from market.settlement.portfolio import BASELINE, ORDERED
from market.uftp import MeteringProfile

Watts = tuple[int, ...]


class ElementProfiles:
    """Made from what the parts hold; it keeps nothing itself."""

    def __init__(
        self,
        rules: MarketRules,
        config: ProsumerConfig,
        *,
        contracts: Contracts,
        held: HeldOrders,
        metering: EnergyMetering,
        available: AvailableEnergy,
        history: ElementHistory,
    ) -> None:
        self._rules, self._aggregator, self._kinds = rules, config.aggregator, config.kinds()
        self._contracts, self._held, self._metering = contracts, held, metering
        self._available, self._history = available, history

    def of(self, element: str, day: LocalDay) -> tuple[MeteringProfile, ...]:
        """Profiles beside `Power`; `Ordered` and `Baseline` where orders moved it."""
        total, told_w = moved(self._held.moves(element, day.day))
        known: dict[str, Watts] = {}
        if self._kinds[element].baseline is BaselineKind.AVAILABLE_POWER and self._available.knows(element, day):
            known[AVAILABLE] = self._available_w(element, day, told_w)
        like_days = self._history.baseline_w(element, day)
        if like_days is not None:
            known[LIKE_DAYS] = like_days
        profiles = [MeteringProfile(name, "W", values) for name, values in known.items()]
        if not any(total.values()):
            return tuple(profiles)
        contract = self._contracts.contract_on(self._aggregator, day.day)
        covered = None if contract is None else contract.element(element)
        kind = BaselineKind.PROGNOSIS if covered is None else covered.baseline
        for name, values in ((ORDERED, total), (BASELINE, contract_baseline(told_w, kind, known))):
            profiles.append(MeteringProfile(name, "W", tuple(dense(values, day.count))))
        return tuple(profiles)

    def _available_w(self, plant: str, day: LocalDay, told_w: Mapping[int, int]) -> Watts:
        """[T] watts that a plant could have given.

        Where its inverter did not say: what was told before the order, or what it gave where there was none.
        """
        unknown = set(self._available.lost_isps(plant, day))
        could, gave = (
            [round(float(x) / self._rules.hours) for x in part.energy_wh(plant, day)]
            for part in (self._available, self._metering)
        )
        return tuple(told_w.get(k + 1, gave[k]) if k + 1 in unknown else could[k] for k in range(day.count))
