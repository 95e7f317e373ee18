"""Bar: flashing by every way of reaching a tool, on one virtual rack, and what must not be flashed.

The stand-in flasher runs here, by ssh on a server of OpenSSH's on loopback, and in the hands of a person (a
thread that answers the guardian's questions). LARA-R6, whose flashing no source describes, is taken through
the order of steps alone: its tools write nothing, and the image is the release that runs.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil
import yaml

from cellbench.base.errors import CellbenchError, RigError
from cellbench.catalogue.model import Series
from cellbench.guardian.client import GuardianClient
from cellbench.guardian.start import stop
from cellbench.host.firmware.model import Package, PackageKind, Stage
from cellbench.host.transcript import Transcript
from cellbench.rig.bench import Bench
from cellbench.rig.dut import Dut
from cellbench.rig.firmware import load_firmware
from cellbench.rig.flashing import flash, in_boot_mode
from cellbench.rig.load import load_rig
from cellbench.virtual.control.client import request

SUBJECT = "firmware"
BAR = ("Flashing by a program, by ssh, by a person, and in each order of tool and module: the image runs; a "
       "neighbour in boot mode and an interrupted run leave no tool and no USB_BOOT behind.")

ROOT = Path(__file__).resolve().parents[2]
SLOTS = {"one": "LENA-R8:LENA-R8001M10", "two": "LENA-R8:LENA-R8001M10", "r6": "LARA-R6:LARA-R6001"}
WAIT_S = 60.0
# told the module's place in sysfs: it must not be there when the tool begins, and come while it waits
WAITS = ("import os, sys, time\nassert not os.path.exists(sys.argv[1]), 'the module is there already'\n"
         "end = time.monotonic() + 60\n"
         "while not os.path.exists(sys.argv[1]):\n    assert time.monotonic() < end\n    time.sleep(0.05)\n"
         "print('Passed')")
FINDS = "import os, sys\nassert os.path.exists(sys.argv[1]), 'the module is not there'\nprint('Passed')"


@dataclass
class Scene:
    """A rack, and benches on it whose tools differ."""

    folder: Path
    slots: tuple[str, ...] = tuple(SLOTS)
    program: subprocess.Popen[str] = field(init=False)
    rack: Path = field(init=False)
    plain: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.rack = self.folder / "rack"
        os.environ["CELLBENCH_RUNTIME_DIR"] = str(self.folder / "run")
        os.environ["CELLBENCH_LOCK_DIR"] = str(self.folder / "locks")
        slots = [part for name in self.slots for part in ("--slot", f"{name}={SLOTS[name]}")]
        self.program = subprocess.Popen(
            [sys.executable, "-m", "cellbench", "virtual", "up", *slots, "--dir", str(self.rack), "--timing",
             "fast", "--end-with", str(os.getpid())], stdout=subprocess.PIPE, text=True)
        assert self.program.stdout is not None
        json.loads(self.program.stdout.readline())
        self.plain = yaml.load((self.rack / "rig.yaml").read_text(), yaml.CSafeLoader)

    def close(self) -> None:
        """Rack and guardian end."""
        if (self.folder / "run").is_dir():
            stop(self.folder / "run")
        self.program.terminate()
        self.program.communicate(timeout=WAIT_S)

    def ctl(self, slot: str, verb: str, **values: str) -> None:
        """One verb of the control room."""
        answer = request(self.rack, verb, values, slot=slot)
        assert answer["ok"], answer

    def rig_file(self, name: str, tool: dict[str, Any] | None = None, **slots: dict[str, Any]) -> Path:
        """The rack's rig file with another tool, and what slots say of theirs."""
        model = json.loads(json.dumps(self.plain))
        if tool is not None:
            model["instruments"]["flasher1"] = tool
        for settings in model["slots"].values():
            settings.pop("flasher", None)
        for slot, use in slots.items():
            model["slots"][slot]["flasher"] = use
        path = self.rack / f"rig-{name}.yaml"
        path.write_text(json.dumps(model))  # JSON is YAML, and keeps `on` a text
        return path

    @contextlib.contextmanager
    def bench(self, path: Path) -> Iterator[Bench]:
        """A bench of a rig file; everything is off afterwards."""
        bench = Bench(rig=load_rig(path), run="flash", controller_pid=os.getpid(),
                      trace=lambda name: Transcript(), events=lambda name: lambda *event: None,
                      far_side_for=lambda name: None)  # type: ignore[arg-type,return-value]
        try:
            yield bench
        finally:
            bench.close()

    def image(self, installed: str) -> Package:
        """A full image of another release."""
        catalogue = load_firmware(self.rack / "firmware.yaml")
        return next(one for one in catalogue.packages(Series.LENA_R8)
                    if one.kind is PackageKind.FULL and one.end != installed)

    def standin(self, *more: str) -> list[str]:
        """The stand-in flasher's command line."""
        return [sys.executable, "-m", "cellbench.virtual.flasher", *more]


def ready(bench: Bench, name: str) -> Dut:
    """A slot's module, on and answering."""
    slot = bench.slot(name)
    slot.power_on()
    return Dut(slot, slot.channel(slot.roles()[0]))


