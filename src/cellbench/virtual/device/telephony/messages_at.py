"""AT commands of short messages, text mode and PDU mode (3GPP TS 27.005 3 and 4)."""

from __future__ import annotations

from dataclasses import replace

from cellbench.catalogue.model import Form
from cellbench.virtual.device.answers import current, keep, setting
from cellbench.virtual.device.telephony.messages import NOT_ACKNOWLEDGED, Messages
from cellbench.virtual.device.telephony.store import (
    READ,
    SENT,
    UNREAD,
    UNSENT,
    Entry,
    Store,
    entries,
    free_place,
)
from cellbench.virtual.device.telephony.texts import (
    Charset,
    TextSettings,
    body_of,
    centre_of,
    listed,
    shown,
)
from cellbench.virtual.front.context import CommandContext, Handlers, Refusal
from cellbench.virtual.net.telephone.fields import (
    Address,
    Malformed,
    Reader,
    coding,
    put_centre,
    take_centre,
)
from cellbench.virtual.net.telephone.tpdu import SUBMIT, Submit, decode

NOT_SUPPORTED, BAD_PDU, BAD_TEXT, FULL, BAD_INDEX = 303, 304, 305, 322, 321
STATS = ("REC UNREAD", "REC READ", "STO UNSENT", "STO SENT")
_ALL = 4
_LONGEST_PDU = 164 + 12  # TPDU of 23.040 9.2.2.2 and a service centre
_MOBILE_ONLY = 3  # bits of TP-MTI


def _messages(ctx: CommandContext) -> Messages:
    return ctx.module.subsystem(Messages)


def _wrong(ctx: CommandContext) -> Refusal:
    """A parameter that the mode does not take."""
    return Refusal.cms(BAD_TEXT if _messages(ctx).text_mode else BAD_PDU)


# service and stores
async def _csms_set(ctx: CommandContext) -> None:
    ctx.module.settings.put("+CSMS", ctx.integer(0))
    ctx.info("+CSMS: 1,1,1")


async def _csms_read(ctx: CommandContext) -> None:
    ctx.info(f"+CSMS: {ctx.module.settings.number('+CSMS')},1,1,1")


def _count(messages: Messages, name: str) -> str:
    held, places = messages.counts(name)
    return f"{held},{places}"


async def _cpms_read(ctx: CommandContext) -> None:
    messages = _messages(ctx)
    ctx.info("+CPMS: " + ",".join(f'"{name}",{_count(messages, name)}' for name in messages.names))


async def _cpms_set(ctx: CommandContext) -> None:
    messages = _messages(ctx)
    names = messages.names
    for place in range(3):
        if ctx.given(place):
            names[place] = ctx.text(place)
    ctx.module.settings.store("+CPMS", names)
    ctx.info("+CPMS: " + ",".join(_count(messages, name) for name in names))


async def _cpms_test(ctx: CommandContext) -> None:
    ctx.info('+CPMS: ("ME","SM","MT"),("ME","SM","MT"),("ME","SM","MT")')


# settings
async def _csca_read(ctx: CommandContext) -> None:
    number, kind = (*current(ctx, "+CSCA"), 145)[:2]
    ctx.info(f'+CSCA: "{number}",{kind}')


async def _csca_set(ctx: CommandContext) -> None:
    number = _messages(ctx).charset.number(ctx.text(0))
    if not number.removeprefix("+").isdigit():
        raise _wrong(ctx)
    kind = ctx.integer(1, 145 if number.startswith("+") else 129)
    ctx.module.settings.store("+CSCA", [number, kind])


def _text_settings(ctx: CommandContext) -> TextSettings:
    values = (*current(ctx, "+CSMP"), 17, "167", 0, 0)
    first, validity, pid, dcs = values[:4]
    whole = [one if isinstance(one, int) else 0 for one in (first, pid, dcs)]
    return TextSettings(whole[0], validity, whole[1], whole[2])


