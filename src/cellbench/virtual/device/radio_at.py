"""AT commands of registration and radio: +CREG and its kin, +COPS, +CSQ, +CIND, clock, time zone."""

from __future__ import annotations

from cellbench.catalogue.model import Form
from cellbench.virtual.device import radio_scan, regtext
from cellbench.virtual.device.answers import current, joined, setting
from cellbench.virtual.device.network import ACT, RadioState, Rat
from cellbench.virtual.device.telephony.calls import CAUSES, CEER_TYPE
from cellbench.virtual.front.context import CommandContext, Handlers, Refusal

_NO_NETWORK = 30
_NOT_ALLOWED = 3
_SETTLE_S = 60.0  # of the module's own time: how long +COPS=0 and +CGATT=1 wait for the network


async def _registration_set(ctx: CommandContext) -> None:
    ctx.module.settings.put(ctx.call.name, ctx.integer(0))
    ctx.module.radio.renew_told(ctx.call.name)


async def _registration_read(ctx: CommandContext) -> None:
    name = ctx.call.name
    ctx.info(regtext.read(ctx.module.radio, name, ctx.module.settings.number(name)))


async def settle(ctx: CommandContext) -> bool:
    """Wait until the module is registered or the attempt has failed; True when registered."""
    radio, pace = ctx.module.radio, ctx.module.pace
    for _ in range(int(_SETTLE_S * 4)):
        if radio.state in (RadioState.REGISTERED, RadioState.DENIED):
            break
        await pace.take(0.25)
    return radio.registered


def operator_name(ctx: CommandContext) -> str:
    """The operator in the format of +COPS."""
    facts = ctx.module.network.facts
    return (facts.long_name, facts.short_name, facts.plmn)[ctx.module.radio.format]


async def _cops_read(ctx: CommandContext) -> None:
    radio = ctx.module.radio
    if radio.mode == 2 or not radio.registered:
        ctx.info(f"+COPS: {radio.mode}")
        return
    ctx.info(f'+COPS: {radio.mode},{radio.format},"{operator_name(ctx)}",{ACT[radio.rat]}')


def _leave_minimum(ctx: CommandContext) -> None:
    """+COPS while the radio is off (LENA-R8 guide 13.1: +COPS=0 in +CFUN: 0 makes it +CFUN: 1)."""
    radio = ctx.module.radio
    if radio.function == 1:
        return
    if radio.function == 0 and ctx.module.config.behaviour.cops0_leaves_minimum:
        radio.function = 1
        return
    raise Refusal.cme(_NOT_ALLOWED)


async def _cops_set(ctx: CommandContext) -> None:
    radio = ctx.module.radio
    mode = ctx.integer(0)
    if mode == 3:
        radio.format = ctx.integer(1)
        return
    radio_scan.want_radio(ctx)
    if mode == 2:
        if radio.function != 1:
            radio.mode = 2
            return
        await ctx.module.pace.take(ctx.module.config.behaviour.detach_s)
        radio.stop(mode=2)
        return
    if mode == 0:
        _leave_minimum(ctx)
        radio.locked = None
        if ctx.given(1):
            radio.format = ctx.integer(1)
        again = radio.mode != 0 or not radio.registered
        radio.mode = 0
        if again and not radio.registered:
            if radio.state is not RadioState.SEARCHING:
                radio.start()
            await settle(ctx)
        return
    await _cops_manual(ctx, mode)


async def _cops_manual(ctx: CommandContext, mode: int) -> None:
    """+COPS=1 and =4: this operator, with <AcT> this RAT alone until +COPS=0 (LARA-R6 application note)."""
    radio, network = ctx.module.radio, ctx.module.network
    if radio.function != 1:
        raise Refusal.cme(_NOT_ALLOWED)
    wanted_format = ctx.integer(1, 2)
    oper = ctx.text(2)
    names = (network.facts.long_name, network.facts.short_name, network.facts.plmn)
    act = ctx.arg(3)
    rat = next((one for one, number in ACT.items() if number == act), None)
    fits = oper.casefold() == names[wanted_format].casefold() and (rat is None or rat is network.rat)
    radio.format = wanted_format
    radio.mode = mode
    if fits:
        radio.locked = rat
        if not radio.registered:
            radio.start()
            fits = await settle(ctx)
        if fits:
            return
    if mode == 4:
        radio.mode, radio.locked = 0, None
        if not radio.registered:
            radio.start()
            await settle(ctx)
        return
    await ctx.module.pace.take(ctx.module.config.behaviour.search_s)
    radio.locked = rat
    if radio.registered:
        radio.stop(mode=1)
    raise Refusal.cme(_NO_NETWORK)


