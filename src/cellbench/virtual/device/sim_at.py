"""AT commands of the SIM: PIN, locks, files, commands to the card (27.007 8.3, 7.4, 8.17, 8.18)."""

from __future__ import annotations

from cellbench.catalogue.model import Form
from cellbench.virtual.device.sim import FAILURE, PinState
from cellbench.virtual.front.context import CommandContext, Handlers, Refusal
from cellbench.virtual.uicc import coding, layout
from cellbench.virtual.uicc.pins import PIN1, PIN2, PIN_TRIES, PUK_TRIES

READ_BINARY, READ_RECORD, GET_RESPONSE, UPDATE_BINARY, UPDATE_RECORD, STATUS = 176, 178, 192, 214, 220, 242
_OK, _NOT_FOUND, _WRONG_LENGTH, _WRONG_LE = b"\x90\x00", b"\x6a\x82", b"\x67\x00", 0x6C
_MANAGE_CHANNEL = 0x70
_MEMORY_FULL, _BAD_INDEX, _NO_SUCH = 20, 21, 22  # 27.007 9.2.1


async def _cpin_read(ctx: CommandContext) -> None:
    ctx.module.sim.require_started()
    ctx.info(f"+CPIN: {ctx.module.sim.pin_state.value}")


async def _cpin_set(ctx: CommandContext) -> None:
    sim = ctx.module.sim
    sim.require_started()
    state = sim.pin_state
    if state is PinState.READY:
        raise Refusal.cme(3)
    if state is PinState.PUK:
        sim.unblock(ctx.text(0), ctx.text(1))
    else:
        sim.verify(ctx.text(0))


async def _ccid(ctx: CommandContext) -> None:
    ctx.module.sim.require_started()
    ctx.info(f"+CCID: {ctx.module.sim.iccid}")


async def _cimi(ctx: CommandContext) -> None:
    imsi = ctx.module.sim.imsi
    if not imsi:
        raise Refusal.cme(FAILURE)
    ctx.info(imsi)


async def _cnum(ctx: CommandContext) -> None:
    """+CNUM (27.007 7.1): the records of EF_MSISDN that hold a number."""
    ef = ctx.module.sim.file(layout.MSISDN)
    for record in range(1, 1 + (0 if ef is None else ef.records)):
        raw = ef.read(record) if ef is not None else b""
        found = coding.dialled(raw[-14:])
        if found is None:
            continue
        alpha = raw[:-14].rstrip(b"\xff").decode("latin-1")
        name = f'"{alpha}"' if alpha else ""
        ctx.info(f'+CNUM: {name},"{found[0]}",{found[1]}')


async def _upincnt(ctx: CommandContext) -> None:
    sim = ctx.module.sim
    sim.require_started()
    left = (sim.pin1.left, sim.pin2.left, sim.pin1.unblocking_left, sim.pin2.unblocking_left)
    ctx.info("+UPINCNT: " + ",".join(map(str, left)))


async def _cpinr(ctx: CommandContext) -> None:
    """+CPINR (27.007 8.65): tries left, and at first."""
    sim = ctx.module.sim
    sim.require_started()
    rows = (("SIM PIN", sim.pin1.left, PIN_TRIES), ("SIM PUK", sim.pin1.unblocking_left, PUK_TRIES),
            ("SIM PIN2", sim.pin2.left, PIN_TRIES), ("SIM PUK2", sim.pin2.unblocking_left, PUK_TRIES))
    wanted = ctx.arg(0)
    for name, left, of in rows:
        if wanted is None or wanted == name:
            ctx.info(f"+CPINR: {name},{left},{of}")


async def _clck(ctx: CommandContext) -> None:
    sim = ctx.module.sim
    facility, mode = ctx.text(0), ctx.integer(1)
    if facility == "SC":
        sim.require_started()
        if mode == 2:
            ctx.info(f"+CLCK: {int(sim.pin1.enabled)}")
            return
        sim.lock(ctx.text(2), on=mode == 1)
        return
    sim.require_ready()
    if facility == "FD":
        if mode == 2:
            ctx.info(f"+CLCK: {sim.content(layout.EST)[:1].hex()[-1:] or 0}")
            return
        sim.fix_dialling(ctx.text(2), on=mode == 1)
        return
    if facility in ("PN", "PU", "PP", "PC", "PS"):
        if mode == 2:
            ctx.info("+CLCK: 0")
            return
        raise Refusal.cme(16)
    if not ctx.module.radio.registered:
        raise Refusal.cme(30)
    if mode == 2:
        ctx.info("+CLCK: 0,7")
        return
    raise Refusal.cme(3)


