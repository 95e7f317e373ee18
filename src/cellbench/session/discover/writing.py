"""The text of the rig file: every value with where it comes from, every gap with what belongs there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from cellbench.rig.check import ACTIVE_LEVELS
from cellbench.rig.gaps import is_gap
from cellbench.session.discover.draft import (
    Draft,
    adapters_unused,
    instruments_of,
    split_adapter,
    split_wire,
)
from cellbench.session.discover.survey import FoundInstrument, Survey

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_.\-]*")
_SCHEMA = "# yaml-language-server: $schema=../reports/schema/rig.schema.json"


def rig_text(name: str, found: Survey, drafts: tuple[Draft, ...], apn: str, usb: tuple[str, str]) -> str:
    """The whole file. ``usb``: the roots of sysfs and of the device nodes."""
    lines = [
        _SCHEMA,
        "# First written by `cellbench rig discover`. What begins with FILL IN is for you; then run",
        "# `cellbench check` on this file, and `cellbench rig interlock` when the check is clean.",
        "",
        f"rig: {_value(name)}",
        "",
    ]
    if usb != ("/sys", "/dev"):
        lines += [f"usb: {{sysfs: {_value(usb[0])}, dev: {_value(usb[1])}}}", ""]
    lines += _instruments(found)
    lines += ["slots:"]
    for draft in drafts:
        lines += _slot(draft, found)
    lines += _rest(found, drafts, apn)
    return "\n".join(lines) + "\n"


def limits_beside(folder: Path, drafts: tuple[Draft, ...]) -> list[str]:
    """The limits files of the house that lie where the rig file goes."""
    found = []
    for series in dict.fromkeys(draft.series for draft in drafts):
        file = Path("limits") / f"{series.lower()}.yaml"
        if (folder / file).is_file():
            found.append(f"  {series}: {file}")
    return ["", "limits:", *found] if found else []


def _instruments(found: Survey) -> Iterator[str]:
    instruments = instruments_of(found)
    if not instruments:
        yield "# No instrument answered. A supply and a relay board go here, for example:"
        yield "# instruments:"
        yield '#   psu1: {kind: supply.scpi-generic, resource: "TCPIP::192.168.1.20::5025::SOCKET"}'
        yield "#   relays1: {kind: line.numato-ethernet, host: 192.168.1.21, user: admin,"
        yield "#     password: {env: RELAY_PASSWORD}}"
        yield "# `cellbench rig discover --host ADDRESS` asks an address; kinds: docs/instruments.md"
        yield ""
        return
    yield "instruments:"
    for one in instruments:
        yield f"  {one.name}:{_remark(one.comment)}"
        yield f"    kind: {one.kind}"
        for key, value in one.settings.items():
            yield f"    {key}: {_value(value)}{_remark(_setting(key))}"
        yield from _more_of(one)
    yield ""


def _more_of(one: FoundInstrument) -> Iterator[str]:
    if one.channels is not None:
        yield f"    channels: {one.channels}{_remark('by its model')}"
    if one.kind.startswith("line."):
        yield "    password: {env: RELAY_PASSWORD}   # export it before each run, or write {file: PATH}"
        yield "    relays: 8                         # how many the board has: 8, 16, 32; pins count from 0"
        yield "    inputs: 10                        # how many inputs it has, counted from 0"


def _setting(key: str) -> str:
    return {
        "identity": "what it said: exchanged supplies are noticed",
        "user": "the maker's factory setting",
    }.get(key, "")


def _slot(draft: Draft, found: Survey) -> Iterator[str]:
    power = draft.profile.power
    yield f"  {draft.name}:{_remark(f'seen as {draft.seen}' if draft.seen else '')}"
    yield f"    series: {_value(draft.series)}"
    if draft.variant:
        yield f"    variant: {_value(draft.variant)}"
    else:
        yield "    # variant: left away, the module says it; name it and runs refuse another one"
    if draft.supply:
        yield "    power:"
        yield f"      supply: {_value(draft.supply)}"
        yield f"      channel: {_value(draft.channel)}"
        yield f"      voltage_v: {power.vcc_typical_v.value:g}{_remark('typical of the series')}"
        yield f"      current_limit_a: {max(2.5, power.current_limit_min_a.value):g}" + _remark(
            f"at least {power.current_limit_min_a.value:g} A: the peak of a transmit burst"
        )
        yield from _lines(draft, found)
    else:
        yield "    # no power: what cuts the supply is NOT_POSSIBLE. With a supply:"
        volts = f"{power.vcc_typical_v.value:g}"
        yield f"    # power: {{supply: psu1, channel: 1, voltage_v: {volts}, current_limit_a: 2.5}}"
        yield "    # lines: {pwr_on: {on: relays1, pin: 0, active: low}}"
    yield from _ports(draft, found)
    yield f"    sim: {{ref: {_value(draft.sim)}}}{_remark('attaches are counted by this name')}"


def _lines(draft: Draft, found: Survey) -> Iterator[str]:
    yield "    lines:"
    for line, answer in draft.lines.items():
        board, pin = split_wire(answer, tuple(found.boards))
        if line == "v_int":
            yield f"      v_int: {{on: {_value(board)}, input: {_value(pin)}, active: high}}"
            continue
        level = ACTIVE_LEVELS[line].value
        yield f"      {line}: {{on: {_value(board)}, pin: {_value(pin)}, active: {level}}}"
    missing = [line for line in ("reset_n", "usb_boot", "vusb_det", "v_int") if line not in draft.lines]
    if missing:
        yield f"      # not named: {', '.join(missing)} (docs/wiring.md)"


def _ports(draft: Draft, found: Survey) -> Iterator[str]:
    yield "    ports:"
    adapter = split_adapter(draft.uart)
    if adapter is not None:
        interface = "" if adapter[1] is None else f", interface: {adapter[1]}"
        yield f"      uart: {{location: {json.dumps(adapter[0])}{interface}}}"
    elif draft.uart:
        yield f"      uart: {{url: {_value(draft.uart)}}}"
    elif found.adapters:
        seen = "; ".join(f"{one.location}, {one.words}, {len(one.ttys)} ports" for one in found.adapters)
        yield f'      # uart: {{location: "..."}}   adapters that were seen: {seen}'
    if draft.location:
        where = "the hub path that the module is plugged at" if not is_gap(draft.location) else ""
        yield f"      usb: {{location: {json.dumps(draft.location)}}}{_remark(where)}"


def _rest(found: Survey, drafts: tuple[Draft, ...], apn: str) -> Iterator[str]:
    yield ""
    yield f"network: {{apn: {_value(apn)}}}"
    yield ""
    yield "services:"
    yield "  icmp: {name: www.google.com}   # suites name roles; more of them: docs/rig-file.md"
    yield ""
    yield "far_side: {kind: none}           # nothing makes the network act: what needs it is NOT_POSSIBLE"
    yield "attach_budget: {capacity: 20, refill_per_hour: 20}   # operators ban SIMs that attach more often"
    for one in adapters_unused(found, drafts):
        yield f"# not used: serial adapter at {one.location} ({one.words})"
    for note in found.notes:
        yield f"# not used: {' '.join(note.split())[:150]}"


def _value(value: object) -> str:
    """A YAML scalar: names as they are, all other texts in double quotes."""
    if isinstance(value, str) and _PLAIN.fullmatch(value) is None:
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def _remark(text: str) -> str:
    return f"   # {text}" if text else ""
