"""The equipment of one process of a run: its bench, the modules in it, their transcripts, the canaries."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cellbench.base.clock import Deadline
from cellbench.base.errors import CellbenchError, NotPossible, OperatorError, RigError
from cellbench.host.clients.sim_model import SimState
from cellbench.host.transcript import Transcript
from cellbench.host.wear import NvmWatch, Wear
from cellbench.io.pipe import PortLost, PortMissing
from cellbench.record.attempt import Kind, TraceFile
from cellbench.record.header import InstrumentEntry, UnitEntry
from cellbench.record.transcript import write_transcript
from cellbench.rig.bench import Bench
from cellbench.rig.capabilities import Capability, require
from cellbench.rig.destructive import must_be_stated
from cellbench.rig.dut import Dut, DutState
from cellbench.rig.load import LoadedRig, complete, load_rig
from cellbench.rig.reboot import restart, wake
from cellbench.rig.schema import Apn
from cellbench.rig.schema_service import Service
from cellbench.rig.secrets import resolve_secret
from cellbench.rig.services import Services
from cellbench.rig.slot import PowerState, Slot
from cellbench.rig.updating import Updater
from cellbench.rig.usb_loss import explain_loss, was_asked_for
from cellbench.roots.farside import far_side
from cellbench.roots.launch import Launched, launch
from cellbench.session.bystander import RunBystander
from cellbench.session.canaries import look
from cellbench.session.traces import TraceKeeper
from cellbench.session.verdicts import Canary

if TYPE_CHECKING:
    from cellbench.session.run import Run

_LAUNCH_WAIT_S = 90.0
_FAR_SIDE = "far-side:"


class Equipment:
    """Opened at the first test that needs a slot; closed at the end of the session."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._launched: Launched | None = None
        self._transcripts: dict[str, Transcript] = {}
        self._marks: dict[str, int] = {}
        self._wear: dict[str, NvmWatch] = {}
        self._distrusted: set[str] = set()
        self._imeis: dict[str, str] = {}  # slot → the module that was identified there
        self._locked: set[str] = set()  # slots whose SIM asks for its PIN at each start
        self.borrowed = ""  # in a worker: the second slot of the procedure under way
        self.rig = self._find_rig()
        self.traces = TraceKeeper(self.rig.model, run.config.getoption("--traces", None))
        self.bench = Bench(
            rig=self.rig,
            run=run.id,
            controller_pid=self._controller_pid(),
            trace=self._transcript,
            events=self._event_sink,
            far_side_for=lambda slot: far_side(self.rig, slot, RunBystander(self)),
            identified=self._note_instruments,
        )

    # -- modules ---------------------------------------------------------------------------------

    def dut_at(self, slot_name: str, state: DutState) -> Dut | None:
        """The module of a slot in a state; None for OFF. A module that an attempt left in doubt is
        power-cycled first. In a worker, NotPossible for a slot that is another worker's."""
        self._must_be_ours(slot_name)
        slot = self.bench.slot(slot_name)
        self.traces.attach(slot)
        self._wear[slot_name] = slot.ports.wear
        doubted = slot_name in self._distrusted
        self._distrusted.discard(slot_name)
        self._let_update_end(slot)
        if slot.model.power is None:
            self._unswitched(slot, state, doubted)
        elif doubted:
            slot.power_off(hard=not self._answers(slot), cause="the last attempt left the module in doubt")
        if state is DutState.OFF:
            if slot.state is not PowerState.OFF:
                slot.power_off(cause="procedure begins from off")
            return None
        if slot.state is not PowerState.ON or not slot.is_powered():
            slot.power_on()
        dut = Dut(slot, slot.channel(_main_role(slot)))
        dut.settle()
        self._identify(dut)
        if state in (DutState.REGISTERED, DutState.ONLINE):
            dut.register(first=lambda: self._enter_pin(dut))
        if state is DutState.ONLINE:
            network = self.rig.model.network_of(slot_name)
            dut.activate(apn=network.apn if network else None)
        return dut

    def distrust(self, slot_name: str) -> None:
        """The last attempt did not pass: the next one begins with a power cycle."""
        self._distrusted.add(slot_name)

    def give_back(self, slot_name: str, cause: str) -> None:
        """Switch a slot off and end its lease, if this process has it; the next use leases it anew."""
        self._distrusted.discard(slot_name)
        self.borrowed = ""
        self.traces.detach(slot_name)
        self.bench.give_back(slot_name, cause)

    def _must_be_ours(self, slot_name: str) -> None:
        if self._run.part.value == "worker" and slot_name not in (*self._run.own_slots, self.borrowed):
            raise NotPossible(
                f"slot {slot_name} is another worker's",
                remedy="run without -n, or write the procedure for two slots",
            )

    @property
    def services(self) -> Mapping[str, Service]:
        """The service map: role → where it is; NotPossible for a role that the rig lacks."""
        return Services(self.rig)

    def network(self, slot_name: str) -> Apn:
        """The network that a slot's SIM meets; RigError when the rig file names none."""
        found = self.rig.model.network_of(slot_name)
        if found is None:
            raise RigError(
                f"{self.rig.path}: slot {slot_name} has no network", remedy="name one under network"
            )
        return found

    def require(self, slot_name: str, needs: Sequence[str]) -> None:
        """NotPossible with the reason when the rig or the far side lacks one of ``needs``."""
        own = [Capability(name) for name in needs if not name.startswith(_FAR_SIDE)]
        require(self.rig.model, slot_name, own)
        far = self.bench.far_side(slot_name)
        lacking = [
            name for name in needs if name.startswith(_FAR_SIDE) and not far.can(name.removeprefix(_FAR_SIDE))
        ]
        if lacking:
            verbs = [name.removeprefix(_FAR_SIDE) for name in lacking]
            why = "; ".join(dict.fromkeys(far.why_not(verb) for verb in verbs))
            raise NotPossible(
                f"the far side of slot {slot_name} cannot {', '.join(verbs)}: {why}",
                remedy="name a far_side in the rig file that can",
            )

    # -- evidence --------------------------------------------------------------------------------

    def canaries(self, slot_name: str, depends_on: Sequence[str]) -> Sequence[Canary]:
        """Look at the rig and at each dependency, now."""
        return look(self.bench.slot(slot_name), self.services, depends_on)

    def stored_settings(self, slot_name: str) -> Wear:
        """What was written to the memory of a slot's module since this was last asked."""
        watch = self._wear.get(slot_name)  # of a slot that may have been given back in the meantime
        if watch is None:
            return Wear()
        wear, clean = watch.take(), self._transcript(slot_name).secrets.redact_text
        return Wear(*(tuple(map(clean, lines)) for lines in (wear.writes, wear.needless, wear.blind)))

    def store_traces(self, attempt: str, slot_name: str, folder: Path) -> list[TraceFile]:
        """Write what passed the slot's ports during an attempt, secrets blanked."""
        transcript = self._transcripts.get(slot_name)
        if transcript is None:
            return []
        since = self._marks.get(slot_name, 0)
        self._marks[slot_name] = transcript.mark()
        return write_transcript(folder, attempt, transcript.records(since))

    def explained(self, slot_name: str, error: BaseException | None) -> BaseException | None:
        """The error itself; in place of the end of a USB port what ended it: supply, hub, cable or module."""
        if not isinstance(error, (PortLost, PortMissing)):
            return error
        try:
            slot = self.bench.slot(slot_name)
            lost = any(role.startswith("at") and channel.lost for role, channel in slot.channels.items())
            if not lost or was_asked_for(slot, slot.settled_ns):
                return error
            loss = explain_loss(slot)
        except CellbenchError:
            return error
        self._run.event("usb-lost", slot_name, loss.seen, {"cause": loss.cause.value})
        return loss.error()

    def close(self) -> None:
        """Switch off, give back, end a rack that this process launched."""
        self.traces.close()
        for slot in self.bench.open_slots():
            self._let_update_end(slot)
        try:
            self.bench.close()
        finally:
            if self._launched is not None:
                self._launched.stop()
                self._launched = None

    # -- inside ----------------------------------------------------------------------------------

    def _let_update_end(self, slot: Slot) -> None:
        """A module that an attempt left in the middle of an update is not cut off in it: what it still writes
        it writes to the end."""
        if not slot.updating or slot.state is not PowerState.ON:
            return
        slot.updating = False
        try:
            Updater(Dut(slot, slot.channel(_main_role(slot)))).recover(None)
        except CellbenchError as error:
            slot.events("update", f"the update that an attempt left did not come to an end: {error}", {})

    def _find_rig(self) -> LoadedRig:
        run = self._run
        if run.rig.model.launch is None:
            return run.rig
        if run.part.value == "worker":
            return complete(run.rig, load_rig(_await_note(run.launch_note)))
        self._launched = launch_for(run)
        return self._launched.rig

    def _controller_pid(self) -> int:
        return os.getppid() if self._run.part.value == "worker" else os.getpid()

    def _note_instruments(self, identities: Mapping[str, str]) -> None:
        """What the header could not know before the rack was up: pace and instruments."""
        kinds = {name: settings.kind for name, settings in self.rig.model.instruments.items()}
        entries = [InstrumentEntry(name, kinds.get(name, ""), told) for name, told in identities.items()]
        self._run.open_journal().append(Kind.FACTS, {"timing": self.rig.model.timing, "instruments": entries})

    def _transcript(self, slot_name: str) -> Transcript:
        return self._transcripts.setdefault(slot_name, Transcript())

    def _event_sink(self, slot_name: str):  # type: ignore[no-untyped-def]
        def sink(what: str, detail: str, values: Mapping[str, str]) -> None:
            self._run.event(what, slot_name, detail, values)

        return sink

    def _identify(self, dut: Dut) -> None:
        name = dut.slot.name
        if name in self._imeis:
            dut.slot.unit.imei = self._imeis[name]
            if name in self._locked:
                self._enter_pin(dut)
            return
        if self._enter_pin(dut):
            self._locked.add(name)
        identity = dut.identify(sim=True)
        must_be_stated(dut.slot, identity.imei)
        self._run.open_journal().append(
            Kind.UNIT,
            UnitEntry(
                name,
                self._run.serials.get(name, ""),
                identity.imei,
                identity.iccid,
                dut.profile.series.value,
                identity.model,
                identity.firmware,
                identity.model,
                0,
            ),
        )
        self._imeis[name] = dut.slot.unit.imei = identity.imei

    def _enter_pin(self, dut: Dut) -> bool:
        """Give the PIN that the SIM asks for; False when it asks for none. OperatorError when the rig file
        names none, or when too few tries are left."""
        sim = dut.sim()
        if sim.awake() is not SimState.PIN:
            return False
        name = dut.slot.name
        model = self.rig.model.slots[name].sim
        if model is None or model.pin is None:
            raise OperatorError(f"the SIM of slot {name} asks for its PIN",
                                remedy=f"name it under slots.{name}.sim.pin: {{file: PATH}} or {{env: NAME}}")
        sim.enter(resolve_secret(model.pin, self.rig.path, f"slots.{name}.sim.pin"))
        return True

    @staticmethod
    def _unswitched(slot: Slot, state: DutState, doubted: bool) -> None:
        """A module whose supply the bench does not switch: it is on, and begun anew by command."""
        if state is DutState.OFF:
            raise NotPossible(
                f"slot {slot.name} has no supply that the bench can switch",
                remedy="name one under power in the rig file",
            )
        if slot.state is not PowerState.ON or not slot.is_powered():
            wake(slot)
        elif doubted:
            restart(slot, "the last attempt left the module in doubt")

    @staticmethod
    def _answers(slot: Slot) -> bool:
        try:
            return slot.channel(slot.roles()[0]).send("AT", timeout_s=1.0, check=False).final.success
        except (CellbenchError, IndexError):
            return False


