"""The shape of a site file."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import cached_property
from typing import Annotated, Literal, Self
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field, model_validator

from environment.sites.agreements import ConnectionAgreements, Ean18, ProviderChange, UnitRestriction
from environment.sites.balancing import Balancing
from environment.sites.community import Community
from environment.sites.devices import ChargingStation, Device, Station
from environment.sites.evses import evse_faults
from environment.sites.islanding import Islanding
from environment.sites.market import FlexibilityCosts, MarketTerms
from environment.sites.ratings import Name, NotNegative, Part, Positive, Rating
from environment.sites.service import MicrogridService
from environment.sites.shapes import Shaped
from environment.sites.tariffs import CustomerKind, Tariffs
from environment.sites.unit_defaults import BatteryDefaults, BuildingDefaults
from environment.sites.wholesale import Wholesale

Domain = Annotated[str, Field(pattern=r"^([a-z0-9-]+\.)+[a-z]{2,}$")]


def _zone(value: str) -> str:
    if value not in available_timezones():
        raise ValueError("expected an IANA time zone, for example Europe/Vienna")
    return value


class Party(Part):
    """A market party: its agent's name and its UFTP domain."""

    name: Name
    domain: Domain


class CongestionPoint(Part):
    """A part of the grid that may congest (USEF): the branch that limits it, and the point above it.

    A substation meter (SunSpec 203) shows the sum of all connections below.
    """

    id: Annotated[str, Field(pattern=r"^ea1\.\d{4}-\d{2}\.[a-z0-9.-]+:[a-z0-9-]+$")]
    title: str
    branch: str
    parent: str | None

    @property
    def meter(self) -> str:
        """The name of the substation meter there, for example `lv-rural1.meter`."""
        return f"{self.id.rpartition(':')[2]}.meter"


class LimitBand(Part):
    """The limits of the DSO's safety analysis."""

    min_voltage_pu: Positive
    max_voltage_pu: Positive
    max_loading_pct: Positive

    @model_validator(mode="after")
    def _ordered(self) -> LimitBand:
        if not self.min_voltage_pu.value < self.max_voltage_pu.value:
            raise ValueError("expected min_voltage_pu < max_voltage_pu")
        return self


class LowVoltage(Part):
    """A packed low-voltage grid that hangs at a node of the feeder in place of its external grid.

    `transformer_va` is the rating of its transformers, where they are of another size than the pack's; their losses in
    proportion, their relative impedance the same.
    """

    pack: str
    at: str
    transformer_va: Positive | None = None


class FeederLine(Part):
    """An ACLineSegment of the site's own feeder."""

    name: Name
    from_node: str
    to_node: str
    length_km: Positive
    r_ohm_per_km: Positive
    x_ohm_per_km: Positive
    c_nf_per_km: NotNegative
    rated_a: Positive


class FeederTransformer(Part):
    """A PowerTransformer of the site's own feeder; its tap changer is on the high-voltage side, if it has one."""

    name: Name
    hv_node: str
    lv_node: str
    rated_va: Positive
    hv_v: Positive
    lv_v: Positive
    uk_pct: Positive
    copper_loss_w: NotNegative
    iron_loss_w: NotNegative
    i0_pct: NotNegative
    clock: Annotated[int, Field(ge=0, le=11)]
    tap_position: Annotated[int, Field(ge=-100, le=100)] = 0
    tap_step_pct: NotNegative | None = None


class Coordinates(Part):
    """Where something stands, in degrees (WGS 84)."""

    lon_deg: Rating
    lat_deg: Rating

    @model_validator(mode="after")
    def _on_earth(self) -> Coordinates:
        for name, rating, most in (("lon_deg", self.lon_deg, 180), ("lat_deg", self.lat_deg, 90)):
            if abs(rating.value) > most:
                raise ValueError(f"{name}: {rating.value:g} is no place on earth; expected -{most} to {most}")
        return self


class FeederNode(Part):
    """A ConnectivityNode of the site's own feeder; `at`: where it stands, for drawings only."""

    name: Name
    nominal_v: Positive
    at: Coordinates | None = None


class SiteNetwork(Part):
    """The site's feeder and the low-voltage grid below it.

    `ties` are lines that are open in normal operation (tie switches): closed where a congestion point's branch is out.
    """

    slack_node: str
    slack_voltage_pu: Positive
    low_voltage: LowVoltage | None
    nodes: tuple[FeederNode, ...]
    lines: tuple[FeederLine, ...]
    transformers: tuple[FeederTransformer, ...]
    ties: tuple[FeederLine, ...] = ()


class Load(Shaped):
    """What a prosumer draws that nobody steers: a profile, or the mean of several, times its peak."""

    peak_w: Positive
    peak_var: NotNegative


class Prosumer(Part):
    """One connection with everything behind it. Its smart meter (SunSpec 203) is named `<prosumer>.meter`.

    Attributes:
        ean: of its connection, 18 digits; without one it goes by an entity address of the site's own.
        aggregator: who markets it before its first switch (`switches`).
        connection: what is agreed of it beside the market.
        charging_stations: those of which several EVSEs are devices.
    """

    name: Name
    title: str
    kind: CustomerKind
    node: str
    congestion_point: str
    aggregator: str
    ean: Ean18 | None = None
    connection: ConnectionAgreements = ConnectionAgreements()
    base_load: Load | None = None
    devices: tuple[Device, ...] = ()
    charging_stations: tuple[ChargingStation, ...] = ()

    @model_validator(mode="after")
    def _has_evses(self) -> Prosumer:
        if faults := list(evse_faults(self.charging_stations, self.devices)):
            raise ValueError("; ".join(faults))
        return self

    @property
    def meter(self) -> str:
        """The name of its smart meter."""
        return f"{self.name}.meter"

    def device_name(self, device: Device) -> str:
        """The site-wide name of one of its devices, for example `farm-1.pv`."""
        return f"{self.name}.{device.name}"

    def wire_name(self, device: Device) -> str:
        """By which name a device is reached: of an EVSE, its charging station's identity, for example `park.charger`."""
        evse = device.evse if isinstance(device, Station) else None
        return self.device_name(device) if evse is None else f"{self.name}.{evse.station}"


