"""The devices a prosumer can have, as a site file gives them, and what each can do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, get_args

from pydantic import Field, model_validator

from environment.sites.ratings import Count, Hour, Name, NotNegative, Part, Positive, Share, TimeOfDay
from environment.sites.shapes import Shaped, Strand


@dataclass(frozen=True, slots=True)
class Capability:
    """What a device can do.

    Attributes:
        generation_w, consumption_w: ratings, magnitudes.
        capacity_wh: of a battery.
        planned_w: net power its operator plans, + = consumption.
        floor_w: net power closest to zero it can run at, + = consumption.
        ramp_w_per_min: how fast its power can change; 0: nothing to speak of holds it back.
        habitual: whether what it did on earlier days lets expect what it does.
        sizes_connection: False for what the connection of its house covers already: a heat pump, an appliance.
    """

    generation_w: float = 0.0
    consumption_w: float = 0.0
    capacity_wh: float = 0.0
    planned_w: float = 0.0
    floor_w: float = 0.0
    ramp_w_per_min: float = 0.0
    habitual: bool = False
    sizes_connection: bool = True


_NOMINAL_V, _ONE_PHASE_A = 230.0, 32  # EN 50160; a mode 3 socket with one phase carries no more


class Pv(Part):
    """A PV plant with a SunSpec inverter; `sunspec` is the model that curtails it."""

    kind: Literal["pv"]
    name: Name
    rated_w: Positive
    column: str
    sunspec: Literal["123"]

    @property
    def capability(self) -> Capability:
        """Generation as the sun gives it."""
        return Capability(generation_w=self.rated_w.value, habitual=True)


class Wind(Part):
    """A wind turbine with a SunSpec inverter (model 704); `environment.physics.wind` has its power curve.

    `mean_wind_m_s` is the mean wind speed at hub height, see `environment.wind_model`.
    """

    kind: Literal["wind"]
    name: Name
    rated_w: Positive
    mean_wind_m_s: Positive
    cut_in_m_s: Positive
    rated_m_s: Positive
    cut_out_m_s: Positive
    sunspec: Literal["704"]

    @model_validator(mode="after")
    def _ordered(self) -> Wind:
        if not self.cut_in_m_s.value < self.rated_m_s.value < self.cut_out_m_s.value:
            raise ValueError("expected cut_in_m_s < rated_m_s < cut_out_m_s")
        return self

    @property
    def capability(self) -> Capability:
        """Generation as the wind gives it."""
        return Capability(generation_w=self.rated_w.value, habitual=True)


class BatteryUnit(Part):
    """A battery with a SunSpec converter: a home battery (model 124) or a DER storage (models 704, 713)."""

    kind: Literal["battery"]
    name: Name
    rated_w: Positive
    capacity_wh: Positive
    sunspec: Literal["124", "704"]

    @property
    def capability(self) -> Capability:
        """The same power both ways."""
        rated_w = self.rated_w.value
        return Capability(generation_w=rated_w, consumption_w=rated_w, capacity_wh=self.capacity_wh.value)


class ChpUnit(Part):
    """A CHP plant behind a SunSpec gateway (model 704)."""

    kind: Literal["chp"]
    name: Name
    rated_w: Positive
    plan: Share
    minimum: Share
    ramp_per_min: Share
    sunspec: Literal["704"]

    @property
    def capability(self) -> Capability:
        """Generation as its operator plans it, not below its minimum."""
        rated_w = self.rated_w.value
        return Capability(
            generation_w=rated_w,
            planned_w=-self.plan.value * rated_w,
            floor_w=-self.minimum.value * rated_w,
            ramp_w_per_min=self.ramp_per_min.value * rated_w,
        )


Ocpp = Literal["1.6", "2.0.1", "2.1"]


class Evse(Part):
    """Where a station's EVSE is: which of the prosumer's `charging_stations` has it, and its number there (1.6: connector)."""

    station: Name
    number: Annotated[int, Field(ge=1, le=99)]


class ChargingStation(Part):
    """An OCPP charging station with several EVSEs, each of which is a device of its own (`evse`).

    Attributes:
        name: `<prosumer>.<name>` is its identity, by which it dials in.
        limit_w: what its grid connection carries: all EVSEs together never draw more.
        ocpp: see `Station`.
    """

    name: Name
    limit_w: Positive
    ocpp: Ocpp | None = None


class Station(Strand):
    """An EVSE of an OCPP charging station, which has no other one unless `evse` says so.

    `departure_hour` is the local hour at which vehicles leave.

    `ocpp` is the version that its simulator speaks (2.0.1, unless said); a real one says itself what it speaks.
    `discharge_w` is the most power that its vehicles give back: few can, and only OCPP 2.1 can ask for it. No plan does.
    `min_current_a` is the current in each phase with less of which its vehicles do not charge (IEC 61851-1: 6 A); where it is
    not said they take any power, as all vehicles of the simulation did before there was such a minimum.
    """

    kind: Literal["station"]
    name: Name
    rated_w: Positive
    departure_hour: TimeOfDay
    ocpp: Ocpp | None = None
    evse: Evse | None = None
    discharge_w: Positive | None = None
    min_current_a: Positive | None = None

    @property
    def least_w(self) -> float:
        """The least power with which its vehicles charge, W; 0 where they take any. Above 32 A of one phase it has three."""
        phases = 3 if self.rated_w.value > _NOMINAL_V * _ONE_PHASE_A else 1
        return 0.0 if self.min_current_a is None else self.min_current_a.value * _NOMINAL_V * phases

    @model_validator(mode="after")
    def _asked_for(self) -> Station:
        if self.least_w > self.rated_w.value:
            raise ValueError(
                f"min_current_a: {self.least_w:g} W in its phases is above rated_w {self.rated_w.value:g}; expected less"
            )
        if self.evse is not None and self.ocpp is not None:
            raise ValueError(f"expected ocpp at the charging station {self.evse.station}, not at its EVSE")
        if self.discharge_w is not None and self.ocpp != "2.1" and self.evse is None:
            raise ValueError('expected ocpp: "2.1" with discharge_w')
        return self

    @property
    def capability(self) -> Capability:
        """Consumption when vehicles come, as they usually do."""
        return Capability(consumption_w=self.rated_w.value, habitual=True)


class Gateway(Shaped):
    """An S2 building gateway in front of a heat pump, or of several that it steers as one."""

    kind: Literal["gateway"]
    name: Name
    rated_w: Positive

    @property
    def capability(self) -> Capability:
        """Consumption as the heat demand usually is."""
        return Capability(consumption_w=self.rated_w.value, habitual=True, sizes_connection=False)


class ProgrammeStep(Part):
    """A part of an appliance's programme during which it draws the same power."""

    minutes: Count
    power_w: NotNegative