async def _csmp_set(ctx: CommandContext) -> None:
    before = current(ctx, "+CSMP")
    keep(ctx, "+CSMP")
    fresh = _text_settings(ctx)
    try:
        fresh.validity_octets()
        if fresh.first & _MOBILE_ONLY not in (0, SUBMIT):
            raise Malformed("no first octet of a SUBMIT")
    except Malformed:
        ctx.module.settings.put("+CSMP", before)
        raise Refusal.cms(BAD_TEXT) from None


async def _csmp_read(ctx: CommandContext) -> None:
    settings = _text_settings(ctx)
    validity = str(settings.validity)
    shown_as = validity if validity.isdigit() and len(validity) < 4 else f'"{validity}"'
    ctx.info(f"+CSMP: {settings.first},{shown_as},{settings.pid},{settings.dcs}")


async def _cmms_set(ctx: CommandContext) -> None:
    _messages(ctx).more = ctx.integer(0)


async def _cmms_read(ctx: CommandContext) -> None:
    ctx.info(f"+CMMS: {_messages(ctx).more}")


async def _acknowledge(ctx: CommandContext) -> None:
    messages = _messages(ctx)
    if ctx.module.settings.number("+CSMS") != 1 or not messages.acknowledge():
        raise Refusal.cms(NOT_ACKNOWLEDGED)
    ctx.afterwards(messages.acknowledged)


# reading
def _wanted(ctx: CommandContext) -> int:
    """<stat> of +CMGL as a number; 4 for all."""
    names = (*STATS, "ALL")
    numbers = tuple(str(number) for number in range(5))
    known = names if _messages(ctx).text_mode else numbers
    asked = ctx.text(0, known[0]) if ctx.call.form is Form.SET else known[0]
    if asked not in known:
        raise _wrong(ctx)
    return known.index(asked)


def _seen(store: Store, place: int, entry: Entry) -> None:
    if entry.stat == UNREAD:
        store.write(place, replace(entry, stat=READ))


async def _list(ctx: CommandContext) -> None:
    messages, wanted = _messages(ctx), _wanted(ctx)
    _, store = messages.chosen(0)
    for place, entry in entries(store):
        if wanted not in (_ALL, entry.stat):
            continue
        index = messages.index(place)
        if messages.text_mode:
            ctx.info(listed(index, STATS[entry.stat], entry, messages.charset, headers=messages.headers))
        else:
            ctx.info(f"+CMGL: {index},{entry.stat},,{len(entry.tpdu)}\r\n{entry.pdu.hex().upper()}")
        _seen(store, place, entry)
    ctx.module.radio.tell_indicators()


async def _list_test(ctx: CommandContext) -> None:
    names = ",".join(f'"{kind}"' for kind in (*STATS, "ALL"))
    ctx.info(f"+CMGL: ({names if _messages(ctx).text_mode else '0-4'})")


def _place(ctx: CommandContext, store: Store, index: int) -> int:
    place = index - ctx.module.config.behaviour.sms_first_index
    if not 0 <= place < store.places:
        raise Refusal.cms(BAD_INDEX)
    return place


def _entry(ctx: CommandContext, store: Store, index: int) -> tuple[int, Entry]:
    place = _place(ctx, store, index)
    entry = store.read(place)
    if entry is None:
        raise Refusal.cms(BAD_INDEX)
    return place, entry


async def _read(ctx: CommandContext) -> None:
    messages = _messages(ctx)
    _, store = messages.chosen(0)
    place, entry = _entry(ctx, store, ctx.integer(0))
    if messages.text_mode:
        ctx.info(shown(STATS[entry.stat], entry, messages.charset, headers=messages.headers))
    else:
        ctx.info(f"+CMGR: {entry.stat},,{len(entry.tpdu)}\r\n{entry.pdu.hex().upper()}")
    _seen(store, place, entry)
    ctx.module.radio.tell_indicators()


