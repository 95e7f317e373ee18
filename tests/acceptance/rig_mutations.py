"""Bar: 1,000 mutated rig files. Each that an independent check calls invalid gets errors with line numbers,
none a traceback, nothing is opened.

The check below is written from docs/rig-file.md and knows nothing of the schema's code: it walks YAML nodes
by a table of its own, then looks at what spans several values. It also says which files are still good, so
that refusing too much shows as well.
"""

from __future__ import annotations

import random
import re
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from cellbench.rig.load import validate_file

SUBJECT = "main-path"
BAR = "1,000 mutated rig files: each invalid one told with lines, none a traceback, nothing opened"

ROOT = Path(__file__).resolve().parents[2]
RIGS = ("virtual.yaml", "evk-r8.yaml", "evk-r6.yaml", "rack.yaml")

# -- the independent check ---------------------------------------------------------------------------


class Invalid(Exception):
    """The file is not a rig file."""


@dataclass(frozen=True)
class Text:
    pattern: str = r"(?s).{1,200}"


@dataclass(frozen=True)
class Number:
    least: float
    most: float
    whole: bool = False
    above: bool = False  # least itself is not allowed


@dataclass(frozen=True)
class Word:
    words: tuple[str, ...]


@dataclass(frozen=True)
class Truth:
    pass


@dataclass(frozen=True)
class Many:
    of: Any


@dataclass(frozen=True)
class Named:
    pattern: str
    of: Any
    least: int = 0


@dataclass(frozen=True)
class Keys:
    must: dict[str, Any] = field(default_factory=dict)
    may: dict[str, Any] = field(default_factory=dict)
    one_of: tuple[str, ...] = ()  # exactly one
    any_of: tuple[str, ...] = ()  # at least one


@dataclass(frozen=True)
class ByKind:
    kinds: dict[str, Keys]


NAME = r"[A-Za-z0-9][A-Za-z0-9._\-]{0,31}"
ROLE = r"[a-z][a-z0-9\-]{0,31}"
HOST = r"[A-Za-z0-9_.:\-]{1,253}"
SECRET = Keys(may={"env": Text(r"[A-Za-z_][A-Za-z0-9_]*"), "file": Text()}, one_of=("env", "file"))
PORT = Number(1, 65535, whole=True)
DRIVEN = Keys({"on": Text(NAME), "pin": Number(0, 1023, whole=True), "active": Word(("low", "high"))},
              {"inverted": Truth()})
READ = Keys({"on": Text(NAME), "input": Number(0, 1023, whole=True), "active": Word(("low", "high"))})
LOCATION = Text(r"[0-9]{1,3}-[0-9]{1,3}(\.[0-9]{1,3}){0,6}")
UART = Keys(may={"url": Text(r"/.+|rfc2217://.+:[0-9]+|socket://.+:[0-9]+"), "location": LOCATION,
                 "interface": Number(0, 31, whole=True), "rate_bit_s": Number(300, 4e6, whole=True),
                 "wired": Many(Word(("dtr", "rts", "cts", "dsr", "dcd", "ri")))}, one_of=("url", "location"))
APN = Keys({"apn": Text(r"[A-Za-z0-9_.\-]{1,99}")},
           {"plmn": Text(r"[0-9]{5,6}"), "user": Text(), "password": SECRET})
SLOT = Keys({"series": Word(("LENA-R8", "LARA-R6"))}, {
    "variant": Text(), "ordering_code": Text(), "limits": Text(), "network": APN,
    "power": Keys({"supply": Text(NAME), "channel": Number(1, 16, whole=True),
                   "voltage_v": Number(0, 60, above=True), "current_limit_a": Number(0, 20, above=True)},
                  {"over_voltage_v": Number(0, 60, above=True)}),
    "lines": Keys(may={**dict.fromkeys(("pwr_on", "reset_n", "usb_boot", "vusb_det"), DRIVEN),
                       **dict.fromkeys(("v_int", "ri", "cts", "dcd"), READ)}),
    "ports": Keys(may={"uart": UART, "aux_uart": UART, "usb": Keys({"location": LOCATION})}),
    "sim": Keys({"ref": Text(NAME)}, {"pin": SECRET, "number": Text(r"\+?[0-9]{3,15}")}),
    "capabilities": Many(Word(("cut-rf", "swap-sim", "second-antenna", "gnss-antenna", "golden-unit",
                               "usb-dtr", "expendable")))})
