"""A host behind the module on the virtual internet: every packet of it written out by hand (RFC 791, 768,
9293, 8200, 4861), and clients inside the module beside it (LARA-R6 guide 4.3)."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable
from ipaddress import IPv6Address, ip_address
from typing import Any

import pytest

from cellbench.catalogue.model import Series
from cellbench.virtual.device.dialup import DialUps
from cellbench.virtual.net.icmp import Outcome, Request, echo
from cellbench.virtual.net.route import Source

Play = Callable[[Series, Callable[[Any], Awaitable[None]]], None]
RATE = 115200
ECHO = "195.34.89.241"
PINGED = "216.239.59.147"
LCP = "c021 01 07 0014 0206 00000000 0506 11223344 0702 0802"


def total(data: bytes) -> int:
    """RFC 1071, word by word."""
    if len(data) % 2:
        data += b"\0"
    words = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while words > 0xFFFF:
        words = (words & 0xFFFF) + (words >> 16)
    return ~words & 0xFFFF


class Host:
    """The host: PPP by hand, IP by hand."""

    def __init__(self, at: Any, hands: Any) -> None:
        self.at = at
        self.hands = hands
        self.address = ""
        self.packets: list[bytes] = []
        self._frames: list[str] = []
        self._partial = b""

    def _send(self, text: str) -> None:
        self.at.module.uart.receive(self.hands.frame(text), RATE)

    def _pull(self) -> None:
        data = self._partial + bytes(self.at.raw)
        self.at.raw.clear()
        whole, flag, self._partial = data.rpartition(b"\x7e")
        for one in self.hands.read(whole) if flag else ():
            if one.startswith(("0021", "0057")):
                self.packets.append(bytes.fromhex(one[4:]))
            else:
                self._frames.append(one)

    async def frame(self, begin: str) -> str:
        """The next control packet that begins so; others before it stay."""
        async with asyncio.timeout(10):
            while True:
                self._pull()
                for one in self._frames:
                    if one.startswith(begin):
                        self._frames.remove(one)
                        return one
                await asyncio.sleep(0.005)

    async def packet(self, wanted: Callable[[bytes], bool] = lambda packet: True) -> bytes:
        """The next IP packet that is wanted; others before it stay."""
        async with asyncio.timeout(10):
            while True:
                self._pull()
                for one in self.packets:
                    if wanted(one):
                        self.packets.remove(one)
                        return one
                await asyncio.sleep(0.005)

    async def dial(self, cid: int = 1, *, v6: bool = False) -> None:
        """CONNECT, LCP, IPCP (or IPv6CP)."""
        self.at.raw.clear()
        self.at.module.uart.receive(f"ATD*99***{cid}#\r".encode(), RATE)
        async with asyncio.timeout(10):
            while b"CONNECT" not in self.at.raw:
                assert b"NO CARRIER" not in self.at.raw
                await asyncio.sleep(0.005)
        await asyncio.sleep(0)
        head, _, rest = bytes(self.at.raw).partition(b"\x7e")
        del head
        self.at.raw[:] = rest and b"\x7e" + rest
        self._send(LCP)
        asked = await self.frame("c02101")
        if "0305c22305" in asked:
            self._send(f"c02104{asked[6:8]} 0009 0305 c22305")
            asked = await self.frame("c02101")
        self._send("c02102" + asked[6:])
        if v6:
            asked = await self.frame("805701")
            self._send("805702" + asked[6:])
            self._send("8057 01 31 000e 010a 0000000000000005")
            await self.frame("805702")
            return
        asked = await self.frame("802101")
        self._send("802102" + asked[6:])
        self._send("8021 01 21 000a 0306 00000000")
        nak = await self.frame("802103")
        self._send("80210122000a0306" + nak[16:24])
        await self.frame("802102")
        self.address = str(ip_address(bytes.fromhex(nak[16:24])))

    async def leave(self) -> None:
        """Terminate, back to command mode."""
        self._send("c021 05 77 0004")
        await self.frame("c021067700")
        async with asyncio.timeout(10):
            while b"NO CARRIER" not in bytes(self.at.raw) + self._partial:
                await asyncio.sleep(0.005)
        self.at.raw.clear()
        self.at.lines.clear()
        self.at._partial.clear()

    def ip(self, target: str, protocol: int, payload: bytes, *, ttl: int = 64, source: str | None = None,
           field: int = 0, number: int = 7) -> None:
        """Send an IPv4 packet."""
        ends = ip_address(source or self.address).packed + ip_address(target).packed
        head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), number, field, ttl, protocol, 0) + ends
        head = head[:10] + total(head).to_bytes(2, "big") + head[12:]
        self._send("0021" + (head + payload).hex())

    def pseudo(self, target: str, protocol: int, length: int) -> bytes:
        return (ip_address(self.address).packed + ip_address(target).packed
                + struct.pack("!BBH", 0, protocol, length))

    def udp(self, target: str, sport: int, dport: int, data: bytes) -> None:
        """Send a UDP datagram."""
        body = struct.pack("!HHHH", sport, dport, 8 + len(data), 0) + data
        check = total(self.pseudo(target, 17, len(body)) + body)
        self.ip(target, 17, body[:6] + check.to_bytes(2, "big") + body[8:])

    def tcp(self, target: str, sport: int, dport: int, seq: int, ack: int, flags: int, data: bytes = b"",
            window: int = 8192, options: bytes = b"") -> None:
        """Send a TCP segment."""
        field = (20 + len(options)) // 4 << 12 | flags
        body = struct.pack("!HHIIHHHH", sport, dport, seq, ack, field, window, 0, 0) + options + data
        check = total(self.pseudo(target, 6, len(body)) + body)
        self.ip(target, 6, body[:16] + check.to_bytes(2, "big") + body[18:])


FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16


def segment(packet: bytes) -> tuple[int, int, int, int, bytes]:
    """Flags, sequence, acknowledgement, window and data of a TCP packet, its checksums looked at."""
    assert total(packet[:20]) == 0
    body = packet[20:]
    assert total(packet[12:20] + struct.pack("!BBH", 0, 6, len(body)) + body) == 0
    _, _, seq, ack, field, window = struct.unpack_from("!HHIIHH", body)
    return field & 0x3F, seq, ack, window, body[(field >> 12) * 4:]


def is_tcp(packet: bytes) -> bool:
    return packet[0] == 0x45 and packet[9] == 6


def is_icmp(packet: bytes) -> bool:
    return packet[0] == 0x45 and packet[9] == 1


def is_udp(packet: bytes) -> bool:
    return packet[0] == 0x45 and packet[9] == 17


@pytest.fixture
def online(play: Play, hand_peer: Any) -> Callable[..., None]:
    """Run a scenario with a host that has dialled on the module of a series."""
    def run(series: Series, scenario: Callable[[Host], Awaitable[None]], *, cid: int = 1) -> None:
        async def within(at: Any) -> None:
            host = Host(at, hand_peer)
            await host.dial(cid)
            try:
                await scenario(host)
            finally:
                at.rack.internet.node(at.name).set_blocked(False)
                if at.module.subsystem(DialUps).calls:
                    await host.leave()

        play(series, within)

    return run


@pytest.mark.parametrize("series", list(Series))
def test_ping(online: Callable[..., None], series: Series) -> None:
    async def scenario(host: Host) -> None:
        for target, ttl in ((PINGED, 115), (None, 64)):
            asked = struct.pack("!BBHHH", 8, 0, 0, 0x1234, 1) + b"payload!"
            asked = asked[:2] + total(asked).to_bytes(2, "big") + asked[4:]
            call = host.at.module.subsystem(DialUps).calls[0]
            to = target or call._addresses.own4
            host.ip(to, 1, asked)
            answer = await host.packet(is_icmp)
            assert answer[12:16] == ip_address(to).packed
            assert answer[16:20] == ip_address(host.address).packed
            assert (answer[8], answer[20], total(answer[20:]), answer[24:]) == (ttl, 0, 0, asked[4:])

    online(series, scenario)


def test_time_exceeded_quotes_the_hosts_own_packet(online: Callable[..., None]) -> None:
    async def scenario(host: Host) -> None:
        asked = struct.pack("!BBHHH", 8, 0, 0, 0x1234, 1)
        asked = asked[:2] + total(asked).to_bytes(2, "big") + asked[4:]
        host.ip(PINGED, 1, asked, ttl=3)
        answer = await host.packet(is_icmp)
        assert answer[20:22] == bytes((11, 0))
        assert answer[28 + 12:28 + 16] == ip_address(host.address).packed  # private, not the network's
        assert answer[48:56] == asked

    online(Series.LENA_R8, scenario)


@pytest.mark.parametrize("series", list(Series))
def test_datagrams(online: Callable[..., None], series: Series) -> None:
    async def scenario(host: Host) -> None:
        host.udp(ECHO, 40001, 7, b"datagram")
        answer = await host.packet(is_udp)
        assert answer[20:26] == struct.pack("!HHH", 7, 40001, 16)
        assert answer[28:] == b"datagram"
        assert host.at.rack.internet.node(host.at.name).flows["echo"].local_port == 40001
        host.udp(ECHO, 40001, 9999, b"x")
        assert (await host.packet(is_icmp))[20:22] == bytes((3, 3))  # port unreachable
        host.udp("198.51.100.77", 40001, 53, b"x")
        assert (await host.packet(is_icmp))[20:22] == bytes((3, 0))

    online(series, scenario)


def test_datagram_in_pieces(online: Callable[..., None]) -> None:
    async def scenario(host: Host) -> None:
        data = bytes(range(256)) * 10
        body = struct.pack("!HHHH", 40002, 7, 8 + len(data), 0) + data
        for place, more in ((0, 0x2000), (1480, 0)):
            piece = body[place:place + 1480] if more else body[place:]
            host.ip(ECHO, 17, piece, field=place // 8 | more, number=99)
        first, second = await host.packet(is_udp), await host.packet(is_udp)
        assert len(first) <= 1500
        offset = (int.from_bytes(second[6:8], "big") & 0x1FFF) * 8
        assert offset == len(first) - 20
        assert (first[20:] + second[20:])[8:] == data

    online(Series.LENA_R8, scenario)


@pytest.mark.parametrize("series", list(Series))
def test_connection(online: Callable[..., None], series: Series) -> None:
    """SYN to TIME-WAIT, with the echo server at the other end."""
    async def scenario(host: Host) -> None:
        mtu = 1500 if series is Series.LENA_R8 else 1430
        host.tcp(ECHO, 41000, 7, 1000, 0, SYN, options=bytes((2, 4, 1, 0)))  # MSS 256
        packet = await host.packet(is_tcp)
        flags, seq, ack, window, _ = segment(packet)
        assert (flags, ack) == (SYN | ACK, 1001)
        assert window > 1000
        assert packet[40:44] == bytes((2, 4)) + (mtu - 40).to_bytes(2, "big")
        host.tcp(ECHO, 41000, 7, 1001, seq + 1, ACK)
        host.tcp(ECHO, 41000, 7, 1001, seq + 1, ACK | PSH, b"a" * 700)
        got, last = b"", 0
        while len(got) < 700:
            flags, at, last, _, data = segment(await host.packet(is_tcp))
            assert len(data) <= 256
            if data:
                assert at == seq + 1 + len(got)
                got += data
        assert (got, last) == (b"a" * 700, 1701)
        host.tcp(ECHO, 41000, 7, 1701, seq + 701, ACK)
        host.tcp(ECHO, 41000, 7, 1701, seq + 701, ACK | FIN)
        while not flags & FIN:
            flags, at, last, _, _ = segment(await host.packet(is_tcp))
        assert (at, last) == (seq + 701, 1702)
        host.tcp(ECHO, 41000, 7, 1702, seq + 702, ACK)
        await asyncio.sleep(0)

    online(series, scenario)


def test_connections_that_cannot_be(online: Callable[..., None]) -> None:
    async def scenario(host: Host) -> None:
        host.tcp(ECHO, 41001, 9999, 5, 0, SYN)
        flags, _, ack, _, _ = segment(await host.packet(is_tcp))
        assert (flags, ack) == (RST | ACK, 6)
        host.tcp("198.51.100.77", 41002, 80, 5, 0, SYN)
        assert (await host.packet(is_icmp))[20:22] == bytes((3, 0))
        host.tcp(ECHO, 41003, 7, 5, 77, ACK)  # of no connection
        flags, seq, _, _, _ = segment(await host.packet(is_tcp))
        assert (flags, seq) == (RST, 77)

    online(Series.LARA_R6, scenario)


def test_server_resets(online: Callable[..., None]) -> None:
    async def scenario(host: Host) -> None:
        host.tcp(ECHO, 41004, 7, 5, 0, SYN)
        _, seq, _, _, _ = segment(await host.packet(is_tcp))
        host.tcp(ECHO, 41004, 7, 6, seq + 1, ACK)
        node = host.at.rack.internet.node(host.at.name)
        link = next(one for one in node._links if one.local.port == 41004)
        link.inject_reset()
        flags, _, _, _, _ = segment(await host.packet(is_tcp))
        assert flags & RST

    online(Series.LARA_R6, scenario)


def test_a_host_that_listens_is_reached(online: Callable[..., None]) -> None:
    """LARA-R6 guide 4.1.2: exposed to any incoming connection; on LENA-R8 the address is private."""
    async def scenario(host: Host) -> None:
        calls = asyncio.create_task(host.at.act("remote-connect", port="5000", bytes="600"))
        packet = await host.packet(is_tcp)
        flags, seq, _, _, _ = segment(packet)
        remote, sport = str(ip_address(packet[12:16])), int.from_bytes(packet[20:22], "big")
        assert (flags, int.from_bytes(packet[22:24], "big"), remote) == (SYN, 5000, "151.9.34.66")
        host.tcp(remote, 5000, sport, 77, seq + 1, SYN | ACK, options=bytes((2, 4, 2, 0)))
        got, end = b"", False
        while not end:
            flags, at, ack, _, data = segment(await host.packet(is_tcp))
            assert ack == 78
            assert not data or at == seq + 1 + len(got)
            got, end = got + data, bool(flags & FIN)
        assert got == b"0123456789" * 60
        host.tcp(remote, 5000, sport, 78, seq + 602, ACK)
        await calls
        calls = asyncio.create_task(host.at.act_refused("remote-connect", port="5001"))
        packet = await host.packet(lambda one: is_tcp(one) and one[22:24] == (5001).to_bytes(2, "big"))
        _, seq, _, _, _ = segment(packet)
        host.tcp(remote, 5001, int.from_bytes(packet[20:22], "big"), 0, seq + 1, RST | ACK)
        assert "nothing listens on port 5001" in await calls

    async def private(host: Host) -> None:
        assert "nothing listens" in await host.at.act_refused("remote-connect", port="5000")

    online(Series.LARA_R6, scenario)
    online(Series.LENA_R8, private)


def test_foreign_source_addresses_vanish(online: Callable[..., None]) -> None:
    async def scenario(host: Host) -> None:
        own, host.address = host.address, "10.1.2.3"
        host.udp(ECHO, 40003, 7, b"spoofed")
        host.address = own
        host.udp(ECHO, 40003, 7, b"true")
        assert (await host.packet(is_udp))[28:] == b"true"

    online(Series.LARA_R6, scenario)


def test_blocked_link_lets_packets_wait(online: Callable[..., None]) -> None:
    async def scenario(host: Host) -> None:
        node = host.at.rack.internet.node(host.at.name)
        node.set_blocked(True)
        host.udp(ECHO, 40004, 7, b"late")
        await asyncio.sleep(0.1)
        host._pull()
        assert host.packets == []
        node.set_blocked(False)
        assert (await host.packet(is_udp))[28:] == b"late"

    online(Series.LARA_R6, scenario)


def test_context_of_a_link_is_not_for_clients_inside_lena(online: Callable[..., None]) -> None:
    """LENA-R8 guide Table 54: no sharing between dial-up and sockets."""
    async def scenario(host: Host) -> None:
        contexts = host.at.module.contexts
        assert contexts.usable(1) is None
        assert contexts.for_dns() is None
        await host.leave()
        assert contexts.usable(1) is not None

    online(Series.LENA_R8, scenario)


class Side:
    """Another AT port of the module, beside the one in data mode."""

    def __init__(self, module: Any) -> None:
        self.out = bytearray()
        self.port = module.open_channel("side", self.out.extend)

    async def send(self, line: str, *, until: str = "OK\r\n", payload: bytes | None = None) -> str:
        """A command up to what is waited for."""
        self.out.clear()
        self.port.receive(line.encode() + b"\r")
        if payload is not None:
            await self.comes("@")
            await asyncio.sleep(0.06)
            self.port.receive(payload)
        return await self.comes(until)

    async def comes(self, text: str) -> str:
        """What came up to and with ``text``."""
        async with asyncio.timeout(10):
            while text.encode() not in self.out:
                assert b"ERROR" not in self.out or "ERROR" in text, self.out
                await asyncio.sleep(0.005)
        return self.out.decode()


def test_clients_inside_send_and_hear_nothing(online: Callable[..., None]) -> None:
    """LARA-R6 guide 4.3.2: the answers go to the host."""
    async def scenario(host: Host) -> None:
        side = Side(host.at.module)
        try:
            await side.send("AT+USOCR=17")
            await side.send(f'AT+USOST=0,"{ECHO}",7,5', payload=b"hello")
            answer = await host.packet(is_udp)
            local = host.at.rack.internet.node(host.at.name).flows["echo"].local_port
            assert answer[20:24] == struct.pack("!HH", 7, local)
            assert answer[28:] == b"hello"
            assert b"+UUSORD" not in side.out
            await side.send("AT+USOCR=6")
            await side.send(f'AT+USOCO=1,"{ECHO}",7', until="ERROR")
            await host.leave()
            await side.send(f'AT+USOST=0,"{ECHO}",7,5', payload=b"again", until="+UUSORD: 0,5")
        finally:
            host.at.module.remove_port(side.port)

    online(Series.LARA_R6, scenario)


def test_ports_kept_for_clients_inside(play: Play, hand_peer: Any) -> None:
    """LARA-R6 guide 4.3.1: source ports of the range, answers to them come; the host's own do not."""
    async def within(at: Any) -> None:
        await at.ok('AT+UEMBPF=1,"6000-6200"')
        await rebooted(at)
        assert await at.ok("AT+UEMBPF?") == '+UEMBPF: 1,"6000-6200"'
        await at.ok("AT+CGACT=1,1")
        host = Host(at, hand_peer)
        await host.dial()
        side = Side(at.module)
        node = at.rack.internet.node(at.name)
        await side.send("AT+USOCR=17")
        await side.send(f'AT+USOST=0,"{ECHO}",7,5', payload=b"hello", until="+UUSORD: 0,5")
        assert 6000 <= node.flows["echo"].local_port <= 6200
        await side.send("AT+USOCR=6")
        await side.send(f'AT+USOCO=1,"{ECHO}",7')
        await side.send('AT+UDNSRN=0,"www.google.com"', until="216.")
        assert 6000 <= node.flows["dns"].local_port <= 6200
        host.udp(ECHO, 6100, 7, b"never")
        host.udp(ECHO, 6300, 7, b"comes")
        assert (await host.packet(is_udp))[28:] == b"comes"
        assert [one for one in host.packets if is_udp(one)] == []
        at.module.remove_port(side.port)
        await host.leave()
        await at.ok("AT+UEMBPF=0")
        await rebooted(at)
        await at.ok("AT+CGACT=1,1")

    play(Series.LARA_R6, within)