async def _csq(ctx: CommandContext) -> None:
    radio, network = ctx.module.radio, ctx.module.network
    hears = radio.function == 1 and network.found and not ctx.module.stuck.hears_nothing
    if not (radio.registered or hears) or network.signal == 0:
        ctx.info("+CSQ: 99,99")
        return
    ctx.info(f"+CSQ: {max(0, min(31, (network.rssi_dbm + 113) // 2))},99")


async def _cesq(ctx: CommandContext) -> None:
    radio, network = ctx.module.radio, ctx.module.network
    if not radio.registered or network.signal == 0:
        ctx.info("+CESQ: 99,99,255,255,255,255")
        return
    dbm = network.rssi_dbm
    if radio.rat is Rat.LTE:
        rsrp, rsrq = max(0, min(97, dbm - 25 + 141)), 4 * network.signal
        ctx.info(f"+CESQ: 99,99,255,255,{rsrq},{rsrp}")
    elif radio.rat is Rat.UTRAN:
        ctx.info(f"+CESQ: 99,99,{max(0, min(96, dbm + 121))},{35 + network.signal},255,255")
    else:
        ctx.info(f"+CESQ: {max(0, min(63, dbm + 111))},0,255,255,255,255")


async def _ceer(ctx: CommandContext) -> None:
    error = ctx.module.radio.last_error
    if error is None:
        ctx.info('+CEER: "No cause information available"')
        return
    kind, cause = error
    texts = CAUSES if kind == CEER_TYPE else regtext.CAUSES
    ctx.info(f'+CEER: "{kind}",{cause},"{texts.get(cause, "Unspecified")}"')


async def _cscon_set(ctx: CommandContext) -> None:
    ctx.module.settings.put("+CSCON", ctx.integer(0))


async def _cscon_read(ctx: CommandContext) -> None:
    ctx.info(regtext.cscon(ctx.module.radio, ctx.module.settings.number("+CSCON"), read=True))


async def _cind_read(ctx: CommandContext) -> None:
    ctx.info("+CIND: " + ",".join(str(value) for value in ctx.module.radio.indicators().values()))


async def _cind_test(ctx: CommandContext) -> None:
    ctx.info("+CIND: " + ",".join(f'("{name}",(0-{high}))' for name, high in regtext.INDICATORS))


async def _cind_set(ctx: CommandContext) -> None:
    ctx.module.settings.put("+CIND", list(ctx.call.args))


async def _cclk_read(ctx: CommandContext) -> None:
    ctx.info(f'+CCLK: "{ctx.module.radio.rtc}"')


async def _cclk_set(ctx: CommandContext) -> None:
    if not ctx.module.radio.rtc.set_local(ctx.text(0)):
        raise Refusal.cme(ctx.module.config.behaviour.error_parameter)


async def _cgatt_read(ctx: CommandContext) -> None:
    blank = "" if ctx.module.config.behaviour.cgatt_no_blank else " "
    ctx.info(f"+CGATT:{blank}{int(ctx.module.radio.registered)}")


async def _cgatt_set(ctx: CommandContext) -> None:
    radio = ctx.module.radio
    if radio.function != 1:
        raise Refusal.cme(_NOT_ALLOWED)
    radio_scan.want_radio(ctx)
    if ctx.integer(0) == 0:
        await ctx.module.pace.take(ctx.module.config.behaviour.detach_s)
        radio.stop()
        return
    if not radio.registered:
        if radio.mode == 2:
            raise Refusal.cme(_NO_NETWORK)
        if not radio.searching:
            radio.start()
        if not await settle(ctx):
            raise Refusal.cme(_NO_NETWORK)


