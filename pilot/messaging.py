"""The messaging of a living site: its agents' publications on topics, for listeners at the portal and for an MQTT broker."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

import structlog

from cim.mapping.engine.mapping_file import checked_yaml
from cim.model.errors import BadInput
from cim.platform.access.control import AccessControl
from cim.platform.access.principals import PrincipalBook
from cim.platform.access.streams import StreamSight
from cim.platform.broker.channel import BrokerServer
from cim.platform.broker.consumer import Received
from cim.platform.broker.mqtt import MqttBridge, MqttSettings
from cim.platform.broker.outside import Told, rows_of, told_publication, told_readings
from cim.platform.broker.producer import Producer
from cim.platform.broker.publishing_store import PublishingStore
from cim.platform.broker.schemas import READINGS, site_topics
from cim.platform.broker.told_trouble import tell_trouble
from cim.platform.publications.agreements import ConnectionSwitched
from cim.platform.site_data import SiteFacts, handed_over
from cim.platform.store import Store, values
from portal.callers import book_of_site
from portal.stream_routes import StreamSite

_WATCHED_S = 1.0
_log = structlog.get_logger("iles")


@dataclass(frozen=True)
class Messaging:
    """A site's topics: a store that publishes what it keeps, and who may listen."""

    store: PublishingStore
    streams: StreamSite


@asynccontextmanager
async def messaging(
    store: Store, folder: Path, server: BrokerServer, site: SiteFacts, now: Callable[[], datetime], mqtt: Path | None
) -> AsyncIterator[Messaging]:
    """Topics while a site lives; the store is closed at the end.

    Args:
        server: the way to the broker's server.
        now: the site's clock.
        mqtt: the file that says where an MQTT broker is, and what it is told.

    Raises:
        BadInput: the MQTT file cannot be kept.
    """
    topics = site_topics()
    access = AccessControl.open(folder / "data", book_of_site(folder, site), now)
    usage_points = {meter: one.usage_point for one in site.connections for meter in one.meters}
    told = Messaging(
        PublishingStore(store, Producer(server.beside(), topics), usage_points), StreamSite(access, server, topics)
    )
    hand_over = partial(_hand_over, store, access.book, site)
    hand_over()
    bridge, watch = None, asyncio.create_task(_watch(told.store, folder, hand_over))
    try:
        if mqtt is not None:
            bridge = asyncio.create_task(_bridge(told.streams, read_mqtt(mqtt)).run())
        yield told
    finally:
        for one in (bridge, watch):
            if one is not None:
                one.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await one
        await asyncio.to_thread(told.store.close)
        tell_trouble(folder, told.store.trouble)
        server.close()


def _hand_over(store: Store, book: PrincipalBook, site: SiteFacts) -> None:
    """Listeners' rights follow the changes of aggregator that are known by now."""
    for made in values(store, ConnectionSwitched):
        book.hand_over(*handed_over(made, site))


async def _watch(store: PublishingStore, folder: Path, hand_over: Callable[[], None]) -> None:
    """What is wrong with the topics, as the folder's status tells it to others; and who changed its aggregator."""
    told: str | None = ""
    while True:
        hand_over()  # in good time: a change is known two days before
        if store.trouble != told:
            told = store.trouble
            await asyncio.to_thread(tell_trouble, folder, told)
        await asyncio.sleep(_WATCHED_S)


def read_mqtt(path: Path) -> MqttSettings:
    """The settings of an MQTT file.

    Raises:
        BadInput: it cannot be read, a field is wrong (file, line and field), or what it says contradicts itself.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"mqtt: {path} cannot be read ({error}); expected a YAML file") from None
    settings = checked_yaml(text, MqttSettings, path.name)
    settings.check()
    return settings


def _bridge(streams: StreamSite, settings: MqttSettings) -> MqttBridge:
    """The bridge, which publishes what the party that it is seen as may see.

    Raises:
        BadInput, Denied: a setting does not fit, or that party may see nothing of a topic.
    """
    sights = {name: StreamSight(streams.access, settings.seen_as, name, settings.purpose) for name in settings.topics}

    def shown(topic: str, one: Received) -> Told | None:
        if one.message is None:
            return None
        if topic != READINGS:
            return told_publication(topic, one) if sights[topic].whole() else None
        rows = sights[topic].rows(rows_of(one))
        return told_readings(one.id, rows) if rows else None

    return MqttBridge(streams.server.beside(), streams.topics, settings, shown)
