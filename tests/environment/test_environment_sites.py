"""Site files: Strem is whole; broken files tell all their faults at once."""

import pickle
from pathlib import Path

import pytest
import yaml

from cim.model.errors import BadInput
from environment.sites import SiteFaults, build_network, known_sites, load_site
from environment.sites.loader import parse_site

STREM = Path(load_site.__code__.co_filename).parent / "strem.yaml"


def test_strem_holds_what_the_pilot_has() -> None:
    """Thirteen low-voltage prosumers and six at medium voltage; both aggregators have members at both points."""
    site = load_site("strem")
    points = [point.id for point in site.congestion_points]
    by_point = {point: [p for p in site.prosumers if p.congestion_point == point] for point in points}
    assert [len(by_point[point]) for point in points] == [6, 13]
    for members in by_point.values():
        assert {p.aggregator for p in members} == {party.name for party in site.aggregators}
    kinds = [device.kind for p in site.prosumers for device in p.devices]
    assert {kind: kinds.count(kind) for kind in sorted(set(kinds))} == {
        "appliance": 2,
        "battery": 6,
        "chp": 1,
        "gateway": 10,
        "pv": 10,
        "station": 11,
    }
    assert site.prosumer("care-centre").meter == "care-centre.meter"


def test_network_joins_feeder_and_low_voltage_grid() -> None:
    """The pack's external grid is replaced by the feeder's node."""
    network = build_network(load_site("strem"))
    assert (len(network.nodes), len(network.lines), len(network.transformers)) == (19, 17, 1)
    assert network.transformers[0].hv_node == "mv-2"


def test_unknown_site_lists_the_known() -> None:
    """A name that is neither a site nor a file is refused with the known names."""
    assert known_sites() == ("el_realengo", "strem")
    with pytest.raises(BadInput, match="expected el_realengo, strem or"):
        load_site("atlantis")


def test_a_path_is_a_site_too(tmp_path: Path) -> None:
    """A site may lie anywhere as a YAML file."""
    path = tmp_path / "mine.yaml"
    path.write_text(STREM.read_text(encoding="utf-8"), encoding="utf-8")
    assert load_site(str(path)) == load_site("strem")


def test_all_faults_are_told_at_once() -> None:
    """Every fault has its own sentence with place, value and expectation; none hides another."""
    raw = yaml.safe_load(STREM.read_text(encoding="utf-8"))
    raw["colour"] = "green"
    raw["timezone"] = "Europe/Atlantis"
    del raw["currency"]
    raw["control_interval_s"] = 1
    raw["prosumers"][0]["node"] = "nowhere"
    raw["prosumers"][0]["base_load"]["column"] = "X9"
    raw["prosumers"][0]["base_load"]["peak_w"] = 5900
    raw["prosumers"][1]["name"] = raw["prosumers"][0]["name"]
    raw["prosumers"][1]["aggregator"] = "agr-nobody"
    raw["prosumers"][2]["congestion_point"] = "ea1.2016-01.at.strem:none"
    raw["prosumers"][13]["devices"][1]["rated_w"] = {"value": -1, "assumed": True}
    raw["prosumers"][13]["devices"][1]["capacity_wh"] = {"value": 1}
    raw["prosumers"][13]["devices"][0]["rated_w"] = {"value": 1, "source": "hearsay"}
    raw["congestion_points"][0]["branch"] = "line-99"
    with pytest.raises(SiteFaults) as caught:
        parse_site(yaml.safe_dump(raw), "mine.yaml")
    faults = "\n".join(caught.value.faults)
    for fault in (
        "colour: value 'green': expected no such key",
        "timezone: value 'Europe/Atlantis': expected an IANA time zone",
        "currency: value missing",
        "control_interval_s: value 1: expected",
        "prosumers[0].node: value 'nowhere': expected one of busbar",
        "prosumers[0].base_load.column: value 'X9': expected one of Air",
        "prosumers[0].base_load.peak_w: value 5900: expected {value: ...",
        "expected every name once",
        "prosumers[1].aggregator: value 'agr-nobody': expected one of agr-east, agr-west",
        "prosumers[2].congestion_point: value",
        "prosumers[13].devices[1].rated_w: value {'assumed': True, 'value': -1}: expected a value > 0",
        "prosumers[13].devices[1].capacity_wh: value {'value': 1}: expected exactly one of",
        "prosumers[13].devices[0].rated_w.source: value 'hearsay': expected one of cable",
        "congestion_points[0].branch: value 'line-99'",
    ):
        assert fault in faults
    assert (
        len(caught.value.faults) == 16
    )  # a name used twice is also that of two meters, and another's in the community


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name: [strem", "line 1, column"),
        ("name: a\nname: b\n", "key 'name' twice"),
        ("- 1\n", "expected a mapping"),
        ("", "expected a mapping"),
        ("a: \x00", "expected valid YAML"),
        ("prosumers: 3\nnetwork: []\naggregators: {a: 1}\nprofiles: 7\n", "currency: value missing"),
        ("dso: {name: [1]}\nprosumers: [1, {devices: 4, base_load: x}]\nsources: 1\n", "prosumers[0]: value 1"),
        ("? [a]\n: 1\n", "line 1"),
    ],
)
def test_wild_files_get_sentences_not_tracebacks(text: str, says: str) -> None:
    """Whatever the file holds, the answer is a SiteFaults."""
    with pytest.raises(SiteFaults) as caught:
        parse_site(text, "wild.yaml")
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (("dso_buys", "aspiration", "volume_ct_per_kwh"), 90, "expected dso_buys.aspiration to be less than"),
        (
            ("prosumers_sell", "aspiration", "volume_ct_per_kwh"),
            0.5,
            "expected prosumers_sell.aspiration to be more than",
        ),
        (("member_contract", "max_runtime_isps"), 1.5, "expected a whole number"),
        (("dso_option_share_up",), 1.2, "expected a value from 0 to 1"),
        (("loading_reserve_pct",), 100, "expected a value from 0 to below 100"),
        (("concession_rounds",), 0, "expected a value > 0"),
    ],
)
def test_market_terms_that_cannot_be_are_named(path: tuple[str, ...], value: float, says: str) -> None:
    """A price range the wrong way round, half an ISP or a share above one is a fault of the file, not of a later run."""
    raw = yaml.safe_load(STREM.read_text(encoding="utf-8"))
    at = raw["market"]
    for key in path:
        at = at[key]
    at["value"] = value
    with pytest.raises(SiteFaults) as caught:
        parse_site(yaml.safe_dump(raw), "mine.yaml")
    assert says in str(caught.value)
    assert len(caught.value.faults) == 1


def test_faults_come_back_whole_from_another_process() -> None:
    """What a process of its own says is wrong with a site file is the same sentence where it is printed."""
    with pytest.raises(SiteFaults) as caught:
        parse_site("name: 5", "mine.yaml")
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.faults) == (str(caught.value), caught.value.faults)


@pytest.mark.parametrize(
    ("field", "what"), [("name", "names of parties and prosumers"), ("domain", "domains of parties")]
)
def test_who_reads_the_meters_is_no_other_party(field: str, what: str) -> None:
    """A meter-data company under the DSO's name or domain could speak for it: the site is refused."""
    raw = yaml.safe_load(STREM.read_text(encoding="utf-8"))
    raw["meter_data_company"][field] = raw["dso"][field]
    with pytest.raises(SiteFaults, match=what):
        parse_site(yaml.safe_dump(raw), "mine.yaml")
