"""From LARA-R6 to LENA-R8: each row of LENA-R8 guide 13.1, Table 54, on each series.

What is seen of a row stands in the record under the command that showed it, or as a note; `cellbench
migration` makes the report of both sides out of it. Commands read, test or change nothing; what a procedure
sets it puts back.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest

from cellbench.api import (
    AtError,
    Dut,
    FarSide,
    MigrationRow,
    Network,
    NotPossible,
    Recorder,
    Service,
    procedure,
)

from ..connectivity.dialup import dtr_mode
from ..network.telephone import CALL_S, idle_after, in_a_call, speaks
from ..parser.test_interfaces import PAIRS, READ_APART_S, Asking, pair, under_way
from .rows import R6, ask, asked_rows, check_asked, for_row

NETWORK = ("network",)
ONLY_R6 = (R6,)
SCAN_S, URC_S = 300.0, 30.0
SPARE_CID, OTHER_CID, IMS_CID = 5, 2, 11
OTHER_APN = "internet.wind"


@procedure("R8:13.1", title="Table 54 of LENA-R8")
@asked_rows("execution", "cfun", "uauthreq", "ims-cid", "internet", "contexts", "hang-up")
def test_lena_r8(dut: Dut, record: Recorder, row: MigrationRow) -> None:
    """The row's commands are answered or refused as printed."""
    check_asked(dut, record, row)


@procedure("R8:13.1", title="Table 54 of LARA-R6", series=ONLY_R6)
@asked_rows("execution", "cfun", "uauthreq", "cell-scan", "internet", "contexts", "dns", "ppp-dtr", "hang-up")
def test_lara_r6(dut: Dut, record: Recorder, row: MigrationRow) -> None:
    """The row's commands are answered or refused as printed."""
    check_asked(dut, record, row)


# several interfaces
@procedure("R8:13.1", title="A command beside a network scan is answered; URCs have no choice of ports",
           depends_on=NETWORK)
@for_row("execution")
def test_execution_r8(registered: Dut, record: Recorder, row: MigrationRow) -> None:
    """At once by 13.1, in its turn by 4.2.2: both are taken, the time is told."""
    ask(registered, record, row)
    beside, before_scan_ended = _beside_a_scan(registered)
    record.measure("answer beside a network scan", beside, "s")
    record.note("at the same time (13.1)" if before_scan_ended else "in its turn (4.2.2)")


@procedure("R8:13.1", title="A network scan on one interface holds up a command on another", series=ONLY_R6,
           depends_on=NETWORK)
@for_row("execution")
def test_execution_r6(registered: Dut, record: Recorder, row: MigrationRow) -> None:
    """Blocked until the scan has ended; +UURCCONF is there."""
    ask(registered, record, row)
    beside, before_scan_ended = _beside_a_scan(registered)
    record.measure("answer beside a network scan", beside, "s")
    record.note("at the same time" if before_scan_ended else "held up until the scan had ended")
    assert not before_scan_ended, "it was answered during the scan"


def _beside_a_scan(dut: Dut) -> tuple[float, bool]:
    """Seconds from a command to its answer while another interface scans, and whether it came first."""
    first, second = pair(dut, PAIRS[0])
    dut.spend_attach("network scan")
    scan = under_way(first, dut, "AT+COPS=?")
    began = time.monotonic()
    beside = Asking(second, "AT+CGMM", SCAN_S)
    assert (beside.result(), scan.result()) == ("OK", "OK")
    return beside.ended - began, beside.ended < scan.ended - READ_APART_S


