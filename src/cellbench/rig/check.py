"""Cross checks of a rig file: what no single value shows.

Each check is one function over the model; what it finds carries the line, what is wrong and what to do.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cellbench.base.errors import Finding
from cellbench.catalogue.model import Series
from cellbench.catalogue.modules import profile_for, variants_of
from cellbench.catalogue.modules.model import ModuleProfile
from cellbench.instruments.kinds import Ability, InstrumentClass, find_kind
from cellbench.instruments.settings import RelaySupplySettings, Secret
from cellbench.rig.check_farside import check_far_sides, placed_far_sides, virtual_signs
from cellbench.rig.check_flasher import check_flashers
from cellbench.rig.overlays import mistakes as overlay_mistakes
from cellbench.rig.schema import Evidence, Level, Power, RigFile, ServicesFarSide, Slot, UartPort
from cellbench.rig.strict import nearest
from cellbench.rig.yamlpos import Document, KeyPath, dotted

# LARA-R6 data sheet and LENA-R8 system integration manual: PWR_ON and RESET_N are low active; USB_BOOT and
# VUSB_DET act when high
ACTIVE_LEVELS = {"pwr_on": Level.LOW, "reset_n": Level.LOW, "usb_boot": Level.HIGH, "vusb_det": Level.HIGH}
_GIT_S = 5.0


@dataclass(slots=True)
class _Scene:
    """What a check looks at, and where it says what it found."""

    document: Document
    model: RigFile
    path: Path
    findings: list[Finding] = field(default_factory=list)

    def say(self, place: KeyPath, message: str, remedy: str) -> None:
        """Note a mistake."""
        self.findings.append(self.document.finding(place, message, remedy))

    def named(self, *place: str) -> tuple[str, ...]:
        """The keys that have a value at a place of the file, be it right or wrong."""
        data = self.document.data
        for key in place:
            data = data.get(key) if isinstance(data, dict) else None
        given = [key for key, value in data.items() if value is not None] if isinstance(data, dict) else []
        refused = [path[-1] for path in self.document.refused if path[:-1] == place]
        return (*given, *map(str, refused))

    def profile(self, slot: Slot) -> ModuleProfile:
        """The facts of a slot's module; the series' own when the variant is not known."""
        return profile_for(slot.series, slot.variant if slot.variant in variants_of(slot.series) else None)


def cross_check(document: Document, model: RigFile, path: Path) -> tuple[Finding, ...]:
    """Everything wrong with the file as a whole; ``path`` is where the file lies."""
    scene = _Scene(document, model, path)
    for one in (_equipment, _references, _relay_supplies, _used_twice, _ports_twice, _hub_ports, _products,
                _power, _lines, _rates, _reach, _secrets, _files, _simulation, check_far_sides,
                check_flashers):
        one(scene)
    return tuple(scene.findings)


def file_beside(rig: Path, name: str) -> Path:
    """A file that a rig file names: relative to the rig file, `~` is the home directory."""
    return rig.parent / Path(name).expanduser()


def _equipment(scene: _Scene) -> None:
    """One piece of equipment under two names."""
    seen: dict[str, str] = {}
    for name, settings in scene.model.instruments.items():
        key = find_kind(settings.kind).equipment(settings.model_dump(mode="json"))
        if key in seen:
            scene.say(("instruments", name), f"this is the same equipment as {seen[key]}",
                      f"keep one of them and let the slots name it ({key})")
        seen.setdefault(key, name)


def _references(scene: _Scene) -> None:
    """Instruments that slots name: they exist, are of the right class and have that channel or pin."""
    for place, name, wanted, number, which in _uses(scene.model):
        if name not in scene.model.instruments:
            declared = scene.named("instruments")
            if name not in declared:  # else its own mistakes are told already
                scene.say((*place, _key(wanted)), f"there is no instrument {name}",
                          nearest(name, declared) or "declare it under instruments")
            continue
        settings = scene.model.instruments[name]
        kind = find_kind(settings.kind)
        if kind.serves is not wanted:
            fitting = tuple(other for other, its in scene.model.instruments.items()
                            if find_kind(its.kind).serves is wanted)
            scene.say((*place, _key(wanted)), f"{name} is a {kind.serves.value}, not a {wanted.value}",
                      f"name one of {', '.join(fitting)}" if fitting else f"declare a {wanted.value}")
            continue
        count = kind.pins(settings.model_dump(mode="json"))[1 if which == "input" else 0]
        if count is None:
            continue
        first = 1 if which in ("channel", "port") else 0
        if not first <= number < first + count:
            scene.say((*place, which), f"{name} has no {which} {number}",
                      f"it has {first} to {first + count - 1}" if count else f"it has no {which}s")


def _relay_supplies(scene: _Scene) -> None:
    """Supplies that are contacts: their board is there and has the contacts, each for one use alone."""
    driven = {(use[1], use[3]): use[0] for use in _uses(scene.model) if use[4] == "pin"}
    for name, settings in scene.model.instruments.items():
        if not isinstance(settings, RelaySupplySettings):
            continue
        place: KeyPath = ("instruments", name)
        board = scene.model.instruments.get(settings.board)
        if board is None:
            scene.say((*place, "board"), f"there is no instrument {settings.board}",
                      nearest(settings.board, scene.named("instruments")) or "declare it under instruments")
            continue
        kind = find_kind(board.kind)
        if kind.serves is not InstrumentClass.LINE:
            scene.say((*place, "board"), f"{settings.board} is a {kind.serves.value}, not a line",
                      "name a line board")
            continue
        if Ability.READ_BACK not in kind.abilities or getattr(board, "read_back", True) is False:
            scene.say((*place, "board"), f"{settings.board} ({board.kind}) does not read back what it "
                      "drives: nobody would know whether a slot is without supply", "name a board that does")
            continue
        count = kind.pins(board.model_dump(mode="json"))[0]
        for number, pin in enumerate(settings.pins):
            if count is not None and pin >= count:
                scene.say((*place, "pins", number), f"{settings.board} has no pin {pin}",
                          f"it has 0 to {count - 1}" if count else "it has no pins")
            other = driven.setdefault((settings.board, pin), (*place, "pins", number))
            if other != (*place, "pins", number):
                scene.say((*place, "pins", number), f"pin {pin} of {settings.board} is used by "
                          f"{dotted(other)} too", "give each its own")


def _key(wanted: InstrumentClass) -> str:
    return {InstrumentClass.SUPPLY: "supply", InstrumentClass.HUB: "hub"}.get(wanted, "on")


def _uses(model: RigFile) -> Iterator[tuple[KeyPath, str, InstrumentClass, int, str]]:
    """Each use of an instrument: place, name, class, number, and what the number counts."""
    for slot, settings in model.slots.items():
        if settings.power is not None:
            yield (("slots", slot, "power"), settings.power.supply, InstrumentClass.SUPPLY,
                   settings.power.channel, "channel")
        if settings.usb_power is not None:
            yield (("slots", slot, "usb_power"), settings.usb_power.hub, InstrumentClass.HUB,
                   settings.usb_power.port, "port")
        for name, driven in settings.lines.driven().items():
            yield ("slots", slot, "lines", name), driven.on, InstrumentClass.LINE, driven.pin, "pin"
        for name, read in settings.lines.read().items():
            yield ("slots", slot, "lines", name), read.on, InstrumentClass.LINE, read.input, "input"


def _used_twice(scene: _Scene) -> None:
    """A channel, pin or input that two places use."""
    seen: dict[tuple[str, str, int], KeyPath] = {}
    for place, name, _, number, which in _uses(scene.model):
        other = seen.setdefault((name, which, number), place)
        if other != place:
            scene.say((*place, which), f"{which} {number} of {name} is used by {dotted(other)} too",
                      "give each its own")


def _ports_twice(scene: _Scene) -> None:
    """A port or USB location that two places use."""
    seen: dict[str, KeyPath] = {}
    for slot, settings in scene.model.slots.items():
        for role, uart in _uarts(settings):
            for key in _addresses(uart):
                _once(scene, seen, key, ("slots", slot, "ports", role))
        if settings.ports.usb is not None:
            _once(scene, seen, f"USB location {settings.ports.usb.location}", ("slots", slot, "ports", "usb"))
    modules = {settings.ports.usb.location for settings in scene.model.slots.values() if settings.ports.usb}
    for slot, settings in scene.model.slots.items():
        for role, uart in _uarts(settings):
            if uart.location in modules:
                scene.say(("slots", slot, "ports", role, "location"),
                          f"at USB location {uart.location} is a module's own USB, not a serial adapter",
                          "give the location of the adapter")


def _uarts(slot: Slot) -> Iterator[tuple[str, UartPort]]:
    for role, uart in (("uart", slot.ports.uart), ("aux_uart", slot.ports.aux_uart)):
        if uart is not None:
            yield role, uart


def _addresses(uart: UartPort) -> tuple[str, ...]:
    if uart.url is not None:
        return (uart.url,)
    return (f"USB location {uart.location} interface {uart.interface or 0}",)


def _once(scene: _Scene, seen: dict[str, KeyPath], key: str, place: KeyPath) -> None:
    if key in seen:
        leaf = "url" if "://" in key or key.startswith("/") else "location"
        scene.say((*place, leaf), f"{key} is used by {dotted(seen[key])} too", "give each its own")
    seen.setdefault(key, place)


def _hub_ports(scene: _Scene) -> None:
    """A module that is not behind the hub port which is to switch it."""
    for name, slot in scene.model.slots.items():
        if slot.usb_power is None or slot.ports.usb is None:
            continue
        hub = getattr(scene.model.instruments.get(slot.usb_power.hub), "location", None)
        if not isinstance(hub, str):
            continue
        port, at = slot.usb_power.port, slot.ports.usb.location
        behind = f"{hub}.{port}" if "-" in hub else f"{hub}-{port}"
        # the two halves of a USB 3 hub have the same ports on two buses
        if f"{at.partition('-')[2]}.".startswith(f"{behind.partition('-')[2]}."):
            continue
        scene.say(("slots", name, "usb_power", "port"),
                  f"port {port} of hub {hub} is USB location {behind}, the module is at {at}",
                  "correct the hub's location, the port or ports.usb.location")


def _products(scene: _Scene) -> None:
    """Variants and ordering codes that exist and belong together; limits for products that are here."""
    for name, slot in scene.model.slots.items():
        variants = variants_of(slot.series)
        if slot.variant is not None and slot.variant not in variants:
            scene.say(("slots", name, "variant"), f"{slot.series.value} has no variant {slot.variant}",
                      nearest(slot.variant, variants))
        if slot.ordering_code is None:
            continue
        place: KeyPath = ("slots", name, "ordering_code")
        codes = _ordering_codes(slot.series)
        if slot.ordering_code not in codes:
            scene.say(place, f"{slot.series.value} has no ordering code {slot.ordering_code}",
                      nearest(slot.ordering_code, tuple(codes)))
        elif slot.variant in variants and codes[slot.ordering_code] != slot.variant:
            scene.say(place, f"{slot.ordering_code} is a {codes[slot.ordering_code]}, the slot says "
                      f"{slot.variant}", "correct one of them, or leave variant away")
    products = tuple(product for series in Series
                     for product in (series.value, *variants_of(series), *_ordering_codes(series)))
    for product in scene.model.limits:
        if product not in products:
            scene.findings.append(scene.document.finding(
                ("limits", product), f"{product} is no series, variant or ordering code",
                nearest(product, products), of_key=True))


def _ordering_codes(series: Series) -> dict[str, str]:
    """All ordering codes of a series, with their variants."""
    return {code: variant for variant in variants_of(series)
            for code in profile_for(series, variant).ordering_codes}


def _power(scene: _Scene) -> None:
    """Voltage and current limit within the module's facts."""
    for name, slot in scene.model.slots.items():
        if slot.power is None:
            continue
        place: KeyPath = ("slots", name, "power")
        facts, series = scene.profile(slot).power, slot.variant or slot.series.value
        volts, amperes = slot.power.voltage_v, slot.power.current_limit_a
        least, most = facts.vcc_extended_v.value
        if not least <= volts <= most:
            side, bound = (f"above {series}'s", f"{most:g} V maximum") if volts > most else (
                f"below {series}'s", f"{least:g} V minimum")
            scene.say((*place, "voltage_v"), f"{volts:g} V is {side} {bound}",
                      f"typical is {facts.vcc_typical_v.value:g} V ({facts.vcc_extended_v.source.where})")
        lowest, highest = facts.current_limit_min_a, facts.current_limit_max_a
        if amperes < lowest.value:
            scene.say((*place, "current_limit_a"),
                      f"{amperes:g} A is below the {lowest.value:g} A of {series}'s transmit burst",
                      f"give at least {lowest.value:g} A ({lowest.source.where})")
        elif amperes > highest.value:
            scene.say((*place, "current_limit_a"),
                      f"{amperes:g} A is above the {highest.value:g} A to which {series} is limited here",
                      f"give at most {highest.value:g} A ({highest.source.where})")
        protection = slot.power.over_voltage_v
        if protection is not None and protection <= volts:
            scene.say((*place, "over_voltage_v"),
                      f"{protection:g} V is not above voltage_v ({volts:g} V): it would trip at once",
                      "set it about 0.5 V above voltage_v")
        _protections(scene, place, slot.power)