async def _cpol_read(ctx: CommandContext) -> None:
    facts = ctx.module.network.facts
    form = ctx.module.settings.number("cpol format", 2)
    name = (facts.long_name, facts.short_name, facts.plmn)[form]
    ctx.info(f'+CPOL: 1,{form},"{name}",1,0,1,1')


async def _cpol_set(ctx: CommandContext) -> None:
    """+CPOL=,<format> chooses the form; the list of the card itself is not written (27.007 7.19)."""
    if ctx.given(0):
        raise Refusal.cme(_NOT_ALLOWED)
    ctx.module.settings.put_volatile("cpol format", ctx.integer(1))


async def _ws46_read(ctx: CommandContext) -> None:
    rats = ctx.module.radio.allowed_rats()
    number = {frozenset({Rat.LTE}): 28, frozenset({Rat.GSM}): 12, frozenset({Rat.UTRAN}): 22,
              frozenset({Rat.GSM, Rat.LTE}): 30, frozenset({Rat.UTRAN, Rat.LTE}): 31}.get(rats, 25)
    ctx.info(f"+WS46: {number}")


_WS46 = {12: (Rat.GSM,), 22: (Rat.UTRAN,), 28: (Rat.LTE,), 29: (Rat.UTRAN, Rat.GSM), 30: (Rat.LTE, Rat.GSM),
         31: (Rat.LTE, Rat.UTRAN)}
_URAT_NUMBERS = {Rat.GSM: 0, Rat.UTRAN: 2, Rat.LTE: 3}


async def _ws46_set(ctx: CommandContext) -> None:
    """27.007 5.9, kept as the +URAT that says the same; what the variant lacks is refused."""
    mine = ctx.module.radio.own_rats
    wanted = _WS46.get(ctx.integer(0), tuple(rat for rat in (Rat.LTE, Rat.UTRAN, Rat.GSM) if rat in mine))
    if not mine.issuperset(wanted):
        raise Refusal.cme(_NOT_ALLOWED)
    both = wanted == (Rat.LTE, Rat.GSM) and Rat.UTRAN not in mine  # without 3G one number stands for both
    ctx.module.settings.store("+URAT", [5, 3] if both else [_URAT_NUMBERS[rat] for rat in wanted])


async def _ucged_read(ctx: CommandContext) -> None:
    """+UCGED: 2 and the two lines of the serving RAT, as a public driver saw them."""
    module, radio, network = ctx.module, ctx.module.radio, ctx.module.network
    mode = module.settings.number("+UCGED")
    ctx.info(f"+UCGED: {mode}")
    if mode == 0 or not radio.registered:
        return
    mcc, mnc = network.facts.plmn[:3], network.facts.plmn[3:]
    rsrp = max(0, min(97, network.rssi_dbm - 25 + 141))
    if radio.rat is Rat.LTE:
        ctx.info(f"6,4,{mcc},{mnc}")
        ctx.info(f"1850,3,50,50,{network.area:x},{network.cell:x},111,00000000,ffff,ff,{rsrp},"
                 f"{4 * network.signal},12.00,{int(radio.connected)},255,255,{rsrp},11,255,0,255,255,0,0")
    elif radio.rat is Rat.UTRAN:
        ctx.info(f"3,4,{mcc},{mnc}")
        ctx.info(f"10713,1,{network.cell:x},{network.area:x},01,256,255,{network.rssi_dbm},-5,0")
    else:
        ctx.info(f"2,{mcc},{mnc}")
        ctx.info(f"62,0,{network.cell >> 16:x},12,{network.area:x},01,{network.rssi_dbm + 111},0,30,30,1,62")


async def _cedrxs_set(ctx: CommandContext) -> None:
    mode = ctx.integer(0, 0)
    if mode == 3:
        ctx.module.settings.put("+CEDRXS", 0)
        return
    ctx.module.settings.put("+CEDRXS", [mode, ctx.integer(1, 4), ctx.text(2, "0010")])


async def _cedrxs_read(ctx: CommandContext) -> None:
    values = current(ctx, "+CEDRXS")
    ctx.info("+CEDRXS: " + joined(values[1:3] if len(values) > 2 else [4, "0000"]))


