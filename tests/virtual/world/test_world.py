"""The reference world as frozen shapes."""

from __future__ import annotations

from pathlib import Path

import pytest

from cellbench.base.errors import OperatorError
from cellbench.catalogue.model import Series
from cellbench.virtual.world.world import Place, load_world

WORLD = load_world()


def test_names_and_addresses() -> None:
    assert WORLD.names["www.google.com"][:2] == ("216.239.59.147", "216.58.206.68")
    assert WORLD.names["echo.u-blox.com"][0] == WORLD.names["ftp.u-blox.com"][0] == "195.34.89.241"
    assert WORLD.names["coap.me"], "a name with any address has one"
    assert "no-such-host.invalid" not in WORLD.names
    assert WORLD.addresses_of("192.168.105.30") == ("192.168.105.30",)
    assert WORLD.addresses_of("no-such-host.invalid") == ()


@pytest.mark.parametrize(("server", "place"), [
    ("echo", Place("195.34.89.241", 7)),
    ("icmp", Place("www.google.com")),
    ("coap", Place("coap.me", 5683, "udp")),
    ("coap-tcp", Place("192.168.105.31", 5683, "tcp")),
    ("https-slow", Place("httpbin.org", 443)),
    ("mqtt", Place("185.215.193.15", 1883)),
])
def test_places_of_servers(server: str, place: Place) -> None:
    assert place in WORLD.servers[server].places


def test_every_server_of_the_file_but_the_group_has_a_place() -> None:
    assert [name for name, server in WORLD.servers.items() if not server.places] == ["dns"]


def test_vars() -> None:
    assert WORLD.substitute("{blackhole} and {nothing}") == "203.0.113.1 and {nothing}"
    assert "203.0.113.1" in WORLD.blackholes
    assert WORLD.blackholes.isdisjoint(WORLD.known_addresses())


def test_module_sim_network() -> None:
    assert WORLD.modules[Series.LENA_R8].firmware == "02.00,A01.22"
    assert WORLD.modules[Series.LARA_R6].firmware is None
    assert WORLD.sim.imsi[0] == "222885850018994"
    assert next(one for one in WORLD.sim.files if one.name == "IMSI").number == 28423
    assert WORLD.networks[Series.LENA_R8].default_cid == 0
    assert "apn_name" in WORLD.networks[Series.LARA_R6].apns


def test_definitions_are_plain() -> None:
    definitions = WORLD.definitions()
    assert set(WORLD.servers) <= set(definitions)
    echo, dns = definitions["echo"], definitions["dns"]
    assert isinstance(echo, dict)
    assert isinstance(dns, dict)
    assert echo["server"] == "echo"
    assert dns["members"] == ["dns-primary", "dns-secondary"]


def test_a_world_that_cannot_be_read_is_the_operators(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=r"nowhere\.yaml"):
        load_world(tmp_path / "nowhere.yaml")
    (tmp_path / "short.yaml").write_text("vars: {blackhole: 203.0.113.1}\ndns: {}\n")
    with pytest.raises(OperatorError, match="compare with the reference"):
        load_world(tmp_path / "short.yaml")
