"""pppd as the host's end: what is missing is told before anything is dialled. With a kernel that has PPP:
tests/foreign/test_host_ppp.py."""

from __future__ import annotations

import pytest

from cellbench.base.errors import NotPossible
from cellbench.catalogue.modules.model import ModuleProfile
from cellbench.host.channel import Channel
from cellbench.host.ppp_model import PppAuth, PppDial
from cellbench.host.pppd import PppdLink, pppd_lacks
from cellbench.host.transcript import Transcript
from cellbench.io.serial_port import SerialPort


def test_a_port_that_is_no_device_node(r8: ModuleProfile, transcript: Transcript) -> None:
    """Whatever else is missing here: NOT_POSSIBLE with the reason, and not a byte on the port."""
    channel = Channel(SerialPort("/nowhere/at0"), r8, trace=transcript, name="at0")
    assert pppd_lacks(channel)
    link = PppdLink(channel, PppDial(1))
    with pytest.raises(NotPossible, match="pppd cannot be used"):
        link.open()
    assert transcript.records() == ()
    link.hang_up()
    assert link.address == ""


def test_what_pppd_is_told(r8: ModuleProfile, transcript: Transcript) -> None:
    """No password on the command line; nothing but the ways allowed."""
    channel = Channel(SerialPort("/dev/ttyS9"), r8, trace=transcript, name="at0")
    dial = PppDial(1, "someone", "of-no-importance", auth=(PppAuth.CHAP,), mru=1000)
    options = PppdLink(channel, dial)._options()
    assert options[0] == "/dev/ttyS9"
    assert "refuse-pap" in options
    assert "refuse-chap" not in options
    assert options[options.index("mru") + 1] == "1000"
    assert "importance" not in " ".join(options)
