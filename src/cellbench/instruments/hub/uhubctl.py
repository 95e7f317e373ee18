"""USB hubs with power switching per port, by the uhubctl program (its README and its output, v2.0 to 2.6).

``uhubctl -l 1-1.4 -p 2 -a off`` switches and then prints ``New status for hub 1-1.4 [...]`` with a line
``  Port 2: 0000 off`` for each port asked for; a USB 3 hub is printed twice, once for each of its halves, and
a port has power while either has. The state is asked for again afterwards: that is the read-back.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from cellbench.base.errors import RigError
from cellbench.instruments.kinds import Ability, InstrumentClass, InstrumentKind
from cellbench.instruments.settings import InstrumentSettings, Text, checked

KIND = "hub.uhubctl"
_HUB = re.compile(r"^(?:Current|New) status for hub (?P<location>\S+) \[(?P<what>.*)\]\s*$")
_PORT = re.compile(r"^ +Port (?P<port>\d+): (?P<bits>[0-9a-f]{4})(?P<words>(?: [^\[\s]+)*)")
_PORTS = re.compile(r", (\d+) ports")
_NONE = re.compile(r"No compatible .*(devices|hubs?) detected", re.I)
_PERMISSION = re.compile(r"permission", re.I)
_SBIN = "/usr/local/sbin:/usr/sbin:/sbin"  # where distributions put it, and users' PATH often lacks
_PORT_FILES = "$sys$devpath/*-port*/disable"
_RULES = ('put these two rules into /etc/udev/rules.d/52-usb.rules: SUBSYSTEM=="usb", DRIVER=="usb", '
          'MODE="0664", GROUP="dialout" and, from Linux 6.0 on, SUBSYSTEM=="usb", DRIVER=="hub", '
          'RUN+="/bin/sh -c \\"chown -f '
          f'root:dialout {_PORT_FILES} && chmod -f 660 {_PORT_FILES} || true\\""; then run udevadm trigger '
          "--attr-match=subsystem=usb, and add the user to group dialout")


class UhubctlSettings(InstrumentSettings):
    """A USB hub whose ports' power the program uhubctl switches."""

    location: Annotated[str, Field(pattern=r"^[0-9]{1,3}(-[0-9]{1,3}(\.[0-9]{1,3}){0,6})?$")]
    """USB location of the hub itself, as uhubctl shows it (`1-1.4`; `1` is bus 1's own hub)."""
    ports: Annotated[int, Field(ge=1, le=31)] | None = None
    """How many ports it has; unset: not checked before it is opened."""
    program: Text = "uhubctl"
    """The program, by name or path."""
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 5.0
    """Longest wait for one run of the program, in seconds."""


@dataclass(frozen=True, slots=True)
class HubState:
    """One hub as uhubctl prints it: location, description, and which of the ports shown have power."""

    location: str
    what: str
    powered: Mapping[int, bool]


def read_status(text: str) -> tuple[HubState, ...]:
    """The hubs in uhubctl's output, each in the state printed last; what is no status is passed over."""
    found: dict[str, tuple[str, dict[int, bool]]] = {}
    ports: dict[int, bool] = {}
    for line in text.splitlines():
        if hub := _HUB.match(line):
            ports = {}
            found[hub["location"]] = (hub["what"], ports)
        elif port := _PORT.match(line):
            ports[int(port["port"])] = "power" in port["words"].split()
    return tuple(HubState(location, what, states) for location, (what, states) in found.items())