def test_answers_to_pings_from_inside_go_to_the_host(online: Callable[..., None]) -> None:
    """LARA-R6 guide 4.3: any incoming packet; an echo reply has no port that could be kept."""
    async def scenario(host: Host) -> None:
        node = host.at.rack.internet.node(host.at.name)
        request = Request(PINGED, 7, 1, 8, 64)
        source = Source(1, host.address)
        assert (await echo(node, source, request, 0.3)).outcome is Outcome.TIMEOUT
        await host.leave()
        assert (await echo(node, source, request, 8)).outcome is Outcome.REPLY

    online(Series.LARA_R6, scenario)


def test_clients_inside_lena_take_another_context(online: Callable[..., None]) -> None:
    """LENA-R8 guide Table 54; a public driver: names, sockets and clients fail on PPP's own context."""
    async def scenario(host: Host) -> None:
        side = Side(host.at.module)
        try:
            assert "ERROR" in await side.send('AT+UDNSRN=0,"www.google.com"', until="ERROR")
            assert "ERROR" in await side.send("AT+USOCR=17", until="ERROR")
            await side.send('AT+CGDCONT=2,"IP","internet.wind"')
            await side.send("AT+CGACT=1,2")
            await side.send('AT+UDNSRN=0,"www.google.com"', until="216.")
            await side.send("AT+USOCR=17,0,0,2")
            await side.send(f'AT+USOST=0,"{ECHO}",7,5', payload=b"hello", until="+UUSORD: 0,5")
            host.udp(ECHO, 40009, 7, b"beside")
            assert (await host.packet(is_udp))[28:] == b"beside"
            await side.send("AT+CGACT=0,2")
        finally:
            host.at.module.remove_port(side.port)

    online(Series.LENA_R8, scenario)


