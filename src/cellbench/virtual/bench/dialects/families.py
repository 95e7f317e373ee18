"""Which dialects the virtual supply speaks."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from . import (
    gwinstek_gpp,
    keysight_e36100,
    keysight_e36300,
    keysight_n6700,
    rigol_dp800,
    rs_hmp,
    rs_nge100,
    rs_ngm200,
    siglent_spd3303x,
    tti_cpx_ql,
)
from .generic import GENERIC
from .model import Family

FAMILIES: Mapping[str, Family] = MappingProxyType({family.name: family for family in (
    GENERIC, keysight_e36300.FAMILY, keysight_e36100.FAMILY, keysight_n6700.FAMILY, rs_nge100.FAMILY,
    rs_hmp.FAMILY, rs_ngm200.FAMILY, rigol_dp800.FAMILY, siglent_spd3303x.FAMILY, tti_cpx_ql.FAMILY,
    gwinstek_gpp.FAMILY)})
"""By the names of their kinds without ``supply.``."""