def by(scene: Scene, name: str, tool: dict[str, Any] | None, use: dict[str, Any]) -> str:
    """Flash slot one with another image; what went wrong, "" when nothing did."""
    with scene.bench(scene.rig_file(name, tool, one=use)) as bench:
        dut = ready(bench, "one")
        before = dut.identify(sim=False).firmware
        image = scene.image(before)
        update = flash(dut, image)
        told = dut.identify(sim=False).firmware
        if (update.before, update.after, told) != (before, image.end, image.end):
            return f"{update.before} to {update.after}, ATI9 tells {told}, not {before} to {image.end}"
        return "" if dut.slot.reading().enabled and not in_boot_mode(dut.slot) else "not as it was before"


# -- ways ------------------------------------------------------------------------------------------


def by_program(scene: Scene) -> str:
    """As the rack declares it."""
    return by(scene, "program", None, {"on": "flasher1"})


def by_ssh(scene: Scene) -> str:
    """The same tool on another host: OpenSSH's server on loopback."""
    with sshd(scene.folder) as host:
        port = str(scene.rack / "one" / "usb" / "fw-update0")
        tool = {"kind": "flasher.ssh", **host, "command": scene.standin("--port", "{port}", "{image}"),
                "progress": r"^progress (\d+)", "passed": "^Passed", "exit_codes": {"unit": [4, 5]}}
        return by(scene, "ssh", tool, {"on": "flasher1", "port": port})


def by_hand(scene: Scene) -> str:
    """A person does it, told by the guardian's question."""
    person = Person(scene)
    person.start()
    try:
        return by(scene, "hand", {"kind": "flasher.manual", "tool": "the tool"}, {"on": "flasher1"}) or (
            "" if person.asked == 1 else f"{person.asked} questions")
    finally:
        person.over.set()
        person.join(WAIT_S)


class Person(threading.Thread):
    """Reads the guardian's question, writes the image with the stand-in, answers as it ended."""

    def __init__(self, scene: Scene) -> None:
        super().__init__(daemon=True)
        self.scene, self.over, self.asked = scene, threading.Event(), 0

    def run(self) -> None:
        seen = -1
        with GuardianClient.connect() as client:
            while not self.over.is_set():
                seen, prompts = client.prompts(seen, 0.5)
                for prompt in prompts:
                    self.asked += 1
                    image = prompt.question.removeprefix("Write ").partition(" (version")[0]
                    node = self.scene.rack / "one" / "usb" / "fw-update0"
                    done = subprocess.run(self.scene.standin("--port", str(node), image), check=False)
                    client.answer(prompt.number, "passed" if done.returncode == 0 else "failed")


def _lara(scene: Scene, entry: str, code: str) -> str:
    """The steps of an entry without USB_BOOT, with a tool that writes nothing."""
    place = str(scene.rack / "sysfs" / "bus" / "usb" / "devices" / "{location}")
    tool = {"kind": "flasher.command", "passed": "^Passed",
            "command": [sys.executable, "-c", code, place, "{image}"]}
    with scene.bench(scene.rig_file(entry, tool, r6={"on": "flasher1", "entry": entry})) as bench:
        dut = ready(bench, "r6")
        release = dut.identify(sim=False).firmware
        path = scene.folder / "image.dof"
        path.write_bytes(b"firmware")
        image = Package(path, Series.LARA_R6, PackageKind.FULL, None, release, 8,
                        hashlib.md5(b"firmware", usedforsecurity=False).hexdigest(),
                        hashlib.sha256(b"firmware").hexdigest())
        update = flash(dut, image)
        return "" if update.after == release else f"ATI9 tells {update.after}"


def tool_first(scene: Scene) -> str:
    """EasyFlash's order on relatives: the tool waits, then the module is switched on."""
    return _lara(scene, "power-on", WAITS)


def while_running(scene: Scene) -> str:
    """A tool that sends a running module into its download mode."""
    return _lara(scene, "running", FINDS)


# -- what must not be ------------------------------------------------------------------------------


def neighbour(scene: Scene) -> str:
    """Slot two's module is in boot mode: the tool is not begun, slot two is named, slot one is off."""
    marker = scene.folder / "begun"
    code = f"open({str(marker)!r}, 'w')"
    tool = {"kind": "flasher.command", "command": [sys.executable, "-c", code, "{image}"]}
    scene.ctl("two", "line", name="usb_boot", state="on")
    scene.ctl("two", "power", state="on")
    try:
        with scene.bench(scene.rig_file("neighbour", tool, one={"on": "flasher1"})) as bench:
            dut = ready(bench, "one")
            image = scene.image(dut.identify(sim=False).firmware)
            try:
                flash(dut, image)
            except RigError as error:
                named = "slot two" in error.message and not marker.exists()
                return "" if named and not dut.slot.reading().enabled else f"{error} begun: {marker.exists()}"
            return "it was flashed"
    finally:
        scene.ctl("two", "power", state="off")
        scene.ctl("two", "line", name="usb_boot", state="off")


