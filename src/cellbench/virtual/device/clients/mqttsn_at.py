"""+UMQTTSN, +UMQTTSNNV, +UMQTTSNC, +UMQTTSNER (LENA-R8 guide 9.3.4, LARA-R6 guide 7, facts sheet 11)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType

from cellbench.catalogue.model import Form
from cellbench.virtual.device.clients.mqttsn import MqttSnClient
from cellbench.virtual.device.clients.mqttsn_model import (
    UNCONNECTED,
    Arrived,
    Command,
    Gateway,
    MqttSnProfile,
    Publication,
)
from cellbench.virtual.device.clients.mqttsn_topics import NORMAL, PREDEFINED, SHORT, Topic, predefined, short
from cellbench.virtual.device.clients.stored_profile import exchange
from cellbench.virtual.front.context import CommandContext, Handlers, Refusal

_LISTED = (0, 1, 2, 4, 5, 6, 7, 8)
_SECURITY = 9
_STORED = "+UMQTTSNNV"
_LONGEST_NAME = 256
_LONGEST_TOPIC = 256
_LONGEST_WILL = 256
_LONGEST_MESSAGE = 1024
_HEX_MESSAGE = 512
_LONGEST_DURATION_S = 65_535  # two bytes in CONNECT
_LAST_ID = 0xFFFE  # 0 and 65535 are reserved (MQTT-SN 1.2, 5.3.11)


def _client(ctx: CommandContext) -> MqttSnClient:
    return ctx.module.subsystem(MqttSnClient)


def _wrong(ctx: CommandContext) -> Refusal:
    return Refusal.cme(ctx.module.config.behaviour.error_parameter)


def _string(ctx: CommandContext, index: int, longest: int) -> str:
    """Text for the protocol, as it came."""
    raw = ctx.text(index)
    if len(raw) > longest or not _is_text(raw):
        raise _wrong(ctx)
    return raw


def _is_text(raw: str) -> bool:
    try:
        return "\0" not in raw.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        return False


def _name(ctx: CommandContext, index: int) -> str:
    """The name of a topic; wildcards are for filters."""
    topic = _string(ctx, index, _LONGEST_TOPIC)
    if not topic or "+" in topic or "#" in topic:
        raise _wrong(ctx)
    return topic


def _filter(ctx: CommandContext, index: int) -> str:
    """Wildcards stand alone in their level, # in the last one (OASIS MQTT 3.1.1, 4.7.1)."""
    topic = _string(ctx, index, _LONGEST_TOPIC)
    *before, last = topic.split("/")
    alone = all(level in ("#", "+") or not {"#", "+"} & set(level) for level in (*before, last))
    if not topic or "#" in before or not alone:
        raise _wrong(ctx)
    return topic


def _hexadecimal(ctx: CommandContext, digits: str, longest: int) -> bytes:
    try:
        data = bytes.fromhex(digits)
    except ValueError:
        raise _wrong(ctx) from None
    if " " in digits or len(data) > longest:
        raise _wrong(ctx)
    return data


def _nothing_more(ctx: CommandContext, most: int) -> None:
    if len(ctx.call.args) > most:
        raise _wrong(ctx)


# -- +UMQTTSN -----------------------------------------------------------------------------------------


async def _configure(ctx: CommandContext) -> None:
    """AT+UMQTTSN=<op>[,<value>...]: reads one, sets one."""
    client, op = _client(ctx), ctx.integer(0)
    if not ctx.given(1):
        ctx.info(f"+UMQTTSN: {op},{_shown(client.profile, op)}")
        return
    if client.connected or client.busy:
        raise Refusal.cme(3)
    _SETTERS[op](ctx, client.profile)


async def _list(ctx: CommandContext) -> None:
    profile = _client(ctx).profile
    for op in _LISTED + ((_SECURITY,) if ctx.module.config.behaviour.dtls else ()):
        ctx.info(f"+UMQTTSN: {op},{_shown(profile, op)}")


def _set_client_id(ctx: CommandContext, profile: MqttSnProfile) -> None:
    _nothing_more(ctx, 2)
    client_id = _string(ctx, 1, _LONGEST_NAME)
    if not client_id:
        raise _wrong(ctx)
    profile.client_id = client_id


def _set_gateway(ctx: CommandContext, profile: MqttSnProfile) -> None:
    """A name or an address, with either operation; the one set last counts."""
    gateway = Gateway(_string(ctx, 1, _LONGEST_NAME))
    if ctx.given(2):
        gateway.port = ctx.number(2, 1, 65_535)
    profile.last = ctx.integer(0)
    if profile.last == 1:
        profile.name = gateway
    else:
        profile.address = gateway


def _set_will_qos(ctx: CommandContext, profile: MqttSnProfile) -> None:
    _nothing_more(ctx, 2)
    profile.will_qos = ctx.number(1, 0, 2)


def _set_will_retain(ctx: CommandContext, profile: MqttSnProfile) -> None:
    _nothing_more(ctx, 2)
    profile.will_retain = bool(ctx.number(1, 0, 1))


