"""The virtual rack: modules wired to supplies, relay boards, UART adapters and a USB tree.

One asyncio loop carries everything; there is no thread per slot.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Protocol

from cellbench.base.protocols import ServerPark
from cellbench.catalogue.model import Series
from cellbench.catalogue.modules import profile_for
from cellbench.catalogue.modules.model import ModuleProfile, UsbComposition
from cellbench.catalogue.overlay import Overlay, contributed

from .bench.air import Air
from .bench.analyser import Analyser
from .bench.attenuator import Attenuator
from .bench.dialects.generic import GENERIC
from .bench.dialects.model import Family
from .bench.output import SupplyOutput
from .bench.probe import answers_at
from .bench.relays import INPUTS, RELAYS, RelayBoard, Wiring
from .bench.supply import Supply
from .bench.uart import UartAdapter, UartEnd
from .bench.uart_pty import PtyUart
from .bench.usb import Identity, UsbPlug
from .bench.usb_host import FAST, REAL, UsbHost
from .bench.waveform import Format
from .device.config import ModuleConfig, Timing, config_for
from .device.module import Input, Module, Output
from .front.firmware_edits import FirmwareEdits
from .net.internet import Internet
from .net.telephone.network import TelephoneNetwork
from .slots import Extra, SlotSpec, UartKind
from .wiring import INPUT_LINES, RELAY_LINES, DrivenLines, ModuleAuxUart, ModuleUart
from .world.world import World, load_world

LOG = logging.getLogger("cellbench.virtual")
SLOTS_PER_BOARD = min(RELAYS // len(RELAY_LINES), INPUTS // len(INPUT_LINES))
VCC_SETTLE_S = 0.02
PULSE_MARGIN_S = 0.05
CYCLE_OFF_S = 0.3
"""How long ``power state=cycle`` keeps the supply off."""


class RunningPark(ServerPark, Protocol):
    """A park of servers that the rack starts and stops."""

    async def start(self, definitions: Mapping[str, object]) -> None:
        """Bring up the servers of the world file's ``servers`` on free loopback ports."""
        ...

    async def stop(self) -> None:
        """End them all."""
        ...


ParkFactory = Callable[[], RunningPark]


@dataclass(frozen=True, slots=True)
class RackPlan:
    """What a rack shall be: slots, directory, pace, seed of everything random."""

    slots: tuple[SlotSpec, ...]
    directory: Path
    timing: Timing = Timing.FAST
    seed: int = 0
    settings: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """Doubtful facts changed, by slot and name (device.behaviour)."""
    supply: Family = GENERIC
    """Dialect of the supplies."""
    extras: frozenset[Extra] = frozenset()
    """Instruments beyond supplies and lines."""
    uart: UartKind = UartKind.RFC2217
    """How the UARTs are offered."""
    firmware: Mapping[str, str] = field(default_factory=dict)
    """Firmware at delivery, by slot; else the world's."""
    overlays: tuple[Overlay, ...] = ()
    """What firmwares do otherwise; those in the package hold as well."""
    taps: bool = False
    """Network interfaces of the modules are the kernel's own."""

    @property
    def feeding(self) -> tuple[int, ...]:
        """Channels of a supply, from 0, that can feed these modules."""
        power = [profile_for(spec.series, spec.variant).power for spec in self.slots]
        return self.supply.usable(max(one.vcc_typical_v.value for one in power),
                                  max(one.current_limit_min_a.value for one in power))


