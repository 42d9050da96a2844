"""A simulated appliance and its driver for tests: in memory, or over a socket."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cim.model.devices import Mode, Programme, Setpoint
from cim.model.readings import Quality
from devices.dial_in.passwords import known_passwords
from devices.dial_in.server import DialInServer
from devices.s2.appliance import AppliancePort
from devices.simulators.adapters import ApplianceInUse
from devices.simulators.dial_out import DialOut
from devices.simulators.gateway.appliance import ApplianceMachine
from devices.simulators.in_memory_link import DirectLink
from environment.physics import Appliance, Connection
from environment.profiles.programmes import ApplianceUse, ProgrammeSteps

START = datetime(2026, 1, 1, 6, tzinfo=UTC)
INTERVAL = timedelta(minutes=5)
PASSWORD = "sixteen-letters!"
STEPS = ((600.0, 100.0), (1200.0, 2000.0), (1800.0, 400.0))
ENERGY_WH = (600 * 100 + 1200 * 2000 + 1800 * 400) / 3600
HEAT = Setpoint(Mode.START, 1000)


class Direct:
    """An appliance in memory: ready after half an hour, to be done six hours after the start."""

    def __init__(self, interruptible: bool = False) -> None:
        use = ApplianceUse(START.timestamp() + 1800, START.timestamp() + 6 * 3600)
        self.unit = Appliance(
            "w", START.timestamp(), uses=(use,), programme=ProgrammeSteps(STEPS, interruptible=interruptible)
        )
        self.connection = Connection("home", (self.unit,))
        self.machine = ApplianceMachine("w", ApplianceInUse(self.unit))
        self.now = START
        self.told: list[Programme] = []
        self.measured_wh = 0.0

    async def open(self) -> AppliancePort:
        """Connect the driver."""
        self.link = DirectLink()
        self.link.add("w", self.machine, START)
        self.port = AppliancePort("w", link=self.link)
        await self.port.open(START)
        return self.port

    def move(self) -> None:
        """Physics, a control interval on."""
        self.connection.advance(self.now.timestamp(), (self.now + INTERVAL).timestamp())
        self.now += INTERVAL

    async def speak(self) -> None:
        """Carry what the appliance says."""
        self.link.advance(self.now)

    async def until(self, hours: float) -> None:
        """Advance to so many hours after the start, and keep what is told and measured."""
        while self.now < START + timedelta(hours=hours):
            self.move()
            await self.speak()
            await self.port.sync(self.now)
            (power,) = await self.port.measure(self.now)
            if power.quality is Quality.GOOD:
                self.measured_wh += power.value * (INTERVAL / timedelta(hours=1))
            self.told += [news for news in self.port.drain() if isinstance(news, Programme)]

    async def start(self, setpoint: Setpoint = HEAT) -> None:
        """Command it for a quarter of an hour."""
        await self.port.command(setpoint, self.now + 3 * INTERVAL, self.now)

    async def close(self) -> None:
        """End."""
        await self.port.close()


class Tcp(Direct):
    """The same appliance over a WebSocket."""

    async def open(self) -> AppliancePort:
        """Let it dial."""
        self.machine.start(START)
        self.server = DialInServer(authenticate=known_passwords({"w": PASSWORD}))
        await self.server.start()
        self.port = AppliancePort("w", server=self.server)
        self.out = DialOut(self.machine, self.server.url("s2", "w"), ("w", PASSWORD), "s2")
        self.out.dial()
        await self.port.open(START)
        return self.port

    async def speak(self) -> None:
        """Send it, and wait for the answers."""
        await self.out.say(self.machine.advance(self.now))
        await self.out.settled()

    async def close(self) -> None:
        """End."""
        await self.out.hang_up()
        await self.port.close()
        await self.server.close()