async def rebooted(at: Any) -> None:
    """AT+CFUN=16, and the next boot is registered."""
    boots = at.module.power.boots
    await at.ok("AT+CFUN=16")
    while at.module.power.boots == boots or not at.module.power.running:
        await asyncio.sleep(0.02)
    at.lines.clear()
    while at.lines[-1:] != ["OK"]:
        at.module.uart.receive(b"AT\r", RATE)
        await asyncio.sleep(0.1)
    await at.ok("ATE0")
    while not at.module.radio.registered:
        await asyncio.sleep(0.02)
    at.lines.clear()


@pytest.mark.parametrize("text", ["1", "2", '1,"6200-6000"', '1,"6000"', '1,"0-100"', '1,"6000-70000"',
                                  '1,"a-b"'])
def test_ranges_that_are_none(play: Play, text: str) -> None:
    async def within(at: Any) -> None:
        assert await at.refused(f"AT+UEMBPF={text}") == "ERROR"
        assert await at.ok("AT+UEMBPF?") == "+UEMBPF: 0"

    play(Series.LARA_R6, within)


def v6(host: Host, source: str, target: str, kind: int, body: bytes, hops: int = 64) -> None:
    """Send an ICMPv6 message: type, code 0, and what follows the checksum."""
    ends = IPv6Address(source).packed + IPv6Address(target).packed
    message = bytes((kind, 0, 0, 0)) + body
    check = total(ends + struct.pack("!II", len(message), 58) + message)
    message = message[:2] + check.to_bytes(2, "big") + message[4:]
    packet = struct.pack("!IHBB", 6 << 28, len(message), 58, hops) + ends + message
    host._send("0057" + packet.hex())


