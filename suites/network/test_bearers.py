"""Bearers and contexts: LENA-R8 guide 7.2.1, 7.2.1.1, 7.2.2; LARA-R6 guide 2.1 to 2.3.1, 2.5."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from cellbench.api import Dut, DutState, FarSide, Network, NotApplicable, Recorder, Service, procedure

PRIMARY_CONTEXTS = 5  # LARA-R6 guide 2.1
DutAt = Callable[[DutState], Dut]


def _contexts(dut: Dut) -> dict[int, tuple[object, ...]]:
    return {int(fields[0]): fields[1:] for fields in dut.send("AT+CGDCONT?").fields("+CGDCONT") if fields}


def _active(dut: Dut) -> set[int]:
    return {int(fields[0]) for fields in dut.send("AT+CGACT?").fields("+CGACT") if fields[1] == 1}


@pytest.mark.demo
@procedure("R8:7.2.1", title="The initial default bearer is on context 0", depends_on=("network",))
def test_initial_default_bearer(registered: Dut, record: Recorder) -> None:
    """+CGDCONT: 0 with APN and address; +CGACT: 0,1 or no line for it; +COPS with operator and RAT."""
    context = _contexts(registered)[0]
    assert context[0] == "IP"
    assert context[1], "the APN assigned by the network is shown"
    assert str(context[2]).count(".") == 3
    states = dict(fields[:2] for fields in registered.send("AT+CGACT?").fields("+CGACT"))
    assert states.get(0, 1) == 1
    assert len(registered.send("AT+COPS?").value("+COPS")) == 4


@procedure("R8:7.2.1", title="Without registration context 0 has no address", depends_on=())
def test_no_address_when_detached(registered: Dut) -> None:
    """If no IP is shown, the module is not attached in LTE RAT."""
    registered.spend_attach("CFUN cycle")
    registered.send("AT+CFUN=0")
    try:
        assert registered.address(0) == ""
        assert (0, 1) not in [fields[:2] for fields in registered.send("AT+CGACT?").fields("+CGACT")]
    finally:
        registered.send("AT+CFUN=1")
    registered.register()


@procedure("R8:7.2.1", title="Context 0 is not the user's")
def test_context_0_is_reserved(registered: Dut) -> None:
    """The bearer is reserved for the operator's purposes."""
    assert not registered.send('AT+CGDCONT=0,"IP","internet.wind.biz"', check=False).ok
    assert not registered.send("AT+CGACT=0,0", check=False).ok


@pytest.mark.demo
@procedure("R8:7.2.1.1", title="Change the anchor APN", depends_on=("network",))
def test_anchor_apn(registered: Dut, network: Network) -> None:
    """AT+CFUN=0, AT+CFGDFTPDN=1,0,"<apn>", AT+CFUN=1; the new APN is on context 0; then back."""
    before = str(_contexts(registered)[0][1])
    _set_anchor(registered, network.apn)
    try:
        assert _contexts(registered)[0][1] == network.apn
    finally:
        _set_anchor(registered, before)
    assert _contexts(registered)[0][1] == before


@procedure("R8:7.2.1.1", title="The anchor APN is refused while registered")
def test_anchor_apn_while_registered(registered: Dut, network: Network) -> None:
    """Changes shall be applied while the modem is in de-registered state."""
    before = _contexts(registered)[0][1]
    registered.send(f'AT+CFGDFTPDN=1,0,"{network.apn}"', check=False)
    assert _contexts(registered)[0][1] == before


def _set_anchor(dut: Dut, apn: str) -> None:
    dut.spend_attach("anchor APN")
    dut.send("AT+CFUN=0")
    try:
        dut.send(f'AT+CFGDFTPDN=1,0,"{apn}"')
    finally:
        dut.send("AT+CFUN=1")
    dut.register()


@pytest.mark.demo
@procedure("R8:7.2.2", title="Additional bearers: define, activate, see, deactivate", depends_on=("network",))
def test_additional_bearers(dut_at: DutAt, network: Network, record: Recorder) -> None:
    """The table of the section: contexts 1 and 2."""
    dut = dut_at(DutState.REGISTERED)
    _deactivate_all(dut)
    try:
        dut.ensure(f'AT+CGDCONT=1,"IP","{network.apn}"')
        defined = _contexts(dut)
        assert defined[1][1] == network.apn
        assert dut.address(1) == "", "defined is not active: no address"
        dut.send("AT+CGACT=1,1")
        assert dut.address(1)
        dut.ensure('AT+CGDCONT=2,"IP","internet.wind"')
        dut.send("AT+CGACT=1,2")
        answer = dut.send("AT+CGDCONT?;+CGACT?")
        assert {fields[0] for fields in answer.fields("+CGDCONT")} >= {0, 1, 2}
        assert {fields[0] for fields in answer.fields("+CGACT") if fields[1] == 1} >= {1, 2}
        assert dut.address(2) != dut.address(1)
        dut.send("AT+CGACT=0,2")
        assert 2 not in _active(dut)
    finally:
        _deactivate_all(dut)


