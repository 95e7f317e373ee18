"""The radio path between the modules' antennas and the network: one step attenuator lies in it.

The network's level falls by what the attenuator adds; below the weakest level that a module can use,
coverage is lost. What the control room says of coverage counts again when the attenuator goes to 0 dB.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable

from ..device.network import Change, NetworkState

WEAKEST_DBM = -115
LEVELS_DBM = (-115, -105, -97, -89, -79, -65)
"""Level of each signal step 0 to 5 of the network."""
UPLINK_HZ = 1_747_500_000.0
"""Centre of the uplink that the modules use: LTE band 3, EARFCN 19575 (3GPP TS 36.101 5.7.3)."""
UPLINK_WIDTH_HZ = 9e6
TONE_HZ = 100e6
"""A calibration tone, as bench analysers bring one along."""
TONE_DBM = -20.0
FLOOR_DBM = -95.0
COUPLING_DB = 30.0
"""From a module's antenna to the analyser's input."""
TRANSMIT_DBM = 20.0


class Air:
    """The path of all slots of a rack."""

    def __init__(self, networks: Iterable[NetworkState], transmits: Callable[[], bool], seed: int) -> None:
        self._networks = tuple(networks)
        self._unattenuated = tuple(network.signal for network in self._networks)
        self._transmits = transmits
        self._random = random.Random(seed)
        self.attenuation_db = 0.0

    def attenuate(self, decibel: float) -> None:
        """The attenuator adds so much; every module's network learns of it."""
        self.attenuation_db = decibel
        for network, signal in zip(self._networks, self._unattenuated, strict=True):
            level = LEVELS_DBM[signal] - decibel
            found = level >= WEAKEST_DBM
            step = max((place for place, floor in enumerate(LEVELS_DBM) if level >= floor), default=0)
            if step != network.signal:
                network.signal = step
                network.tell(Change.SIGNAL)
            if found != network.found:
                network.found = found
                network.tell(Change.COVERAGE)

    def power_dbm(self, frequency_hz: float) -> float:
        """What an analyser sees at one frequency, with its noise."""
        noise = FLOOR_DBM + self._random.gauss(0.0, 1.0)
        if abs(frequency_hz - TONE_HZ) < 50e3:
            return TONE_DBM + self._random.gauss(0.0, 0.05)
        if abs(frequency_hz - UPLINK_HZ) < UPLINK_WIDTH_HZ / 2 and self._transmits():
            return max(noise, TRANSMIT_DBM - COUPLING_DB - self.attenuation_db + self._random.gauss(0.0, 0.3))
        return noise