# the radio's and the SIM's functions
@procedure("R8:13.1", title="+COPS=0 in minimum functionality switches the radio on")
@for_row("cfun")
def test_cfun_r8(registered: Dut, record: Recorder, row: MigrationRow) -> None:
    """AT+CFUN=0, AT+COPS=0: +CFUN? tells 1. +CFUN=19 is refused."""
    registered.spend_attach("CFUN cycle")
    try:
        ask(registered, record, row)
        registered.send("AT+CFUN=0")
        registered.send("AT+COPS=0", check=False, timeout_s=SCAN_S)
        told = registered.send("AT+CFUN?").value("+CFUN")[0]
        record.measure("+CFUN? after +CFUN=0 and +COPS=0", str(told))
        assert told == 1, f"+CFUN? tells {told}"
    finally:
        registered.send("AT+CFUN=1")
    with record.step("registered again", depends_on=NETWORK):
        registered.register()


@procedure("R8:13.1", title="+CFUN=19 switches the SIM's driver off", series=ONLY_R6)
@for_row("cfun")
def test_cfun_r6(registered: Dut, record: Recorder, row: MigrationRow) -> None:
    """No SIM answers until +CFUN=1."""
    ask(registered, record, row)
    registered.spend_attach("CFUN cycle")
    registered.send("AT+CFUN=19")
    try:
        away = registered.send("AT+CPIN?", check=False)
        record.measure("+CPIN? after +CFUN=19", " ".join((*away.info, away.final.text)))
        assert "+CPIN: READY" not in away.info, "the SIM is in use"
    finally:
        registered.send("AT+CFUN=1")
    with record.step("registered again", depends_on=NETWORK):
        registered.register()
    assert registered.send("AT+CPIN?").info == ("+CPIN: READY",)


# contexts
@procedure("R8:13.1", title="+UAUTHREQ takes the user before the password", depends_on=NETWORK,
           needs=("far-side:report",))
@for_row("uauthreq")
def test_uauthreq_r8(registered: Dut, far_side: FarSide, network: Network, record: Recorder,
                     row: MigrationRow) -> None:
    """The network sees what comes first as the user."""
    seen = _told_to_the_network(registered, far_side, network, row)
    record.measure("the network is told as user", seen["user"])
    assert (seen["user"], seen["password"]) == ("first", "last")


@procedure("R8:13.1", title="+UAUTHREQ takes the password before the user", series=ONLY_R6,
           depends_on=NETWORK, needs=("far-side:report",))
@for_row("uauthreq")
def test_uauthreq_r6(registered: Dut, far_side: FarSide, network: Network, record: Recorder,
                     row: MigrationRow) -> None:
    """The network sees what comes last as the user."""
    seen = _told_to_the_network(registered, far_side, network, row)
    record.measure("the network is told as user", seen["user"])
    assert (seen["user"], seen["password"]) == ("last", "first")


def _told_to_the_network(dut: Dut, far_side: FarSide, network: Network,
                         row: MigrationRow) -> Mapping[str, str]:
    """User and password that the network was given for a context of PAP with "first" and "last"."""
    with _context(dut, SPARE_CID, network.apn):
        dut.send(f'AT+UAUTHREQ={SPARE_CID},1,"first","last"')
        try:
            dut.send(f"AT+CGACT=1,{SPARE_CID}")
            return far_side.report("pdp-auth", cid=str(SPARE_CID))
        finally:
            dut.send(f'AT+UAUTHREQ={SPARE_CID},0,"",""', check=False)


@procedure("R8:13.1", title="Context 11 comes unannounced and goes with +CGEV", depends_on=NETWORK,
           needs=("far-side:network",))
@for_row("ims-cid")
def test_ims_r8(registered: Dut, far_side: FarSide, record: Recorder, row: MigrationRow) -> None:
    """+CGEREP=2,1 all the time; only the end of the bearer is told."""
    ask(registered, record, row)
    before = registered.send("AT+CGEREP?").value("+CGEREP")
    registered.send("AT+CGEREP=2,1")
    try:
        with registered.at.expect("+CGEV") as came:
            far_side.act("network", ims="on")
            _ims_becomes(registered, True)
            assert registered.send("AT").ok  # what was to come has come
            told = [one.text for one in came.heard if _names_ims(one.text)]
        record.note(f"IMS came: {', '.join(told) or 'no +CGEV'}")
        with registered.at.expect("+CGEV", lambda urc: _names_ims(urc.text)) as gone:
            far_side.act("network", ims="off")
            record.note(f"IMS went: {gone.wait(URC_S).text}")
        assert not told, f"the activation was told: {told}"
    finally:
        far_side.act("network", ims="off")
        registered.send(f"AT+CGEREP={before[0]},{before[1]}")


