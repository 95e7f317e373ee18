"""Lines of the internet and security commands: valid ones drawn from the catalogue and from what the guides
do, in any order, and mutated ones, changed by what a parameter is and byte by byte."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator

from cellbench.catalogue.commands import ALL
from cellbench.catalogue.model import Command, Form, Kind, Param, Series

COMMANDS = tuple(sorted(name for name in ALL if re.fullmatch(
    r"\+USECMNG|\+USECPRF|\+USOSEC|\+UHTTP.*|\+UFTP.*|\+UMQTT.*|\+UCOAP.*"
    r"|\+UDWNFILE|\+URDFILE|\+URDBLOCK|\+ULSTFILE|\+UDELFILE", name)))

SETTINGS = (
    'AT+UHTTP={q}', 'AT+UHTTP={q},0,"{ip}"', 'AT+UHTTP={q},1,"{host}"', 'AT+UHTTP={q},2,"test_user"',
    'AT+UHTTP={q},3,"P455w0rd"', 'AT+UHTTP={q},4,{bit}', 'AT+UHTTP={q},5,{port}', 'AT+UHTTP={q},6,{bit}',
    'AT+UHTTP={q},6,1,{q}', 'AT+UHTTP={q},7,{time}', 'AT+UHTTP={q},9,"{q}:X-Own:{text}"',
    'AT+UHTTP={q},9,"0:"',
    'AT+UHTTP={q},20,{cid}', 'AT+UHTTP={q},{q}',
    'AT+UFTP=0,"{ip}"', 'AT+UFTP=1,"{host}"', 'AT+UFTP=2,"anonymous"', 'AT+UFTP=3,"password"',
    'AT+UFTP=5,{time}',
    'AT+UFTP=6,{bit}', 'AT+UFTP=7,21', 'AT+UFTP=8,{bit}', 'AT+UFTP=8,1,{n}', 'AT+UFTP=12,{bit}',
    'AT+UFTP=20,{cid}',
    'AT+UFTP={n}', 'AT+UFTP?',
    'AT+UMQTT=0,"{text}"', 'AT+UMQTT=2,"{host}",{port}', 'AT+UMQTT=3,"{ip}"', 'AT+UMQTT=4,"{text}","{text}"',
    'AT+UMQTT=6,{q}', 'AT+UMQTT=7,{bit}', 'AT+UMQTT=8,"{topic}"', 'AT+UMQTT=9,"{text}"', 'AT+UMQTT=10,{time}',
    'AT+UMQTT=11,{bit}', 'AT+UMQTT=11,1,{n}', 'AT+UMQTT=12,{bit}', 'AT+UMQTT=20,{cid}', 'AT+UMQTT?',
    'AT+UMQTTNV={q}',
    'AT+UMQTTSN=0,"{text}"', 'AT+UMQTTSN=1,"{host}",{port}', 'AT+UMQTTSN=2,"{ip}",10000', 'AT+UMQTTSN=4,{q}',
    'AT+UMQTTSN=5,{bit}', 'AT+UMQTTSN=6,"{topic}"', 'AT+UMQTTSN=7,"{text}"', 'AT+UMQTTSN=8,{time}',
    'AT+UMQTTSN=9,{bit}', 'AT+UMQTTSN=9,1,{n}', 'AT+UMQTTSN=10,{bit}', 'AT+UMQTTSN?', 'AT+UMQTTSNNV={q}',
    'AT+UCOAP=1,"coap://coap.me:5683/{topic}"', 'AT+UCOAP=1,"coaps+tcp://192.168.105.31:5684/"',
    'AT+UCOAP=1,"coaps://192.168.105.31/?{text}"',
    'AT+UCOAP=1,"coap+tcp://192.168.105.31:5683/large-update"', 'AT+UCOAP=1,"coap{kind}://[::1]/"',
    'AT+UCOAP=1,"coap://{host}:{port}/{path}"',
    'AT+UCOAP=2,{q},{bit}', 'AT+UCOAP=4,{bit}', 'AT+UCOAP=5,{q}', 'AT+UCOAP=6,{q}', 'AT+UCOAP=7',
    'AT+UCOAP=8,{q}',
    'AT+UCOAP=20,{cid}', 'AT+UCOAP?',
    'AT+USECPRF={q}', 'AT+USECPRF={q},0,{q}', 'AT+USECPRF={q},1,{q}', 'AT+USECPRF={q},2,{size}',
    'AT+USECPRF={q},2,99,"C0","{hexa}"', 'AT+USECPRF={q},2,100,"C0","2F",0', 'AT+USECPRF={q},3,"{file}"',
    'AT+USECPRF={q},4,"{host}"', 'AT+USECPRF={q},5,"{file}"', 'AT+USECPRF={q},6,"{file}"',
    'AT+USECPRF={q},7,"{text}"',
    'AT+USECPRF={q},8,"{hexa}",1', 'AT+USECPRF={q},9,"{text}"', 'AT+USECPRF={q},10,"{host}"',
    'AT+USECPRF={q},11,{bit}',
    'AT+USECPRF={q},12,"{file}",{q}', 'AT+USECPRF={q},13,0,1', 'AT+USECPRF={q},13,1,{kind}',
    'AT+USECPRF={q},13,{kind}',
    'AT+USECPRF={q},13,2,"MDEyMzQ1Njc4OQ==","' + 'QUFB' * 16 + '"', 'AT+USECPRF={q},13,3,"{hexa}{hexa}",4',
    'AT+USECPRF={q},13,5,{size}', 'AT+USECPRF={q},14,{q}',
    'AT+USECMNG=0,{q},"{file}",{size}', 'AT+USECMNG=1,{q},"{file}","{file}"', 'AT+USECMNG=2,{q},"{file}"',
    'AT+USECMNG=3',
    'AT+USECMNG=4,{q},"{file}"', 'AT+USECMNG=1,2,"{file}","client_key.key","{text}"',
    'AT+USECMNG=1,0,"{file}","ca_cert.crt"', 'AT+USECMNG=1,1,"{file}","client_cert.crt"',
    'AT+USECMNG=1,2,"{file}","client_key.key"', 'AT+USECMNG=1,{q},"{file}","ca_cert.crt"',
    'AT+USOSEC={q},{bit},{q}', 'AT+USOSEC={q}',
    'AT+UDWNFILE="{file}",{size}', 'AT+UDWNFILE="{file}",{size},"FOAT"', 'AT+URDFILE="{file}"',
    'AT+URDBLOCK="{file}",{size},{size}', 'AT+ULSTFILE', 'AT+ULSTFILE={q}', 'AT+ULSTFILE=2,"{file}"',
    'AT+ULSTFILE=0,"FOAT"', 'AT+UDELFILE="{file}"',
)
ACTIONS = (
    'AT+UHTTPC={q},{q},"{path}","{file}"', 'AT+UHTTPC={q},1,"{path}",""',
    'AT+UHTTPC={q},4,"{path}","a","{file}",{q}',
    'AT+UHTTPC={q},5,"{path}","a","{text}",{q}', 'AT+UHTTPC={q},5,"{path}","a","{text}",6,"{text}/x"',
    'AT+UHTTPC={q},1,"{path}","a";+UHTTPC={q},1,"{path}","b"', 'AT+UHTTPC={q},1,"{path}","a";+UHTTP={q}',
    'AT+UHTTPER={q}',
    'AT+UFTPC=0', 'AT+UFTPC=1', 'AT+UFTPC=2,"{file}"', 'AT+UFTPC=3,"{file}","{file}"',
    'AT+UFTPC=4,"{file}","{file}",{bit}',
    'AT+UFTPC=5,"{file}","{file}",{size}', 'AT+UFTPC=8,"{path}"', 'AT+UFTPC=10,"{file}"',
    'AT+UFTPC=11,"{file}"',
    'AT+UFTPC=13', 'AT+UFTPC=14,"{path}"', 'AT+UFTPC=100,"{path}"', 'AT+UFTPC=1;+UFTPC=0',
    'AT+UFTPC=6,"{file}",{size}',
    'AT+UFTPER',
    'AT+UMQTTC=0', 'AT+UMQTTC=1', 'AT+UMQTTC=2,{q},{bit},{bit},"{topic}","{hexa}"',
    'AT+UMQTTC=3,{q},{bit},"{topic}","{file}"',
    'AT+UMQTTC=4,{q},"{topic}"', 'AT+UMQTTC=4,0,"#"', 'AT+UMQTTC=5,"{topic}"', 'AT+UMQTTC=6,{bit}',
    'AT+UMQTTC=6,1,1',
    'AT+UMQTTC=8,{bit}', 'AT+UMQTTC=9,{q},{bit},"{topic}",{size}', 'AT+UMQTTC=0;+UMQTTC=1', 'AT+UMQTTER',
    'AT+UMQTTSNC=0', 'AT+UMQTTSNC=1', 'AT+UMQTTSNC=2,"{topic}"',
    'AT+UMQTTSNC=4,{q},{bit},{bit},{q},"{size}","{hexa}"',
    'AT+UMQTTSNC=4,3,0,0,1,"{size}","{text}"', 'AT+UMQTTSNC=5,{q},{q},"{topic}"',
    'AT+UMQTTSNC=6,{q},"{topic}"',
    'AT+UMQTTSNC=7,{q},{bit},"{topic}"', 'AT+UMQTTSNC=8,"{text}"', 'AT+UMQTTSNC=9', 'AT+UMQTTSNC=10,{bit}',
    'AT+UMQTTSNC=1;+UMQTTSNC=1', 'AT+UMQTTSNC=1;+UMQTTSNC=0', 'AT+UMQTTSNER',
    'AT+UCOAPC=1', 'AT+UCOAPC=2', 'AT+UCOAPC=3,"{hexa}",{q}', 'AT+UCOAPC=4,"{hexa}",0,{q},{bit}',
    'AT+UCOAPC=1;+UCOAPC=1',
    'AT+UCOAPER',
)
DEEPER = (
    ('AT+UFTP=1,"ftp.u-blox.com"', 'AT+UFTP=0', 'AT+UFTP=1,"ftp.u-blox.com"', 'AT+UFTP=2,"anonymous"',
     'AT+UFTP=3,"password"', 'AT+UFTP=6,1', 'AT+UFTP=7,21', 'AT+UFTP=8,0', 'AT+UFTP=12,0', "AT+UFTP=5,30",
     "AT+UFTPC=1"),
    ("AT+UFTP=1,\"123.213.132.231\"", 'AT+UFTP=2,"myname"', 'AT+UFTP=3,"mypwd"', "AT+UFTP=6,1", "AT+UFTP=8,1",
     "AT+UFTP=12,1", "AT+UFTPC=1"),
    ("AT+UMQTTNV=0", 'AT+UMQTT=2,"192.168.105.30",1883', "AT+UMQTTC=1"),
    ("AT+UMQTTNV=0", 'AT+UMQTT=2,"192.168.105.30",8883', "AT+UMQTT=11,1", "AT+UMQTT=12,0", "AT+UMQTTC=1"),
    ("AT+UMQTTSNNV=0", 'AT+UMQTTSN=2,"192.168.105.30",10000', "AT+UMQTTSNC=1"),
    ("AT+UMQTTSNNV=0", 'AT+UMQTTSN=2,"192.168.105.30",10001', "AT+UMQTTSN=9,1", "AT+UMQTTSNC=1"),
    ('AT+UCOAP=1,"coap://coap.me:5683/large-update"', "AT+UCOAP=2,2,1", "AT+UCOAP=4,1", "AT+UCOAPC=1"),
    ('AT+UCOAP=1,"coaps://192.168.105.31:5684/"', "AT+USECPRF=0", "AT+USECPRF=0,0,0", "AT+UCOAP=8,0",
    "AT+UCOAP=4,1",
     "AT+UCOAPC=1"),
    ("AT+UHTTP=0", 'AT+UHTTP=0,1,"httpbin.org"', 'AT+UHTTPC=0,1,"/","a"'),
    ("AT+UHTTP=1", 'AT+UHTTP=1,1,"www.ssl_tls_test_server.com"', "AT+UHTTP=1,6,1,2", "AT+UHTTP=1,5,443",
     'AT+UHTTPC=1,1,"/","a"'),
)
"""What makes clients ready, so that the lines that follow meet sessions; one of them now and then."""

POOLS: dict[str, tuple[str, ...]] = {
    "q": ("0", "0", "0", "1", "1", "1", "2", "3"),
    "n": ("0", "0", "0", "1", "1", "1", "2", "3", "4", "5"), "bit": ("0", "1", "0", "1", "2"), "cid": ("1",
        "1", "2", "12", "0"),
    "kind": ("0", "1", "3", "10", "11", "13", "2", "5", "12", "15"),
    "ip": ("195.34.89.241", "54.72.52.58", "192.168.105.30", "192.168.105.31", "203.0.113.77", "::1",
        "127.0.0.1"),
    "host": ("httpbin.org", "ftp.u-blox.com", "192.168.105.30", "no-such-host.invalid", "a..b",
        "ümlaut.example",
             "www.ssl_tls_test_server.com", "coap.me", "x" * 70, "fe80::1%eth0", "1.2.3", "²"),
    "port": ("80", "443", "1883", "8883", "10000", "21", "0", "65535", "70000"), "time": ("0", "30", "60",
        "180", "65535"),
    "text": ("hello", "", "a b", "Ã¼", "\xe4\xff", "x" * 130, "a:b", "²", "\x7f", "${jndi}", "%s%n"),
    "topic": ("module/lights", "module/lights", "a", "ab", "ab", "a/#", "+/b", "#", "a+", "Ã¼", "\xff",
        "t" * 256, "hello", "1", "",
              "large-update"),
    "path": ("/", "/get", "/post", "/put", "/", "/get", "/post", "/basic-auth/test_user/P455w0rd",
        "/status/404", "/\x7f", "/\xe4", "..",
             "uploads", "/%00", "/" + "p" * 300, ""),
    "file": ("a", "a", "a", "b", "b", "data.zip", "file_to_retrieve", "ca_cert.crt", "client_cert.crt",
             "client_key.key", "no such", "\xe4", "n" * 248, "up", "a/b"),
    "size": ("0", "1", "1", "1", "5", "5", "21", "21", "64", "512", "1024", "8192", "5000000"),
    "hexa": ("00", "2F", "30", "ABCD", "ABCD", "abc", "zz", "1" * 64, "00" * 512, "", "0" * 1024),
}
NUMBERS = ("-1", "", "0", "1", "2", "7", "11", "99", "255", "65535", "65536", "4294967296", "9" * 30, "1e3",
    "0x10", "+5",
           "²", "٣", '"1"', '"²"', " 1 ", "1.0")
TEXTS = ('""', '"', '"a"', '"1.2.3.4"', '"999.1.1.1"', '"::1"', '"fe80::1%eth0"',
    "x" * 300, '"' + "y" * 1100 + '"', ",",
         ";", "?", "=?", '"\x7f\x80\xff"', '"a,b"', "'a'", '"\\22"', '"a""b"', "\t", '"²"',
             '"' + "é" * 200 + '"')
FAMILY = re.compile(r"AT\+U(?:HTTP|FTP|MQTTSN|MQTT|COAP)C?=")
"""By the last line of what makes a client ready: whose lines follow."""
_SLOT = re.compile(r"\{(\w+)\}")
_LONGEST = 1500


def valid(dice: random.Random, family: str = "") -> str:
    """A line as a host may send it, at whatever moment; mostly of the commands that begin with ``family``."""
    if dice.random() < 0.15:
        return _from_catalogue(dice, ALL[dice.choice(COMMANDS)])
    templates = ACTIONS if dice.random() < (0.8 if family else 0.5) else SETTINGS
    if family and dice.random() < 0.8:
        templates = tuple(one for one in templates if one.startswith(family)) or templates
    return _filled(dice, dice.choice(templates))


def mutated(dice: random.Random, family: str = "") -> bytes:
    """A line changed in up to three places (often in none: commands in a wrong order)."""
    text = valid(dice, family)
    for _ in range(dice.choice((0, 0, 0, 1, 1, 2, 3))):
        text = dice.choice(_MUTATIONS)(dice, text)[:_LONGEST * 2]
    return text.encode("latin-1", "replace").replace(b"\r", b"")


def lines(seed: str, count: int) -> Iterator[bytes]:
    """So many mutated lines, the same for the same seed."""
    dice = random.Random(seed)
    for _ in range(count):
        yield mutated(dice)


def _filled(dice: random.Random, template: str) -> str:
    return _SLOT.sub(lambda found: dice.choice(POOLS[found[1]]), template)


def _from_catalogue(dice: random.Random, command: Command) -> str:
    form = dice.choice(sorted(command.forms, key=lambda one: one.value))
    if form is not Form.SET:
        return f"AT{command.name}" + {Form.EXECUTE: "", Form.READ: "?", Form.TEST: "=?"}[form]
    params = command.params_for(dice.choice(tuple(Series)))
    needed = sum(not param.optional for param in params)
    values = [_value(dice, param) for param in params[:dice.randint(needed, len(params))]]
    return f"AT{command.name}=" + ",".join(values)


def _value(dice: random.Random, param: Param) -> str:
    if param.optional and dice.random() < 0.1:
        return ""
    ranges = param.ranges_for(dice.choice(tuple(Series)))
    if ranges:
        low, high = dice.choice(ranges)
        return str(dice.choice((low, high, dice.randint(low, high))))
    text = dice.choice(POOLS[dice.choice(tuple(POOLS))])
    if param.max_length is not None and dice.random() < 0.1:
        text = "z" * (param.max_length + dice.choice((-1, 0, 1)))
    return text if param.kind is Kind.INTEGER else f'"{text}"'


# -- mutations ----------------------------------------------------------------------------------------


def _flip(dice: random.Random, text: str) -> str:
    place = dice.randrange(len(text) or 1)
    return text[:place] + chr(dice.randrange(256)) + text[place + 1:]


def _drop(dice: random.Random, text: str) -> str:
    place = dice.randrange(len(text) or 1)
    return text[:place] + text[place + dice.choice((1, 1, 2, 5)):]


def _repeat(dice: random.Random, text: str) -> str:
    place = dice.randrange(len(text) or 1)
    return text[:place] + text[place:place + 3] * dice.choice((2, 3, 40, 700)) + text[place:]


def _number(dice: random.Random, text: str) -> str:
    found = list(re.finditer(r"\d+", text))
    if not found:
        return text + dice.choice(NUMBERS)
    one = dice.choice(found)
    return text[:one.start()] + dice.choice(NUMBERS) + text[one.end():]


def _field(dice: random.Random, text: str) -> str:
    head, *parts = text.split(",")
    if not parts:
        return head + dice.choice(TEXTS)
    parts[dice.randrange(len(parts))] = dice.choice((*TEXTS, *NUMBERS))
    return ",".join((head, *parts))


def _missing(dice: random.Random, text: str) -> str:
    head, *parts = text.split(",")
    if parts:
        del parts[dice.randrange(len(parts)):][:dice.choice((1, 9))]
    return ",".join((head, *parts))


def _swapped(dice: random.Random, text: str) -> str:
    head, *parts = text.split(",")
    dice.shuffle(parts)
    return ",".join((head, *parts))


def _extra(dice: random.Random, text: str) -> str:
    return text + dice.choice((",", ",1", ',"x"', "=", "?", "=?", " ", "\x1b", "\x1a", "\x00", "\x08", "\xff",
                               ',"' + "w" * 600 + '"'))


def _join(dice: random.Random, text: str) -> str:
    return text + dice.choice((";", ";", " ", ";;")) + valid(dice)[2:]


def _quotes(dice: random.Random, text: str) -> str:
    return text.replace('"', dice.choice(("", "'", '""')))


def _inside(dice: random.Random, text: str) -> str:
    """Something odd inside a quoted text."""
    parts = text.split('"')
    if len(parts) < 3:
        return text
    place = dice.randrange(1, len(parts) - 1, 2)
    parts[place] = dice.choice(("", parts[place] * 40, parts[place] + "\x00", "\xff" + parts[place],
        parts[place] + " ",
                                "\xc3\xa4" + parts[place], "\x7f", ":" + parts[place], "..", "\\", "%"))
    return '"'.join(parts)


_MUTATIONS: tuple[Callable[[random.Random, str], str], ...] = (
    _flip, _drop, _repeat, _number, _number, _field, _field, _missing, _swapped,
    _extra, _join, _quotes, _inside)