def _set_will_topic(ctx: CommandContext, profile: MqttSnProfile) -> None:
    _nothing_more(ctx, 2)
    profile.will_topic = _name(ctx, 1) if ctx.text(1) else ""


def _set_will_message(ctx: CommandContext, profile: MqttSnProfile) -> None:
    """Text only."""
    _nothing_more(ctx, 2)
    if len(ctx.text(1)) > _LONGEST_WILL:
        raise _wrong(ctx)
    profile.will_message = ctx.text(1)


def _set_duration(ctx: CommandContext, profile: MqttSnProfile) -> None:
    _nothing_more(ctx, 2)
    profile.duration_s = ctx.number(1, 0, _LONGEST_DURATION_S)


def _set_security(ctx: CommandContext, profile: MqttSnProfile) -> None:
    secure = bool(ctx.number(1, 0, 1))
    number = ctx.number(2, 0, 4) if ctx.given(2) else None
    if number is not None and not secure:
        raise _wrong(ctx)
    profile.secure, profile.security_profile = secure, number


def _set_clean(ctx: CommandContext, profile: MqttSnProfile) -> None:
    _nothing_more(ctx, 2)
    profile.clean = bool(ctx.number(1, 0, 1))


def _set_context(ctx: CommandContext, profile: MqttSnProfile) -> None:
    cid = ctx.number(1, 1, 11)
    ipv6 = bool(ctx.number(2, 0, 1)) if ctx.given(2) else False
    if ctx.module.config.behaviour.mqttsn_context_choice:
        profile.cid, profile.ipv6 = cid, ipv6


_SETTERS: Mapping[int, Callable[[CommandContext, MqttSnProfile], None]] = MappingProxyType({
    0: _set_client_id, 1: _set_gateway, 2: _set_gateway, 4: _set_will_qos, 5: _set_will_retain,
    6: _set_will_topic, 7: _set_will_message, 8: _set_duration, _SECURITY: _set_security, 10: _set_clean,
    20: _set_context,
})


def _shown(profile: MqttSnProfile, op: int) -> str:
    """A value as the read forms print it."""
    security = f",{profile.security_profile}" if profile.security_profile is not None else ""
    values = {
        0: f'"{profile.client_id}"', 1: f'"{profile.name.host}",{profile.name.port}',
        2: f'"{profile.address.host}",{profile.address.port}', 4: str(profile.will_qos),
        5: str(int(profile.will_retain)), 6: f'"{profile.will_topic}"',
        7: f'{len(profile.will_message)},"{profile.will_message}"', 8: str(profile.duration_s),
        _SECURITY: f"{int(profile.secure)}{security}", 10: str(int(profile.clean)),
        20: f"{profile.cid or 1},{int(profile.ipv6)}",
    }
    return values[op]


# -- +UMQTTSNNV ---------------------------------------------------------------------------------------


async def _stored(ctx: CommandContext) -> None:
    """0 factory values, 1 from NVM, 2 to NVM; not during a session."""
    exchange(ctx, _client(ctx), _STORED, Gateway)


# -- +UMQTTSNC ----------------------------------------------------------------------------------------


async def _command(ctx: CommandContext) -> None:
    """AT+UMQTTSNC=<op>[,...]: OK at once, the outcome by +UUMQTTSNC."""
    client = _client(ctx)
    command = Command(ctx.integer(0))
    if client.busy:
        raise Refusal.cme(3)
    await _COMMANDS[command](ctx, client)


def _in_session(client: MqttSnClient) -> None:
    if not client.connected:
        raise Refusal.cme(3)


async def _disconnect(ctx: CommandContext, client: MqttSnClient) -> None:
    _nothing_more(ctx, 1)
    _in_session(client)
    ctx.afterwards(client.disconnect)


async def _connect(ctx: CommandContext, client: MqttSnClient) -> None:
    _nothing_more(ctx, 1)
    if client.connected or not client.profile.gateway.host:
        raise Refusal.cme(3)
    ctx.afterwards(client.connect)


async def _register(ctx: CommandContext, client: MqttSnClient) -> None:
    """``2,"<topic>"``."""
    _nothing_more(ctx, 2)
    topic = _name(ctx, 1).encode("latin-1")
    _in_session(client)
    ctx.afterwards(lambda: client.register(topic))


async def _publish(ctx: CommandContext, client: MqttSnClient) -> None:
    """``4,<QoS>,<retain>,<0 text, 1 hexadecimal>,<topic type>,"<topic>","<message>"``."""
    qos, retain, kind = ctx.number(1, 0, UNCONNECTED), ctx.number(2, 0, 1), ctx.number(4, 0, 2)
    if ctx.number(3, 0, 1):
        payload = _hexadecimal(ctx, ctx.text(6), _HEX_MESSAGE)
    else:
        payload = ctx.text(6).encode("latin-1")
    topic = _short_or_id(ctx, 5, kind)
    if qos == UNCONNECTED:
        if kind == NORMAL or not client.profile.gateway.host:
            raise _wrong(ctx) if kind == NORMAL else Refusal.cme(3)
    else:
        _in_session(client)
    what = Publication(topic, payload, qos, bool(retain))
    ctx.afterwards(lambda: client.publish(what))