class ApplianceUnit(Part):
    """A washing machine or dishwasher behind an S2 gateway, made ready once a day.

    It is ready at the local hour `ready_hour` and has to be done at the next `latest_end_hour`.
    """

    kind: Literal["appliance"]
    name: Name
    rated_w: Positive
    ready_hour: Hour
    latest_end_hour: Hour
    programme: Annotated[tuple[ProgrammeStep, ...], Field(min_length=1)]
    interruptible: bool = False

    @model_validator(mode="after")
    def _fits(self) -> ApplianceUnit:
        if any(step.power_w.value > self.rated_w.value for step in self.programme):
            raise ValueError("expected no step of the programme above rated_w")
        hours = (self.latest_end_hour.value - self.ready_hour.value - 1) % 24 + 1
        # an hour in reserve, for the night in which the clocks go forward
        if sum(step.minutes.value for step in self.programme) > 60 * (hours - 1):
            raise ValueError("expected at least an hour more between ready_hour and latest_end_hour than it takes")
        return self

    @property
    def capability(self) -> Capability:
        """Consumption when it is used, as it usually is."""
        return Capability(consumption_w=self.rated_w.value, habitual=True, sizes_connection=False)


AnyDevice = Pv | Wind | BatteryUnit | ChpUnit | Station | Gateway | ApplianceUnit
Device = Annotated[AnyDevice, Field(discriminator="kind")]
DEVICE_WORDS = frozenset(get_args(part.model_fields["kind"].annotation)[0] for part in get_args(AnyDevice))