SUPPLY = Keys({"kind": Text(), "resource": Text(r"[A-Za-z]+[^:]*::.{1,180}")},
              {"identity": Text(), "channels": Number(1, 16, whole=True),
               "timeout_s": Number(0, 60, above=True)})
RELAYS = Keys({"kind": Text(), "host": Text(HOST)}, {
    "port": PORT, "user": Text(), "password": SECRET, "relays": Number(1, 64, whole=True),
    "inputs": Number(0, 64, whole=True), "timeout_s": Number(0, 60, above=True)})
RIG = Keys({"rig": Text(NAME), "slots": Named(NAME, SLOT, least=1)}, {
    "evidence": Word(("measured", "simulated")), "timing": Word(("real", "fast")),
    "launch": Text(r"(?s).{1,4000}"), "station": Text(), "usb": Keys(may={"sysfs": Text(), "dev": Text()}),
    "instruments": Named(NAME, ByKind({"supply.scpi-generic": SUPPLY, "line.numato-ethernet": RELAYS})),
    "network": APN,
    "services": Named(ROLE, Keys(may={
        "host": Text(HOST), "name": Text(HOST), "port": PORT, "ca": Text(), "paths": Named(ROLE, Text()),
        "user": Text(), "password": SECRET, "probe": Keys({"host": Text(HOST), "port": PORT})},
        any_of=("host", "name"))),
    "far_side": ByKind({"virtual": Keys({"kind": Text()}, {"control": Text()}),
                        "none": Keys({"kind": Text()})}),
    "attach_budget": Keys(may={"capacity": Number(1, 1e5, whole=True),
                               "refill_per_hour": Number(0, 1e6, above=True)}),
    "minimum_on_time_s": Number(0, 600), "update_silence_s": Number(5, 7200),
    "limits": Named(r"(?s).{1,200}", Text())})

# what a value may be null for: everything that is not there by default
NULLABLE = {"variant", "ordering_code", "power", "sim", "network", "limits", "pwr_on", "reset_n", "usb_boot",
            "vusb_det", "v_int", "ri", "cts", "dcd", "uart", "aux_uart", "usb", "url", "location",
            "interface", "rate_bit_s", "pin", "number", "plmn", "user", "password", "host", "name", "port",
            "ca", "probe", "control", "launch", "station", "minimum_on_time_s", "env", "file",
            "update_silence_s", "identity", "channels", "over_voltage_v"}
NEVER_NULL = {("instruments", "host"), ("instruments", "port"), ("top", "usb"), ("top", "limits"), ("probe",)}

VOLTS = {"LENA-R8": (3.2, 4.5), "LARA-R6": (3.1, 4.5)}
AMPERES = {"LENA-R8": (2.0, 3.0), "LARA-R6": (1.9, 3.0)}
VARIANTS = {"LENA-R8": {"LENA-R8001", "LENA-R8001M10"},
            "LARA-R6": {f"LARA-R6{n}01{d}" for n in "048" for d in ("", "D")}}
RATES = {"LENA-R8": {1200, 2400, 4800, 9600, 14400, 19200, 28800, 33600, 38400, 57600, 115200, 230400, 460800,
                     921600},
         "LARA-R6": {115200, 230400, 460800, 921600, 3000000}}
LEVELS = {"pwr_on": "low", "reset_n": "low", "usb_boot": "high", "vusb_det": "high"}


def judge(file: Path) -> str:
    """ "invalid: why" or "valid"."""
    try:
        text = file.read_bytes().decode("utf-8-sig")
        _structure(text)
        _whole(_value(yaml.compose(text, Loader=yaml.SafeLoader), RIG, ("top",)), file)
    except Invalid as reason:
        return f"invalid: {reason}"
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        return f"invalid: {type(error).__name__}"
    return "valid"