def message6(packet: bytes) -> bytes:
    """The ICMPv6 message of a packet, its checksum looked at."""
    body = packet[40:]
    assert total(packet[8:40] + struct.pack("!II", len(body), 58) + body) == 0
    return body


def test_ipv6_by_autoconfiguration(play: Play, hand_peer: Any) -> None:
    """LARA-R6 guide 4.1.2: Router Solicitation, prefix, an address of the host's own, traffic."""
    async def within(at: Any) -> None:
        at.module.network.pdp_type = "IPV4V6"
        await at.ok('AT+CGDCONT=2,"IPV6","APN2"')
        host = Host(at, hand_peer)
        await host.dial(2, v6=True)
        v6(host, "fe80::5", "ff02::2", 133, bytes(4), hops=255)
        advert = await host.packet(lambda one: one[0] >> 4 == 6)
        body = message6(advert)
        assert (body[0], advert[7]) == (134, 255)
        assert advert[8:10] == b"\xfe\x80"
        option = body[16:]
        assert option[:4] == bytes((3, 4, 64, 0x40))  # a /64 prefix for autonomous addresses
        prefix = option[16:24]
        context = at.module.contexts.get(2)
        assert IPv6Address(context.ipv6).packed[:8] == prefix
        own = str(IPv6Address(prefix + (5).to_bytes(8, "big")))
        v6(host, own, "2001:db8:0:1::68", 128, struct.pack("!HH", 9, 1) + b"six")
        reply = message6(await host.packet(lambda one: one[0] >> 4 == 6))
        assert (reply[0], reply[4:]) == (129, struct.pack("!HH", 9, 1) + b"six")
        data = struct.pack("!HHHH", 40005, 7, 12, 0) + b"v6.."
        target = IPv6Address("2001:db8:0:2::241").packed
        ends = IPv6Address(own).packed + target
        check = total(ends + struct.pack("!II", len(data), 17) + data)
        data = data[:6] + check.to_bytes(2, "big") + data[8:]
        host._send("0057" + (struct.pack("!IHBB", 6 << 28, len(data), 17, 64) + ends + data).hex())
        answer = await host.packet(lambda one: one[0] >> 4 == 6)
        assert answer[8:24] == target
        assert answer[48:] == b"v6.."
        v6(host, "2001:db8:ffff::5", "2001:db8:0:1::68", 128, bytes(4))  # not of the prefix: lost
        v6(host, "fe80::5", "fe80::1", 135, bytes(4) + advert[8:24], hops=255)
        here = message6(await host.packet(lambda one: one[0] >> 4 == 6))
        assert (here[0], here[8:24]) == (136, advert[8:24])
        await host.leave()
        assert not context.active
        at.module.network.pdp_type = "IP"

    play(Series.LARA_R6, within)


def test_no_ipv4_without_an_ipv4_context(play: Play, hand_peer: Any) -> None:
    async def within(at: Any) -> None:
        at.module.network.pdp_type = "IPV4V6"
        await at.ok('AT+CGDCONT=2,"IPV6","APN2"')
        host = Host(at, hand_peer)
        await host.dial(2, v6=True)
        host._send("8021 01 21 000a 0306 00000000")
        assert (await host.frame("c02108"))[12:16] == "8021"
        await host.leave()
        at.module.network.pdp_type = "IP"

    play(Series.LARA_R6, within)