# deleting
_DELETED = ((), (READ,), (READ, SENT), (READ, SENT, UNSENT), (READ, SENT, UNSENT, UNREAD))


async def _delete(ctx: CommandContext) -> None:
    messages = _messages(ctx)
    _, store = messages.chosen(0)
    flag = ctx.integer(1, 0)
    if flag == 0:
        place = _place(ctx, store, ctx.integer(0))
        if store.read(place) is None and ctx.module.config.behaviour.sms_delete_empty_refused:
            raise Refusal.cms(BAD_INDEX)
        store.write(place, None)
    else:
        for place, entry in tuple(entries(store)):
            if entry.stat in _DELETED[flag]:
                store.write(place, None)
    messages.changed()


async def _delete_test(ctx: CommandContext) -> None:
    messages = _messages(ctx)
    held = ",".join(str(messages.index(place)) for place, _ in entries(messages.chosen(0)[1]))
    ctx.info(f"+CMGD: ({held}),(0-4)")


# writing
async def _asked(ctx: CommandContext) -> str | None:
    """What is typed at the prompt; None when it was given up."""
    data = await ctx.payload("> ", None, timeout_s=ctx.module.config.behaviour.sms_prompt_s, echo=True)
    return None if data is None else data.decode("latin-1")


def _to(ctx: CommandContext, place: int, charset: Charset) -> Address:
    """<da>, with <toda> behind it."""
    address = Address.of(charset.number(ctx.text(place, "")))
    if address.named:
        raise Refusal.cms(BAD_TEXT)
    if ctx.given(place + 1):
        kind = ctx.integer(place + 1)
        if not kind & 0x80:
            raise Refusal.cms(BAD_TEXT)
        address = replace(address, kind=kind)
    return address


def _composed(ctx: CommandContext, to: Address, raw: str) -> Submit:
    """The SUBMIT of a text. Refusal."""
    messages, settings = _messages(ctx), _text_settings(ctx)
    try:
        data = body_of(raw, settings, coding(settings.dcs), messages.charset)
        first = settings.first & ~_MOBILE_ONLY | SUBMIT
        return Submit(first, 0, to, settings.pid, settings.dcs, settings.validity_octets(), data)
    except Malformed as error:
        too_long = "user data" in str(error)
        raise Refusal.cms(ctx.module.config.behaviour.sms_too_long_error if too_long else BAD_TEXT) from None


def _default_centre(ctx: CommandContext) -> Address | None:
    number, kind = (*current(ctx, "+CSCA"), 145)[:2]
    digits = str(number).removeprefix("+")
    return Address(digits, kind if isinstance(kind, int) else 145) if digits else None


def _length(ctx: CommandContext) -> int:
    text = ctx.text(0, "")
    if not text.isdigit() or not 0 < int(text) <= _LONGEST_PDU:
        raise Refusal.cms(BAD_PDU)
    return int(text)


def _octets(raw: str, length: int) -> tuple[Address | None, bytes]:
    """Service centre and TPDU of a PDU typed in; Refusal when it is not as long as was said."""
    try:
        reader = Reader(bytes.fromhex(raw.strip()))
        centre = take_centre(reader)
    except ValueError:
        raise Refusal.cms(BAD_PDU) from None
    if reader.left != length:
        raise Refusal.cms(BAD_PDU)
    return centre, reader.rest()


def _submit(octets: bytes) -> Submit:
    try:
        return Submit.decode(octets)
    except Malformed:
        raise Refusal.cms(BAD_PDU) from None


async def _send(ctx: CommandContext) -> None:
    messages = _messages(ctx)
    if messages.text_mode:
        to = _to(ctx, 0, messages.charset)
        raw = await _asked(ctx)
        if raw is None:
            return
        submit, centre = _composed(ctx, to, raw), _default_centre(ctx)
    else:
        length = _length(ctx)
        raw = await _asked(ctx)
        if raw is None:
            return
        given, octets = _octets(raw, length)
        submit, centre = _submit(octets), given or _default_centre(ctx)
    number = await messages.send(replace(submit, reference=messages.reference()), centre)
    ctx.info(f"+CMGS: {number}")


