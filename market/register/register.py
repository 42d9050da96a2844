"""The flexibility register as a value: what each signed move does to it, and who may make it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType

from market.assets.publication import AssetPublication
from market.errors import RemoteProtocolError
from market.register.lifecycle import BY_PROVIDER, LIFE_CYCLE, USABLE, UnitEvent, UnitParty, UnitState
from market.register.units import RegisteredUnit, UnitMove, UnitProduct

_BY_OPERATOR = frozenset({UnitEvent.PREQUALIFICATION, UnitEvent.REFUSAL, UnitEvent.LIMIT, UnitEvent.LIMIT_LIFTED})
_BY_TIME = frozenset({UnitEvent.LIMIT_END, UnitEvent.SWITCH_LAPSED})


@dataclass(frozen=True, slots=True)
class FlexibilityRegister:
    """All units by name and product.

    Args:
        operator: domain of the system operator, who prequalifies and limits.
        units: what is registered.
    """

    operator: str
    units: Mapping[UnitProduct, RegisteredUnit] = field(default_factory=lambda: MappingProxyType({}))

    def after(self, moves: Iterable[UnitMove], by: str) -> FlexibilityRegister:
        """The register after a party's moves, all of them or none; an application that says nothing new changes nothing.

        Args:
            by: domain of the party that signed them.

        Raises:
            RemoteProtocolError: one of them is not allowed now, not by this party, or says too little.
        """
        units = dict(self.units)
        for move in moves:
            if not _says_nothing_new(units.get(move.key), move, by):
                units[move.key] = self._moved(units.get(move.key), move, by)
        return replace(self, units=MappingProxyType(dict(sorted(units.items()))))

    def at(self, now: datetime) -> FlexibilityRegister:
        """The register when limits and switches that are over by `now` have ended."""
        units = dict(self.units)
        for key, unit in self.units.items():
            if unit.limit is not None and now >= unit.limit.until:
                units[key] = self._moved(unit, UnitMove(key, UnitEvent.LIMIT_END, now), "")
            elif unit.switch_until is not None and now >= unit.switch_until:
                units[key] = self._moved(unit, UnitMove(key, UnitEvent.SWITCH_LAPSED, now), "")
        return replace(self, units=MappingProxyType(units))

    def usable(self, product: str, provider: str) -> tuple[RegisteredUnit, ...]:
        """The units that a provider may market for a product, in order of name."""
        return tuple(
            unit
            for key, unit in self.units.items()
            if key.product == product and unit.provider == provider and unit.state in USABLE
        )

    def _moved(self, unit: RegisteredUnit | None, move: UnitMove, by: str) -> RegisteredUnit:
        state = UnitState.UNKNOWN if unit is None else unit.state
        party = _party(move.event)
        self._check_party(party, unit, move, by)
        target = LIFE_CYCLE.next_state(state, party, move.event, ours=False)
        return _after(unit, move, target)

    def _check_party(self, party: UnitParty, unit: RegisteredUnit | None, move: UnitMove, by: str) -> None:
        asset = move.asset if unit is None else unit.asset
        wanted = {
            UnitParty.OWNER: "" if asset is None else asset.owner,
            UnitParty.OPERATOR: self.operator,
            UnitParty.PROVIDER: "" if unit is None else unit.next_provider,
            UnitParty.TIME: "",
        }[party]
        if by != wanted:
            raise RemoteProtocolError(
                f"unit {move.key.unit}: {move.event} by {by or 'nobody'}; expected {wanted or party}"
            )


def _says_nothing_new(known: RegisteredUnit | None, move: UnitMove, by: str) -> bool:
    """Whether an owner applies with what is registered already, for the same provider, and not withdrawn or refused."""
    if known is None or move.event is not UnitEvent.APPLICATION or by != known.asset.owner:
        return False
    standing = known.state in USABLE or known.state is UnitState.APPLIED
    return standing and (known.asset, known.provider) == (move.asset, move.provider)


def _party(event: UnitEvent) -> UnitParty:
    if event in _BY_OPERATOR:
        return UnitParty.OPERATOR
    if event in BY_PROVIDER:
        return UnitParty.PROVIDER
    return UnitParty.TIME if event in _BY_TIME else UnitParty.OWNER


def _after(unit: RegisteredUnit | None, move: UnitMove, state: UnitState) -> RegisteredUnit:
    """A unit after a move that its table allows."""
    if move.event is UnitEvent.APPLICATION:
        return _applied(unit, move, state)
    if unit is None:  # the table lets nothing but an application begin
        raise _wrong(move, "unit", move.key.unit, "a registered unit")
    rule = _RULES.get(move.event)
    if rule is not None:
        return rule(unit, move, state)
    provider = unit.next_provider if move.event is UnitEvent.TAKE_OVER else unit.provider
    return RegisteredUnit(unit.asset, provider, state, unit.congestion_point, reason=move.reason)


def _asset_of(unit: RegisteredUnit | None, move: UnitMove) -> AssetPublication:
    asset = move.asset
    if asset is None or asset.name != move.key.unit:
        raise _wrong(move, "asset", None if asset is None else asset.name, f"{move.key.unit} as it is now")
    if unit is not None and asset.owner != unit.asset.owner:
        raise _wrong(move, "owner", asset.owner, unit.asset.owner)
    return asset


def _applied(unit: RegisteredUnit | None, move: UnitMove, state: UnitState) -> RegisteredUnit:
    asset = _asset_of(unit, move)
    if not move.provider:
        raise _wrong(move, "provider", "", "a domain")
    return RegisteredUnit(asset, move.provider, state)


def _revised(unit: RegisteredUnit, move: UnitMove, state: UnitState) -> RegisteredUnit:
    asset = _asset_of(unit, move)
    if asset.kept_in_prequalification != unit.asset.kept_in_prequalification:
        raise _wrong(move, "asset", asset.name, "the ratings that were applied with; others need an application")
    return replace(unit, asset=asset, state=state)


def _prequalified(unit: RegisteredUnit, move: UnitMove, state: UnitState) -> RegisteredUnit:
    if move.congestion_point != unit.asset.congestion_point:
        raise _wrong(move, "congestion_point", move.congestion_point, unit.asset.congestion_point)
    return replace(unit, state=state, congestion_point=move.congestion_point, reason="")


def _limited(unit: RegisteredUnit, move: UnitMove, state: UnitState) -> RegisteredUnit:
    if move.limit is None or move.limit.up_w < 0 or move.limit.down_w > 0 or move.limit.until <= move.at:
        raise _wrong(move, "limit", move.limit, "watts up >= 0, watts down <= 0, until later than now")
    if move.limit.start is not None and move.limit.start >= move.limit.until:
        raise _wrong(move, "limit", move.limit, "its start before its end")
    return replace(unit, state=state, limit=move.limit, reason=move.reason)


def _switching(unit: RegisteredUnit, move: UnitMove, state: UnitState) -> RegisteredUnit:
    if move.provider in ("", unit.provider) or move.until is None or move.until <= move.at:
        raise _wrong(move, "provider", move.provider, "another provider than now, and until when it may answer")
    return replace(unit, state=state, next_provider=move.provider, switch_until=move.until)


_RULES: Mapping[UnitEvent, Callable[[RegisteredUnit, UnitMove, UnitState], RegisteredUnit]] = MappingProxyType(
    {
        UnitEvent.REVISION: _revised,
        UnitEvent.PREQUALIFICATION: _prequalified,
        UnitEvent.LIMIT: _limited,
        UnitEvent.SWITCH: _switching,
    }
)


def _wrong(move: UnitMove, name: str, value: object, expected: str) -> RemoteProtocolError:
    return RemoteProtocolError(f"unit {move.key.unit}: {move.event}: {name} {value!r}; expected {expected}")
