"""``cellbench conform``: a capture against the virtual module of its series, variant and firmware."""

from __future__ import annotations

import shlex
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from cellbench.base.errors import UsageError
from cellbench.bridge.comparing import Found, Limits, compare, playable
from cellbench.bridge.learning import chosen, learn
from cellbench.bridge.masking import Masker
from cellbench.bridge.model import Capture, Exchange, read_capture
from cellbench.bridge.playing import bench_values, question_of
from cellbench.bridge.taking import bring_online, player_for, quicker, settle
from cellbench.catalogue.overlay import Overlay, filled, literal, read_overlay, write_overlay
from cellbench.host.secrets import Secrets
from cellbench.rig.load import load_rig
from cellbench.roots.launch import launch
from cellbench.session.slot_talk import Talk, talk

_SLOT = "module"
_SHORT_AWAIT_S = 3.0  # for a URC that the module did not send, where an overlay is in force
_WIDTH = 150


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for on the command line."""

    learn: str | None = None
    overlay: Path | None = None
    limits: Limits = field(default_factory=Limits)


def conform(path: Path, wish: Wish) -> int:
    """Play a capture against a virtual rack and print the differences; with ``learn`` write an overlay. 0
    without differences, 1 with."""
    capture, sha256 = read_capture(path)
    if wish.learn is not None and wish.overlay is None:
        raise UsageError("--learn needs a place for what is learnt", remedy="add --overlay FILE")
    known = _known(wish, capture)
    _warn(capture)
    answers, theirs = play(capture, wish.overlay if known is not None else None)
    found = compare(capture, answers, theirs, wish.limits, known)
    for row, one in enumerate(found, 1):
        print("\n".join(_words(row, one)))
    header = capture.header
    print(f"{header.model}, {header.firmware}, grade {header.grade}: {len(capture.exchanges)} commands, "
          f"{len(found) or 'no'} difference{'' if len(found) == 1 else 's'}")
    if wish.learn is not None and wish.overlay is not None and found:
        learnt = learn(capture, sha256, answers, found, chosen(wish.learn, len(found)), theirs, known)
        for one, why in learnt.left:
            print(f"not learnt: {one.command}: {why}")
        write_overlay(wish.overlay, learnt.overlay)
        print(f"learnt {learnt.count}; {wish.overlay} has {len(learnt.overlay.edits)} edits")
    return 1 if found else 0


def _known(wish: Wish, capture: Capture) -> Overlay | None:
    """The overlay that is there already; a new file is no mistake where something is to be learnt."""
    if wish.overlay is None or (wish.learn is not None and not wish.overlay.exists()):
        return None
    known, header = read_overlay(wish.overlay), capture.header
    if known.series is not header.series or known.firmware != header.firmware:
        raise UsageError(f"{wish.overlay} is of {known.series.value}, {known.firmware}; the capture is of "
                         f"{header.series.value}, {header.firmware}", remedy="an overlay is of one firmware")
    return known


def play(capture: Capture, overlay: Path | None) -> tuple[Mapping[int, Exchange], Mapping[str, str]]:
    """What a virtual module answers to a capture's commands, by number and masked, and the stand-ins of its
    identities with their kinds."""
    header = capture.header
    with tempfile.TemporaryDirectory(prefix="cellbench-conform-") as folder:
        launched = launch(load_rig(_rig_file(capture, overlay, Path(folder))), timing=header.timing)
        try:
            with talk(launched.rig, _SLOT, what="conform", power_on=True) as found:
                raw = _play(found, capture, overlay is not None)
        finally:
            launched.stop()
    masker = Masker(header.series, Secrets().redact_text, (
        *(one.payload.rstrip("\x1a") for one in capture.exchanges if one.payload),
        *(_whole_lines(overlay) if overlay is not None else ())))
    masker.learn_all(raw)
    return ({one.n: masker.mask(one) for one in raw},
            {value: kind for kind, value in masker.stand_ins.listed()})


def _whole_lines(overlay: Path) -> list[str]:
    """Lines that an overlay puts there as they stand in a capture: they hold stand-ins, no identities."""
    texts = [edit.by for edit in read_overlay(overlay).edits if edit.by is not None]
    return [filled(one, {}) for one in texts if literal(filled(one, {})) == one]


def _play(found: Talk, capture: Capture, edited: bool) -> list[Exchange]:
    channel, network = found.dut.at, found.rig.model.network_of(_SLOT)
    settle(channel, register=capture.header.conditions.registered)
    player = player_for(found.dut, bench_values(found.rig.model.services))
    raw: list[Exchange] = []
    online = False
    for number, wanted in enumerate(playable(capture), 1):
        if sys.stderr.isatty():
            print(f"\r\x1b[K{number} {wanted.send[:70]}", end="", file=sys.stderr, flush=True)
        if wanted.grade >= 2 and not online:
            bring_online(channel, found.dut.cid, network.apn if network else None)
            online = True
        question = question_of(wanted)
        if question.awaits and not wanted.urcs and edited:
            question = question.model_copy(update={"await_s": min(question.await_s, _SHORT_AWAIT_S)})
        answer = player.ask(question, expecting=bool(wanted.urcs))
        if wanted.grade == 0 and answer.final and Limits().differ(answer.final_s, wanted.final_s):
            answer = quicker(answer, player.ask(question))
        raw.append(answer)
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr)
    return raw


def _rig_file(capture: Capture, overlay: Path | None, folder: Path) -> Path:
    header = capture.header
    slot = f"{_SLOT}={header.series.value}:{header.variant}"
    words = ["cellbench", "virtual", "up", "--slot", slot, "--firmware", f"{_SLOT}:{header.firmware}"]
    if overlay is not None:
        words += ["--overlay", str(overlay.resolve())]
    path = folder / "rig.yaml"
    path.write_text(yaml.safe_dump({
        "rig": "conform", "evidence": "simulated", "launch": shlex.join(words),
        "slots": {_SLOT: {"series": header.series.value, "variant": header.variant}},
    }, sort_keys=False), encoding="utf-8")
    return path


# -- words -----------------------------------------------------------------------------------------


def _warn(capture: Capture) -> None:
    conditions = capture.header.conditions
    if not conditions.registered:
        print(f"note: the capture was taken without registration (SIM {conditions.sim}), the virtual module "
              "has a SIM and a network: differences of such commands are to be expected")


def _words(row: int, one: Found) -> Sequence[str]:
    entry, source = one.entry, one.source
    about = "not in the catalogue" if entry is None else f"{entry.name}, {entry.title}"
    mark = f" ({source.evidence.value}: {source.where})" if source is not None else ""
    lines = [f"{row:3d}  {one.kind.value:11s}  {one.command}  [command {one.n}]",
             f"       module:  {one.module[:_WIDTH]}", f"       virtual: {one.virtual[:_WIDTH]}",
             f"       about:   {about}{mark}"]
    return [*lines, f"       cannot be learnt: {one.why}"] if one.edit is None else lines