@procedure("R8:7.2.2", title="A context that was never defined cannot be activated", depends_on=("network",))
def test_undefined_context(registered: Dut) -> None:
    """Refused, and the other contexts stay."""
    before = _active(registered)
    registered.ensure("AT+CGDCONT=5")
    assert not registered.send("AT+CGACT=1,5", check=False).ok
    assert _active(registered) == before


@procedure(
    "R8:7.2.2",
    title="Sockets without a cid use the first activated context, the resolver the last",
    depends_on=("network", "service:dns", "service:echo"),
)
def test_first_activated_context(dut_at: DutAt, network: Network, services: Mapping[str, Service]) -> None:
    """With one context left the traffic goes on; without any it is refused."""
    dut = dut_at(DutState.ONLINE)
    assert dut.resolve(services["echo"].dns_name)
    dut.ensure('AT+CGDCONT=2,"IP","internet.wind"')
    dut.send("AT+CGACT=1,2")
    try:
        assert dut.resolve(services["echo"].dns_name)
        dut.send("AT+CGACT=0,2")
        assert dut.resolve(services["echo"].dns_name)
    finally:
        dut.send("AT+CGACT=0,2", check=False)


@procedure(
    "R8:7.2.2",
    "R6:2.1",
    title="The network deactivates a context, and it comes back",
    depends_on=("network",),
    needs=("far-side:network",),
)
def test_network_deactivates(online: Dut, far_side: FarSide, network: Network) -> None:
    """+CGEV tells it; the context is activated again."""
    cid = (
        online.profile.bearers.user_cids.value[-1]
        if online.cid == online.profile.bearers.default_cid.value
        else online.cid
    )
    cid = min(cid, 2) if cid != online.cid else cid
    online.send("AT+CGEREP=2,1")
    if cid not in _active(online):
        online.ensure(f'AT+CGDCONT={cid},"IP","{network.apn}"')
    online.activate(cid, apn=network.apn)
    with online.at.expect("+CGEV", lambda urc: "NW" in urc.text and "DEACT" in urc.text) as told:
        far_side.act("network", deact=str(cid))
        told.wait(30.0)
    assert cid not in _active(online)
    online.activate(cid, apn=network.apn)
    assert cid in _active(online)


def _deactivate_all(dut: Dut) -> None:
    for cid in sorted(
        _active(dut) - {dut.profile.bearers.default_cid.value, dut.profile.bearers.ims_cid.value}
    ):
        dut.send(f"AT+CGACT=0,{cid}", check=False)


@pytest.mark.demo
@procedure("R6:2.1", title="Context 1 is the initial default bearer", depends_on=("network",))
def test_context_1(registered: Dut) -> None:
    """<cid>=1 is mapped to the bearer established during the LTE attach: active without a command."""
    assert 1 in _active(registered)
    assert registered.address(1)


@procedure("R6:2.1", title="As many primary contexts as declared can be active", depends_on=("network",))
def test_primary_contexts(registered: Dut, record: Recorder) -> None:
    """At most 5 primary contexts; one more is refused."""
    most = PRIMARY_CONTEXTS
    opened = []
    try:
        for cid in range(2, most + 1):
            registered.ensure(f'AT+CGDCONT={cid},"IP","APN{cid}"')
            registered.send(f"AT+CGACT=1,{cid}")
            opened.append(cid)
        registered.ensure(f'AT+CGDCONT={most + 1},"IP","APN{most + 1}"')
        assert not registered.send(f"AT+CGACT=1,{most + 1}", check=False).ok
        record.measure("primary contexts active at once", len(_active(registered)))
        with record.step("recovery: one is deactivated, and the refused one is taken"):
            registered.send(f"AT+CGACT=0,{opened.pop()}")
            registered.send(f"AT+CGACT=1,{most + 1}")
            opened.append(most + 1)
    finally:
        for cid in opened:
            registered.send(f"AT+CGACT=0,{cid}", check=False)
        for cid in range(2, most + 2):
            registered.send(f"AT+CGDCONT={cid}", check=False)