def _protections(scene: _Scene, place: KeyPath, power: Power) -> None:
    """Protections that the supply lacks, or that would trip in a transmit burst."""
    settings = scene.model.instruments.get(power.supply)
    able = find_kind(settings.kind).abilities if settings is not None else frozenset()
    for key, stated, ability, what in (
            ("over_voltage_v", power.over_voltage_v, Ability.OVER_VOLTAGE, "over-voltage"),
            ("over_current_a", power.over_current_a, Ability.OVER_CURRENT, "over-current")):
        if stated is not None and settings is not None and ability not in able:
            scene.say((*place, key), f"{power.supply} cannot protect against {what}", f"remove {key}")
    if power.over_current_a is not None and power.over_current_a < power.current_limit_a:
        scene.say((*place, "over_current_a"), f"{power.over_current_a:g} A is below current_limit_a "
                  f"({power.current_limit_a:g} A)", "give at least the current limit")


def _lines(scene: _Scene) -> None:
    """Lines that the series needs, lacks, or has the other way round."""
    for name, slot in scene.model.slots.items():
        place: KeyPath = ("slots", name, "lines")
        driven, facts, series = slot.lines.driven(), scene.profile(slot).power, slot.series.value
        if "usb_boot" in driven and not facts.has_usb_boot:
            scene.say((*place, "usb_boot"), f"{series} has no USB_BOOT pin", "remove usb_boot")
        if slot.power is not None and "pwr_on" not in scene.named("slots", name, "lines"):
            scene.say(place, f"{series} does not start when its supply comes on: pwr_on must be driven",
                      "wire PWR_ON and name it under lines, or leave power away (what cuts power is then "
                      "NOT_POSSIBLE)")
        for line, settings in driven.items():
            level = ACTIVE_LEVELS[line]
            if settings.active is not level:
                scene.say((*place, line, "active"),
                          f"{line.upper()} acts when {level.value} at the module's pin",
                          f"write active: {level.value}; add inverted: true when a normally closed contact "
                          f"or an inverter drives it")


