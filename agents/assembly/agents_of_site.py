"""From a site to its site_agents: who lives there, with which config. The one place that reads a site for the agents."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from operator import itemgetter

import numpy as np

from agents.assembly.balancing_of_site import balancing_buyer, balancing_terms, pool_config, tso_config
from agents.assembly.device_ports import Evses
from agents.assembly.exchange_history import exchange_config, told_of
from agents.assembly.grid_of_site import carries_w, connection_terms, limitable_w, site_dso_config, usage_point
from agents.assembly.market_terms import aggregator_config, element_costs, prosumer_selling
from agents.assembly.past_weather import past_temperatures_c
from agents.assembly.planned_keys import planned_keys
from agents.assembly.providers import connection_of, member_days
from agents.assembly.roles import agent_spec
from agents.assembly.service_of_site import service_sale, service_terms
from agents.assembly.site_agents import SiteAgents
from agents.assembly.tariffs_of_site import tariff_of
from agents.planning.elements.element import ElementConfig
from agents.planning.elements.registry import element_kind
from agents.planning.elements.store_operation import StoreOperation
from agents.roles.aggregator.config import Member
from agents.roles.iles_manager import IlesConfig, LimitedHome
from agents.roles.meter_data_company import MeterCompanyConfig
from agents.roles.prosumer.config import ProsumerConfig, SharedStation
from agents.runtime.agent_spec import AgentSpec
from cim.model.arrays import Floats
from cim.model.devices import DeviceKind
from cim.model.errors import BadInput
from cim.model.intervals import LocalDay
from devices.ocpp.evse import Evse
from devices.weather import WeatherSource
from environment.profiles.history import History
from environment.profiles.library import Profiles
from environment.sites.connections import prosumer_domain
from environment.sites.devices import AnyDevice
from environment.sites.evses import evses_of
from environment.sites.schema import Prosumer, Site
from environment.weather_model import SeasonalSun, WeatherFeed
from market.ledger.signing import Signer, simulation_seed
from market.mechanisms.pay_as_bid import PayAsBid
from market.mechanisms.registry import procuring
from market.register.agreed_switches import ServedConnection
from market.rules import Control, MarketRules

MeteredDays = Callable[[str], tuple[Floats, ...]]
Secret = Callable[[str], bytes]

HISTORY_DAYS = 10
WEATHER = "weather"


def agents_of_site(
    site: Site,
    profiles: Profiles,
    first_day: date,
    days: int,
    seed: int,
    *,
    control: Control = Control.MARKET,
    mechanism: str = PayAsBid.name,
    secret: Secret | None = None,
    spare_keys: int = 0,
    operations: Mapping[str, StoreOperation] | None = None,
    free_to_change: bool = False,
    balancing: bool = False,
) -> SiteAgents:
    """All agents of a site.

    Args:
        profiles: hold the days before `first_day`, from which habits are known.
        control: how far devices are steered.
        mechanism: by which the DSO pays the offers that it chooses.
        seed: of keys, identifiers and the weather service in a simulated span.
        secret: of a real site, where all that cannot be guessed from a seed: 32 bytes for each party's domain, and for
            `identifiers`. It has no weather service.
        spare_keys: how many more keys each party has, to go over to when somebody asks it to.
        operations: element -> how it is operated beside serving its home.
        balancing: somebody buys balancing energy, as the section of that name in the site file says.
        free_to_change: owners may ask for another aggregator while the site lives; each knows all of its connections then.

    Raises:
        BadInput: two parties have one domain or one key; the days, or at least one day of history before them, are not in
            the profiles.
    """
    opening = LocalDay(first_day, site.timezone, site.isp_minutes)
    buyer = balancing_buyer(site) if balancing else None
    domains = _domains(site) | ({} if buyer is None else {buyer.name: buyer.domain})
    key = secret or partial(simulation_seed, seed)
    seeds = {name: key(domain) for name, domain in domains.items()}
    keys = {domain: Signer(seeds[name]).public for name, domain in sorted(domains.items(), key=itemgetter(1))}
    check_distinct(domains, keys)
    changes, later = planned_keys(site, domains, opening, key, spare_keys)
    seeds |= {name: seeds[name] + further for name, further in later.items()}
    witnesses = (site.dso.name, site.iles.name, *(party.name for party in site.aggregators))
    rules = MarketRules(
        site.timezone,
        site.isp_minutes,
        site.currency,
        site.control_interval_s,
        first_day,
        days,
        control,
        domains,
        keys,
        f"{site.name}/{seed}" if secret is None else secret("identifiers").hex(),
        site.revision_hours,
        witnesses,
        procuring(mechanism).name,
        keeper=domains[site.ledger.name],
        key_changes=changes,
        meter_company="" if site.meter_data_company is None else site.meter_data_company.name,
        least_device_w=0 if (least := site.market.least_device_w) is None else int(least.value),
    )
    known = days_of_history(opening, profiles)
    history = History(site, profiles)
    before = opening.next(-1)

    def metered_kw(name: str) -> tuple[Floats, ...]:
        return tuple(np.asarray(day) / 1000 for day in history.days(name, known, before))

    sun = SeasonalSun(profiles) if secret else WeatherFeed(profiles, seed, site.timezone)
    past_weather = tuple(told_of(sun, before.next(-back)) for back in range(known, 0, -1))

    past_c = () if secret or site.weather is None else past_temperatures_c(site.weather, before, known)

    agents: list[AgentSpec] = []
    for prosumer in site.prosumers:
        agents += _household(site, prosumer, seeds, metered_kw, (past_weather, past_c), operations or {})
    for party in site.aggregators:
        members = tuple(
            Member(p.name, usage_point(site, p.name), p.congestion_point, carries_w(p), tariff_of(site, p.name), served)
            for p in site.prosumers
            if (served := member_days(site, p.name, party.name)) or free_to_change
        )
        config = aggregator_config(
            site, dso=site.dso.name, market=site.iles.name, ledger=site.ledger.name, members=members
        )
        config = config if buyer is None else replace(config, balancing=balancing_terms(site, buyer))
        agents.append(agent_spec(party.name, "aggregator", seeds[party.name], config))
    of_dso = replace(site_dso_config(site, metered_kw), balancing=buyer is not None, service=service_terms(site))
    agents.append(agent_spec(site.dso.name, "dso", seeds[site.dso.name], of_dso))
    exchange = exchange_config(site, profiles, opening, sun)
    for point in site.congestion_points:
        at_exchange = exchange is not None and point.meter == exchange.meter
        hear = (site.dso.name, *((site.iles.name,) if at_exchange else ()))
        hear += (buyer.name,) if buyer is not None and at_exchange else ()
        agents.append(agent_spec(point.meter, "substation-meter", seeds[point.meter], hear, point.meter))
    names = tuple(p.name for p in site.prosumers)
    served_by = tuple(
        ServedConnection(usage_point(site, name), name, planned.aggregator, planned.switches)
        for name in names
        for planned in (connection_of(site, name),)
    )
    free = (served_by, tuple(party.name for party in site.aggregators)) if free_to_change else ((), ())
    pool = None if buyer is None else pool_config(site, buyer, rules)
    iles = IlesConfig(
        WEATHER, names, site.ledger.name, site.dso.name, exchange, None, *free, _limited_homes(site), pool
    )
    iles = replace(iles, service=service_sale(site), serves_site=_site_served(operations or {}))
    agents.append(agent_spec(site.iles.name, "iles", seeds[site.iles.name], iles, WEATHER))
    if buyer is not None:
        agents.append(agent_spec(buyer.name, "tso", seeds[buyer.name], tso_config(site, buyer, rules, seed)))
    agents += _meter_company(site, seeds)
    agents.append(agent_spec(site.ledger.name, "ledger-keeper", seeds[site.ledger.name], witnesses))
    meta = {"site": site.name, "from": first_day.isoformat(), "days": str(days), "currency": site.currency}
    meta["keeper"] = rules.keeper  # who may revoke a party's key
    return SiteAgents(
        tuple(agents),
        rules,
        meta,
        weather=WeatherSource(site.profiles, site.timezone, seed, site.weather)
        if secret is None
        else WeatherSource(site.profiles, site.timezone, None),
        device_kinds=_device_kinds(site),
        evses=_evses(site),
    )


def _site_served(operations: Mapping[str, StoreOperation]) -> bool:
    """Whether batteries serve the whole site, so that all homes tell the ILES manager what they expect."""
    return any(operation.serves_site for operation in operations.values())


def _limited_homes(site: Site) -> tuple[LimitedHome, ...]:
    """All connections, with what a limit of the whole microgrid holds there."""
    return tuple(LimitedHome(p.name, usage_point(site, p.name), sum(limitable_w(p))) for p in site.prosumers)


def _meter_company(site: Site, seeds: Mapping[str, bytes]) -> list[AgentSpec]:
    """The agent that reads the meters, if the site has one."""
    if (company := site.meter_data_company) is None:
        return []
    connections = tuple((usage_point(site, p.name), p.name) for p in site.prosumers)
    config = MeterCompanyConfig(site.dso.name, site.ledger.name, connections)
    return [agent_spec(company.name, "meter-data-company", seeds[company.name], config)]


def _device_kinds(site: Site) -> dict[str, DeviceKind]:
    kinds = {WEATHER: DeviceKind.WEATHER}
    for prosumer in site.prosumers:
        kinds[prosumer.meter] = DeviceKind.METER
        kinds |= {prosumer.device_name(device): DeviceKind(device.kind) for device in prosumer.devices}
    return kinds | {point.meter: DeviceKind.METER for point in site.congestion_points}


def _evses(site: Site) -> Evses:
    found: Evses = {}
    for prosumer in site.prosumers:
        for charger in prosumer.charging_stations:
            limit_w = int(charger.limit_w.value)
            for number, device in evses_of(charger, prosumer.devices).items():
                found[prosumer.device_name(device)] = Evse(prosumer.wire_name(device), number, limit_w)
    return found


def _domains(site: Site) -> dict[str, str]:
    company = () if site.meter_data_company is None else (site.meter_data_company,)
    domains = {party.name: party.domain for party in (site.dso, site.iles, site.ledger, *company, *site.aggregators)}
    for prosumer in site.prosumers:
        domains[prosumer.name] = prosumer_domain(site, prosumer.name)
        for device in prosumer.devices:
            domains[prosumer.device_name(device)] = f"{device.name}.{prosumer.name}.{site.name}.example"
    for point in site.congestion_points:
        domains[point.meter] = f"{point.meter.replace('.', '-')}.{site.dso.domain}"
    return domains


def check_distinct(domains: Mapping[str, str], keys: Mapping[str, bytes]) -> None:
    """Whether every party has a domain and a key of its own: who shares one could speak for the other.

    Raises:
        BadInput: two agents have one domain, or two domains one key; both are named.
    """
    for what, owners in (("domain", domains), ("key", {domain: key.hex() for domain, key in keys.items()})):
        first: dict[str, str] = {}
        for owner, value in owners.items():
            if (other := first.setdefault(value, owner)) != owner:
                shown = value if what == "domain" else f"{value[:16]}..."
                raise BadInput(f"{what} {shown}: {other} and {owner} share it; expected one for each party")


def days_of_history(opening: LocalDay, profiles: Profiles) -> int:
    """How many whole days of metering there are before the day on which the first day is planned."""
    known = sum(opening.next(-1 - back).start >= profiles.first for back in range(1, HISTORY_DAYS + 1))
    if known == 0 or opening.end + timedelta(hours=8) > profiles.last:
        raise BadInput(
            f"date: {opening.day} is outside what {profiles.name} covers with a day of history before it; expected "
            f"{(profiles.first + timedelta(days=3)).date()} to {(profiles.last - timedelta(days=2)).date()}"
        )
    return known


def _element(
    site: Site,
    prosumer: Prosumer,
    device: AnyDevice,
    metered_kw: MeteredDays,
    past_weather: tuple[Floats, ...],
    operations: Mapping[str, StoreOperation],
) -> ElementConfig:
    name, can = prosumer.device_name(device), device.capability
    return ElementConfig(
        name,
        DeviceKind(device.kind),
        generation_w=round(can.generation_w),
        consumption_w=round(can.consumption_w),
        capacity_wh=round(can.capacity_wh),
        planned_w=round(can.planned_w),
        floor_w=round(can.floor_w),
        history_kw=metered_kw(name) if can.habitual else (),
        weather_days=past_weather if device.kind == "pv" else (),
        leaves_hour=device.departure_hour.value if device.kind == "station" else None,
        ramp_w_per_min=round(can.ramp_w_per_min),
        refilled_same_day=site.batteries.refilled == "same-day",
        operation=operations.get(name),
    )


def _shared_stations(prosumer: Prosumer) -> tuple[SharedStation, ...]:
    found = []
    for charger in prosumer.charging_stations:
        elements = tuple(prosumer.device_name(device) for device in evses_of(charger, prosumer.devices).values())
        found.append(SharedStation(elements, int(charger.limit_w.value)))
    return tuple(found)


def _household(
    site: Site,
    prosumer: Prosumer,
    seeds: dict[str, bytes],
    metered_kw: MeteredDays,
    past: tuple[tuple[Floats, ...], tuple[Floats, ...]],
    operations: Mapping[str, StoreOperation],
) -> list[AgentSpec]:
    """The agents of a prosumer; `past`: of the days before, what was told of the sun and how warm they were."""
    past_weather, past_c = past
    zero: tuple[Floats, ...] = (np.zeros(96),)
    config = ProsumerConfig(
        prosumer.meter,
        usage_point(site, prosumer.name),
        prosumer.congestion_point,
        prosumer.aggregator,
        site.dso.name,
        site.iles.name,
        site.ledger.name,
        tuple(_element(site, prosumer, device, metered_kw, past_weather, operations) for device in prosumer.devices),
        zero if prosumer.base_load is None else metered_kw(f"{prosumer.name}.load"),
        prosumer_selling(site.market),
        element_costs(site.flexibility_costs),
        tariff_of(site, prosumer.name),
        carries_w(prosumer),
        int(site.market.unmetered_pct.value),
        prosumer.node,
        connection_terms(prosumer),
        connection_of(site, prosumer.name).switches,
        () if prosumer.base_load is None else past_c,
        _shared_stations(prosumer),
        _site_served(operations),
    )
    agents = [agent_spec(prosumer.name, "prosumer", seeds[prosumer.name], config, prosumer.meter)]
    for device in prosumer.devices:
        name, kind = prosumer.device_name(device), DeviceKind(device.kind)
        agents.append(agent_spec(name, element_kind(kind).agent, seeds[name], prosumer.name, name))
    return agents