@procedure("R6:2.1", title="The last PDN connection cannot be deactivated", depends_on=("network",))
def test_last_context(registered: Dut) -> None:
    """In LTE the initial default bearer stays."""
    for cid in sorted(_active(registered) - {1}):
        registered.send(f"AT+CGACT=0,{cid}", check=False)
    assert not registered.send("AT+CGACT=0,1", check=False).ok
    assert 1 in _active(registered)


@procedure(
    "R6:2.2", "R6:2.2.1", "R6:2.2.2", title="The MTU belongs to the operator profile", depends_on=("network",)
)
def test_mtu_profile(registered: Dut, record: Recorder) -> None:
    """The profile in use is read; its MTU cannot be asked by AT and is noted as such."""
    profile = registered.send("AT+UMNOPROF?").value("+UMNOPROF")[0]
    record.measure("operator profile", int(profile))
    record.note("the MTU itself shows only on a PPP link or in traffic of full size")
    assert int(profile) >= 0


@procedure("R6:2.3", title="From power-up to a data socket", depends_on=("network", "service:echo"))
def test_from_power_up_to_socket(dut_at: DutAt, services: Mapping[str, Service]) -> None:
    """The whole way of the section."""
    dut = dut_at(DutState.ONLINE)
    echo = services["echo"]
    number = dut.send("AT+USOCR=6").value("+USOCR")[0]
    try:
        assert dut.send(f'AT+USOCO={number},"{echo.host}",{echo.port}').ok
    finally:
        dut.send(f"AT+USOCL={number}", check=False)


@procedure(
    "R6:2.3.1", title="Default context and preferred address type: +UDCONF=19", depends_on=("network",)
)
def test_default_context(dut: Dut) -> None:
    """AT+UDCONF=19,2,0, reboot, read; stored in NVM; then back."""
    if "+UDCONF=19" in dut.profile.unsupported or "udconf_19_refused" in dut.profile.quirks:
        assert not dut.send("AT+UDCONF=19,2,0", check=False).ok
        return
    before = dut.send("AT+UDCONF=19").value("+UDCONF")
    try:
        dut.ensure("AT+UDCONF=19,2,0")
        dut.reboot()
        assert dut.send("AT+UDCONF=19").value("+UDCONF") == (19, 2, 0)
    finally:
        dut.ensure(f"AT+UDCONF=19,{before[1]},{before[2]}")
        dut.reboot()
    assert dut.send("AT+UDCONF=19").value("+UDCONF") == before


@pytest.mark.demo
@procedure("R6:2.3.1/verify", title="Network settings verification", depends_on=())
def test_settings_verification(dut: Dut, network: Network) -> None:
    """Radio off, operator profile, reboot, read back, radio off, context 1; then as before."""
    before = dut.send("AT+UMNOPROF?").value("+UMNOPROF")[0]
    dut.send("AT+CFUN=0")
    try:
        dut.ensure("AT+UMNOPROF=100")
        dut.reboot()
        assert dut.send("AT+UMNOPROF?").value("+UMNOPROF") == (100,)
        dut.send("AT+CFUN=0")
        dut.ensure(f'AT+CGDCONT=1,"IPV4V6","{network.apn}"')
        assert _contexts(dut)[1][:2] == ("IPV4V6", network.apn)
    finally:
        dut.send("AT+CFUN=0")
        dut.ensure(f"AT+UMNOPROF={before}")
        dut.reboot()
        dut.send("AT+CFUN=0")
        dut.ensure(f'AT+CGDCONT=1,"IP","{network.apn}"')
        dut.send("AT+CFUN=1")
    assert dut.send("AT+UMNOPROF?").value("+UMNOPROF") == (before,)
    dut.register()


@procedure(
    "R6:2.3.1/verify",
    title="The operator profile cannot be changed while registered",
    depends_on=("network",),
)
def test_profile_while_registered(registered: Dut) -> None:
    """While setting the network profile the radio must be off."""
    before = registered.send("AT+UMNOPROF?").info
    assert not registered.send("AT+UMNOPROF=201", check=False).ok
    assert registered.send("AT+UMNOPROF?").info == before


@procedure("R6:2.5", title="IPv4 translation: +UDCONF=66,4,1 and back", depends_on=())
def test_xlat(dut: Dut) -> None:
    """AT+CFUN=0, AT+UDCONF=66,4,1, AT+CFUN=16; disabled by default and reverted afterwards."""
    dut.send("AT+CFUN=0")
    before = dut.send("AT+UDCONF=66").value("+UDCONF")[-1]
    try:
        dut.ensure("AT+UDCONF=66,4,1")
        dut.reboot()
        assert dut.send("AT+UDCONF=66").value("+UDCONF")[-1] == 1
    finally:
        dut.send("AT+CFUN=0")
        dut.ensure("AT+UDCONF=66,4,0")
        dut.reboot()
    assert dut.send("AT+UDCONF=66").value("+UDCONF")[-1] == before


