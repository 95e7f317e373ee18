"""What a virtual module is told at its making: identity, pace, and the facts nobody could tell for sure."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from cellbench.catalogue.model import Evidence, Series


class Timing(enum.Enum):
    """How fast the module's own durations pass."""

    FAST = "fast"
    REAL = "real"