def _structure(text: str) -> None:
    if re.search(r"[\x85\u2028\u2029]|\r(?!\n)", text):
        raise Invalid("line breaks of YAML 1.1")
    if text.count("[") - text.count("]") > 500 or "[" * 500 in text:
        raise Invalid("too deep")  # PyYAML would be at it for minutes
    depth = documents = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "tag", None) is not None:
            raise Invalid("alias or tag")
        if re.search(r"[\0\ud800-\udfff]", getattr(event, "value", "")):
            raise Invalid("a character that no text holds")
        documents += isinstance(event, yaml.DocumentStartEvent)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > 20 or documents > 1:
            raise Invalid("too deep, or two documents")


def _value(node: Any, rule: Any, path: tuple[str, ...]) -> Any:
    where = ".".join(path)
    if isinstance(rule, ByKind):
        kind = next((_plain(v) if isinstance(v, yaml.ScalarNode) else "a list" for k, v in _pairs(node, where)
                     if k == "kind"), None)
        if kind not in rule.kinds:
            raise Invalid(f"{where}: kind {kind}")
        rule = rule.kinds[kind]
    if isinstance(rule, Keys):
        return _keys(node, rule, path)
    if isinstance(rule, Named):
        found = {}
        for key, value in _pairs(node, where):
            if re.fullmatch(rule.pattern, key) is None:
                raise Invalid(f"{where}: name {key!r}")
            found[key] = _value(value, rule.of, (*path, key))
        if len(found) < rule.least:
            raise Invalid(f"{where}: empty")
        return found
    if isinstance(rule, Many):
        if not isinstance(node, yaml.SequenceNode):
            raise Invalid(f"{where}: no list")
        return [_value(item, rule.of, (*path, "[]")) for item in node.value]
    if not isinstance(node, yaml.ScalarNode):
        raise Invalid(f"{where}: no scalar")
    return _scalar(_plain(node), rule, where)


def _pairs(node: Any, where: str) -> list[tuple[str, Any]]:
    if not isinstance(node, yaml.MappingNode):
        raise Invalid(f"{where}: no mapping")
    keys = [key.value if isinstance(key, yaml.ScalarNode) else None for key, _ in node.value]
    if None in keys or "" in keys or len(set(keys)) != len(keys):
        raise Invalid(f"{where}: keys")
    return [(str(key), value) for key, (_, value) in zip(keys, node.value, strict=True)]


def _keys(node: Any, rule: Keys, path: tuple[str, ...]) -> dict[str, Any]:
    where, found = ".".join(path), {}
    for key, value in _pairs(node, where):
        inner = rule.must.get(key) or rule.may.get(key)
        if inner is None:
            raise Invalid(f"{where}: unknown key {key}")
        null = isinstance(value, yaml.ScalarNode) and _plain(value) is None
        if null and key not in rule.must and key in NULLABLE and not _never_null(path, key):
            continue
        found[key] = _value(value, inner, (*path, key))
    for key in rule.must:
        if key not in found:
            raise Invalid(f"{where}: {key} is missing")
    if rule.one_of and sum(key in found for key in rule.one_of) != 1:
        raise Invalid(f"{where}: not exactly one of {rule.one_of}")
    if rule.any_of and not any(key in found for key in rule.any_of):
        raise Invalid(f"{where}: none of {rule.any_of}")
    if "interface" in found and "location" not in found:
        raise Invalid(f"{where}: interface without location")
    return found


def _never_null(path: tuple[str, ...], key: str) -> bool:
    place = "instruments" if path[:2] == ("top", "instruments") else path[-1]
    return (place, key) in NEVER_NULL or (path[-1],) in NEVER_NULL


