"""Who broke the rule: we by a wrong call, or the far side (which Failed tells)."""

from __future__ import annotations

from cellbench.base.errors import FrameworkError


class WrongUse(FrameworkError):
    """The caller asked a machine for what its state does not allow."""
