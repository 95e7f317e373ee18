"""The module's Ethernet station on USB: ARP, DHCP by the context and +SYSNV, frames of any kind."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cellbench.catalogue.model import Series
from cellbench.virtual.net import dhcp
from cellbench.virtual.net.internet import Internet
from cellbench.virtual.net.ip.packets import build, parse, parse_udp, udp
from cellbench.virtual.world.world import load_world

HOST = bytes.fromhex("020000000001")
ALL = b"\xff" * 6


class Cable:
    """The host's end."""

    def __init__(self, driven, nat, mode=5):
        self.one = driven(Series.LENA_R8)
        self.one.ready()
        self.one.module.internet = Internet(load_world())
        for line in (f'AT+SYSNV=1,"usbmode",{mode}', f'AT+SYSNV=1,"nat_cfg",{nat}'):
            assert self.one.at(line) == ["OK"]
        boots = self.one.module.power.boots
        self.one.send(b"AT+CFUN=16\r")
        self.one.until(lambda: self.one.module.power.boots > boots and self.one.module.power.running, 200)
        self.one.wake()
        self.one.until(lambda: self.one.module.radio.registered, 200)
        self.frames = []
        self.lan = self.one.module.lan
        if self.lan is not None:
            self.lan.transmit = self.frames.append

    def activate(self):
        self.one.at('AT+CGDCONT=1,"IP","internet.wind.biz"')
        assert self.one.at("AT+CGACT=1,1") == ["OK"]
        return self.one.module.contexts.get(1)

    def say(self, kind, payload, to=ALL):
        self.frames.clear()
        self.lan.receive(to + HOST + kind + payload)
        return list(self.frames)

    def discover(self):
        """The address of the offer, None for no answer."""
        fixed = bytes.fromhex("010106001234567800008000") + bytes(16) + HOST + bytes(202)
        data = fixed + bytes.fromhex("63825363350101ff")
        frames = self.say(b"\x08\0", build(udp((bytes(4), 68), (b"\xff" * 4, 67), data)))
        if not frames:
            return None
        assert frames[0][:6] == ALL
        datagram = parse_udp(parse(frames[0][14:]))
        assert datagram.target_port == dhcp.CLIENT_PORT
        return str(ipaddress.IPv4Address(datagram.data[16:20]))

    def arp(self, target, asker="10.0.0.1"):
        request = (bytes.fromhex("0001080006040001") + HOST + ipaddress.IPv4Address(asker).packed + bytes(6)
                   + ipaddress.IPv4Address(target).packed)
        return self.say(b"\x08\x06", request)


def test_bridge_offers_the_networks_address_once_there_is_one(driven):
    cable = Cable(driven, 0)
    assert cable.discover() is None
    context = cable.activate()
    assert cable.discover() == context.ipv4
    cable.one.at("AT+CGACT=0,1")
    assert cable.discover() is None


def test_router_offers_a_private_one_all_the_time(driven):
    cable = Cable(driven, 255)
    assert cable.discover() == "192.168.0.100"
    assert cable.activate().ipv4 != "192.168.0.100"
    assert cable.discover() == "192.168.0.100"


def test_what_is_stored_now_counts_from_the_next_boot(driven):
    cable = Cable(driven, 255)
    assert cable.one.at('AT+SYSNV=1,"nat_cfg",0') == ["OK"]
    assert cable.discover() == "192.168.0.100"


def test_arp_is_answered_for_all_but_the_hosts_own_address(driven):
    cable = Cable(driven, 255)
    for target in ("192.168.0.1", "8.8.8.8"):
        (frame,) = cable.arp(target, "192.168.0.100")
        assert frame[:6] == HOST
        assert frame[20:22] == b"\0\2"
        assert frame[22:28] == frame[6:12]
        assert str(ipaddress.IPv4Address(frame[28:32])) == target
    assert cable.arp("192.168.0.100", "192.168.0.100") == []
    assert cable.arp("192.168.0.100", "0.0.0.0") == [], "a probe for one's own address (RFC 5227)"


def test_serial_ports_only_have_no_station(driven):
    assert Cable(driven, 255, mode=2).lan is None


def test_frames_for_others_and_of_other_kinds_are_left(driven):
    cable = Cable(driven, 255)
    assert cable.say(b"\x86\xdd", bytes(40)) == []
    assert cable.say(b"\x08\0", build(udp((bytes(4), 68), (b"\xff" * 4, 67), b"x")), to=b"\2" * 6) == []


@pytest.fixture
def router(driven):
    cable = Cable(driven, 255)
    cable.activate()
    return cable


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kind=st.sampled_from([b"\x08\0", b"\x08\x06", b"\x86\xdd", b""]), payload=st.binary(max_size=120))
def test_any_frame_is_taken(router, kind, payload):
    router.lan.receive(ALL + HOST + kind + payload)
    assert router.one.module.power.running
