"""What an element's metering says beside its power: what was ordered of it, and what it would have done without."""

from __future__ import annotations

from collections.abc import Mapping

from agents.roles.parts.contracts import Contracts
from agents.roles.prosumer.available_energy import AvailableEnergy
from agents.roles.prosumer.config import ProsumerConfig
from agents.roles.prosumer.connection_limits import ConnectionLimits
from agents.roles.prosumer.element_history import ElementHistory
from agents.roles.prosumer.energy_metering import EnergyMetering
from agents.roles.prosumer.held_orders import HeldOrders
from agents.roles.prosumer.supply_limits import SupplyLimits
from agents.roles.prosumer.weather_seen import WeatherSeen
from cim.model.intervals import LocalDay
from market.contracts.contract import BaselineKind
from market.register.providers import aggregator_on
from market.rules import MarketRules
from market.settlement.day import dense
from market.settlement.elements import (
    AVAILABLE,
    AVAILABLE_FROM,
    LIKE_DAYS,
    OWN_RULE,
    WITHOUT_REBOUND,
    AvailableSource,
    contract_baseline,
    contract_method,
    moved,
    owed,
)
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
        weather: WeatherSeen,
        agreed: ConnectionLimits,
        supply: SupplyLimits,
    ) -> None:
        self._rules, self._config, self._kinds = rules, config, config.kinds()
        self._contracts, self._held, self._metering = contracts, held, metering
        self._available, self._history, self._weather, self._agreed = available, history, weather, agreed
        self._supply = supply

    def of(self, element: str, day: LocalDay, own_rule_w: Watts | None = None) -> tuple[MeteringProfile, ...]:
        """Profiles beside `Power`; `Ordered` and `Baseline` where orders moved it, `HeldBack` where the DSO's limit held it.
        Args:
            own_rule_w: [T] watts that a battery's own rule would have come to, where that is known.
        """
        moves = self._held.moves(element, day.day)
        contract = self._contracts.contract_on(aggregator_on(self._config, day.day), day.day)
        kind = contract_method(contract, element)
        told_w, owed_w = moved(moves)[1], owed(moves, rebounds=kind not in WITHOUT_REBOUND)
        known: dict[str, Watts] = {}
        if self._kinds[element].baseline is BaselineKind.AVAILABLE_POWER:
            known |= self._available_w(element, day, told_w)
        like_days = self._history.baseline_w(element, day)
        if like_days is not None:
            known[LIKE_DAYS] = like_days
        if own_rule_w is not None:
            known[OWN_RULE] = own_rule_w
        profiles = [MeteringProfile(name, "1" if name == AVAILABLE_FROM else "W", row) for name, row in known.items()]
        profiles += self._supply.held_profiles(element, day)
        if not owed_w:
            return tuple(profiles)
        for name, values in ((ORDERED, owed_w), (BASELINE, contract_baseline(told_w, kind, known))):
            profiles.append(MeteringProfile(name, "W", tuple(dense(values, day.count))))
        return tuple(profiles)

    def _available_w(self, plant: str, day: LocalDay, told_w: Mapping[int, int]) -> dict[str, Watts]:
        """[T] watts that a plant could have given, and where that is known from; nothing where nothing is but what it gave.

        What the connection's agreements did not let in, it could not have given.
        """
        blind = set(self._available.lost_isps(plant, day))
        could, gave = (
            [round(float(x) / self._rules.hours) for x in part.energy_wh(plant, day)]
            for part in (self._available, self._metering)
        )
        ordered = sorted(isp for isp in told_w if isp in blind)
        weather = self._weather.plant_w(plant, day, ordered[0]) if ordered else None
        if len(blind) == day.count and weather is None:
            return {}
        found: list[tuple[int, AvailableSource]] = []
        for isp in range(1, day.count + 1):
            if isp not in blind:
                found.append((could[isp - 1], AvailableSource.INVERTER))
            elif isp not in told_w:
                found.append((gave[isp - 1], AvailableSource.METER))
            elif weather is not None:
                found.append((weather[isp - 1], AvailableSource.WEATHER))
            else:
                found.append((told_w[isp], AvailableSource.TOLD))
        most_w = (1000 * self._agreed.limit_kw(plant, day)).tolist()  # NaN: not limited; the comparison is then false
        known = {
            AVAILABLE: tuple(round(m) if watts < m else watts for (watts, _), m in zip(found, most_w, strict=True))
        }
        return known | ({AVAILABLE_FROM: tuple(int(source) for _, source in found)} if ordered else {})