class KeyChange(Part):
    """On a run's first day a party rotates its key, or the ledger's keeper revokes it.

    Attributes:
        party: its name; anybody's but the keeper's own.
        hour: local, with a fraction; a rotation waits until the party's negotiations are over.
        revoked: why the keeper revokes it, in words; not said: the party rotates it itself.
        replaced: whether a revoked key is replaced at once; otherwise nothing that the party signs counts any more.
    """

    party: Name
    hour: Annotated[float, Field(ge=0, lt=24)]
    revoked: Annotated[str, Field(min_length=1)] | None = None
    replaced: bool = True


class VoltVar(Part):
    """Every inverter of PV, wind and batteries answers voltage with reactive power by itself, by a standard's curve.

    `oversize` is rated apparent over rated active power, at least 1: what is left beside full active power.
    """

    curve: Literal["ieee-1547-2018-b", "vde-ar-n-4105"]
    oversize: Positive

    @model_validator(mode="after")
    def _large_enough(self) -> VoltVar:
        if self.oversize.value < 1:
            raise ValueError("expected oversize of at least 1")
        return self


class Site(Part):
    """A pilot site: what stands where, who owns what, and what the grid can carry.

    Attributes:
        grid_g_per_kwh: greenhouse gases of what is taken from the grid above, grams of CO2 equivalents; the year is the source's.
        restrictions: of units by the DSO, for some hours.
        switches: of prosumers to another aggregator.
        community: who shares energy by law; None where nobody does.
        islanding: how the site goes on without the grid; None: it does not.
        volt_var: the inverters' local rule; None: they give no reactive power.
        wholesale: how its energy is traded as one balance group; None: nobody says.
        microgrid_service: the microgrid as a service that the DSO buys; None: it does not.
        balancing: who buys balancing energy where a run asks for that; None: nobody.
        meter_data_company: who reads the meters for all parties; where there is none, each owner tells its own to all.
    """

    name: Name
    title: str
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
    timezone: Annotated[str, AfterValidator(_zone)]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    isp_minutes: Literal[15, 30, 60]
    control_interval_s: Annotated[int, Field(ge=60, le=900)]
    contract_days: Annotated[int, Field(ge=1, le=3650)] = 365
    revision_hours: Annotated[int, Field(ge=1, le=24)] = 1
    default_day: date
    profiles: str
    weather: str | None = (
        None  # the weather pack that the profiles were made of, where they were: its service tells temperatures
    )
    sources: dict[str, str]
    network: SiteNetwork
    limits: LimitBand
    congestion_points: Annotated[tuple[CongestionPoint, ...], Field(min_length=1)]
    dso: Party
    iles: Party
    ledger: Party
    meter_data_company: Party | None = None
    aggregators: Annotated[tuple[Party, ...], Field(min_length=1)]
    batteries: BatteryDefaults
    buildings: BuildingDefaults
    market: MarketTerms
    flexibility_costs: FlexibilityCosts
    tariffs: Tariffs
    grid_g_per_kwh: Positive | None = None
    key_changes: tuple[KeyChange, ...] = ()
    restrictions: tuple[UnitRestriction, ...] = ()
    switches: tuple[ProviderChange, ...] = ()
    community: Community | None = None
    islanding: Islanding | None = None
    volt_var: VoltVar | None = None
    wholesale: Wholesale | None = None
    balancing: Balancing | None = None
    microgrid_service: MicrogridService | None = None
    prosumers: Annotated[tuple[Prosumer, ...], Field(min_length=1)]

    def model_copy(self, *, update: Mapping[str, object] | None = None, deep: bool = False) -> Self:
        """See pydantic; what is looked up by name belongs to the copy, not to what it was made from."""
        copied = super().model_copy(update=update, deep=deep)
        for name in ("_by_name", "_parents"):
            copied.__dict__.pop(name, None)
        return copied

    def prosumer(self, name: str) -> Prosumer:
        """The prosumer called `name`; KeyError if there is none."""
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> dict[str, Prosumer]:
        return {prosumer.name: prosumer for prosumer in reversed(self.prosumers)}

    @property
    def meters(self) -> tuple[str, ...]:
        """The names of all smart meters, then of the meters at congestion points."""
        return (*(p.meter for p in self.prosumers), *(point.meter for point in self.congestion_points))

    def below(self, point: str) -> tuple[str, ...]:
        """The prosumers below a congestion point (its id), those of points below it included."""
        above = {known.id: self.points_above(known.id) for known in self.congestion_points}
        return tuple(p.name for p in self.prosumers if point in above.get(p.congestion_point, ()))

    def points_above(self, point: str) -> tuple[str, ...]:
        """A congestion point and all above it, from below."""
        found = [point]
        while (parent := self._parents.get(found[-1])) is not None and parent not in found:
            found.append(parent)
        return tuple(found)

    @cached_property
    def _parents(self) -> dict[str, str | None]:
        return {known.id: known.parent for known in self.congestion_points}