class UhubctlHub:
    """One hub; for one thread at a time. Nothing is held open between two calls."""

    __slots__ = ("_identity", "_ports", "_settings", "name")

    def __init__(self, name: str, settings: UhubctlSettings) -> None:
        """Reads the hub's ports; RigError when the program, the hub or the permission is missing."""
        self.name = name
        self._settings = settings
        states = self._run()
        whole = next((state for state in states if state.location == settings.location), states[0])
        counted = _PORTS.search(whole.what)
        self._ports = int(counted[1]) if counted else max(whole.powered, default=0)
        self._identity = f"hub {whole.location} [{whole.what}] by {settings.program}"
        if settings.ports is not None and settings.ports != self._ports:
            raise RigError(f"instrument {name}: hub {settings.location} has {self._ports} ports, the rig "
                           f"file says {settings.ports}", remedy="correct location or ports in the rig file")

    def identity(self) -> str:
        """The hub's description as uhubctl prints it."""
        return self._identity

    def drive(self, pin: int, closed: bool) -> None:
        """Switch the power of one port, counted from 1, and ask for its state again."""
        self._in_range(pin)
        self._run("-p", str(pin), "-a", "on" if closed else "off")
        if self.is_closed(pin) is not closed:
            raise RigError(f"instrument {self.name}: port {pin} of hub {self._settings.location} stays "
                           f"{'without' if closed else 'with'} power",
                           remedy="check that the hub switches each port by itself, and which port the "
                           "module is in: uhubctl's README lists hubs that do")

    def is_closed(self, pin: int) -> bool:
        """True while a port has power (either half of a USB 3 hub)."""
        self._in_range(pin)
        states = [state.powered[pin] for state in self._run("-p", str(pin)) if pin in state.powered]
        if not states:
            raise RigError(f"instrument {self.name}: {self._settings.program} shows no port {pin} of hub "
                           f"{self._settings.location}", remedy="look at what uhubctl prints")
        return any(states)

    def close(self) -> None:
        """Nothing is open; ports stay as they are."""

    def _in_range(self, pin: int) -> None:
        if not 1 <= pin <= self._ports:
            raise RigError(f"instrument {self.name}: hub {self._settings.location} has no port {pin}; it has "
                           f"1 to {self._ports}", remedy="correct the slot's usb_power in the rig file")

    def _run(self, *arguments: str) -> tuple[HubState, ...]:
        """One run of the program on this hub; RigError with a remedy for each way in which it can fail."""
        program = self._settings.program
        places = f"{os.environ.get('PATH', os.defpath)}:{_SBIN}"
        command = [shutil.which(program, path=places) or program, "-l", self._settings.location, *arguments]
        try:
            done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False,
                                  stdin=subprocess.DEVNULL, timeout=self._settings.timeout_s)
        except FileNotFoundError as error:
            raise self._error(f"the program {program} is not installed",
                              "install it (apt install uhubctl), or name its path under program") from error
        except subprocess.TimeoutExpired as error:
            raise self._error(f"{' '.join(command)} has not ended within {self._settings.timeout_s:g} s",
                              "look whether the hub answers: run it by hand") from error
        except OSError as error:
            raise self._error(f"{program} cannot be run: {error.strerror or error}",
                              "name the program's path under program") from error
        states = read_status(done.stdout)
        if done.returncode == 0 and states:
            return states
        raise self._refused(done)

    def _refused(self, done: subprocess.CompletedProcess[str]) -> RigError:
        said = " ".join((done.stderr.strip() or done.stdout.strip()).split())
        if _PERMISSION.search(said):
            return self._error(f"no permission to switch hub {self._settings.location}", _RULES)
        if _NONE.search(said):
            return self._error(f"there is no hub with switched ports at {self._settings.location}",
                               "run uhubctl without options: it lists the hubs that it can switch")
        return self._error(f"{self._settings.program} ended with {done.returncode}: "
                           f"{said[:300] or 'no words'}", "run it by hand")

    def _error(self, what: str, remedy: str) -> RigError:
        return RigError(f"instrument {self.name} cannot be used: {what}", remedy=remedy)


def _opener(name: str, settings: Mapping[str, object]) -> UhubctlHub:
    return UhubctlHub(name, checked(UhubctlSettings, KIND, name, settings))


def _equipment(settings: Mapping[str, object]) -> str:
    return f"hub:{settings['location']}"


def _pins(settings: Mapping[str, object]) -> tuple[int | None, int | None]:
    ports = settings.get("ports")
    return (ports if isinstance(ports, int) else None), 0


KINDS: tuple[InstrumentKind, ...] = (InstrumentKind(
    kind=KIND, serves=InstrumentClass.HUB, settings=UhubctlSettings, open=_opener, equipment=_equipment,
    pins=_pins, models=("hubs in the list of uhubctl's README, and internal hubs with the same ability",),
    source="uhubctl 2.x: README.md, output of the program, udev/rules.d/52-usb.rules (mvp/uhubctl)",
    abilities=frozenset({Ability.SWITCH_USB, Ability.READ_BACK}),
    doubts="some hubs report a port as off and leave its power on: measure once at the port"),)