async def _clck_test(ctx: CommandContext) -> None:
    ctx.info('+CLCK: ("SC","FD","PN","PU","PP","PC","PS","AO","OI","OX","AI","IR")')


async def _cpwd(ctx: CommandContext) -> None:
    """+CPWD (27.007 7.5): PIN1 while it is asked for, PIN2."""
    sim = ctx.module.sim
    key = {"SC": PIN1, "P2": PIN2}.get(ctx.text(0))
    if key is None:
        raise Refusal.cme(3)
    sim.require_started()
    if not sim.card.pins.get(key).enabled:
        raise Refusal.cme(3)
    new = ctx.text(2)
    if not (4 <= len(new) <= 8 and new.isascii() and new.isdigit()):
        raise Refusal.cme(16)
    sim.change(key, ctx.text(1), new)


def _answer(ctx: CommandContext, words: bytes, data: bytes | None = None) -> None:
    tail = f',"{data.hex().upper()}"' if data is not None else ""
    ctx.info(f"+CRSM: {words[0]},{words[1]}{tail}")


async def _crsm(ctx: CommandContext) -> None:
    """+CRSM (27.007 8.18): status words in decimal; p3 = 0 is the whole file (LARA-R6 application note)."""
    sim, command = ctx.module.sim, ctx.integer(0)
    if command == STATUS and not ctx.given(1):
        _answer(ctx, _OK, sim.card.template(sim.card.master))
        return
    ef = sim.file(ctx.integer(1), _path(ctx))
    if ef is None:
        _answer(ctx, _NOT_FOUND)
        return
    if command in (GET_RESPONSE, STATUS):
        _answer(ctx, _OK, sim.card.template(ef))
        return
    p1, p2, p3 = ctx.integer(2, 0), ctx.integer(3, 0), ctx.integer(4, 0)
    if command in (READ_BINARY, READ_RECORD):
        whole = ef.record if ef.record else len(ef.content) - (p1 << 8) - p2
        answer = sim.run(ef, command, p1, p2, expected=p3 or max(0, min(whole, 256)))
        data: bytes | None = answer[:-2]
    else:
        content = _hex(ctx, ctx.text(5))
        answer = sim.run(ef, command, p1, p2, content) if len(content) == p3 else _WRONG_LENGTH
        data = b""
    words = answer[-2:]
    if words != _OK:
        data = None
    _answer(ctx, _WRONG_LENGTH if words[0] == _WRONG_LE else words, data)


def _path(ctx: CommandContext) -> tuple[int, ...]:
    """<pathid> of 27.007: file identifiers from the MF in hexadecimal; empty when it is left out."""
    raw = _hex(ctx, ctx.text(6)) if ctx.given(6) else b""
    if len(raw) % 2:
        raise Refusal.cme(ctx.module.config.behaviour.error_parameter)
    return tuple(int.from_bytes(raw[place:place + 2], "big") for place in range(0, len(raw), 2))