async def _send_stored(ctx: CommandContext) -> None:
    messages = _messages(ctx)
    _, store = messages.chosen(1)
    place, entry = _entry(ctx, store, ctx.integer(0))
    if entry.stat not in (UNSENT, SENT):
        raise Refusal.cms(NOT_SUPPORTED)
    submit = _submit(entry.tpdu)
    if ctx.given(1):
        submit = replace(submit, to=_to(ctx, 1, messages.charset))
    if not submit.to.digits:
        raise _wrong(ctx)
    centre = centre_of(entry) or _default_centre(ctx)
    number = await messages.send(replace(submit, reference=messages.reference()), centre)
    if store.read(place) is not None:
        store.write(place, replace(entry, stat=SENT))
    ctx.info(f"+CMSS: {number}")


def _stat(ctx: CommandContext, place: int) -> int:
    """<stat> of +CMGW."""
    text_mode = _messages(ctx).text_mode
    known = STATS if text_mode else tuple(str(number) for number in range(4))
    asked = str(ctx.arg(place, known[UNSENT]))
    if asked not in known:
        raise _wrong(ctx)
    return known.index(asked)


async def _write(ctx: CommandContext) -> None:
    messages = _messages(ctx)
    _, store = messages.chosen(1)
    if messages.text_mode:
        to = _to(ctx, 0, messages.charset) if ctx.given(0) else Address("")
        stat = _stat(ctx, 2)
        raw = await _asked(ctx)
        if raw is None:
            return
        if stat in (UNREAD, READ):
            raise Refusal.cms(BAD_TEXT)  # no sender and no time stamp can be given
        pdu = put_centre(_default_centre(ctx)) + _composed(ctx, to, raw).encode()
    else:
        length, stat = _length(ctx), _stat(ctx, 1)
        raw = await _asked(ctx)
        if raw is None:
            return
        centre, octets = _octets(raw, length)
        try:
            decode(octets, stored_for_sending=stat in (UNSENT, SENT))
        except Malformed:
            raise Refusal.cms(BAD_PDU) from None
        pdu = put_centre(centre or _default_centre(ctx)) + octets
    place = free_place(store)
    if place is None:
        raise Refusal.cms(FULL)
    store.write(place, Entry(stat, pdu))
    ctx.info(f"+CMGW: {messages.index(place)}")
    ctx.module.radio.tell_indicators()


def _reporting_changed(ctx: CommandContext) -> None:
    _messages(ctx).reporting_changed()


HANDLERS: Handlers = {
    ("+CSMS", Form.SET): _csms_set, ("+CSMS", Form.READ): _csms_read,
    ("+CPMS", Form.READ): _cpms_read, ("+CPMS", Form.SET): _cpms_set, ("+CPMS", Form.TEST): _cpms_test,
    ("+CMGL", Form.EXECUTE): _list, ("+CMGL", Form.SET): _list, ("+CMGL", Form.TEST): _list_test,
    ("+CMGR", Form.SET): _read, ("+CMGD", Form.SET): _delete, ("+CMGD", Form.TEST): _delete_test,
    ("+CMGS", Form.SET): _send, ("+CMSS", Form.SET): _send_stored,
    ("+CMGW", Form.SET): _write, ("+CMGW", Form.EXECUTE): _write,
    ("+CSCA", Form.READ): _csca_read, ("+CSCA", Form.SET): _csca_set,
    ("+CSMP", Form.SET): _csmp_set, ("+CSMP", Form.READ): _csmp_read,
    ("+CMMS", Form.SET): _cmms_set, ("+CMMS", Form.READ): _cmms_read,
    ("+CNMA", Form.EXECUTE): _acknowledge,
    **setting("+CMGF"), **setting("+CSDH"), **setting("+CNMI", after=_reporting_changed),
}
