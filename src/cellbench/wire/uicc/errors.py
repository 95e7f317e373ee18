"""Rules of the conversation with a UICC broken, and by whom."""

from __future__ import annotations

from cellbench.base.errors import FrameworkError, UnitError


class UnsendableApdu(FrameworkError):
    """A command that ETSI TS 102 221 has no form for."""


class MalformedAnswer(UnitError):
    """What came back is not coded as ETSI TS 102 221 or 3GPP TS 31.102 has it."""
