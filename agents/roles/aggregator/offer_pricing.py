"""What an offer asks: the steps of the merit order, under which contract with the DSO, and at which price."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from agents.roles.aggregator.config import AggregatorConfig
from agents.roles.aggregator.keeping_costs import OrderAsked
from agents.roles.aggregator.merit_order import merit_steps
from agents.roles.aggregator.offers import offered_isps
from agents.roles.aggregator.vpp_session import VppSession
from agents.roles.parts.contract_use import ContractUse
from agents.roles.parts.contracts import Contracts
from market.contracts.contract import ActivationPriceKind, FlexContract
from market.contracts.enforcement import calling
from market.settlement.elements import volume_amount
from market.uftp import FlexOrder, FlexRequest, IspPower, OfferOption


class OfferPricing:
    """Answers from the contracts and what they were called for; it remembers nothing itself.

    Args:
        dearer_e4_per_kwh: by member, what a kWh of it costs beyond its contract's price.
        with_keeping_e4: what members ask at a congestion point, and keeping it.
    """

    def __init__(
        self,
        config: AggregatorConfig,
        contracts: Contracts,
        use: ContractUse,
        dearer_e4_per_kwh: Callable[[str], int],
        with_keeping_e4: Callable[[str, int], int],
        isp_minutes: int,
    ) -> None:
        self._config, self._contracts, self._use = config, contracts, use
        self._dearer_e4_per_kwh, self._with_keeping_e4 = dearer_e4_per_kwh, with_keeping_e4
        self._isp_minutes = isp_minutes

    def steps(self, session: VppSession, isps: tuple[IspPower, ...]) -> dict[int, VppSession]:
        """The steps of the merit order, by level in percent, the whole split last."""
        return merit_steps(session, isps, self.members_e4)

    def sale(self, request: FlexRequest, options: tuple[tuple[IspPower, ...], ...]) -> FlexContract | None:
        """Under which contract with the DSO all of these can be ordered, the one that reserves first; None: none."""
        period, point = request.period, request.congestion_point
        contracts = self._contracts.contracts_on(self._config.dso, period)
        calls = [
            self._use.call(contract, period, point, rows) for contract in contracts[:1] for rows in options if rows
        ]
        return calling(contracts, self._use.used_w, calls)

    def options(
        self, session: VppSession, request: FlexRequest, steps: Mapping[int, VppSession], sale: FlexContract | None
    ) -> tuple[OfferOption, ...]:
        """An option for each step; its reference names session and step."""
        options = []
        for level, step in steps.items():
            rows = offered_isps(step, request)
            price = self._price_e4(step, rows, sale) if rows else None
            if price is not None:
                options.append(OfferOption(f"{session.identity}/{level}", price, rows, 1))
        return tuple(options)

    def members_e4(self, session: VppSession, isps: tuple[IspPower, ...]) -> int:
        """What the members' elements are paid for their parts.

        Where orders cost a member more than it was paid, its last day's make-whole payment counts as well.
        """
        asked = 0
        for name in session.covered:
            each = (session.asked_e4_per_kwh[name] or 0) + self._dearer_e4_per_kwh(name)
            asked += volume_amount(session.member_isps(name, isps), each, self._isp_minutes)
        return asked

    def order_asked(self, step: VppSession, option: OfferOption, order: FlexOrder) -> OrderAsked:
        """An order of an option, with what its members' parts ask."""
        return OrderAsked(order, self.members_e4(step, option.isps) * order.activation_factor_pct // 100)

    def _price_e4(self, session: VppSession, isps: tuple[IspPower, ...], sale: FlexContract | None) -> int | None:
        """What is asked of the DSO: its members' parts, what keeping them costs, and the margin.

        At most its contract's price; where that is fixed, just that, unless it is too little.
        """
        costs = self._with_keeping_e4(session.congestion_point, self.members_e4(session, isps))
        asked = costs * (100 + self._config.margin_pct) // 100
        if sale is None:
            return asked
        agreed = volume_amount(isps, sale.volume_price_e4_per_kwh, self._isp_minutes)
        if sale.activation_price is ActivationPriceKind.FIXED:
            return agreed if asked <= agreed else None
        return min(asked, agreed)