def _main_role(slot: Slot) -> str:
    """The role of the slot's main port, waited for when it is on USB; RigError when there is none."""
    roles = slot.roles()
    if not roles and slot.model.ports.usb is not None:
        slot.wait_usb(slot.timing.boot_max_s)
        roles = slot.roles()
    if not roles:
        raise RigError(f"slot {slot.name} has no AT port", remedy="name uart or usb under ports")
    return roles[0]


def launch_for(run: Run) -> Launched:
    """Start the rack of a run and leave a note for its workers, also of why it did not come up."""
    try:
        launched = launch(run.rig, timing=run.config.getoption("--timing"))
    except CellbenchError as error:
        _leave_note(run, {"message": error.message, "remedy": error.remedy})
        raise
    _leave_note(run, {"rig_file": str(launched.generated)})
    return launched


def _leave_note(run: Run, note: Mapping[str, str]) -> None:
    run.folder.mkdir(parents=True, exist_ok=True)
    scratch = run.launch_note.with_suffix(".new")
    scratch.write_text(json.dumps(note))
    scratch.replace(run.launch_note)


def _await_note(path: Path) -> Path:
    """The rig file of the rack that the controller has launched; RigError when it has not."""
    import time

    deadline = Deadline.after(_LAUNCH_WAIT_S)
    while not path.exists():
        if deadline.expired:
            raise RigError(f"the controller has launched no rack after {_LAUNCH_WAIT_S:g} s")
        time.sleep(0.02)
    note = json.loads(path.read_text())
    if "rig_file" not in note:
        raise RigError(note["message"], remedy=note["remedy"])
    return Path(note["rig_file"])
