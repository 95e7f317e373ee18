"""Diagnostic information: LENA-R8 guide 8.1.1 (URCs, Table 19) and 8.1.2 (polls, Table 20); on LARA-R6 the
same by 3GPP TS 27.007, and what its application note and public driver add.

+CMTI of Table 19 is provoked in test_sms.py, the reject cause of +CEER in test_registration.py, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from cellbench.api import (
    Dut,
    Expectation,
    FarSide,
    Limit,
    Network,
    NotPossible,
    Recorder,
    UrcEvent,
    polls_for,
    procedure,
)

BOTH = ("LENA-R8", "LARA-R6")
LARA = ("LARA-R6",)
NETWORK = ("network",)
ACTS = ("far-side:network",)
REGISTERED, DENIED, LTE = (1, 5), 3, 7
TOLD_S = 60.0
NO_SUITABLE_CELLS = 15  # the cause of Table 20
USUAL_SIGNAL, USUAL_ZONE = "4", "+04"


@contextmanager
def reporting(dut: Dut, name: str, *values: int) -> Iterator[None]:
    """A report is set so in the block, and afterwards as it was."""
    before = dut.send(f"AT{name}?").value(name)
    changes = before[:len(values)] != values
    if changes:
        dut.send(f"AT{name}={_list(*values)}")
    try:
        yield
    finally:
        if changes:
            dut.send(f"AT{name}={_list(*before[:len(values)])}")


@contextmanager
def registration_told(dut: Dut, name: str, level: int) -> Iterator[None]:
    """+CREG and its kin tell at a level; LENA-R8 does not read it back."""
    dut.send(f"AT{name}={level}")
    try:
        yield
    finally:
        dut.send(f"AT{name}=0")


@contextmanager
def refused(dut: Dut, far_side: FarSide, cause: int) -> Iterator[None]:
    """The network refuses the module in the block, and takes it again afterwards."""
    dut.spend_attach("reject")
    far_side.act("network", reject=str(cause))
    try:
        yield
    finally:
        far_side.act("network", reject="none")
        dut.send("AT+CFUN=0")
        dut.send("AT+CFUN=1")
        dut.register()


def _list(*values: object) -> str:
    return ",".join("" if value is None else str(value) for value in values)


def _told(dut: Dut, prefix: str, stats: tuple[int, ...], far_side: FarSide, **change: str) -> UrcEvent:
    """The URC of a registration state that a change in the network brings, with area and cell."""
    with dut.at.expect(prefix, lambda urc: urc.fields[0] in stats and len(urc.fields) > 2) as heard:
        far_side.act("network", **change)
        return heard.wait(TOLD_S)


def _place(fields: tuple[object, ...]) -> tuple[str, ...]:
    """Area and cell as hexadecimal numbers without leading zeros: widths and case differ."""
    found = tuple(str(field).lstrip("0").lower() for field in fields)
    assert all(re.fullmatch("[0-9a-f]*", one) for one in found), f"no hexadecimal numbers: {fields}"
    return found


# -- URCs: Table 19 ------------------------------------------------------------------------------


@procedure("R8:8.1.1", title="AT+CREG=3: registration for non-EPS services is told with area and cell",
           series=BOTH, depends_on=NETWORK, needs=ACTS)
def test_creg(registered: Dut, far_side: FarSide) -> None:
    """A new cell is told; +CREG? says the same."""
    with registration_told(registered, "+CREG", 3):
        told = _told(registered, "+CREG", REGISTERED, far_side, cell="new")
        polled = [field for field in registered.send("AT+CREG?").value("+CREG") if isinstance(field, str)]
        assert _place(tuple(polled[:1])) == _place(told.fields[1:2])


@procedure("R8:8.1.1", title="AT+CEREG=5: registration for EPS services is told with area, cell and RAT",
           series=BOTH, depends_on=NETWORK, needs=ACTS)
def test_cereg(registered: Dut, far_side: FarSide) -> None:
    """A new cell is told; +CEREG? says the same."""
    with registration_told(registered, "+CEREG", 5):
        told = _told(registered, "+CEREG", REGISTERED, far_side, cell="new")
        assert told.fields[3] == LTE
        polled = [field for field in registered.send("AT+CEREG?").value("+CEREG")
                  if isinstance(field, str)]
        assert _place(tuple(polled[:2])) == _place(told.fields[1:3])


@procedure("R8:8.1.1", title="AT+CEREG=5 tells the PSM timers that the network grants", series=BOTH,
           depends_on=NETWORK, needs=ACTS)
def test_psm_timers(registered: Dut, far_side: FarSide, record: Recorder) -> None:
    """Asked for by +CPSMS; what comes is recorded, for the network may grant none."""
    registered.ensure('AT+CPSMS=1,,,"01100000","00000101"')
    try:
        with registration_told(registered, "+CEREG", 5):
            told = _told(registered, "+CEREG", REGISTERED, far_side, cell="new")
        timers = told.fields[6:8]
        record.note(f"granted: {timers}" if len(timers) == 2 else "the network grants no PSM")
        assert all(re.fullmatch("[01]{8}", str(one)) for one in timers), f"no timers: {timers}"
    finally:
        registered.ensure("AT+CPSMS=0")


@procedure("R8:8.1.1", title="A refusal is told with its cause by +CREG, +CEREG and +CEER", series=BOTH,
           needs=ACTS)
@pytest.mark.parametrize(("name", "level"), [("+CREG", 3), ("+CEREG", 5)])
def test_refusal_told(registered: Dut, far_side: FarSide, record: Recorder, name: str, level: int) -> None:
    """<cause_type> 0 and the EMM cause; +CEER polls the same."""
    cause = NO_SUITABLE_CELLS
    with (registration_told(registered, name, level),
          registered.at.expect(name, lambda urc: urc.fields[0] == DENIED) as heard,
          refused(registered, far_side, cause)):
        told = heard.wait(TOLD_S)
        polled = registered.send("AT+CEER").value("+CEER")
    record.note(f"{told.text}; +CEER: {polled}")
    assert told.fields[4:6] == (0, cause)
    assert cause in polled


@procedure("R8:8.1.1", title="AT+CGEREP=2,1: the network's deactivation of a context is told", series=BOTH,
           depends_on=NETWORK, needs=ACTS)
def test_cgerep(registered: Dut, far_side: FarSide, network: Network) -> None:
    """+CGEV: NW PDN DEACT <cid>; +CGACT? says the same."""
    with other_context(registered, network) as cid, reporting(registered, "+CGEREP", 2, 1):
        with registered.at.expect("+CGEV", lambda urc: f"NW PDN DEACT {cid}" in urc.text) as heard:
            far_side.act("network", deact=str(cid))
            heard.wait(TOLD_S)
        assert (cid, 1) not in registered.send("AT+CGACT?").fields("+CGACT")


@procedure("R8:8.1.1", title="AT+CGEREP=2,1: what happens while the port is busy is told afterwards",
           series=BOTH, depends_on=NETWORK, needs=ACTS)
def test_cgerep_busy(registered: Dut, far_side: FarSide, network: Network) -> None:
    """The first parameter is 2: the URC is not discarded while the port waits for data."""
    asked = []
    with (other_context(registered, network) as cid, reporting(registered, "+CGEREP", 2, 1), registered.sms(),
          registered.at.expect("+CGEV", lambda urc: f"NW PDN DEACT {cid}" in urc.text) as heard):
        def busy(prompt: str) -> bytes:
            asked.append(prompt)
            far_side.act("network", deact=str(cid))
            assert not registered.at.wait_until(lambda: bool(heard.heard), 1.0), "+CGEV inside a prompt"
            return b"\x1b"

        registered.at.send('AT+CMGW="+390402529400"', ask=busy, check=False)
        heard.wait(TOLD_S)
    assert asked == [">"]


@procedure("R8:8.1.1", title="AT+CTZR=2: a change of local time is told, and the clock follows", series=BOTH,
           depends_on=NETWORK, needs=ACTS)
def test_ctzr(registered: Dut, far_side: FarSide) -> None:
    """+CTZE: <tz>,<dst>[,<time>]; +CTZU: 1 is the factory setting, so +CCLK has the zone, too."""
    assert registered.send("AT+CTZU?").value("+CTZU") == (1,)
    with reporting(registered, "+CTZR", 2):
        try:
            with registered.at.expect("+CTZE") as heard:
                far_side.act("network", tz="+08", dst="1")
                told = heard.wait(TOLD_S)
        finally:
            far_side.act("network", tz=USUAL_ZONE, dst="0")
    assert int(str(told.fields[0])) == 8
    assert told.fields[1] == 1
    clock = str(registered.send("AT+CCLK?").value("+CCLK")[0])
    assert re.fullmatch(r"\d\d/\d\d/\d\d,\d\d:\d\d:\d\d[+-]\d\d", clock), clock


@procedure("R8:8.1.1", title="AT+CMER=3,0,0,2: signal and service are told", series=BOTH, depends_on=NETWORK,
           needs=ACTS)
def test_cmer(registered: Dut, far_side: FarSide) -> None:
    """+CIEV: <descr>,<value> with the place of the indicator in +CIND=?; +CIND? says the same."""
    places = _indicators(registered)
    mode = 3 if 3 in _modes(registered) else 1
    with reporting(registered, "+CMER", mode, 0, 0, 2):
        with _indicator(registered, places["signal"], 1) as heard:
            far_side.act("network", signal="1")
            heard.wait(TOLD_S)
        assert registered.send("AT+CIND?").value("+CIND")[places["signal"] - 1] == 1
        far_side.act("network", signal=USUAL_SIGNAL)
        for state, value in (("lost", 0), ("found", 1)):
            with _indicator(registered, places["service"], value) as heard:
                far_side.act("network", state=state)
                heard.wait(TOLD_S)
    registered.register()


@procedure("R8:8.1.1", title="AT+CMER=3,0,0,2: a SIM that is taken out is told", series=BOTH,
           needs=("far-side:sim",))
def test_cmer_sim(registered: Dut, far_side: FarSide) -> None:
    """Provided that a GPIO detects the SIM (+UGPIOC)."""
    if not any(mode == 7 for mode in _gpio_modes(registered)):
        raise NotPossible("no GPIO of this module detects the SIM", remedy="AT+UGPIOC=<GPIO5>,7, and wire it")
    place = _indicators(registered)["simind"]
    registered.spend_attach("SIM out and in")
    mode = 3 if 3 in _modes(registered) else 1
    try:
        with reporting(registered, "+CMER", mode, 0, 0, 2):
            for state, present in (("out", False), ("in", True)):
                with registered.at.expect("+CIEV", lambda urc, want=present: (
                        urc.fields[0] in (place, "simind") and (urc.fields[1] == 1) is want)) as heard:
                    far_side.act("sim", state=state)
                    heard.wait(TOLD_S)
    finally:
        far_side.act("sim", state="in")
        registered.register()


@procedure("R8:8.1.1", title="AT+CIREG=1: registration with the IMS is told", series=LARA,
           depends_on=NETWORK, needs=ACTS)
def test_cireg(registered: Dut, far_side: FarSide) -> None:
    """+CIREGU: <reg_info>; +CIREG? says the same (27.007 8.72)."""
    try:
        with reporting(registered, "+CIREG", 1):
            for state, value in (("on", 1), ("off", 0)):
                with registered.at.expect("+CIREGU", lambda urc, want=value: urc.fields[0] == want) as heard:
                    far_side.act("network", ims=state)
                    heard.wait(TOLD_S)
                assert registered.send("AT+CIREG?").value("+CIREG")[1] == value
    finally:
        far_side.act("network", ims="off")


@contextmanager
def other_context(dut: Dut, network: Network) -> Iterator[int]:
    """A context that is no default bearer, active: the network may take it away alone."""
    default = dut.profile.bearers.default_cid.value
    cid = next(one for one in dut.profile.bearers.user_cids.value if one != default)
    mine = all(fields[0] != cid for fields in dut.send("AT+CGDCONT?").fields("+CGDCONT"))
    try:
        yield dut.activate(cid, apn=network.apn)
    finally:
        if mine:
            dut.send(f"AT+CGACT=0,{cid}", check=False)
            dut.send(f"AT+CGDCONT={cid}", check=False)


def _indicators(dut: Dut) -> dict[str, int]:
    """Places of the indicators, counted from 1 (27.007 8.9)."""
    names = re.findall(r'\("(\w+)",', dut.send("AT+CIND=?").text)
    assert {"signal", "service", "simind"} <= set(names), f"+CIND=? names {names}"
    return {name: place for place, name in enumerate(names, start=1)}


def _modes(dut: Dut) -> tuple[int, ...]:
    """<mode> values of +CMER; the guide gives 3 for LENA-R8, the application note 1 for LARA-R6."""
    first = dut.send("AT+CMER=?").text.partition("(")[2].partition(")")[0]
    numbers = [int(one) for one in re.findall(r"\d+", first)]
    return tuple(range(numbers[0], numbers[-1] + 1)) if "-" in first else tuple(numbers)


def _indicator(dut: Dut, place: int, value: int) -> Expectation:
    return dut.at.expect("+CIEV", lambda urc: urc.fields[:2] == (place, value))


def _gpio_modes(dut: Dut) -> list[int]:
    return [int(mode) for line in dut.send("AT+UGPIOC?").info
            for _, mode in re.findall(r"^(\d+),(\d+)$", line)]


# -- polls: Table 20 -----------------------------------------------------------------------------


@procedure("R8:8.1.2", title="ATI0I9, +CGSN, +CIMI, +CCID: model, firmware, IMEI and the SIM's identities",
           series=BOTH)
def test_identities(dut: Dut, record: Recorder) -> None:
    """Module initialization: their forms, and that they are the same when asked again."""
    found = dut.identify()
    assert found.model.startswith(dut.profile.model_prefix), found.model
    assert re.fullmatch(r"\d\d\.\d\d(,[A-Z]\d\d\.\d\d)?", found.firmware), found.firmware
    assert re.fullmatch(r"\d{15}", found.imei)
    assert re.fullmatch(r"\d{6,15}", found.imsi)
    assert re.fullmatch(r"\d{18,20}F?", found.iccid)
    assert dut.identify() == found
    record.measure("model", found.model)
    record.measure("firmware", found.firmware)


@procedure("R8:8.1.2", title="+COPS? and +CPOL?: operator, RAT and the list of preferred ones", series=BOTH,
           depends_on=NETWORK)
def test_operator(registered: Dut, record: Recorder) -> None:
    """RAT 7 is LTE (erratum R8-13: other RATs have numbers of their own)."""
    mode, form, operator, act = registered.send("AT+COPS?").value("+COPS")
    assert (mode, act) == (0, LTE)
    assert form in (0, 1, 2)
    assert operator
    for entry in registered.send("AT+CPOL?").fields("+CPOL"):
        index, form, name = entry[:3]
        assert (isinstance(index, int), form in (0, 1, 2), bool(name)) == (True, True, True), entry
        assert set(entry[3:]) <= {0, 1}, entry
    record.measure("operator", str(operator))


@procedure("R8:8.1.2", title="+CGDCONT?: contexts with APN, and the addresses that +CGPADDR gives",
           series=BOTH, depends_on=NETWORK)
def test_contexts(online: Dut) -> None:
    """Every active context of +CGACT? that +CGDCONT? lists has an address."""
    lines = {fields[0]: fields for fields in online.send("AT+CGDCONT?").fields("+CGDCONT")}
    active = [fields[0] for fields in online.send("AT+CGACT?").fields("+CGACT") if fields[1] == 1]
    told = {fields[0]: fields[1] for fields in online.send("AT+CGPADDR").fields("+CGPADDR")
            if len(fields) > 1}
    assert online.cid in active
    for cid in active:
        assert isinstance(lines[cid][2], str), f"context {cid} has no APN field: {lines[cid]}"
        assert online.address(int(str(cid))) in ("", told[cid]), f"context {cid}: {lines[cid]}"


@procedure("R8:8.1.2", title="+CPSMS?: the PSM settings that are asked of the network", series=BOTH)
def test_psm_settings(dut: Dut) -> None:
    """Mode and timers; what is set is read back."""
    def read() -> tuple[object, ...]:
        return dut.send("AT+CPSMS?").value("+CPSMS")

    assert read()[0] in (0, 1)
    dut.ensure('AT+CPSMS=1,,,"01000011","00000011"')
    try:
        assert (read()[0], *read()[3:5]) == (1, "01000011", "00000011")
    finally:
        dut.ensure("AT+CPSMS=0")
    assert read()[0] == 0


@procedure("R8:8.1.2", title="Every diagnostic poll is answered, changes nothing and is quick", series=BOTH,
           depends_on=NETWORK)
def test_every_poll(registered: Dut, record: Recorder) -> None:
    """Those that the framework itself asks when a test fails; what a read tells is told again."""
    before = registered.registration()
    for poll in polls_for(registered.profile.series):
        answer = registered.send(poll.line, check=False)
        record.measure(poll.line, answer.elapsed_s, "s", Limit(high=10.0, source="module facts 15"))
        assert answer.ok, f"{poll.line}: {answer.final.text}"
    assert registered.registration() == before


@procedure("R8:8.1.2", title="+CSQ and +CESQ follow the signal", series=BOTH, depends_on=NETWORK, needs=ACTS)
def test_signal(registered: Dut, far_side: FarSide, record: Recorder) -> None:
    """Both are in their ranges; a stronger cell never reads weaker."""
    seen: list[tuple[int, int]] = []
    try:
        for level in ("1", "3", "5"):
            far_side.act("network", signal=level)
            rssi = registered.send("AT+CSQ").value("+CSQ")[0]
            values = registered.send("AT+CESQ").value("+CESQ")
            assert len(values) == 6, f"+CESQ: {values}"
            for value, most, unknown in zip(values, (63, 7, 96, 49, 34, 97), (99, 99, 255, 255, 255, 255),
                                            strict=True):
                assert value == unknown or 0 <= int(str(value)) <= most, f"+CESQ: {values}"
            seen.append((int(str(rssi)), int(str(values[5]))))
    finally:
        far_side.act("network", signal=USUAL_SIGNAL)
    record.note(f"<rssi> and <rsrp> at levels 1, 3, 5: {seen}")
    assert seen == sorted(seen)
    assert seen[0][0] < seen[-1][0]


@procedure("R8:8.1.2", title="+CEER says that there was no failure, and after a refusal which", series=BOTH,
           needs=ACTS)
def test_ceer(registered: Dut, far_side: FarSide, record: Recorder) -> None:
    """Type, cause and text as in Table 20."""
    record.note(f"before: {registered.send('AT+CEER').text}")
    with refused(registered, far_side, NO_SUITABLE_CELLS):
        assert registered.wait_registration(lambda stat: stat == DENIED, TOLD_S)
        kind, cause, text = registered.send("AT+CEER").value("+CEER")[:3]
    assert (kind, cause) == ("EMM cause", NO_SUITABLE_CELLS)
    assert text


@procedure("R8:8.1.2", title="+UCGED: 2 tells the serving cell as +CEREG does", series=LARA,
           depends_on=NETWORK)
def test_serving_cell(registered: Dut, network: Network, record: Recorder) -> None:
    """The RAT line has the network's codes, the cell line the tracking area; the cell may read 0."""
    with reporting(registered, "+UCGED", 2):
        head, *lines = registered.send("AT+UCGED?").info
    assert head.endswith(": 2")
    rat, cell = (line.split(",") for line in lines[:2])
    record.note(" / ".join(lines))
    assert rat[0] in ("4", "6"), "RAT: 4 is seen on units, 6 in the application note"
    if network.plmn:
        assert (rat[2], rat[3].zfill(len(network.plmn) - 3)) == (network.plmn[:3], network.plmn[3:])
    with registration_told(registered, "+CEREG", 2):
        area = [field for field in registered.send("AT+CEREG?").value("+CEREG") if isinstance(field, str)]
    assert int(cell[4], 16) == int(area[0], 16)
    assert int(cell[5], 16) in (0, int(area[1], 16))
