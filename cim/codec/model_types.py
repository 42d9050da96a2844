"""Gives the values of `cim.model` their tags, so that they can travel: the model itself knows no encoding."""

from __future__ import annotations

from cim.codec.codec import wire
from cim.model.counters import CounterReading, CounterTrack
from cim.model.devices import (
    DeviceKind,
    Mode,
    Nameplate,
    Programme,
    ProgrammeState,
    Setpoint,
    ThermalDescription,
    ThermalUsage,
    VehiclePlugged,
    VehicleUnplugged,
    WeatherForecast,
)
from cim.model.readings import Kind, Quality, Reading

wire("cim.CounterReading")(CounterReading)
wire("cim.CounterTrack")(CounterTrack)
wire("cim.Quality")(Quality)
wire("cim.Kind")(Kind)
wire("cim.Reading")(Reading)
wire("device.Kind")(DeviceKind)
wire("device.Mode")(Mode)
wire("device.Setpoint")(Setpoint)
wire("device.Nameplate")(Nameplate)
wire("device.VehiclePlugged")(VehiclePlugged)
wire("device.VehicleUnplugged")(VehicleUnplugged)
wire("device.ThermalDescription")(ThermalDescription)
wire("device.ThermalUsage")(ThermalUsage)
wire("device.ProgrammeState")(ProgrammeState)
wire("device.Programme")(Programme)
wire("device.WeatherForecast")(WeatherForecast)
