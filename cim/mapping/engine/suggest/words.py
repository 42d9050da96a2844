"""What headers of energy data say in German, Spanish and English."""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

from cim.mapping.engine.units import unit
from cim.model.errors import BadInput


class Meaning(NamedTuple):
    """What a header may mean: the words that say it, and those that say it does not."""

    what: str
    words: str
    unless: str = r"(?!)"


def _any(words: str) -> str:
    """A pattern of whole words: `*` is any ending (or begin), `_` a blank."""
    return r"\b(" + "|".join(word.replace("*", r"\w*").replace("_", " ") for word in words.split()) + r")\b"


# The first that fits counts. Words are those of `plain`: small letters, no accents, blanks for all else.
ROLES: tuple[Meaning, ...] = (
    Meaning("season", _any("sommer_winter sz_wz verano_invierno dst season estacion")),
    Meaning(
        "instant",
        _any(
            """timestamp zeitstempel datetime date_time datum_zeit datum_uhrzeit datum_und_uhrzeit fecha_hora fecha_y_hora
            fechahora marca_de_tiempo messzeitpunkt ablesezeit"""
        ),
    ),
    Meaning("date", _any("datum date fecha tag dia day")),
    Meaning("time", _any("uhrzeit zeit hora time von bis beginn ende from to start end desde hasta inicio fin")),
    Meaning(
        "usage_point",
        _any(
            """cups zahlpunkt* messlokation marktlokation malo melo metering_point usage_point punto_de_suministro ean
            anschluss*"""
        ),
    ),
    Meaning(
        "meter",
        _any(
            """meter meter_id meter_no meter_number zahler zahlernummer zahler_nr zahler_id contador geratenummer device serial
            seriennummer n_de_serie equipo"""
        ),
        _any("zahlerstand lectura reading"),
    ),
    Meaning("quality", _any("qualitat quality status estado metodo metodo_obtencion metodoobtencion flag calidad")),
)
QUANTITIES: tuple[Meaning, ...] = (
    Meaning("state_of_charge", _any("soc ladezustand state_of_charge estado_de_carga")),
    Meaning("temperature", _any("temp*")),
    Meaning("voltage", _any("spannung voltage tension voltaje")),
    Meaning("current", _any("strom current corriente intensidad")),
    Meaning("frequency", _any("frequenz frequency frecuencia")),
    Meaning("reactive_power", _any("blindleistung reactive_power potencia_reactiva")),
    Meaning("reactive_energy", _any("blindarbeit blindenergie reactive_energy energia_reactiva")),
    Meaning("power", _any("*leistung power potencia load last")),
    Meaning(
        "energy_export",
        _any(
            """*einspeis* rucklieferung *erzeug* export* fed_in feed_in generation production generad* generacion vertid*
            excedent* autoproduc* produc* 2_8_0 salida as"""
        ),
    ),
    Meaning(
        "energy_import",
        _any(
            """*bezug *verbrauch consum* import* demand energie energy energia kwh wh mwh lastgang 1_8_0 entrada ae activa"""
        ),
    ),
)
COUNTER = re.compile(_any("zahlerstand stand register lectura reading counter cumulative acumulad* index"))
_BY_UNIT = {"W": "power", "VAr": "reactive_power", "VArh": "reactive_energy", "V": "voltage", "A": "current", "Hz": "frequency",
            "degC": "temperature", "Wh": "energy_import"}  # fmt: skip
_GERMAN = re.compile(r"\b(datum|uhrzeit|zeit|zeitstempel|zahl\w*|verbrauch|bezug|einspeis\w*|leistung|wert|energie)\b")
_SPANISH = re.compile(
    r"\b(fecha|hora|consumo|energia|cups|potencia|vertid\w*|excedent\w*|contador|lectura|desde|hasta)\b"
)
ENDS = re.compile(r"\b(bis|ende|to|end|hasta|fin)\b")
BEGINS = re.compile(r"\b(von|beginn|from|start|desde|inicio)\b")


def plain(header: str) -> str:
    """A header in small letters without accents; `Energía_activa (kWh)` becomes `energia activa kwh`."""
    spread = re.sub(r"([a-zäöü]{2})([A-Z][a-z]{2})", r"\1 \2", header)
    bare = "".join(c for c in unicodedata.normalize("NFKD", spread.lower()) if not unicodedata.combining(c))
    return re.sub(r"[^a-z0-9]+", " ", bare.replace("ß", "ss")).strip()


def role(header: str) -> str | None:
    """Which part of a record a column is, or None: then it may be a value."""
    return _first(ROLES, header)


def quantity(header: str) -> str | None:
    """The name of what a column measures, or None."""
    found = _first(QUANTITIES, header)
    by_unit = unit_in(header)
    if by_unit is not None and (expected := _BY_UNIT.get(unit(by_unit).base)) is not None:
        # The unit decides between energy and power; words decide the direction.
        same = found is not None and found.split("_")[0] == expected.split("_")[0]
        return found if same else expected
    return found


def unit_in(header: str) -> str | None:
    """The unit that a header names: in brackets, or as its last word."""
    for text in [*re.findall(r"[\[(/]\s*([^\])/]+?)\s*[\])]?$", header), *re.split(r"[\s_\-]+", header)[-1:]]:
        for spelling in (text, text.replace("KW", "kW").replace("WH", "Wh"), text.replace("kwh", "kWh")):
            try:
                unit(spelling)
            except BadInput:
                continue
            return (
                None
                if spelling in {"1", "h", "s", "min"} or (len(spelling) == 1 and spelling not in "WVA%")
                else spelling
            )
    return None


def zone(headers: list[str]) -> tuple[str, str]:
    """A zone, and why it is assumed."""
    words = " ".join(plain(header) for header in headers)
    german, spanish = len(_GERMAN.findall(words)), len(_SPANISH.findall(words))
    if german > spanish:
        return "Europe/Vienna", "assumed, since the headers are German: look whether it is so"
    if spanish:
        return "Europe/Madrid", "assumed, since the headers are Spanish: look whether it is so"
    return "UTC", "assumed, since nothing says it: look whether it is so"


def _first(meanings: tuple[Meaning, ...], header: str) -> str | None:
    words = plain(header)
    for meaning in meanings:
        if re.search(meaning.words, words) and not re.search(meaning.unless, words):
            return meaning.what
    return None