def _hex(ctx: CommandContext, text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise Refusal.cme(ctx.module.config.behaviour.error_parameter) from None


def _apdu(ctx: CommandContext, length: int, text: int) -> bytes:
    """The command that two arguments give; the length counts characters (27.007 8.17, 8.43)."""
    command = _hex(ctx, ctx.text(text))
    if ctx.integer(length) != 2 * len(command) or len(command) < 4:
        raise Refusal.cme(ctx.module.config.behaviour.error_parameter)
    return command


def _exchange(ctx: CommandContext, command: bytes) -> bytes:
    """To the card and back, as the module does it."""
    sim, behaviour = ctx.module.sim, ctx.module.config.behaviour
    if behaviour.csim_follows_t0:
        repeat = not (behaviour.channel_needs_length and command[1] == _MANAGE_CHANNEL)
        answer = sim.exchange(command, repeat=repeat)
    else:
        answer = sim.transmit(command)
    sim.serve_toolkit()
    sim.look()
    return answer


async def _csim(ctx: CommandContext) -> None:
    """+CSIM (27.007 8.17)."""
    module = ctx.module
    module.sim.require_started()
    answer = _exchange(ctx, _apdu(ctx, 0, 1)).hex().upper()
    bare = module.config.behaviour.csim_refusal_unquoted and len(answer) == 4 and answer.startswith("6C")
    ctx.info(f"+CSIM: {len(answer)},{answer}" if bare else f'+CSIM: {len(answer)},"{answer}"')


async def _ccho(ctx: CommandContext) -> None:
    """+CCHO (27.007 8.45): a channel is opened and the application selected on it."""
    sim = ctx.module.sim
    sim.require_ready()
    name = _hex(ctx, ctx.text(0))
    if not 1 <= len(name) <= 16:
        raise Refusal.cme(ctx.module.config.behaviour.error_parameter)
    opened = sim.exchange(bytes.fromhex("0070000001"))
    if len(opened) != 3:
        raise Refusal.cme(_MEMORY_FULL)
    selected = sim.exchange(bytes([opened[0], 0xA4, 0x04, 0x04, len(name)]) + name)
    if selected[-2:] != _OK:
        sim.exchange(bytes([0x00, _MANAGE_CHANNEL, 0x80, opened[0], 0x00]))
        raise Refusal.cme(_NO_SUCH)
    ctx.info(f"+CCHO: {opened[0]}" if ctx.module.config.behaviour.ccho_named else f"{opened[0]}")


def _session(ctx: CommandContext) -> int:
    """The number of an open channel; Refusal 21 for others."""
    sim = ctx.module.sim
    sim.require_ready()
    number = ctx.integer(0)
    if number not in sim.card.channels:
        raise Refusal.cme(_BAD_INDEX)
    return number


async def _cchc(ctx: CommandContext) -> None:
    """+CCHC (27.007 8.46)."""
    ctx.module.sim.exchange(bytes([0x00, _MANAGE_CHANNEL, 0x80, _session(ctx), 0x00]))


async def _cgla(ctx: CommandContext) -> None:
    """+CGLA (27.007 8.43): the module writes the channel into the class byte."""
    number = _session(ctx)
    command = _apdu(ctx, 1, 2)
    answer = _exchange(ctx, bytes([command[0] & ~0x03 | number]) + command[1:]).hex().upper()
    ctx.info(f'+CGLA: {len(answer)},"{answer}"')


async def _ucusata(ctx: CommandContext) -> None:
    ctx.module.settings.store("+UCUSATA", ctx.integer(0))


async def _ucusata_read(ctx: CommandContext) -> None:
    ctx.info(f"+UCUSATA: {ctx.module.settings.number('+UCUSATA')}")


HANDLERS: Handlers = {
    ("+CPIN", Form.READ): _cpin_read, ("+CPIN", Form.SET): _cpin_set,
    ("+CCID", Form.EXECUTE): _ccid, ("+CCID", Form.READ): _ccid, ("+CIMI", Form.EXECUTE): _cimi,
    ("+CNUM", Form.EXECUTE): _cnum,
    ("+UPINCNT", Form.EXECUTE): _upincnt, ("+UPINCNT", Form.READ): _upincnt,
    ("+CPINR", Form.EXECUTE): _cpinr, ("+CPINR", Form.SET): _cpinr,
    ("+CLCK", Form.SET): _clck, ("+CLCK", Form.TEST): _clck_test, ("+CPWD", Form.SET): _cpwd,
    ("+CRSM", Form.SET): _crsm, ("+CSIM", Form.SET): _csim,
    ("+CCHO", Form.SET): _ccho, ("+CCHC", Form.SET): _cchc, ("+CGLA", Form.SET): _cgla,
    ("+UCUSATA", Form.SET): _ucusata, ("+UCUSATA", Form.READ): _ucusata_read,
}