def _rates(scene: _Scene) -> None:
    """UART rates that the series has."""
    for name, slot in scene.model.slots.items():
        allowed = [rate for rate in scene.profile(slot).serial.rates.value if rate]
        for role, uart in _uarts(slot):
            if uart.rate_bit_s is not None and uart.rate_bit_s not in allowed:
                scene.say(("slots", name, "ports", role, "rate_bit_s"),
                          f"{slot.series.value} has no rate {uart.rate_bit_s}",
                          f"choose one of {', '.join(map(str, allowed))}")


def _reach(scene: _Scene) -> None:
    """A slot of a bench has a port; a slot of a rack to launch has its addresses from the rack."""
    for name, slot in scene.model.slots.items():
        if scene.model.launch is None:
            if not scene.named("slots", name, "ports"):
                scene.say(("slots", name), "the slot has no port, so nothing can speak to its module",
                          "name uart or usb under ports")
            continue
        for key, value in (("power", slot.power), ("lines", scene.named("slots", name, "lines")),
                           ("ports", scene.named("slots", name, "ports")), ("flasher", slot.flasher)):
            if value:
                scene.say(("slots", name, key), f"{key} must come from the rack that launch starts",
                          f"remove {key}, or remove launch")


def _secrets(scene: _Scene) -> None:
    """Secrets that lie in the repository."""
    root = _repository(scene.path)
    for place, secret in all_secrets(scene.model):
        if secret.file is None or root is None:
            continue
        file = file_beside(scene.path, secret.file).resolve()
        if file.is_relative_to(root) and not _ignored(root, file):
            scene.say((*place, "file"), f"{secret.file} lies in the repository {root}",
                      "keep secrets outside, for example below ~/.config/cellbench")


