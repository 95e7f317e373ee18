"""AT commands of the SIM: PIN, locks, files, commands to the card (27.007 8.3, 7.4, 8.17, 8.18)."""

from __future__ import annotations

from cellbench.catalogue.model import Form
from cellbench.virtual.device import uicc
from cellbench.virtual.device.sim import PinState
from cellbench.virtual.front.context import CommandContext, Handlers, Refusal

READ_BINARY, READ_RECORD, GET_RESPONSE, UPDATE_BINARY, UPDATE_RECORD, STATUS = 176, 178, 192, 214, 220, 242
_OK, _NOT_FOUND, _WRONG_LENGTH, _BAD_P1P2, _SECURITY = (144, 0), (106, 130), (103, 0), (107, 0), (105, 130)


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
    ctx.info(ctx.module.sim.imsi)


async def _cnum(ctx: CommandContext) -> None:
    for alpha, number, kind in ctx.module.config.sim.numbers:
        name = f'"{alpha}"' if alpha else ""
        ctx.info(f'+CNUM: {name},"{number}",{kind}')


async def _upincnt(ctx: CommandContext) -> None:
    sim = ctx.module.sim
    sim.require_started()
    ctx.info(f"+UPINCNT: {sim.pin_tries},3,{sim.puk_tries},10")


async def _cpinr(ctx: CommandContext) -> None:
    sim = ctx.module.sim
    sim.require_started()
    rows = (("SIM PIN", sim.pin_tries, 3), ("SIM PUK", sim.puk_tries, 10), ("SIM PIN2", 3, 3),
            ("SIM PUK2", 10, 10))
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
            ctx.info(f"+CLCK: {int(sim.lock)}")
            return
        sim.verify(ctx.text(2))
        sim.lock = mode == 1
        return
    sim.require_ready()
    if facility in ("FD", "PN", "PU", "PP", "PC", "PS"):
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
    sim = ctx.module.sim
    if ctx.text(0) != "SC":
        raise Refusal.cme(3)
    sim.require_started()
    if not sim.lock:
        raise Refusal.cme(3)
    new = ctx.text(2)
    if not (4 <= len(new) <= 8 and new.isdigit()):
        raise Refusal.cme(16)
    sim.verify(ctx.text(1))
    sim.pin_code = new


def _answer(ctx: CommandContext, words: tuple[int, int], data: bytes | None = None, *,
            empty: bool = False) -> None:
    tail = f',"{data.hex().upper()}"' if data is not None else ',""' if empty else ""
    ctx.info(f"+CRSM: {words[0]},{words[1]}{tail}")


async def _crsm(ctx: CommandContext) -> None:
    """+CRSM (27.007 8.18): status words in decimal; p3 = 0 is the whole file (LARA-R6 application note)."""
    command = ctx.integer(0)
    if command == STATUS and not ctx.given(1):
        _answer(ctx, _OK, uicc.MASTER_FILE)
        return
    number = ctx.integer(1)
    content = ctx.module.sim.read(number)
    if content is None:
        _answer(ctx, _NOT_FOUND)
        return
    if command in (GET_RESPONSE, STATUS):
        _answer(ctx, _OK, uicc.file_control(number, len(content), ctx.module.sim.kinds[number].record))
    elif command in (READ_BINARY, UPDATE_BINARY):
        _transparent(ctx, command, number, content)
    else:
        _record(ctx, command, number, content)


def _transparent(ctx: CommandContext, command: int, number: int, content: bytes) -> None:
    offset = (ctx.integer(2, 0) << 8) + ctx.integer(3, 0)
    length = ctx.integer(4, 0)
    if ctx.module.sim.kinds[number].record:
        _answer(ctx, (105, 129))  # 6981: incompatible with the file's structure
        return
    if offset >= len(content) > 0:
        _answer(ctx, _BAD_P1P2)
        return
    if offset + length > len(content):
        _answer(ctx, _WRONG_LENGTH)
        return
    if command == READ_BINARY:
        _answer(ctx, _OK, content[offset:offset + length] if length else content[offset:])
        return
    data = _hex(ctx, ctx.text(5))
    if length != len(data):
        _answer(ctx, _WRONG_LENGTH)
    elif not ctx.module.sim.kinds[number].writable:
        _answer(ctx, _SECURITY)
    else:
        ctx.module.sim.files[number][offset:offset + length] = data
        _answer(ctx, _OK, empty=True)


def _record(ctx: CommandContext, command: int, number: int, content: bytes) -> None:
    """Records of a linear fixed file; the mode must be absolute (4)."""
    record, length = ctx.integer(2, 0), ctx.integer(4, 0)
    size = len(content)
    if not ctx.module.sim.kinds[number].record:
        _answer(ctx, (105, 129))
    elif record != ctx.module.sim.kinds[number].record:
        _answer(ctx, (106, 131))  # 6A83: record not found
    elif length not in (0, size):
        _answer(ctx, _WRONG_LENGTH)
    elif command == READ_RECORD:
        _answer(ctx, _OK, content)
    elif not ctx.module.sim.kinds[number].writable:
        _answer(ctx, _SECURITY)
    else:
        ctx.module.sim.files[number][:] = _hex(ctx, ctx.text(5))
        _answer(ctx, _OK, empty=True)


def _hex(ctx: CommandContext, text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise Refusal.cme(ctx.module.config.behaviour.error_parameter) from None


async def _csim(ctx: CommandContext) -> None:
    """+CSIM (27.007 8.17): the length counts characters."""
    module = ctx.module
    module.sim.require_started()
    command = _hex(ctx, ctx.text(1))
    if ctx.integer(0) != 2 * len(command) or len(command) < 4:
        raise Refusal.cme(module.config.behaviour.error_parameter)
    answer = uicc.exchange(module, command).hex().upper()
    bare = module.config.behaviour.csim_refusal_unquoted and len(answer) == 4 and answer.startswith("6C")
    ctx.info(f"+CSIM: {len(answer)},{answer}" if bare else f'+CSIM: {len(answer)},"{answer}"')


async def _ccho(ctx: CommandContext) -> None:
    ctx.module.sim.require_ready()
    answer = uicc.exchange(ctx.module, bytes.fromhex("0070000001"))
    if len(answer) != 3:
        raise Refusal.cme(20)
    uicc.exchange(ctx.module, bytes([0x00, 0x70, 0x80, answer[0], 0x00]))
    raise Refusal.cme(22)  # the card of the reference world holds no applet


async def _channel_refused(ctx: CommandContext) -> None:
    ctx.module.sim.require_ready()
    raise Refusal.cme(21)


HANDLERS: Handlers = {
    ("+CPIN", Form.READ): _cpin_read, ("+CPIN", Form.SET): _cpin_set,
    ("+CCID", Form.EXECUTE): _ccid, ("+CCID", Form.READ): _ccid, ("+CIMI", Form.EXECUTE): _cimi,
    ("+CNUM", Form.EXECUTE): _cnum,
    ("+UPINCNT", Form.EXECUTE): _upincnt, ("+UPINCNT", Form.READ): _upincnt,
    ("+CPINR", Form.EXECUTE): _cpinr, ("+CPINR", Form.SET): _cpinr,
    ("+CLCK", Form.SET): _clck, ("+CLCK", Form.TEST): _clck_test, ("+CPWD", Form.SET): _cpwd,
    ("+CRSM", Form.SET): _crsm, ("+CSIM", Form.SET): _csim,
    ("+CCHO", Form.SET): _ccho, ("+CCHC", Form.SET): _channel_refused, ("+CGLA", Form.SET): _channel_refused,
}
