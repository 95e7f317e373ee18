"""``cellbench capture``: what one module answers, in a file without persons, for who has none."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cellbench import __version__
from cellbench.base.errors import OperatorError, RigError, UsageError
from cellbench.bridge.masking import Masker
from cellbench.bridge.model import Capture, write_capture
from cellbench.bridge.playing import bench_values
from cellbench.bridge.questions import GRADES, Plan, plan_for
from cellbench.bridge.taking import Facts, Taking, capture_of, identify, masked, player_for, settle
from cellbench.catalogue.modules import profile_by_identity, profile_for
from cellbench.host.secrets import Secrets
from cellbench.instruments.settings import Secret
from cellbench.rig.load import LoadedRig, load_rig
from cellbench.rig.secrets import resolve_secret
from cellbench.roots.launch import launch
from cellbench.session.slot_talk import Talk, talk

_SYNC_S = 10.0


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for on the command line."""

    slot: str | None
    grade: int = 0
    out: Path | None = None
    yes: bool = False
    patterns: tuple[str, ...] = ()
    power_on: bool = False
    port: str | None = None


def capture(path: Path, wish: Wish) -> int:
    """Show the plan, ask for consent, take the capture, write it. 0, or 1 when nobody consented."""
    rig = load_rig(path)
    name = _slot_of(rig, wish.slot)
    launched = launch(rig) if rig.model.launch is not None else None
    try:
        rig = launched.rig if launched is not None else rig
        model = rig.model.slots[name]
        values = bench_values(rig.model.services)
        plan = plan_for(profile_for(model.series, model.variant), wish.grade, values, wish.patterns)
        _show(plan, name, wish.grade)
        if not plan.questions:
            raise UsageError("no command fits", remedy="--only takes names like '+CREG' or '+C*'")
        if not wish.yes and not _consents():
            print("nothing was sent")
            return 1
        on = wish.power_on or launched is not None
        with talk(rig, name, what="capture", power_on=on, port=wish.port) as found:
            taken = take(found, name, plan, values, wish.grade, progress=_progress)
    finally:
        if launched is not None:
            launched.stop()
    out = wish.out or Path(_file_name(taken))
    write_capture(out, taken)
    _say(taken, out)
    return 0


def take(found: Talk, name: str, plan: Plan, values: dict[str, str], grade: int,
         progress: Callable[[int, str], None]) -> Capture:
    """Take the capture of a module that is on, masked."""
    rig, model, channel = found.rig, found.rig.model.slots[name], found.dut.at
    network = rig.model.network_of(name)
    apn = network.apn if network else None
    pin = _secret(rig, model.sim.pin if model.sim else None, "sim.pin")
    channel.sync(_SYNC_S)
    before = [channel.send(f"AT{name}?", check=False).info for name in ("+CMEE", "+CMGF")]
    taking = Taking(found.dut, player_for(found.dut, dict(values)), progress)
    try:
        conditions = settle(channel, pin)
        told = identify(channel)
        mark = channel.urcs.mark()
        taking.run(plan, apn)
    finally:
        for line in (line for info in before for line in info):
            channel.send(f"AT{line.replace(': ', '=')}", check=False)
    masker = Masker(model.series, _blank(found, name),
                    [one.payload.rstrip("\x1a") for one in plan.questions if one.payload])
    for number in (model.sim.number if model.sim else None, model.imei):
        if number:
            masker.stand_ins.learn("imei" if number == model.imei else "number", number)
    strays = [event.prefix for event in channel.urcs.since(mark) if event.prefix not in taking.player.awaited]
    facts = Facts(f"cellbench {__version__}", f"{datetime.now(UTC):%Y-%m-%d}", grade,
                  rig.model.evidence.value, rig.model.timing, found.role)
    return capture_of(told, conditions, facts, model.series, _variant(found, name, told[0]),
                      masked(taking.raw, masker), masker, strays)


