"""Registration and bands: LENA-R8 guide 7.1, 7.1.1; LARA-R6 guide 2.3.1, "check network registration"."""

from __future__ import annotations

import pytest

from cellbench.api import Dut, FarSide, Limit, Network, Recorder, procedure

REGISTERED = (1, 5)
LTE = 7
UTRAN = 2


@pytest.mark.demo
@procedure(
    "R8:7.1", title="Registration begins by itself and gives an address in LTE", depends_on=("network",)
)
def test_registered_in_lte(registered: Dut, record: Recorder) -> None:
    """Registered, RAT 7, the initial default bearer has an address."""
    assert registered.registration() in REGISTERED
    mode, _, _, act = registered.send("AT+COPS?").value("+COPS")
    assert mode == 0, "automatic selection is the factory setting"
    assert act == LTE
    assert registered.address(registered.profile.bearers.default_cid.value)


@procedure("R8:7.1", "R6:2.3.1/lte", title="Detach and attach again by +CFUN", depends_on=("network",))
def test_detach_and_attach(registered: Dut, record: Recorder) -> None:
    """AT+CFUN=0 leaves the network, AT+CFUN=1 comes back without another command."""
    registered.spend_attach("CFUN cycle")
    registered.send("AT+CFUN=0")
    assert registered.registration() not in REGISTERED
    registered.send("AT+CFUN=1")
    record.measure(
        "time to register", registered.register(), "s", Limit(high=300.0, source="module facts 15")
    )


@procedure(
    "R8:7.1", "R6:2.3.1/lte", title="Deregistered by +COPS=2, registered by +COPS=0", depends_on=("network",)
)
def test_deregister(registered: Dut) -> None:
    """Issue AT+COPS=0 if the read command returns +COPS: 2."""
    registered.spend_attach("COPS=2")
    registered.send("AT+COPS=2")
    try:
        assert registered.send("AT+COPS?").value("+COPS") == (2,)
    finally:
        registered.send("AT+COPS=0")
    registered.register()
    assert registered.send("AT+COPS?").value("+COPS")[0] == 0


@procedure(
    "R8:7.1",
    title="Registration URCs follow the network",
    depends_on=("network",),
    needs=("far-side:network",),
)
def test_registration_urcs(registered: Dut, far_side: FarSide) -> None:
    """Coverage is lost and found: +CEREG tells both."""
    registered.send("AT+CEREG=2")
    try:
        with registered.at.expect("+CEREG", lambda urc: urc.fields[0] not in REGISTERED) as lost:
            far_side.act("network", state="lost")
            lost.wait(60.0)
        with registered.at.expect("+CEREG", lambda urc: urc.fields[0] in REGISTERED) as found:
            far_side.act("network", state="found")
            found.wait(60.0)
    finally:
        far_side.act("network", state="found")
        registered.send("AT+CEREG=0")
        registered.register()


@procedure(
    "R8:7.1",
    "R6:2.3.1/lte",
    title="A rejected registration tells its cause, and recovers",
    depends_on=(),
    needs=("far-side:network",),
)
def test_reject_cause(registered: Dut, far_side: FarSide, record: Recorder) -> None:
    """+CEER names the cause (EMM 15: no suitable cells in tracking area)."""
    registered.spend_attach("reject")
    registered.send("AT+CFUN=0")
    far_side.act("network", reject="15")
    try:
        registered.send("AT+CFUN=1")
        assert registered.wait_registration(lambda stat: stat == 3, 60.0), (
            "the module does not say that it was denied"
        )
        cause = registered.send("AT+CEER").value("+CEER")
        record.note(f"+CEER: {cause}")
        assert 15 in cause
    finally:
        far_side.act("network", state="found")
        registered.send("AT+CFUN=0")
        registered.send("AT+CFUN=1")
    registered.register()


@procedure(
    "R8:7.1",
    title="In 2G registration needs no bearer; contexts are activated on demand",
    depends_on=("network",),
    needs=("far-side:network",),
)
def test_registration_in_2g(registered: Dut, far_side: FarSide, network: Network) -> None:
    """2G registration is independent from APN and bearer activation."""
    far_side.act("network", rat="2g")
    try:
        registered.register()
        assert registered.send("AT+COPS?").value("+COPS")[-1] in (0, 3)
        registered.activate(apn=network.apn)
        assert registered.address(registered.cid)
    finally:
        far_side.act("network", rat="lte")
        registered.register()


@procedure("R8:7.1.1", title="LTE bands are read and set, effective after a reboot")
def test_lte_bands(dut: Dut, record: Recorder) -> None:
    """+SETLOCK: all bands, a subset, and the subset after the reboot."""
    dut.send("AT+CFUN=0")
    before = dut.send("AT+SETLOCK=2,0").value("+SETLOCK")
    try:
        dut.send("AT+SETLOCK=1,0,3,8,20")
        dut.reboot()
        assert dut.send("AT+SETLOCK=2,0").value("+SETLOCK") == (3, 3, 8, 20)
    finally:
        dut.send("AT+CFUN=0")
        dut.send("AT+SETLOCK=0,0")
        dut.reboot()
    assert dut.send("AT+SETLOCK=2,0").value("+SETLOCK")[0] == 0
    record.note(f"before: {before}")