def _plain(node: yaml.ScalarNode) -> Any:
    """The value by YAML 1.2's core schema without octal and hexadecimal."""
    text = node.value
    if node.style is not None:
        return text
    if text in ("", "~", "null", "Null", "NULL"):
        return None
    if text in ("true", "True", "TRUE", "false", "False", "FALSE"):
        return text.lower() == "true"
    if re.fullmatch(r"[-+]?(0|[1-9]\d*)", text):
        return int(text) if len(text) <= 18 else Invalid
    if re.fullmatch(r"[-+]?(\.\d+|(0|[1-9]\d*)(\.\d*)?)([eE][-+]?\d+)?", text):
        return float(text) if abs(float(text)) < 1e300 else Invalid
    return text


def _scalar(value: Any, rule: Any, where: str) -> Any:
    match rule:
        case Text():
            good = isinstance(value, str) and re.fullmatch(rule.pattern, value) is not None
        case Number():
            good = isinstance(value, int if rule.whole else int | float) and not isinstance(value, bool) and (
                rule.least < value <= rule.most if rule.above else rule.least <= value <= rule.most)
        case Word():
            good = isinstance(value, str) and value in rule.words
        case _:
            good = isinstance(value, bool)
    if not good:
        raise Invalid(f"{where}: {value!r}")
    return value


def _whole(rig: dict[str, Any], file: Path) -> None:
    """What spans several values."""
    instruments, slots = rig.get("instruments", {}), rig["slots"]
    _once([its["resource"].upper() if "resource" in its else f"{its['host'].lower()}:{its.get('port', 23)}"
           for its in instruments.values()], "equipment")
    outputs, pins, ports, inputs = [], [], [], []
    simulated = rig.get("evidence") == "simulated"
    far = rig.get("far_side", {"kind": "none"})["kind"]
    if not simulated and ("launch" in rig or rig.get("timing") == "fast" or far == "virtual"):
        raise Invalid("simulated values would count as measured")
    for name, slot in slots.items():
        _slot(name, slot, rig, file)
        power, lines = slot.get("power"), slot.get("lines", {})
        if power:
            outputs.append((power["supply"], power["channel"]))
            _uses(instruments, power["supply"], "supply", power["channel"], 1, "channels", None)
        for line in lines.values():
            counted, bound = ("pin", "relays") if "pin" in line else ("input", "inputs")
            (pins if counted == "pin" else inputs).append((line["on"], line[counted]))
            _uses(instruments, line["on"], "line", line[counted], 0, bound, 32)
        for role, port in slot.get("ports", {}).items():
            key = port.get("url") or (port["location"] if role == "usb" else
                                      f"{port['location']}/{port.get('interface', 0)}")
            ports.append(key)
    for what, used in (("output", outputs), ("pin", pins), ("input", inputs), ("port", ports)):
        _once(used, what)
    locations = {slot["ports"]["usb"]["location"] for slot in slots.values()
                 if "usb" in slot.get("ports", {})}
    for slot in slots.values():
        for role, port in slot.get("ports", {}).items():
            if role != "usb" and port.get("location") in locations:
                raise Invalid("adapter and module at one USB location")
    for service in rig.get("services", {}).values():
        if "ca" in service and not (file.parent / service["ca"]).is_file():
            raise Invalid("no CA file")
    for product, limits in rig.get("limits", {}).items():
        if not any(product == series or product in VARIANTS[series] for series in VARIANTS):
            raise Invalid(f"limits for {product}")
        _limits(file, limits)