def _blank(found: Talk, name: str) -> Callable[[str], str]:
    """What blanks the secrets that this rig and this conversation know."""
    rig, own = found.rig, Secrets()
    model, network = rig.model.slots[name], rig.model.network_of(name)
    known = [(model.sim.pin if model.sim else None, "sim.pin"),
             (network.password if network else None, "network.password"),
             *((one.password, f"services.{role}.password") for role, one in rig.model.services.items())]
    for secret, where in known:
        value = _secret(rig, secret, where)
        if value is not None:
            own.learn(value.encode("latin-1", "replace"))
            own.learn(value.encode("latin-1", "replace").hex().upper().encode())
    heard = found.dut.at.secrets
    return lambda text: own.redact_text(heard.redact_text(text))


def _variant(found: Talk, name: str, told: str) -> str:
    """The variant as the rig file has it, else as the module tells it."""
    model = found.rig.model.slots[name]
    if model.variant is not None:
        return model.variant
    profile = profile_by_identity(told)
    if profile.series is not model.series:
        raise RigError(f"slot {name} holds a {told}, the rig file says {model.series.value}",
                       remedy="correct series in the rig file")
    return profile.variant


def _secret(rig: LoadedRig, secret: Secret | None, where: str) -> str | None:
    return None if secret is None else resolve_secret(secret, rig.path, where)


def _slot_of(rig: LoadedRig, name: str | None) -> str:
    names = tuple(rig.model.slots)
    if name is None and len(names) == 1:
        return names[0]
    if name not in names:
        raise UsageError(f"{rig.path} has {'no slot ' + name if name else 'several slots'}; "
                         f"it has {', '.join(names)}", remedy="name one: --slot NAME")
    return name


# -- words -----------------------------------------------------------------------------------------


def _show(plan: Plan, name: str, grade: int) -> None:
    print(f"Capture of slot {name}:")
    for number in range(grade + 1):
        ours = Plan(tuple(one for one in plan.questions if one.grade == number), ())
        print(f"  grade {number}: {len(ours.questions):3d} commands  {GRADES[number]}")
        if number:
            print("           " + "\n           ".join(_folded([_with_values(one.send, one.toggles)
                                                                 for one in ours.questions])))
    for lack in plan.lacks:
        print(f"  left out: {lack}")
    cost = plan.cost()
    print(f"It takes about {_minutes(cost.seconds)} and costs {_count(cost.attaches, 'attach', 'attaches')}, "
          f"{_count(cost.writes, 'write to memory', 'writes to memory')} at most, "
          f"{_count(cost.octets, 'byte', 'bytes')} over the air.")


def _with_values(send: str, toggles: tuple[int, ...]) -> str:
    return f"{send.rstrip('?')}={','.join(map(str, toggles))}" if toggles else send


def _folded(words: Sequence[str]) -> list[str]:
    lines, line = [], ""
    for word in words:
        if line and len(line) + len(word) > 95:
            lines.append(line)
            line = ""
        line += ("  " if line else "") + word
    return [*lines, line]


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} minutes"


def _count(number: int, one: str, many: str) -> str:
    return f"{number or 'no'} {one if number == 1 else many}"


def _consents() -> bool:
    if not sys.stdin.isatty():
        raise OperatorError("nobody can be asked here", remedy="read the plan, then add --yes")
    return input("Go on? [y/N] ").strip().lower() in ("y", "yes")


def _progress(number: int, send: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{number} {send[:70]}", end="", file=sys.stderr, flush=True)


def _file_name(taken: Capture) -> str:
    header = taken.header
    text = f"{header.model}_{header.firmware}_grade{header.grade}.capture.jsonl"
    return re.sub(r"[^A-Za-z0-9._\-]+", "-", text)


def _say(taken: Capture, out: Path) -> None:
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr)
    header, refused = taken.header, sum(one.final != "OK" for one in taken.exchanges)
    print(f"{header.model}, {header.firmware}: {len(taken.exchanges)} commands, {refused} of them refused; "
          f"{_count(len(header.stand_ins), 'identity', 'identities')} replaced")
    if not header.conditions.registered:
        print(f"the module was not registered (SIM {header.conditions.sim}): commands of SIM and network "
              "will differ from the virtual module's")
    print(f"wrote {out}; look through it, then: cellbench conform {out}")
