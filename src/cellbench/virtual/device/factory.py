"""The factory state of a virtual module, and where each setting lives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from cellbench.catalogue.commands import ALL
from cellbench.catalogue.model import Storage
from cellbench.catalogue.modules.model import ModuleProfile
from cellbench.virtual.device.config import ModuleConfig

# What the profile does not say; values that 27.007, 27.005 and V.250 give, or an empty list.
_DEFAULTS: Mapping[str, object] = MappingProxyType({
    "+CLIR": 0, "+COLP": 0, "+CCWA": 0, "+CSSN": (0, 0), "+CUSD": 0, "+CRC": 0, "+CR": 0, "+CSTA": 129,
    "+CSMS": 0, "+CSMP": (17, 167, 0, 0), "+CSDH": 0, "+CPMS": ("ME", "ME", "ME"),
    "+CPSMS": 0, "+CEDRXS": 0, "+CIREG": 0,
    "+UURCCONF": 0, "+URING": 0, "+USIO": 0, "+UUSBCONF": (0, ""), "+UPSV": 0, "+CPLS": 0, "+UCGED": 0,
    "+CGAUTH": (), "+UCALLSTAT": 0, "+CTZR": 0, "+CGPIAF": (0, 0, 0, 0), "+CNAP": 0, "+USVCDOMAIN": 2,
    "+URPM": 0, "+UCUSATA": 0, "+USIMSTAT": 0, "+UBIP": 0, "+ULWM2MSTAT": 0, "+UFOTASTAT": 0, "+UEMBPF": 0,
    "+UDCONF=66": (4, 0),
    "+CSCA": ("+390000000000", 145),
})

# Settings whose place the facts sheets give although a command's summary does not.
_VOLATILE = frozenset({"+COPS", "+CFUN", "+UCGED"})
_KEPT = frozenset({"+CTZU"})  # settings store themselves (LENA-R8 guide 6.1)


def factory_values(profile: ModuleProfile, config: ModuleConfig) -> Mapping[str, object]:
    """Factory values by setting name: the standards' defaults, the profile's facts, doubtful facts."""
    values = {**_DEFAULTS, **profile.factory}
    values["+CMEE"] = config.behaviour.cmee_factory
    return MappingProxyType(values)


def storage_for(profile: ModuleProfile) -> Callable[[str], Storage]:
    """Where the setting of a command (``+CMEE``, ``+UDCONF=19``) or an inner setting lives on a series."""

    def storage_of(name: str) -> Storage:
        base = name.partition("=")[0] if name.startswith("+") else name
        if base in _VOLATILE:
            return Storage.VOLATILE
        if base in _KEPT:
            return Storage.NVM
        command = ALL.get("S" if base[:1] == "S" and base[1:].isdigit() else base)
        return Storage.NVM if command is None else command.stored_on(profile.series)

    return storage_of