def interrupted_run(scene: Scene) -> str:
    """Ctrl-C while a run flashes: of a tool that would go on for an hour, and of what it started, nothing is
    left."""
    slow = scene.folder / "slow.py"
    slow.write_text("import subprocess, sys, time\n"
                    f"child = subprocess.Popen([{sys.executable!r}, '-c', 'import time; time.sleep(3600)'])\n"
                    "print('progress 7', flush=True)\ntime.sleep(3600)\n")
    tool = {"kind": "flasher.command", "command": [sys.executable, str(slow), "{port}", "{image}"],
            "progress": r"^progress (\d+)"}
    path = scene.rig_file("slow", tool, one={"on": "flasher1"})
    log = scene.folder / "run.log"
    with log.open("wb") as out:
        run = subprocess.Popen(
            [sys.executable, "-m", "pytest", str(ROOT / "suites" / "firmware" / "test_flash.py"), "-k",
             "short_instructions and one", "--rig", str(path), "--slot", "one", "--reports", "none",
             "--results", str(scene.folder / "out"), "-p", "no:cacheprovider"],
            cwd=ROOT, stdout=out, stderr=out)
    tools = wait_for(lambda: [one for one in family(run.pid) if str(slow) in " ".join(cmdline(one))])
    started = [*tools, *(child for one in tools for child in one.children(recursive=True))]
    run.send_signal(signal.SIGINT)
    run.wait(WAIT_S)
    left = [one.pid for one in started if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
    if not tools or left or run.returncode != 2:
        return f"{len(tools)} tools, left are {left}, exit code {run.returncode}: {log.read_text()[-600:]}"
    return ""


def cut_then_anew(scene: Scene) -> str:
    """Cut in the middle of the writing: boot mode at every start, then flashed anew, whatever it was."""
    with scene.bench(scene.rig_file("cut", one={"on": "flasher1"})) as bench:
        dut = ready(bench, "one")
        image = scene.image(dut.identify(sim=False).firmware)

        def cut(event: Any) -> None:
            if event.stage is Stage.WRITING and event.at >= 60:
                dut.slot.power_off(hard=True, cause="cut")

        with contextlib.suppress(CellbenchError):
            flash(dut, image, cut)
        dut.slot.power_on(sync=False)
        dut.slot.ports.view(WAIT_S)
        if not in_boot_mode(dut.slot):
            return "it is not in boot mode after the cut"
        update = flash(dut, image)
        done = (update.before, update.after) == ("", image.end)
        return "" if done else f"{update.before} to {update.after}"


# -- helpers ---------------------------------------------------------------------------------------


def wait_for(find: Callable[[], list[psutil.Process]]) -> list[psutil.Process]:
    """What ``find`` finds, within a minute."""
    end = time.monotonic() + WAIT_S
    while not (found := find()) and time.monotonic() < end:
        time.sleep(0.05)
    return found


def family(pid: int) -> list[psutil.Process]:
    """All that a process has started."""
    with contextlib.suppress(psutil.Error):
        return psutil.Process(pid).children(recursive=True)
    return []


def cmdline(one: psutil.Process) -> list[str]:
    """Its command line; nothing for one that has gone."""
    with contextlib.suppress(psutil.Error):
        return one.cmdline()
    return []


def _judge() -> ModuleType:
    """The tests of flasher.ssh, which know how to start a server."""
    spec = importlib.util.spec_from_file_location(
        "cellbench_flasher_ssh", ROOT / "tests" / "instruments" / "test_flasher_ssh.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@contextlib.contextmanager
def sshd(folder: Path) -> Iterator[dict[str, Any]]:
    """A server of OpenSSH's, and the settings that reach it."""
    place = folder / "sshd"
    place.mkdir()
    with contextlib.contextmanager(_judge().serve)(place) as host:
        yield {key: value for key, value in host.items() if key != "place"}


WAYS: dict[str, Callable[[Scene], str]] = {
    "a program on this host": by_program, "a program by ssh": by_ssh, "a person": by_hand,
    "the tool first, then the module (LARA-R6)": tool_first, "the module running (LARA-R6)": while_running,
    "another slot's module in boot mode is named, no tool begins": neighbour,
    "Ctrl-C in a run leaves no tool behind": interrupted_run,
    "cut while it was written, then anew": cut_then_anew}


def main(slots: tuple[str, ...] = tuple(SLOTS), ways: tuple[str, ...] = ()) -> list[dict[str, object]]:
    """A row for each way (default: all)."""
    rows: list[dict[str, object]] = []
    before = dict(os.environ)
    with tempfile.TemporaryDirectory() as folder:
        scene = Scene(Path(folder), slots)
        try:
            for what in ways or WAYS:
                began, way = time.monotonic(), WAYS[what]
                try:
                    wrong = way(scene)
                except (CellbenchError, AssertionError) as error:
                    wrong = f"{type(error).__name__}: {error}"
                rows.append({"what": f"flashing: {what}", "goal": "holds",
                             "figure": wrong or f"holds, {time.monotonic() - began:.0f} s", "met": not wrong})
        finally:
            scene.close()
            os.environ.clear()
            os.environ.update(before)
    return rows


if __name__ == "__main__":
    for row in main():
        print(row)