async def _cedrxrdp(ctx: CommandContext) -> None:
    values = current(ctx, "+CEDRXS")
    if len(values) < 3 or not values[0] or not ctx.module.radio.registered:
        ctx.info('+CEDRXRDP: 0,"","",""')
        return
    ctx.info(f'+CEDRXRDP: {values[1]},"{values[2]}","{values[2]}","0011"')


def _bits(ctx: CommandContext, index: int) -> None:
    """A PSM timer is a string of eight bits (27.007 7.38)."""
    value = ctx.arg(index)
    if value is not None and (not isinstance(value, str) or len(value) != 8 or set(value) - {"0", "1"}):
        raise Refusal.cme(ctx.module.config.behaviour.error_parameter)


async def _cpsms_set(ctx: CommandContext) -> None:
    mode = ctx.integer(0, 0)
    for index in range(1, 5):
        _bits(ctx, index)
    if mode == 2:
        ctx.module.settings.forget("+CPSMS")
        return
    stored = current(ctx, "+CPSMS")
    stored.extend([None] * (5 - len(stored)))
    values = [ctx.arg(place, None) if ctx.given(place) else stored[place] for place in range(1, 5)]
    ctx.module.settings.put("+CPSMS", [mode, *values])


async def _cpsms_read(ctx: CommandContext) -> None:
    values = current(ctx, "+CPSMS")
    values.extend([None] * (5 - len(values)))
    ctx.info(f"+CPSMS: {values[0] or 0}" + "," + joined([value or None for value in values[1:5]]))


async def _cireg_read(ctx: CommandContext) -> None:
    ctx.info(f"+CIREG: {ctx.module.settings.number('+CIREG')},{int(ctx.module.radio.ims_registered)}")


async def _cnmpsd(ctx: CommandContext) -> None:
    """The data activity of 3G ends early; nothing of it is simulated."""
    del ctx


_CREGS: Handlers = {(name, form): handler for name in ("+CREG", "+CGREG", "+CEREG")
                    for form, handler in ((Form.SET, _registration_set), (Form.READ, _registration_read))}

HANDLERS: Handlers = {
    **_CREGS,
    ("+COPS", Form.READ): _cops_read, ("+COPS", Form.SET): _cops_set,
    ("+COPS", Form.TEST): radio_scan.networks,
    ("+CSQ", Form.EXECUTE): _csq, ("+CESQ", Form.EXECUTE): _cesq, ("+CEER", Form.EXECUTE): _ceer,
    ("+CSCON", Form.SET): _cscon_set, ("+CSCON", Form.READ): _cscon_read,
    ("+CIND", Form.READ): _cind_read, ("+CIND", Form.TEST): _cind_test, ("+CIND", Form.SET): _cind_set,
    ("+CCLK", Form.READ): _cclk_read, ("+CCLK", Form.SET): _cclk_set,
    ("+CGATT", Form.READ): _cgatt_read, ("+CGATT", Form.SET): _cgatt_set,
    ("+CPOL", Form.READ): _cpol_read, ("+CPOL", Form.SET): _cpol_set,
    ("+WS46", Form.READ): _ws46_read, ("+WS46", Form.SET): _ws46_set,
    ("+UCGED", Form.READ): _ucged_read, **{key: value for key, value in setting("+UCGED").items()
                                           if key[1] is Form.SET},
    ("+CEDRXS", Form.SET): _cedrxs_set, ("+CEDRXS", Form.READ): _cedrxs_read,
    ("+CEDRXRDP", Form.EXECUTE): _cedrxrdp,
    ("+CPSMS", Form.SET): _cpsms_set, ("+CPSMS", Form.READ): _cpsms_read,
    ("+CIREG", Form.READ): _cireg_read,
    **{key: value for key, value in setting("+CIREG").items() if key[1] is Form.SET},
    ("+UCFSCAN", Form.SET): radio_scan.deep, ("+CNMPSD", Form.EXECUTE): _cnmpsd,
    **setting("+CMER"), **setting("+CTZU"), **setting("+CTZR"), **setting("+CPLS"), **setting("+URPM"),
    **setting("+USVCDOMAIN"),
}