@procedure("R8:7.1.1", title="2G bands are read and set, effective after a reboot")
def test_2g_bands(dut: Dut) -> None:
    """+SETBAND, read back after the reboot, then as before."""
    dut.send("AT+CFUN=0")
    before = dut.send("AT+SETBAND?").value("+SETBAND")
    values = ",".join(str(value) for value in before)
    try:
        dut.send("AT+SETBAND=1")
        dut.reboot()
        assert dut.send("AT+SETBAND?").value("+SETBAND")[0] == 1
    finally:
        dut.send("AT+CFUN=0")
        dut.send(f"AT+SETBAND={values}")
        dut.reboot()
    assert dut.send("AT+SETBAND?").value("+SETBAND") == before


@procedure("R8:7.1.1", title="A band that does not exist is refused")
def test_band_refused(dut: Dut) -> None:
    """The setting stays."""
    dut.send("AT+CFUN=0")
    try:
        before = dut.send("AT+SETLOCK=2,0").info
        assert not dut.send("AT+SETLOCK=1,0,99", check=False).ok
        assert dut.send("AT+SETLOCK=2,0").info == before
    finally:
        dut.send("AT+CFUN=1")


@pytest.mark.demo
@procedure("R6:2.3.1/lte", title="Check network registration: LTE", depends_on=("network",))
def test_check_lte(registered: Dut, network: Network, record: Recorder) -> None:
    """AT+CFUN=1, +COPS: 0,0,"<operator>",7, an IPv4 address on context 1, +CSCON."""
    registered.send("AT+CFUN=1")
    mode, form, operator, act = registered.send("AT+COPS?").value("+COPS")
    assert (mode, form, act) == (0, 0, LTE)
    record.measure("operator", str(operator))
    assert registered.address(1).count(".") == 3
    registered.ensure("AT+CSCON=1")
    registered.ensure("AT+CSCON=0")


@procedure(
    "R6:2.3.1/legacy",
    title="Check network registration: GSM and UMTS",
    depends_on=("network",),
    needs=("far-side:network",),
)
def test_check_legacy(registered: Dut, far_side: FarSide, network: Network) -> None:
    """+COPS: ...,2 on UTRAN, AT+CGACT=1,1, an address; the context is activated again without harm."""
    far_side.act("network", rat="3g")
    try:
        registered.register()
        assert registered.send("AT+COPS?").value("+COPS")[-1] == UTRAN
        assert registered.send("AT+CGACT=1,1").ok
        assert registered.send("AT+CGACT=1,1").ok, "give it even if the context is active"
        assert registered.address(1).count(".") == 3
    finally:
        far_side.act("network", rat="lte")
        registered.register()


@procedure(
    "R6:2.3.1/legacy",
    title="The address is kept when 3G is reselected from LTE",
    depends_on=("network",),
    needs=("far-side:network",),
)
def test_address_kept_over_rats(online: Dut, far_side: FarSide) -> None:
    """In 2G and 3G the IP address is maintained if they are reselected from LTE."""
    before = online.address(1)
    far_side.act("network", rat="3g")
    try:
        online.register()
        assert online.address(1) == before
    finally:
        far_side.act("network", rat="lte")
        online.register()


@procedure(
    "R6:2.3.1/lte",
    title="The state of the radio connection is told by +CSCON",
    depends_on=("network",),
    needs=("far-side:network",),
)
def test_connection_state_urc(registered: Dut, far_side: FarSide) -> None:
    """AT+CSCON=1: 1 when the connection begins, 0 when it is released; another mode is refused."""
    assert not registered.send("AT+CSCON=9", check=False).ok
    far_side.act("network", rrc="idle")
    registered.ensure("AT+CSCON=1")
    try:
        for state, expected in (("connected", 1), ("idle", 0)):
            with registered.at.expect("+CSCON") as told:
                far_side.act("network", rrc=state)
                assert told.wait(30.0).fields[0] == expected
    finally:
        registered.ensure("AT+CSCON=0")


@procedure(
    "R6:2.3.1/legacy",
    title="+CSCON tells nothing outside LTE",
    depends_on=("network",),
    needs=("far-side:network",),
)
def test_no_connection_state_on_legacy(registered: Dut, far_side: FarSide) -> None:
    """The functionality is available on LTE only: with user data on UTRAN no URC comes."""
    registered.ensure("AT+CSCON=1")
    far_side.act("network", rat="3g")
    try:
        registered.register()
        mark = registered.at.urcs.mark()
        for state in ("idle", "connected", "idle"):
            far_side.act("network", rrc=state)
        registered.send("AT")
        assert [urc.text for urc in registered.at.urcs.since(mark) if urc.prefix == "+CSCON"] == []
    finally:
        far_side.act("network", rat="lte")
        registered.ensure("AT+CSCON=0")
        registered.register()


@procedure(
    "R8:7.1",
    "R6:2.3.1/lte",
    title="An operator mode that does not exist is refused, and the module stays registered",
    depends_on=("network",),
)
def test_selection_refusals(registered: Dut) -> None:
    """+COPS and +CFUN have ranges."""
    for line in ("AT+COPS=9", "AT+CFUN=99", "AT+CEREG=9"):
        assert not registered.send(line, check=False).ok, f"{line} was taken"
    assert registered.registration() in REGISTERED
    assert registered.send("AT+COPS=0").ok
    registered.register()