@procedure(
    "R6:2.1", title="Without an APN the network assigns an anchor APN and an address", depends_on=("network",)
)
def test_anchor_assigned(registered: Dut, network: Network) -> None:
    """In LTE, if the APN is not specified, one can be assigned by the network, with an address."""
    registered.spend_attach("attach without APN")
    registered.send("AT+CFUN=0")
    registered.ensure('AT+CGDCONT=1,"IP",""')
    try:
        registered.send("AT+CFUN=1")
        registered.register()
        assert registered.address(1)
    finally:
        registered.spend_attach("attach with APN")
        registered.send("AT+CFUN=0")
        registered.ensure(f'AT+CGDCONT=1,"IP","{network.apn}"')
        registered.send("AT+CFUN=1")
    registered.register()


@procedure("R6:2.3.1", title="The Verizon profile moves the default context to 3")
def test_verizon_default_context(dut: Dut) -> None:
    """With +UMNOPROF=3 the preferred default context is configured to <cid>=3 by itself."""
    before = dut.send("AT+UMNOPROF?").value("+UMNOPROF")[0]
    context = dut.send("AT+UDCONF=19").value("+UDCONF")
    dut.send("AT+CFUN=0")
    try:
        dut.ensure("AT+UMNOPROF=3")
        dut.reboot()
        assert dut.send("AT+UDCONF=19").value("+UDCONF")[1] == 3
    finally:
        dut.send("AT+CFUN=0")
        dut.ensure(f"AT+UMNOPROF={before}")
        dut.reboot()
    assert dut.send("AT+UDCONF=19").value("+UDCONF") == context


@procedure("R6:2.3.1/lte", title="After activation the reads return the user's APN", depends_on=("network",))
def test_reads_return_the_users_apn(online: Dut, network: Network) -> None:
    """+CGDCONT and +CGCONTRDP return the user's APN, not the one assigned by the network."""
    online.spend_attach("the user's APN")
    online.send("AT+CFUN=0")
    online.ensure(f'AT+CGDCONT=1,"IP","{network.apn}"')
    online.send("AT+CFUN=1")
    online.register()
    assert _contexts(online)[1][1] == network.apn
    assert network.apn in online.send("AT+CGCONTRDP=1").value("+CGCONTRDP")


@procedure(
    "R8:7.2.2",
    title="DNS goes by the context activated last, sockets by the one activated first",
    depends_on=("network", "service:dns", "service:echo"),
    needs=("far-side:report",),
)
def test_which_context_carries_what(
    dut_at: DutAt, network: Network, services: Mapping[str, Service], far_side: FarSide
) -> None:
    """The far side sees it; when the last context goes, DNS is back on the first."""
    dut, echo = dut_at(DutState.ONLINE), services["echo"]
    dut.ensure(f'AT+CGDCONT=2,"IP","{network.apn}"')
    dut.send("AT+CGACT=0,2", check=False)
    dut.send("AT+CGACT=1,2")
    try:
        dut.resolve(echo.dns_name)
        assert far_side.report("flow", service="dns")["cid"] == "2"
        _ping_once(dut, services["icmp"])
        assert far_side.report("flow", service="icmp")["cid"] == "2"
        number = dut.send("AT+USOCR=6").value("+USOCR")[0]
        dut.send(f'AT+USOCO={number},"{echo.host}",{echo.port}')
        dut.send(f"AT+USOCL={number}")
        assert far_side.report("flow", service="echo")["cid"] == str(dut.cid)
        dut.send("AT+CGACT=0,2")
        dut.resolve(echo.dns_name)
        assert far_side.report("flow", service="dns")["cid"] == str(dut.cid)
    finally:
        dut.send("AT+CGACT=0,2", check=False)
        dut.send("AT+CGDCONT=2", check=False)


def _ping_once(dut: Dut, target: Service) -> None:
    with dut.at.expect("+UUPING") as answered:
        dut.send(f'AT+UPING="{target.name}",1')
        answered.wait(30.0)