def _names_ims(text: str) -> bool:
    return str(IMS_CID) in text.replace(",", " ").split()


def _ims_becomes(dut: Dut, wanted: bool) -> None:
    def seen() -> bool:
        return any(fields[:2] == (IMS_CID, 1) for fields in dut.send("AT+CGACT?").fields("+CGACT"))

    assert dut.wait_registration(lambda stat: seen() is wanted, URC_S), f"context {IMS_CID} is not active"


@procedure("R8:13.1", title="A context activated by +CGACT is resumed by ATO after a dial",
           depends_on=NETWORK)
@for_row("internet")
def test_internet_r8(online: Dut, record: Recorder, row: MigrationRow) -> None:
    """+CGACT=1, dial, +++, ATO: data mode again."""
    online.send(f"AT+CGACT=1,{online.cid}")
    with online.ppp() as link:
        record.note(f"+++: {link.pause().final.text}")
        resumed = link.resume()
        record.note(f"ATO: {resumed}")
        assert resumed.startswith("CONNECT")
        link.hang_up()


@procedure("R8:13.1", title="+CGACT=1 on a context that is active is OK", series=ONLY_R6, depends_on=NETWORK)
@for_row("internet")
def test_internet_r6(online: Dut, record: Recorder, row: MigrationRow) -> None:
    """As the table recommends before every socket; the address stays."""
    before = online.address(online.cid)
    answer = online.send(f"AT+CGACT=1,{online.cid}", check=False)
    record.measure(f"AT+CGACT=1,{online.cid} on the active context", answer.final.text)
    assert answer.ok
    assert online.address(online.cid) == before


@procedure("R8:13.1", title="No +UDCONF=19; names are found beside a second context and after it",
           depends_on=(*NETWORK, "service:dns"))
@for_row("contexts")
def test_contexts_r8(online: Dut, services: Mapping[str, Service], record: Recorder,
                     row: MigrationRow) -> None:
    """The resolver takes the context activated last; with that gone, the other."""
    ask(online, record, row)
    name = services["dns"].dns_name
    record.note(f"context {online.cid}: {name} is {online.resolve(name)}")
    with _context(online, OTHER_CID, OTHER_APN):
        online.send(f"AT+CGACT=1,{OTHER_CID}")
        record.note(f"context {OTHER_CID} activated behind it: {name} is {online.resolve(name)}")
    record.note(f"context {OTHER_CID} deactivated: {name} is {online.resolve(name)}")


@procedure("R8:13.1", title="A socket is opened on a context of its own", series=ONLY_R6,
           depends_on=(*NETWORK, "service:echo"))
@for_row("contexts")
def test_contexts_r6(online: Dut, services: Mapping[str, Service], network: Network, record: Recorder,
                     row: MigrationRow) -> None:
    """+USOCR with a context; the echo comes back over it."""
    ask(online, record, row)
    echo = services["echo"]
    with _context(online, OTHER_CID, network.apn):
        online.send(f"AT+CGACT=1,{OTHER_CID}")
        with online.sockets.tcp(cid=OTHER_CID) as connection:
            connection.connect(echo.address, int(echo.port or 7))
            connection.send(b"over a context of its own")
            assert connection.recv_exactly(25, URC_S) == b"over a context of its own"
        record.note(f"AT+USOCR=6,0,0,{OTHER_CID}: the echo came back by context {OTHER_CID}")


@procedure("R8:13.1", title="+UDNSCFG sets the servers of one context alone", series=ONLY_R6,
           depends_on=NETWORK)
