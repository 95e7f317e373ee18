"""Who broke the rule: we by a wrong call, or the far side."""

from __future__ import annotations

from cellbench.base.errors import FrameworkError


class WrongUse(FrameworkError):
    """The caller asked the multiplexer for what 27.010 does not allow."""