def _slot(name: str, slot: dict[str, Any], rig: dict[str, Any], file: Path) -> None:
    series, lines = slot["series"], slot.get("lines", {})
    if slot.get("variant", min(VARIANTS[series])) not in VARIANTS[series]:
        raise Invalid(f"{name}: variant")
    if "ordering_code" in slot:
        raise Invalid(f"{name}: no mutation makes a true ordering code")
    if "launch" in rig and (slot.get("power") or lines or slot.get("ports")):
        raise Invalid(f"{name}: addresses beside launch")
    if "launch" not in rig and not slot.get("ports"):
        raise Invalid(f"{name}: no port")
    if "power" in slot:
        power = slot["power"]
        for key, bounds in (("voltage_v", VOLTS), ("current_limit_a", AMPERES)):
            if not bounds[series][0] <= power[key] <= bounds[series][1]:
                raise Invalid(f"{name}: {key} {power[key]}")
        if power.get("over_voltage_v", 99) <= power["voltage_v"]:
            raise Invalid(f"{name}: over-voltage")
        if "pwr_on" not in lines:
            raise Invalid(f"{name}: PWR_ON is not driven")
    if "usb_boot" in lines and series != "LENA-R8":
        raise Invalid(f"{name}: USB_BOOT")
    for line, level in LEVELS.items():
        if line in lines and lines[line]["active"] != level:
            raise Invalid(f"{name}: {line} active {lines[line]['active']}")
    for role in ("uart", "aux_uart"):
        rate = slot.get("ports", {}).get(role, {}).get("rate_bit_s")
        if rate is not None and rate not in RATES[series]:
            raise Invalid(f"{name}: rate {rate}")
    known = rig.get("limits", {})
    named = slot.get("limits") or known.get(slot.get("variant", "-")) or known.get(series)
    if named is not None and _limits(file, named) not in (series, slot.get("variant")):
        raise Invalid(f"{name}: limits of another product")


def _uses(instruments: dict[str, Any], name: str, wanted: str, number: int, first: int, bound: str,
          default: int | None) -> None:
    if name not in instruments or not instruments[name]["kind"].startswith(wanted + "."):
        raise Invalid(f"no {wanted} {name}")
    count = instruments[name].get(bound, default)
    if count is not None and not first <= number < first + count:
        raise Invalid(f"{name} has no {number}")


def _once(used: list[Any], what: str) -> None:
    if len(set(used)) != len(used):
        raise Invalid(f"{what} used twice")


def _limits(file: Path, name: str) -> str:
    found = re.search(r"^product: (\S+)$", (file.parent / name).read_text(), re.M) if (
        file.parent / name).is_file() else None
    if found is None:
        raise Invalid(f"no limits file {name}")
    return found.group(1)


# -- the mutations -----------------------------------------------------------------------------------

Mutation = Callable[[random.Random, str], str]
ODD_VALUES = ("", "~", "on", "yes", "true", "-1", "0", "1", "99", "3.8", "5.5", "1e9", "1e999", "9" * 30,
              "0x10", "012", "12:30", "low", "high", "LENA-R8", "LARA-R6", "LENA-R9", "LARA-R6001D", "psu1",
              "relays1", "[]", "{}", "[1, 2]", "{a: 1}", "!!str x", "!!python/object:os.system x", "&a x",
              "*a", "'3.8'", '"\\u0000"', '"\\ud800"', "|\n  text", "nan", ".inf", "limits/lara-r6.yaml",
              "nowhere.yaml")
ODD_BYTES = ("\t", "\x00", "\x07", "{", "}", "[", "]", ":", "#", "&", "*", "!", "%", "@", "`", "'", '"', "-",
             "?", ",", "|", ">", "\n", " ", "\r", "é", "\u2028", "a", "0")


def _delete_line(rng: random.Random, text: str) -> str:
    lines = text.splitlines(keepends=True)
    del lines[rng.randrange(len(lines))]
    return "".join(lines)


def _repeat_line(rng: random.Random, text: str) -> str:
    lines = text.splitlines(keepends=True)
    lines.insert(rng.randrange(len(lines)), rng.choice(lines))
    return "".join(lines)


def _swap_lines(rng: random.Random, text: str) -> str:
    lines = text.splitlines(keepends=True)
    one, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    return "".join(lines)


def _indent(rng: random.Random, text: str) -> str:
    lines = text.splitlines(keepends=True)
    place = rng.randrange(len(lines))
    lines[place] = rng.choice((" ", "  ", "\t", "")) + lines[place].lstrip() if rng.random() < 0.5 else (
        " " + lines[place])
    return "".join(lines)


def _cut(rng: random.Random, text: str) -> str:
    return text[: rng.randrange(len(text))]


def _insert(rng: random.Random, text: str) -> str:
    place = rng.randrange(len(text))
    return text[:place] + rng.choice(ODD_BYTES) + text[place:]


def _drop(rng: random.Random, text: str) -> str:
    place = rng.randrange(len(text))
    return text[:place] + text[place + 1:]


