"""The commands: survey, interview, write, validate; or only watch what is plugged."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from cellbench.base.clock import Deadline
from cellbench.base.errors import UsageError
from cellbench.rig.load import validate_file
from cellbench.session.discover.draft import Interview
from cellbench.session.discover.plug import changes, describe, snapshot
from cellbench.session.discover.questions import Asker
from cellbench.session.discover.survey import Survey, survey
from cellbench.session.discover.writing import limits_beside, rig_text

DEFAULT = Path("rigs/bench.local.yaml")


def discover(
    output: Path | None,
    *,
    hosts: Sequence[str] = (),
    resources: Sequence[str] = (),
    answers: Path | None = None,
    sysfs: Path = Path("/sys"),
    dev: Path = Path("/dev"),
    force: bool = False,
) -> int:
    """Write a first rig file; 2 when something in it is still for a person to fill in.

    Nothing is switched and no serial port is opened. Raises UsageError for a file that exists already, and
    for answers that do not fit.
    """
    path = output or (DEFAULT if DEFAULT.parent.is_dir() else Path("bench.yaml"))
    if path.exists() and not force:
        raise UsageError(
            f"{path} exists", remedy="name another file with -o, or add --force to write it anew"
        )
    asker = Asker.reading(answers)
    print(
        f"looking at {sysfs}, VISA{''.join(f', {one}' for one in (*hosts, *resources))} ...", file=sys.stderr
    )
    found = survey(sysfs, dev, hosts, resources)
    _tell(found)
    drafts = Interview(asker, found, sysfs, dev).slots()
    name = asker.text(("rig",), "Name of the rig", default=path.name.partition(".")[0])
    apn = asker.text(("apn",), "Access point name of the SIMs' operator")
    text = rig_text(name, found, drafts, apn, (str(sysfs.absolute()), str(dev.absolute())))
    text += "".join(f"{line}\n" for line in limits_beside(path.absolute().parent, drafts))
    scratch = path.with_name(f".{path.name}.new")
    scratch.write_text(text, encoding="utf-8")
    os.replace(scratch, path)
    print(f"{path}: written, {len(drafts)} slot{'s' if len(drafts) > 1 else ''}")
    findings = validate_file(path)
    for finding in findings:
        print(finding)
    print(f"next: {'fill these in, then ' if findings else ''}cellbench check {path}")
    return 2 if findings else 0


def watch_plugs(seconds: float | None, sysfs: Path = Path("/sys"), dev: Path = Path("/dev")) -> int:
    """Print what appears on USB and what goes, until ``seconds`` have passed (None: until Ctrl-C)."""
    before = snapshot(sysfs, dev)
    deadline = Deadline.after(seconds if seconds is not None else 1e9)
    print("plug something in; Ctrl-C ends", file=sys.stderr, flush=True)
    try:
        for came, device in changes(sysfs, dev, before, deadline):
            print(f"{'+' if came else '-'} {describe(device)}", flush=True)
    except KeyboardInterrupt:
        print(file=sys.stderr)
    return 0


def _tell(found: Survey) -> None:
    for module in found.modules:
        print(f"  module: {module.words} at USB location {module.location}", file=sys.stderr)
    for adapter in found.adapters:
        print(
            f"  serial adapter: {adapter.words} at {adapter.location}, {len(adapter.ttys)} ports",
            file=sys.stderr,
        )
    for one in (*found.supplies, *found.boards):
        print(f"  {one.name}: {one.settings.get('identity') or one.comment} ({one.kind})", file=sys.stderr)
    for note in found.notes:
        print(f"  {note}", file=sys.stderr)