@for_row("dns")
def test_dns_r6(registered: Dut, record: Recorder, row: MigrationRow) -> None:
    """What is set for context 1 leaves context 2 as it was."""
    ask(registered, record, row)
    before = registered.send(f"AT+UDNSCFG={OTHER_CID},1,0").info
    registered.send('AT+UDNSCFG=1,1,0,"8.8.8.8"')
    try:
        for cid in (1, OTHER_CID):
            record.measure(f"AT+UDNSCFG={cid},1,0", " ".join(registered.send(f"AT+UDNSCFG={cid},1,0").info))
        assert registered.send("AT+UDNSCFG=1,1,0").value("+UDNSCFG")[-1] == "8.8.8.8"
        assert registered.send(f"AT+UDNSCFG={OTHER_CID},1,0").info == before
    finally:
        registered.send('AT+UDNSCFG=1,1,0,"0.0.0.0"')


@contextmanager
def _context(dut: Dut, cid: int, apn: str) -> Iterator[None]:
    """A context that is defined for the block, and gone afterwards."""
    dut.ensure(f'AT+CGDCONT={cid},"IP","{apn}"')
    try:
        yield
    finally:
        dut.send(f"AT+CGACT=0,{cid}", check=False)
        dut.send(f"AT+CGDCONT={cid}", check=False)


@procedure("R8:13.1", title="A dial with DTR off is refused", series=ONLY_R6, depends_on=NETWORK,
           needs=("uart", "drive-dtr"))
@for_row("ppp-dtr")
def test_ppp_r6(online: Dut, record: Recorder, row: MigrationRow) -> None:
    """DTR on: CONNECT."""
    uart = online.port("uart")
    with dtr_mode(online, 0):
        uart.set_line("dtr", False)
        try:
            with pytest.raises(AtError) as refused:
                uart.send(f"ATD*99***{online.cid}#")
            record.measure("the dial with DTR off", refused.value.final.text)
            assert uart.send("AT").ok
        finally:
            uart.set_line("dtr", True)
        with online.ppp(online.cid, port=uart) as link:
            record.measure("the dial with DTR on", "CONNECT")
            link.hang_up()


# scans and calls
@procedure("R8:13.1", title="+UCFSCAN scans for cells", series=ONLY_R6, depends_on=NETWORK)
@for_row("cell-scan")
def test_cell_scan_r6(registered: Dut, record: Recorder, row: MigrationRow) -> None:
    """Its parameter is printed nowhere at hand: a refusal is no fault."""
    registered.spend_attach("network scan")
    answer = registered.send("AT+UCFSCAN=7", check=False, timeout_s=SCAN_S)
    record.measure("AT+UCFSCAN=7", " ".join((*answer.info, answer.final.text)))
    if not answer.ok:
        raise NotPossible("this module refuses the only form at hand, a hobby program's")


@procedure("R8:13.1", title="ATH ends a call, and so does +CHUP", depends_on=NETWORK,
           needs=("far-side:call",))
@for_row("hang-up")
def test_hang_up_r8(registered: Dut, far_side: FarSide, record: Recorder, row: MigrationRow) -> None:
    """Both on a call that was answered."""
    ask(registered, record, row)
    _ended_by(registered, far_side, record, "AT+CHUP", "ATH")


@procedure("R8:13.1", title="+CHUP ends a call", series=ONLY_R6, depends_on=NETWORK, needs=("far-side:call",))
@for_row("hang-up")
def test_hang_up_r6(registered: Dut, far_side: FarSide, record: Recorder, row: MigrationRow) -> None:
    """On a call that was answered."""
    ask(speaks(registered), record, row)
    _ended_by(registered, far_side, record, "AT+CHUP")


def _ended_by(dut: Dut, far_side: FarSide, record: Recorder, *lines: str) -> None:
    for line in lines:
        with idle_after(speaks(dut)):
            in_a_call(dut, far_side)
            answer = dut.send(line)
            assert dut.calls.await_state(None, CALL_S), f"{line} left the call"
            record.measure(f"{line} in a call", f"{answer.final.text}, the call is over")