def _nest(rng: random.Random, text: str) -> str:
    depth = rng.choice((15, 25, 2000, 100_000))
    return text + f"\nstation: {'[' * depth}{']' * depth if rng.random() < 0.5 else ''}\n"


def _append(rng: random.Random, text: str) -> str:
    return text + rng.choice(("\n---\nrig: second\n", "\nrig: twice\n", "\n? [a, b]\n: c\n", "\n...\n",
                              "\n- x\n", "\n<<: {rig: x}\n", "\n1: x\n", "\nnull: x\n", "\n: x\n"))


_ENTRY = re.compile(r"(?P<key>[A-Za-z_][\w\-]*): (?P<value>[^{}\[\],#\n]+?)(?=[,}\n]| +#)")


def _entry(rng: random.Random, text: str) -> re.Match[str]:
    found = list(_ENTRY.finditer(text))
    body = [match for match in found
            if not text[: match.start()].rpartition("\n")[2].lstrip().startswith("#")]
    return rng.choice(body or found)


def _odd_value(rng: random.Random, text: str) -> str:
    entry = _entry(rng, text)
    return text[: entry.start("value")] + rng.choice(ODD_VALUES) + text[entry.end("value"):]


def _value_of_another(rng: random.Random, text: str) -> str:
    entry = _entry(rng, text)
    same = [match["value"] for match in _ENTRY.finditer(text) if match["key"] == entry["key"]]
    return text[: entry.start("value")] + rng.choice(same) + text[entry.end("value"):]


def _other_number(rng: random.Random, text: str) -> str:
    numbers = list(re.finditer(r"(?<=: )\d+(\.\d+)?", text))
    if not numbers:
        return _odd_value(rng, text)
    number = rng.choice(numbers)
    new = rng.choice((f"{float(number.group()) * rng.choice((0.1, 0.9, 1.1, 2, 10)):g}", "-1", "0", "1e3",
                      str(rng.randrange(70))))
    return text[: number.start()] + new + text[number.end():]


def _misspell(rng: random.Random, text: str) -> str:
    entry = _entry(rng, text)
    key, place = entry["key"], rng.randrange(len(entry["key"]))
    new = rng.choice((key[:place] + key[place + 1:], key[:place] + rng.choice("abxyz_") + key[place:],
                      key.upper(), key + "s"))
    return text[: entry.start("key")] + new + text[entry.end("key"):]


def _rename_key(rng: random.Random, text: str) -> str:
    entry, other = _entry(rng, text), _entry(rng, text)
    return text[: entry.start("key")] + other["key"] + text[entry.end("key"):]


def _plain_secret(rng: random.Random, text: str) -> str:
    instead = rng.choice(("hunter2", "{env: 1X}", "{}", "{env: A, file: b}", "[x]"))
    return re.sub(r"password: .*", f"password: {instead}", text, count=1)


def _drop_entry(rng: random.Random, text: str) -> str:
    entry = _entry(rng, text)
    return text[: entry.start()] + text[entry.end():].lstrip(",").lstrip(" ") if rng.random() < 0.7 else (
        text[: entry.start()] + text[entry.end():])


MUTATIONS: tuple[Mutation, ...] = (
    _delete_line, _repeat_line, _swap_lines, _indent, _cut, _insert, _drop, _nest, _append, _odd_value,
    _odd_value, _odd_value, _value_of_another, _value_of_another, _other_number, _other_number, _misspell,
    _misspell, _rename_key, _plain_secret, _drop_entry, _drop_entry)


def mutate(rng: random.Random, text: str) -> tuple[str, bytes]:
    """The name of what was done, and the file's bytes."""
    mutation = rng.choice(MUTATIONS)
    text = mutation(rng, text)
    while rng.random() < 0.2 and _ENTRY.search(text):  # mistakes do not come alone
        text = rng.choice((_odd_value, _misspell, _drop_entry, _value_of_another))(rng, text)
    changed = text.encode("utf-8", "surrogatepass")
    if rng.random() < 0.02 and changed:
        place = rng.randrange(len(changed))
        return "broken UTF-8", changed[:place] + b"\xff\xfe" + changed[place:]
    return mutation.__name__.strip("_"), changed