@procedure(
    "R8:7.2.2",
    "R8:7.2.1",
    title="The initial bearer alone carries no application; with a context of one's own it works",
    depends_on=("network", "service:dns"),
)
def test_initial_bearer_carries_no_application(
    dut_at: DutAt, network: Network, services: Mapping[str, Service]
) -> None:
    """User applications are not allowed to use context 0: DNS, ping and sockets are refused."""
    dut = dut_at(DutState.REGISTERED)
    name = services["echo"].dns_name
    _deactivate_all(dut)
    assert not dut.send(f'AT+UDNSRN=0,"{name}"', check=False).ok
    with dut.at.expect("+UUPINGER") as failed:
        if dut.send(f'AT+UPING="{name}",1', check=False).ok:
            failed.wait(30.0)
    for line in ("AT+USOCR=17", "AT+USOCR=17,0,0,0"):
        answer = dut.send(line, check=False)
        if answer.ok:
            number = answer.value("+USOCR")[0]
            echo = services["echo"]
            assert not dut.send(f'AT+USOST={number},"{echo.host}",{echo.port},2,"12"', check=False).ok
            dut.send(f"AT+USOCL={number}", check=False)
    dut.activate(apn=network.apn)
    assert dut.resolve(name) == services["echo"].host


@procedure("R8:7.2.2", "R6:2.1", title="A context number or type that does not exist is refused")
def test_context_refusals(registered: Dut, network: Network) -> None:
    """The other contexts stay as they are, and the next good definition is taken."""
    before = _contexts(registered)
    for line in ('AT+CGDCONT=99,"IP","x"', 'AT+CGDCONT=3,"IPX","x"', "AT+CGACT=1,99", "AT+CGACT=2,1"):
        assert not registered.send(line, check=False).ok, f"{line} was taken"
    assert _contexts(registered) == before
    registered.ensure(f'AT+CGDCONT=3,"IP","{network.apn}"')
    assert _contexts(registered)[3][1] == network.apn
    registered.ensure("AT+CGDCONT=3")
    assert _contexts(registered) == before


@procedure("R6:2.3.1", title="Values of +UDCONF=19 outside their ranges are refused")
def test_default_context_refusals(dut: Dut) -> None:
    """The setting stays."""
    if "+UDCONF=19" in dut.profile.unsupported or "udconf_19_refused" in dut.profile.quirks:
        raise NotApplicable("the guide: +UDCONF=19 is not supported on this product version")
    before = dut.send("AT+UDCONF=19").value("+UDCONF")
    for line in ("AT+UDCONF=19,0,0", "AT+UDCONF=19,99,0", "AT+UDCONF=19,1,7"):
        assert not dut.send(line, check=False).ok, f"{line} was taken"
    assert dut.send("AT+UDCONF=19").value("+UDCONF") == before


@procedure(
    "R6:2.3.1",
    title="Applications follow the default context of +UDCONF=19, after the reboot and not before",
    depends_on=("network", "service:dns"),
    needs=("far-side:report",),
)
def test_applications_follow_the_default_context(
    dut_at: DutAt, network: Network, services: Mapping[str, Service], far_side: FarSide
) -> None:
    """A reboot is necessary to make the change effective."""
    dut = dut_at(DutState.ONLINE)
    if "+UDCONF=19" in dut.profile.unsupported or "udconf_19_refused" in dut.profile.quirks:
        raise NotApplicable("the guide: +UDCONF=19 is not supported on this product version")
    before = dut.send("AT+UDCONF=19").value("+UDCONF")
    name = services["echo"].dns_name
    dut.ensure(f'AT+CGDCONT=2,"IP","{network.apn}"')
    try:
        dut.ensure("AT+UDCONF=19,2,0")
        dut.activate(2)
        dut.resolve(name)
        assert far_side.report("flow", service="dns")["cid"] == str(before[1])
        dut.reboot()
        dut.register()
        dut.activate(2)
        dut.resolve(name)
        assert far_side.report("flow", service="dns")["cid"] == "2"
    finally:
        dut.ensure(f"AT+UDCONF=19,{before[1]},{before[2]}")
        dut.send("AT+CGACT=0,2", check=False)
        dut.send("AT+CGDCONT=2", check=False)
        dut.reboot()
    dut.register()


@procedure("R6:2.5", title="IPv4 translation is off at delivery and is not changed while the radio is on")
def test_xlat_refusals(registered: Dut) -> None:
    """AT+CFUN=0 comes first; other values than 0 and 1 are refused."""
    before = registered.send("AT+UDCONF=66").value("+UDCONF")
    assert before[-1] == 0, "the functionality is disabled by default"
    for line in ("AT+UDCONF=66,4,1", "AT+UDCONF=66,4,7"):
        assert not registered.send(line, check=False).ok, f"{line} was taken"
    assert registered.send("AT+UDCONF=66").value("+UDCONF") == before
