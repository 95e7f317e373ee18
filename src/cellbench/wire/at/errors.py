"""Rules of the dialogue broken, and by whom."""

from __future__ import annotations

from cellbench.base.errors import FrameworkError, UnitError


class LocalRuleBroken(FrameworkError):
    """We asked for something that the dialogue does not allow now."""


class ModuleRuleBroken(UnitError):
    """The module sent what the dialogue does not allow now."""


class UnsendableLine(FrameworkError):
    """A command line or argument that cannot be put on the wire."""
