"""Losses as errors: whose they are, and what they say. What causes them is tried on a rack
(tests/acceptance/usb_reenumeration.py)."""

from __future__ import annotations

import pytest

from cellbench.base.errors import Owner
from cellbench.host.errors import UnexpectedReset
from cellbench.rig.usb_loss import Loss, LossCause

OWNERS = {
    LossCause.POWER_CUT: Owner.RIG,
    LossCause.HUB_GONE: Owner.RIG,
    LossCause.UNPLUGGED: Owner.RIG,
    LossCause.DOWNLOAD: Owner.RIG,
    LossCause.MODULE_OFF: Owner.UNIT,
    LossCause.MODULE_RESET: Owner.UNIT,
    LossCause.SILENT: Owner.UNIT,
}


@pytest.mark.parametrize("cause", list(LossCause))
def test_every_cause_has_its_owner_and_a_remedy(cause):
    error = Loss("a1", "1-4.2", cause, "what was seen", returned=True).error()
    assert error.owner is OWNERS[cause]
    assert error.remedy
    assert str(error).startswith(
        f"slot a1: the module vanished from USB at 1-4.2: {cause.value} (what was seen; it is back)")


def test_a_reset_is_known_as_one():
    assert isinstance(Loss("a1", "1-1", LossCause.MODULE_RESET, "seen").error(), UnexpectedReset)
