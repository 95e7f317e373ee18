"""Contexts and bearers with the rules of both series (LENA-R8 guide 7.2, LARA-R6 guide 2.1 to 2.5)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from cellbench.catalogue.model import Series
from cellbench.virtual.device.network import Change, Rat

Make = Callable[..., Any]


def rat(module: Any, wanted: Rat) -> None:
    module.module.network.rat = wanted
    module.module.network.tell(Change.RAT)


def test_context_0_of_lena_is_the_networks(lena: Any) -> None:
    lena.at("AT+CMEE=1")
    assert lena.at('AT+CGDCONT=0,"IP","x"') == ["+CME ERROR: 50"]
    assert lena.at("AT+CGACT=0,0") == ["+CME ERROR: 3"]
    assert lena.at("AT+CGACT=1,0") == ["+CME ERROR: 3"]
    assert lena.module.contexts.usable(0) is None
    assert lena.module.contexts.for_socket(None) is None


def test_lena_shows_no_address_and_no_context_while_detached(lena: Any) -> None:
    """Table 15: if no IP is shown, the module is not attached; +CGACT gives nothing then."""
    lena.at("AT+CFUN=0")
    assert not re.search(r"[1-9]", lena.at("AT+CGDCONT?")[0].removeprefix("+CGDCONT: 0"))
    assert lena.at("AT+CGACT?") == ["OK"]


def test_anchor_apn_of_lena(lena: Any) -> None:
    """Table 16; only while deregistered; 10.1.3: a wrong one is refused with cause 19."""
    assert lena.at('AT+CFGDFTPDN=1,0,"internet.wind.biz"') == ["ERROR"]
    lena.at("AT+CFUN=0")
    assert lena.at('AT+CFGDFTPDN=1,0,"internet.wind.biz"') == ["OK"]
    lena.at("AT+CFUN=1")
    lena.until(lambda: lena.module.radio.registered, 60)
    assert re.fullmatch(r'\+CGDCONT: 0,"IP","internet.wind.biz","10[.0-9]+"', lena.at("AT+CGDCONT?")[0])
    lena.at("AT+CFUN=0")
    lena.at('AT+CFGDFTPDN=1,0,"wrong"')
    lena.at("AT+CEREG=5")
    lena.at("AT+CFUN=1")
    lena.run(20)
    assert lena.at("AT+CEREG?")[0].split(",")[1] in ("3", "2")
    assert lena.at("AT+CEER")[0].startswith('+CEER: "ESM cause",27')


def test_which_context_lena_takes(lena: Any) -> None:
    """7.2.2: the first activated for clients, the last for DNS and ping; 9.2.1: sockets on 1."""
    contexts = lena.module.contexts
    for cid, apn in ((2, "internet.wind"), (1, "internet.wind.biz")):
        lena.at(f'AT+CGDCONT={cid},"IP","{apn}"')
        assert lena.at(f"AT+CGACT=1,{cid}") == ["OK"]
    assert contexts.for_client().cid == 2
    assert contexts.for_dns().cid == 1
    assert contexts.for_socket(None).cid == 1
    assert contexts.for_socket(2).cid == 2
    lena.at("AT+CGACT=0,1")
    assert contexts.for_socket(None).cid == 2
    assert contexts.for_socket(1) is None


def test_lara_uses_context_1_or_what_udconf_19_says(lara: Any) -> None:
    contexts = lara.module.contexts
    assert contexts.for_socket(None).cid == contexts.for_dns().cid == contexts.for_client().cid == 1
    lara.at('AT+CGDCONT=2,"IP","APN1"')
    assert lara.at("AT+UDCONF=19,2,0") == ["OK"]
    lara.at("AT+CGACT=1,2")
    assert contexts.for_client().cid == 1  # in force after the reboot only
    lara.at("AT+CFUN=16")
    lara.until(lambda: lara.module.power.boots == 2 and lara.module.radio.registered, 60)
    lara.wake()
    assert lara.at("AT+UDCONF=19") == ["+UDCONF: 19,2,0", "OK"]
    assert contexts.for_client() is None
    lara.at("AT+CGACT=1,2")
    assert contexts.for_client().cid == 2


def test_udconf_by_series(module: Any, series: Series) -> None:
    module.at("AT+CMEE=1")
    assert module.at("AT+UDCONF=1,1") == ["OK"]
    assert module.at("AT+UDCONF=1") == ["+UDCONF: 1,1", "OK"]
    assert module.at("AT+UDCONF=1,7") == ["+CME ERROR: 50"]
    tester = module.at("AT+UDCONF=81,0")
    assert tester == (["+CME ERROR: 4"] if series is Series.LENA_R8 else ["OK"])


def test_udconf_19_is_not_on_the_first_data_only_grade(driven: Make) -> None:
    """LARA-R6 guide 2.3.1: not on LARA-R6001D 00B."""
    one = driven(Series.LARA_R6, variant="LARA-R6001D")
    one.ready()
    assert one.at("AT+UDCONF=19,2,0") == ["ERROR"]


def test_limits_of_active_contexts(lara: Any) -> None:
    """LARA-R6 guide 2.1: five primary contexts."""
    lara.at("AT+CMEE=1")
    for cid in range(2, 7):
        lara.at(f'AT+CGDCONT={cid},"IP","APN{cid - 1}"')
    for cid in range(2, 6):
        assert lara.at(f"AT+CGACT=1,{cid}") == ["OK"]
    assert lara.at("AT+CGACT=1,6") == ["+CME ERROR: 165"]
    assert lara.at("AT+CGACT=0,5") == ["OK"]
    assert lara.at("AT+CGACT=1,6") == ["OK"]


def test_the_last_pdn_connection_stays(lara: Any) -> None:
    lara.at("AT+CMEE=1")
    assert lara.at("AT+CGACT=0,1") == ["+CME ERROR: 171"]
    lara.at('AT+CGDCONT=2,"IP","APN1"')
    lara.at("AT+CGACT=1,2")
    assert lara.at("AT+CGACT=0,1") == ["OK"]
    assert lara.at("AT+CGACT=0,2") == ["+CME ERROR: 171"]


def test_activation_is_refused_for_its_reason(module: Any) -> None:
    module.at("AT+CMEE=1")
    assert module.at("AT+CGACT=1,3") == ["+CME ERROR: 143"]
    module.at('AT+CGDCONT=3,"IP","no-such-apn"')
    assert module.at("AT+CGACT=1,3") == ["+CME ERROR: 127"]
    assert module.at("AT+CEER")[0].startswith('+CEER: "ESM cause",27')
    module.at('AT+CGDCONT=3,"IPV6","internet.wind"')
    assert module.at("AT+CGACT=1,3") == ["+CME ERROR: 1560"]
    module.at('AT+CGDCONT=3,"IPV4V6","internet.wind"')
    assert module.at("AT+CGACT=1,3") == ["OK"]
    assert any(line.startswith('+CGDCONT: 3,"IP",') for line in module.at("AT+CGDCONT?"))
    module.at("AT+COPS=2")
    assert module.at("AT+CGACT=1,3") == ["+CME ERROR: 30"]


def test_activating_an_active_context_is_ok(module: Any) -> None:
    """LARA-R6 guide 2.3.1 and LENA-R8 guide 13.1: always issue AT+CGACT=1,<cid>."""
    module.at('AT+CGDCONT=2,"IP","internet.wind"')
    assert module.at("AT+CGACT=1,2") == ["OK"]
    address = module.module.contexts.get(2).ipv4
    assert module.at("AT+CGACT=1,2") == ["OK"]
    assert module.module.contexts.get(2).ipv4 == address


def test_packet_events(module: Any) -> None:
    module.at('AT+CGDCONT=2,"IP","internet.wind"')
    module.at("AT+CGEREP=2,1")
    assert module.at("AT+CGEREP?") == ["+CGEREP: 2,1", "OK"]
    assert module.at("AT+CGACT=1,2") == ["OK", "+CGEV: ME PDN ACT 2"]
    module.module.contexts.network_deactivates(2)
    assert module.lines() == ["+CGEV: NW PDN DEACT 2"]
    module.at("AT+CGACT=1,2")
    assert module.at("AT+CGACT=0,2") == ["OK", "+CGEV: ME PDN DEACT 2"]


def test_packet_events_are_lost_on_a_busy_port_in_mode_1(module: Any) -> None:
    module.at('AT+CGDCONT=2,"IP","internet.wind"')
    module.at("AT+CGEREP=1,0")
    assert module.at("AT+CGACT=1,2") == ["OK"]


def test_ims_comes_silently_and_goes_with_an_event(lena: Any) -> None:
    """LENA-R8 guide 13.1, Table 54."""
    lena.at("AT+CGEREP=2,1")
    lena.module.network.ims = True
    lena.module.network.tell(Change.IMS)
    assert lena.lines() == []
    assert [one.cid for one in lena.module.contexts.active()] == [0, 11]
    lena.module.network.ims = False
    lena.module.network.tell(Change.IMS)
    assert lena.lines() == ["+CGEV: NW PDN DEACT 11"]


def test_legacy_rats_want_an_explicit_activation(lara: Any) -> None:
    """LARA-R6 guide 2.3.1, GSM/GPRS and UMTS/HSPA."""
    lara.at("AT+CFUN=0")
    lara.at('AT+CGDCONT=1,"IP","apn_name"')
    rat(lara, Rat.UTRAN)
    lara.at("AT+CFUN=1")
    lara.until(lambda: lara.module.radio.registered, 60)
    assert lara.module.contexts.for_socket(None) is None
    assert lara.at("AT+CGACT=1,1") == ["OK"]
    assert lara.module.contexts.for_socket(None).cid == 1
    assert lara.at("AT+CGACT=0,1") == ["OK"]


def test_legacy_rats_keep_the_address_of_lte(lara: Any) -> None:
    address = lara.module.contexts.get(1).ipv4
    rat(lara, Rat.UTRAN)
    assert lara.module.contexts.get(1).ipv4 == address


def test_the_apn_read_back_is_the_users(lara: Any) -> None:
    """LARA-R6 guide 2.3.1, last note."""
    lara.at("AT+CFUN=0")
    lara.at('AT+CGDCONT=1,"IPV4V6","apn_name"')
    assert lara.at("AT+CGDCONT?")[0] == (
        '+CGDCONT: 1,"IPV4V6","apn_name","0.0.0.0 ' + ".".join("0" * 16) + '",0,0,0,0,0,0')
    lara.at("AT+CFUN=1")
    lara.until(lambda: lara.module.radio.registered, 60)
    assert re.fullmatch(r'\+CGDCONT: 1,"IP","apn_name","10[.0-9]+",0,0,0,0,0,0', lara.at("AT+CGDCONT?")[0])
    assert re.fullmatch(r'\+CGCONTRDP: 1,5,"apn_name","10[.0-9]+\.255\.255\.255\.0","10[.0-9]+",'
                        r'"[.0-9]+","[.0-9]+","","",0,0,1430', lara.at("AT+CGCONTRDP=1")[0])


def test_addresses_of_both_kinds(lara: Any) -> None:
    lara.module.network.pdp_type = "IPV4V6"
    lara.at('AT+CGDCONT=2,"IPV4V6","APN1"')
    lara.at("AT+CGACT=1,2")
    line = next(line for line in lara.at("AT+CGDCONT?") if line.startswith("+CGDCONT: 2"))
    assert re.fullmatch(r'\+CGDCONT: 2,"IPV4V6","APN1","10(\.\d+){3} \d+(\.\d+){15}",0,0,0,0,0,0', line)
    assert re.fullmatch(r'\+CGPADDR: 2,"10(\.\d+){3}","\d+(\.\d+){15}"', lara.at("AT+CGPADDR=2")[0])


def test_ipv4_over_an_ipv6_only_network(lara: Any) -> None:
    """LARA-R6 guide 2.5: +UDCONF=66,4,1 at +CFUN=0 and a reboot."""
    lara.module.network.pdp_type = "IPV6"
    assert lara.at("AT+UDCONF=66,4,1") == ["ERROR"]
    lara.at("AT+CFUN=0")
    lara.at('AT+CGDCONT=1,"IPV4V6","apn_name"')
    lara.at("AT+CFUN=1")
    lara.until(lambda: lara.module.radio.registered, 60)
    assert lara.at("AT+CGDCONT?")[0].startswith('+CGDCONT: 1,"IPV6","apn_name"')
    assert not lara.module.contexts.get(1).carries_ipv4
    lara.at("AT+CFUN=0")
    assert lara.at("AT+UDCONF=66,4,1") == ["OK"]
    lara.at("AT+CFUN=16")
    lara.until(lambda: lara.module.power.boots == 2 and lara.module.radio.registered, 60)
    assert lara.module.contexts.get(1).carries_ipv4


def test_credentials_in_the_order_of_the_series(module: Any, series: Series) -> None:
    """LENA-R8 guide 13.1: LARA-R6 takes the password first."""
    module.at('AT+CGDCONT=2,"IP","internet.wind"')
    assert module.at('AT+UAUTHREQ=2,1,"one","two"') == ["OK"]
    module.at("AT+CGACT=1,2")
    seen = module.module.contexts.credentials[2]
    assert seen == ((1, "one", "two") if series is Series.LENA_R8 else (1, "two", "one"))
    expected = ["ERROR"] if series is Series.LENA_R8 else ["OK"]
    assert module.at("AT+UAUTHREQ=2,0") == expected
    assert module.at('AT+UAUTHREQ=2,0,"",""') == ["OK"]


def test_dial_up_is_refused_politely(module: Any) -> None:
    assert module.at("ATD*99***1#") == ["NO CARRIER"]
    assert module.at('AT+CGDATA="PPP",1') == ["NO CARRIER"]
    assert module.at("ATO") == ["NO CARRIER"]
    assert module.at("ATH") == ["OK"]


def test_definitions_can_be_taken_back(module: Any) -> None:
    module.at('AT+CGDCONT=4,"IP","internet.wind"')
    assert module.at("AT+CGDCONT=4") == ["OK"]
    assert not any("internet.wind" in line for line in module.at("AT+CGDCONT?"))


def test_listeners_are_told(module: Any) -> None:
    heard: list[tuple[int, bool]] = []
    module.module.contexts.on_change(lambda context, active: heard.append((context.cid, active)))
    module.at('AT+CGDCONT=2,"IP","internet.wind"')
    module.at("AT+CGACT=1,2")
    module.at("AT+CGACT=0,2")
    assert heard == [(2, True), (2, False)]


@pytest.mark.parametrize("line", ['AT+CGDCONT=1,"PPP","x"', "AT+CGACT=2,1", 'AT+CGDCONT=12,"IP","x"'])
def test_what_is_out_of_range(module: Any, line: str) -> None:
    module.at("AT+CMEE=1")
    assert module.at(line) == ["+CME ERROR: 50"]
