"""Times and forms of a firmware update over AT, by series. LARA-R6's own note was not at hand: what is not in
its guide or manuals is taken from LENA-R8 and from a sibling, and marked so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from .model import Series
from .modules.model import Known
from .sources import guess, r8_guide, sibling

_NOTE = "SARA-R5 firmware update note UBX-20033314 R03"


@dataclass(frozen=True, slots=True)
class Calls:
    """How often a start character comes, and the seconds after each."""

    count: int
    every_s: float


@dataclass(frozen=True, slots=True)
class UpdateFacts:
    """Seconds unless told otherwise. ``uart`` and ``usb`` are the <port> of the commands; ``tail`` is what
    follows <rate> so that progress is told."""

    uart: Known[int]
    usb: Known[int]
    tail: Known[str]
    answer_max_s: Known[float]  # from the command to its OK, or to the restart
    crc_calls: Known[Calls]
    checksum_calls: Known[Calls]
    window_s: Known[float]  # in which the host must begin to send
    silent_s: Known[float]  # from 100 % to the result
    longest_silence_s: Known[float]  # after which a module that updates itself is given up
    busy: Known[bool]  # it answers AT on no port while it updates itself


_R8_CALLS = r8_guide("11.1.1")
_R6_CALLS = sibling(f"{_NOTE}; as LENA-R8 guide 11.1.1")
_DEAD = sibling(f"{_NOTE}: 25 min is named for 450 kB; nobody is called dead before 30 min")
_PORTS = sibling("SARA-R5: 1 is the UART, 3 the USB, 0 its auxiliary port")
_TO_OK = sibling("LEXI-R10 AT commands manual: 20 s to the OK")

FACTS: Mapping[Series, UpdateFacts] = MappingProxyType({
    Series.LENA_R8: UpdateFacts(
        uart=Known(1, r8_guide("11.1.1, Table 48")), usb=Known(3, _PORTS),
        tail=Known(",,1", r8_guide("11.1.1, Table 48")), answer_max_s=Known(20.0, _TO_OK),
        crc_calls=Known(Calls(3, 3.0), _R8_CALLS), checksum_calls=Known(Calls(10, 10.0), _R8_CALLS),
        window_s=Known(109.0, _R8_CALLS), silent_s=Known(120.0, r8_guide("11.2.2, Table 52")),
        longest_silence_s=Known(1800.0, _DEAD),
        busy=Known(True, r8_guide("11.1.1: Firmware Update Mode, from which no call can be made"))),
    Series.LARA_R6: UpdateFacts(
        uart=Known(1, sibling(_NOTE)), usb=Known(3, _PORTS),
        tail=Known(",,1", guess("as on LENA-R8; the sibling's example stops at the rate")),
        answer_max_s=Known(20.0, _TO_OK),
        crc_calls=Known(Calls(3, 3.0), _R6_CALLS), checksum_calls=Known(Calls(10, 10.0), _R6_CALLS),
        window_s=Known(109.0, _R6_CALLS), silent_s=Known(120.0, guess("as on LENA-R8")),
        longest_silence_s=Known(1800.0, _DEAD), busy=Known(True, sibling(_NOTE))),
})


def update_facts(series: Series) -> UpdateFacts:
    """The facts of a series."""
    return FACTS[series]