def _short_or_id(ctx: CommandContext, index: int, kind: int) -> Topic:
    """The topic of a message: two characters, or an id."""
    if kind == SHORT:
        name = _name(ctx, index).encode("latin-1")
        if len(name) != 2:
            raise _wrong(ctx)
        return short(name)
    number = ctx.number(index, 1, _LAST_ID)
    return predefined(number) if kind == PREDEFINED else Topic(NORMAL, b"", number)


async def _subscribe(ctx: CommandContext, client: MqttSnClient) -> None:
    """``5,<highest QoS>,<topic type>,"<topic>"``."""
    _nothing_more(ctx, 4)
    qos, kind = ctx.number(1, 0, 2), ctx.number(2, 0, 2)
    if kind == NORMAL:
        topic = Topic(NORMAL, _filter(ctx, 3).encode("latin-1"))
    else:
        topic = _short_or_id(ctx, 3, kind)
    _in_session(client)
    ctx.afterwards(lambda: client.subscribe(topic, qos))


async def _unsubscribe(ctx: CommandContext, client: MqttSnClient) -> None:
    """``6,<topic type>,"<topic or id>"``; of a normal topic its id or its name."""
    _nothing_more(ctx, 3)
    kind = ctx.number(1, 0, 2)
    _in_session(client)
    if kind != NORMAL:
        topic = _short_or_id(ctx, 2, kind)
    else:
        text = ctx.text(2)
        known = client.topics.name(int(text)) if text.isascii() and text.isdigit() and len(text) < 6 else None
        topic = Topic(NORMAL, known if known is not None else _filter(ctx, 2).encode("latin-1"))
    ctx.afterwards(lambda: client.unsubscribe(topic))


async def _will_topic(ctx: CommandContext, client: MqttSnClient) -> None:
    """``7,<QoS>,<retain>,"<will topic>"``; an empty topic deletes the will."""
    _nothing_more(ctx, 4)
    qos, retain = ctx.number(1, 0, 2), bool(ctx.number(2, 0, 1))
    topic = _name(ctx, 3).encode("latin-1") if ctx.text(3) else b""
    _in_session(client)
    ctx.afterwards(lambda: client.update_will_topic(topic, qos, retain=retain))


async def _will_message(ctx: CommandContext, client: MqttSnClient) -> None:
    """``8,"<will message>"``."""
    _nothing_more(ctx, 2)
    message = ctx.text(1)
    if len(message) > _LONGEST_WILL:
        raise _wrong(ctx)
    _in_session(client)
    ctx.afterwards(lambda: client.update_will_message(message.encode("latin-1")))


async def _read(ctx: CommandContext, client: MqttSnClient) -> None:
    """``9[,<n>]``: with n = 1 one message, else all."""
    _nothing_more(ctx, 2)
    facts = ctx.module.config.behaviour
    one = ctx.given(1) and ctx.number(1, 0, 1) == 1
    if not client.unread and facts.mqttsn_read_empty_refused:
        raise Refusal.cme(3)
    for _ in range(1 if one and client.unread else len(client.unread)):
        ctx.info(f"{facts.mqttsn_read_prefix}: 9,{_message(client.unread.popleft())}")
    ctx.afterwards(client.announce)


def _message(message: Arrived) -> str:
    payload = message.payload.decode("latin-1")
    return (f"{message.qos},{message.topic_type},{len(message.topic) + len(payload)},{len(message.topic)},"
            f"\"{message.topic}\",{len(payload)},\"{payload}\"")


async def _ping(ctx: CommandContext, client: MqttSnClient) -> None:
    """``10,<0/1>``: needs a duration."""
    _nothing_more(ctx, 2)
    on = bool(ctx.number(1, 0, 1))
    _in_session(client)
    if on and not client.profile.duration_s:
        raise Refusal.cme(3)
    client.ping(on=on)


_COMMANDS: Mapping[Command, Callable[[CommandContext, MqttSnClient], Awaitable[None]]] = MappingProxyType({
    Command.DISCONNECT: _disconnect, Command.CONNECT: _connect, Command.REGISTER: _register,
    Command.PUBLISH: _publish, Command.SUBSCRIBE: _subscribe, Command.UNSUBSCRIBE: _unsubscribe,
    Command.WILL_TOPIC: _will_topic, Command.WILL_MESSAGE: _will_message, Command.READ: _read,
    Command.PING: _ping,
})


async def _error(ctx: CommandContext) -> None:
    kind, code = _client(ctx).error
    ctx.info(f"+UMQTTSNER: {kind},{code}")


HANDLERS: Handlers = {
    ("+UMQTTSN", Form.SET): _configure, ("+UMQTTSN", Form.READ): _list, ("+UMQTTSNNV", Form.SET): _stored,
    ("+UMQTTSNC", Form.SET): _command, ("+UMQTTSNER", Form.EXECUTE): _error,
}