# -- the run -----------------------------------------------------------------------------------------


class Watch:
    """Notes what a validation opens: sockets, devices, programs (audit hooks cannot be taken away again,
    so it listens only while told to)."""

    def __init__(self) -> None:
        self.on = False
        self.opened: list[str] = []
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.on:
            return
        if event.startswith(("socket.", "subprocess.", "os.exec", "os.fork", "os.posix_spawn", "pty.")):
            self.opened.append(event)
        elif event == "open" and str(arguments[0]).startswith(("/dev/", "/sys/", "/proc/")):
            self.opened.append(f"open {arguments[0]}")


@dataclass
class Tally:
    """What happened to the mutated files."""

    files: int = 0
    invalid: int = 0
    missed: list[str] = field(default_factory=list)
    without_line: list[str] = field(default_factory=list)
    tracebacks: list[str] = field(default_factory=list)
    too_strict: list[str] = field(default_factory=list)
    opened: list[str] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)


def run(count: int, seed: int) -> Tally:
    """Mutate, judge, validate, compare."""
    rng, tally, watch = random.Random(seed), Tally(), Watch()
    with tempfile.TemporaryDirectory(prefix="cellbench-mutations-") as folder:
        shutil.copytree(ROOT / "rigs" / "limits", Path(folder) / "limits")
        texts = [(ROOT / "rigs" / name).read_text() for name in RIGS]
        for number in range(count):
            what, changed = mutate(rng, rng.choice(texts))
            file = Path(folder) / f"rig-{number}.yaml"
            file.write_bytes(changed)
            _one(file, f"{number} {what}", tally, watch)
            tally.kinds[what] += 1
            file.unlink()
    tally.opened = watch.opened
    return tally


def _one(file: Path, name: str, tally: Tally, watch: Watch) -> None:
    verdict = judge(file)
    tally.files += 1
    tally.invalid += verdict != "valid"
    watch.on = True
    try:
        findings = validate_file(file)
    except Exception as error:
        tally.tracebacks.append(f"{name}: {error!r}")
        return
    finally:
        watch.on = False
    lines = file.read_bytes().count(b"\n") + 1
    for finding in findings:
        if finding.file == str(file) and not 1 <= finding.line <= lines:
            tally.without_line.append(f"{name}: {finding}")
        if not re.match(r".+:\d+: .", str(finding)) or not finding.message:
            tally.without_line.append(f"{name}: {finding}")
    if verdict != "valid" and not findings:
        tally.missed.append(f"{name}: {verdict}")
    if verdict == "valid" and findings:
        tally.too_strict.append(f"{name}: {findings[0]}")


def main(count: int = 1000, seed: int | None = None) -> list[dict[str, object]]:
    """The bar's figures."""
    seed = seed if seed is not None else random.SystemRandom().randrange(1_000_000)
    tally = run(count, seed)
    what = (f"mutated rig files (seed {seed}), {tally.files} files, {tally.invalid} invalid by the "
            f"independent check")
    rows = [
        ("invalid ones told with a line", tally.invalid, tally.invalid - len(tally.missed)),
        ("errors without a line of the file", 0, len(tally.without_line)),
        ("tracebacks", 0, len(tally.tracebacks)),
        ("sockets, devices or programs opened", 0, len(tally.opened)),
        ("good ones refused", 0, len(tally.too_strict)),
    ]
    for problem in (*tally.missed, *tally.without_line, *tally.tracebacks, *tally.opened, *tally.too_strict):
        print(problem, file=sys.stderr)
    return [{"what": f"{what}: {name}" if not number else name, "goal": goal, "figure": figure,
             "met": goal == figure} for number, (name, goal, figure) in enumerate(rows)]


if __name__ == "__main__":
    result = main(*(int(word) for word in sys.argv[1:]))
    for row in result:
        print(row)
    sys.exit(0 if all(row["met"] for row in result) else 1)