def all_secrets(model: RigFile) -> Iterator[tuple[KeyPath, Secret]]:
    """Every secret that the file refers to."""
    for name, settings in model.instruments.items():
        for key in type(settings).model_fields:
            value = getattr(settings, key)
            if isinstance(value, Secret):
                yield ("instruments", name, key), value
    for place, _, far in placed_far_sides(model):
        if isinstance(far, ServicesFarSide) and far.token is not None:
            yield (*place, "token"), far.token
    if model.network is not None and model.network.password is not None:
        yield ("network", "password"), model.network.password
    for name, service in model.services.items():
        if service.password is not None:
            yield ("services", name, "password"), service.password
    for name, slot in model.slots.items():
        if slot.sim is not None and slot.sim.pin is not None:
            yield ("slots", name, "sim", "pin"), slot.sim.pin
        if slot.network is not None and slot.network.password is not None:
            yield ("slots", name, "network", "password"), slot.network.password


def _repository(rig: Path) -> Path | None:
    """The repository that a rig file lies in."""
    folder = rig.absolute().parent.resolve()
    return next((parent for parent in (folder, *folder.parents) if (parent / ".git").exists()), None)


def _ignored(root: Path, file: Path) -> bool:
    """True when the repository leaves the file out (a rack's own directory below it)."""
    try:
        done = subprocess.run(["git", "-C", str(root), "check-ignore", "-q", "--", str(file)],
                              capture_output=True, timeout=_GIT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _files(scene: _Scene) -> None:
    """Files that services name."""
    for name, service in scene.model.services.items():
        for key in ("ca", "client_certificate", "client_key"):
            file = getattr(service, key)
            if file is not None and not file_beside(scene.path, file).is_file():
                scene.say(("services", name, key), f"there is no file {file}",
                          f"put it at {file_beside(scene.path, file)}, or correct the name")
    for slot, place, what, remedy in overlay_mistakes(scene.path, scene.model):
        scene.say(("slots", slot, "overlays", place), what, remedy)


def _simulation(scene: _Scene) -> None:
    """What a virtual rack gives must never be reported as measured."""
    model = scene.model
    if model.evidence is Evidence.SIMULATED:
        return
    signs: tuple[tuple[bool, KeyPath, str], ...] = (
        (model.launch is not None, ("launch",), "a launched rack is virtual"),
        (model.timing != "real", ("timing",), "only a virtual rack runs fast"),
        *virtual_signs(model))
    for found, place, why in signs:
        if found:
            scene.say(place, f"{why}, but evidence is {model.evidence.value}", "write evidence: simulated")
