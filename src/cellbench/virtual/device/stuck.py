"""What is stuck inside a module: faults that one countermeasure of the full-stack watchdog clears and no
milder one does (LENA-R8 guide 8.2, Table 21)."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from cellbench.virtual.device.dialup import DialUps
from cellbench.virtual.device.faces import Input

if TYPE_CHECKING:
    from cellbench.virtual.device.module import Module


class Place(enum.Enum):
    """Where it sticks."""

    SOCKET = "socket"
    """The connections and UDP sockets there are carry nothing any more; new ones do."""
    CALL = "call"
    """The data calls there are carry nothing any more; new ones do."""
    CONTEXT = "context"
    """A context that is not the initial one has lost its address, until it is activated anew."""
    BEARER = "bearer"
    """All contexts have lost their addresses, until the module detaches."""
    REGISTRATION = "registration"
    """Out of service: cells are heard and none is taken, until the radio is switched off."""
    RADIO = "radio"
    """Out of service: no cell is heard, until the radio is switched off."""
    FIRMWARE = "firmware"
    """Out of service, until the module restarts."""
    AT = "at"
    """No command is answered, until the module restarts."""


class Wakes(enum.Enum):
    """What a module whose AT interface is stuck still obeys, each also what follows."""

    PWR_ON = "pwr_on"
    RESET_N = "reset_n"
    SUPPLY = "supply"


_BY_RADIO_OFF = frozenset({Place.BEARER, Place.REGISTRATION, Place.RADIO})
_OUT_OF_SERVICE = frozenset({Place.REGISTRATION, Place.RADIO, Place.FIRMWARE})
_DEAF_TO = {
    Wakes.PWR_ON: frozenset[Input](),
    Wakes.RESET_N: frozenset({Input.PWR_ON}),
    Wakes.SUPPLY: frozenset({Input.PWR_ON, Input.RESET_N}),
}


class Stuck:
    """The faults of one module. What only some flows, calls or contexts have is kept by these."""

    def __init__(self, module: Module) -> None:
        self._module = module
        self._places: set[Place] = set()
        self._deaf_to: frozenset[Input] = frozenset()

    @property
    def out_of_service(self) -> bool:
        """True while no registration comes about."""
        return not self._places.isdisjoint(_OUT_OF_SERVICE)

    @property
    def hears_nothing(self) -> bool:
        """True while no cell is heard."""
        return Place.RADIO in self._places

    @property
    def addressless(self) -> bool:
        """True while the network's addresses do not come through."""
        return Place.BEARER in self._places

    def ignores(self, pin: Input) -> bool:
        """True while a power line has no effect."""
        return pin in self._deaf_to

    def shown(self) -> tuple[str, ...]:
        """What is stuck as a whole."""
        return tuple(sorted(place.value for place in self._places))

    def flows(self) -> int:
        """Let the flows of clients inside stand still; how many there were."""
        internet = self._module.internet
        return 0 if internet is None else internet.node(self._module.name).freeze()

    def calls(self) -> int:
        """Let the data calls stand still; how many there were."""
        dialled = self._module.running(DialUps)
        found = () if dialled is None else dialled.calls
        for call in found:
            call.stuck = True
        return len(found)

    def context(self, cid: int) -> bool:
        """Take a context's address; False when it has none."""
        module = self._module
        if not module.contexts.lose_address(cid):
            return False
        if module.internet is not None:
            module.internet.node(module.name).freeze(cid)
        dialled = module.running(DialUps)
        for call in () if dialled is None else dialled.calls:
            call.stuck = call.stuck or call.cid == cid
        return True

    def stick(self, place: Place, wakes: Wakes = Wakes.PWR_ON) -> None:
        """A fault of the module as a whole."""
        module = self._module
        self._places.add(place)
        if place is Place.BEARER:
            for context in module.contexts.active():
                self.context(context.cid)
        elif place in _OUT_OF_SERVICE:
            module.radio.begin_anew()
        elif place is Place.AT:
            self._deaf_to = _DEAF_TO[wakes]
            module.hang(True)

    def radio_off(self) -> None:
        """The radio was switched off, or the module detached."""
        self._places -= _BY_RADIO_OFF

    def clear(self) -> None:
        """Nothing of the module as a whole is stuck any more: it restarts, or the fault is ended."""
        if Place.AT in self._places:
            self._module.hang(False)
        self._places.clear()
        self._deaf_to = frozenset()