@dataclass(slots=True)
class VirtualSlot:
    """One slot with its module and everything that is wired to it."""

    name: str
    profile: ModuleProfile
    directory: Path
    module: Module
    lines: DrivenLines
    output: SupplyOutput
    uart: UartAdapter | PtyUart
    aux_uart: UartAdapter | PtyUart | None
    """Of a module that can have an auxiliary UART, whatever it is set to now."""
    usb: UsbPlug
    supply: int
    """Number of its supply, from 1, and ``channel`` of it, from 1."""
    channel: int
    board: int
    """Number of its relay board, from 1; ``first_pin``: its first relay and first input there."""
    first_pin: int
    rated_a: float
    """Highest current limit of its channel."""
    on: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while V_INT is high."""
    power_task: asyncio.Task[None] | None = None

    @property
    def uarts(self) -> tuple[UartAdapter | PtyUart, ...]:
        """All that there are."""
        return (self.uart,) if self.aux_uart is None else (self.uart, self.aux_uart)

    @property
    def current_limit_a(self) -> float:
        """The limit that a careful technician sets for this module, in ampere."""
        return min(self.profile.power.current_limit_max_a.value, self.rated_a)


class Rack:
    """All slots of a directory, between ``start`` and ``stop``."""

    def __init__(self, plan: RackPlan, park: RunningPark | None = None) -> None:
        self.plan = plan
        self.directory = plan.directory
        self.world: World = load_world()
        self.park = park
        self.internet = Internet(self.world, park)
        self.telephones = TelephoneNetwork()
        self.slots: dict[str, VirtualSlot] = {}
        self.supplies: list[Supply] = []
        self.boards: list[RelayBoard] = []
        self.supply_ports: list[int] = []
        self.board_ports: list[int] = []
        self.usb_host: UsbHost | None = None
        self.analyser: tuple[Analyser, int] | None = None
        """With its port, as the attenuator."""
        self.attenuator: tuple[Attenuator, int] | None = None

    @property
    def sysfs(self) -> Path:
        """Root of the USB tree."""
        return self.directory / "sysfs"

    @property
    def dev(self) -> Path:
        """Directory of the device nodes."""
        return self.directory / "dev"

    async def start(self) -> None:
        """Bring up modules (without supply), instruments, adapters."""
        if self.park is not None:
            await self.park.start(self.world.definitions())
        delays = FAST if self.plan.timing is Timing.FAST else REAL
        self.usb_host = UsbHost(asyncio.get_running_loop(), self.sysfs, self.dev, delays, self.plan.seed,
                                taps=self.plan.taps)
        counts: dict[Series, int] = {}
        for index, spec in enumerate(self.plan.slots):
            self.slots[spec.name] = self._slot(spec, index, counts.get(spec.series, 0), self.usb_host)
            counts[spec.series] = counts.get(spec.series, 0) + 1
        await self._start_instruments()
        await self._start_extras()
        for slot in self.slots.values():
            for uart in slot.uarts:
                await uart.start()

    async def stop(self, cause: str) -> None:
        """Switch everything off and leave nothing running."""
        for slot in self.slots.values():
            if slot.power_task is not None:
                slot.power_task.cancel()
        if self.usb_host is not None:
            self.usb_host.vanish()
        for supply in self.supplies:
            await supply.stop(cause)
        for board in self.boards:
            await board.stop()
        for extra in (self.analyser, self.attenuator):
            if extra is not None:
                await extra[0].stop()
        for slot in self.slots.values():
            for uart in slot.uarts:
                await uart.stop()
            await slot.module.close()
            slot.usb.close()
        if self.usb_host is not None:
            self.usb_host.close()
        await self.internet.close()
        if self.park is not None:
            await self.park.stop()

    def power_on(self, slot: VirtualSlot, cause: str) -> None:
        """Supply on, then the profile's PWR_ON pulse; returns at once. A module that is on stays on."""
        self._replace(slot, self._switch_on(slot, cause))

    def power_off(self, slot: VirtualSlot, cause: str) -> None:
        """Cut the supply at once."""
        self._replace(slot, None)
        slot.output.switch(False, cause)

    def power_cycle(self, slot: VirtualSlot, cause: str) -> None:
        """Cut the supply, wait, switch on; returns at once."""
        self.power_off(slot, cause)
        self._replace(slot, self._switch_on(slot, cause, after_s=CYCLE_OFF_S))

    async def ready(self, slot: VirtualSlot) -> None:
        """Wait until the module is on, answers AT and shows all its USB ports."""
        await slot.on.wait()
        await slot.usb.wait_complete()
        await answers_at(slot.usb.links / "at0")

    def _replace(self, slot: VirtualSlot, work: object) -> None:
        if slot.power_task is not None:
            slot.power_task.cancel()
            slot.power_task = None
            slot.lines.lend(Input.PWR_ON, False)
        if asyncio.iscoroutine(work):
            slot.power_task = asyncio.get_running_loop().create_task(work)

    async def _switch_on(self, slot: VirtualSlot, cause: str, after_s: float = 0.0) -> None:
        power = slot.profile.power
        await asyncio.sleep(after_s)
        output = slot.output
        output.clear_trip()
        output.voltage_v = power.vcc_typical_v.value
        output.current_limit_a = slot.current_limit_a
        output.switch(True, cause)
        if slot.on.is_set():
            return
        slot.lines.lend(Input.VUSB_DET, True)
        await asyncio.sleep(VCC_SETTLE_S)
        slot.lines.lend(Input.PWR_ON, True)
        try:
            await asyncio.sleep(power.pwr_on_pulse_s.value[0] + PULSE_MARGIN_S)
        finally:
            slot.lines.lend(Input.PWR_ON, False)

    def _with_firmware(self, spec: SlotSpec, config: ModuleConfig) -> ModuleConfig:
        """The configuration with the firmware that was asked for, and with what is known of it."""
        firmware = self.plan.firmware.get(spec.name, config.firmware)
        told = [one for one in self.plan.overlays if one.series is spec.series]
        edits = FirmwareEdits.of((*contributed(spec.series, firmware), *told))
        return replace(config, firmware=firmware, edits=edits)

    def _slot(self, spec: SlotSpec, index: int, of_series: int, host: UsbHost) -> VirtualSlot:
        profile = profile_for(spec.series, spec.variant)
        directory = self.directory / spec.name
        directory.mkdir(exist_ok=True)
        config = config_for(profile, self.world.raw, timing=self.plan.timing, index=of_series,
                            behaviour=self.plan.settings.get(spec.name))
        config = self._with_firmware(spec, config)
        module = Module(spec.name, profile, config, directory / "nvm.json", internet=self.internet,
                        telephones=self.telephones)
        seed = self.plan.seed * 1000 + index
        lines = DrivenLines(module)
        feeding = self.plan.feeding
        place = feeding[index % len(feeding)]
        slot = VirtualSlot(
            name=spec.name, profile=profile, directory=directory, module=module, lines=lines,
            output=SupplyOutput(module, directory / "supply.log", seed, on_off=lines.supply_off),
            uart=self._uart(ModuleUart(module), seed, directory / "uart"),
            aux_uart=self._aux_uart(module, seed, directory),
            usb=UsbPlug(host, index + 1, directory / "usb", module.usb_port,
                        lambda: Identity("u-blox", config.model, config.imei), lambda: module.lan),
            supply=index // len(feeding) + 1, channel=place + 1,
            rated_a=self.plan.supply.ratings[place].amperes,
            board=index // SLOTS_PER_BOARD + 1, first_pin=index % SLOTS_PER_BOARD * len(RELAY_LINES))
        module.uart.transmit = slot.uart.transmit
        if isinstance(slot.uart, UartAdapter):  # a pseudo-terminal has no characters
            slot.uart.module_format = lambda: Format(*module.uart.frame)
        if slot.aux_uart is not None:
            module.aux.transmit, module.aux.on_cts = slot.aux_uart.transmit, slot.aux_uart.lines_changed
        module.on_output = partial(self._output_changed, slot)
        module.on_usb = partial(self._usb_changed, slot)
        module.sleep.usb_resumed = lambda: slot.usb.resumed
        return slot

    def _uart(self, end: UartEnd, seed: int, node: Path) -> UartAdapter | PtyUart:
        """A UART of a slot as the plan wants it; as a device node it is DIR/SLOT/uart."""
        return PtyUart(end, seed, node) if self.plan.uart is UartKind.PTY else UartAdapter(end, seed)

    def _aux_uart(self, module: Module, seed: int, directory: Path) -> UartAdapter | PtyUart | None:
        """The adapter of the auxiliary UART, for a module that can have one."""
        if not any(one.aux_uart for one in module.profile.usb):
            return None
        return self._uart(ModuleAuxUart(module), seed + 500, directory / "aux_uart")

    def _output_changed(self, slot: VirtualSlot, pin: Output, level: bool) -> None:
        if pin is Output.V_INT:
            if level:
                slot.on.set()
            else:
                slot.on.clear()
                for uart in slot.uarts:
                    uart.line_broke()
        else:
            slot.uart.lines_changed()

    def _usb_changed(self, slot: VirtualSlot, composition: UsbComposition | None) -> None:
        LOG.info("%s: USB %s", slot.name, "gone" if composition is None else composition.name)
        slot.usb.composition_changed(composition)

    async def _start_instruments(self) -> None:
        slots = list(self.slots.values())
        family = self.plan.supply
        for number in range(1, max(slot.supply for slot in slots) + 1):
            fed = {slot.channel: slot.output for slot in slots if slot.supply == number}
            outputs = [fed.get(channel) or SupplyOutput(None, None, 0)
                       for channel in range(1, len(family.ratings) + 1)]
            supply = Supply(number, outputs, family)
            self.supplies.append(supply)
            self.supply_ports.append(await supply.start())
        for number, first in enumerate(range(0, len(slots), SLOTS_PER_BOARD), 1):
            board = RelayBoard(_wiring(slots[first:first + SLOTS_PER_BOARD]), name=f"{number:08d}")
            self.boards.append(board)
            self.board_ports.append(await board.start())

    async def _start_extras(self) -> None:
        modules = [slot.module for slot in self.slots.values()]
        air = Air([module.network for module in modules],
                  lambda: any(module.radio.connected for module in modules), self.plan.seed)
        if Extra.ANALYSER in self.plan.extras:
            analyser = Analyser(1, air.power_dbm)
            self.analyser = (analyser, await analyser.start())
        if Extra.ATTENUATOR in self.plan.extras:
            attenuator = Attenuator(1, air.attenuate)
            self.attenuator = (attenuator, await attenuator.start())


def _wiring(slots: list[VirtualSlot]) -> Wiring:
    """The board of some slots: four relays and four inputs each, in the slots' order."""
    relays: dict[int, Callable[[bool], None]] = {}
    inputs: dict[int, Callable[[], bool]] = {}
    for slot in slots:
        for offset, line in enumerate(RELAY_LINES):
            relays[slot.first_pin + offset] = partial(slot.lines.relay, line)
        for offset, sensed in enumerate(INPUT_LINES):
            inputs[slot.first_pin + offset] = partial(slot.module.output, sensed)
    return Wiring(relays, inputs)
