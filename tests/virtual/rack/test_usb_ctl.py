"""USB faults by the control room, and what the host says of them."""

from __future__ import annotations

import pytest

from cellbench.catalogue.modules import profile_for
from cellbench.host.transcript import Transcript
from cellbench.rig.load import load_rig
from cellbench.rig.slot_ports import SlotPorts
from cellbench.rig.usb_roles import WrongRole
from cellbench.rig.usb_view import UsbTrouble

SLOT = "lena-r8-1"
WAIT_S = 30.0


@pytest.fixture
def ports(rack):
    """The host's view of the LENA-R8's ports; the rack is as before afterwards."""
    model = load_rig(rack.directory / "rig.yaml").model
    slot = model.slots[SLOT]
    made = SlotPorts(SLOT, slot, profile_for(slot.series, slot.variant), model.usb, Transcript(), WAIT_S,
                     settle_s=0.3)
    made.wait_usb(WAIT_S)
    yield made
    made.close()
    rack.ctl("usb", "driver=bound", slot=SLOT)
    rack.ctl("usb", "order=normal", "place=home", "udev=0", slot=SLOT)
    made.wait_usb(WAIT_S)


@pytest.mark.parametrize(("words", "said"), [
    (("usb",), "is missing"),
    (("usb", "order=1,2"), "does not name each of the serial functions 0 to 7 once"),
    (("usb", "order=x"), "does not name each"),
    (("usb", "shows=usio=0"), "usbmode=5"),
    (("usb", "udev=soon"), "not a number of seconds"),
    (("usb", "delay=-1"), "out of range"),
    (("usb", "mode=999"), "octal"),
    (("usb", "mode=7777"), "out of range"),
    (("usb", "place=0"), "out of range"),
    (("usb", "driver=maybe"), "none, bound"),
    (("usb", "colour=red"), "is not known here"),
])
def test_what_cannot_be_is_refused_with_a_sentence(rack, words, said):
    done = rack.ctl(*words, slot=SLOT)
    assert done.returncode == 1
    assert said in done.stderr


@pytest.mark.parametrize(("words", "said"), [
    (("usb-gadget", "place=1", "id=0525:a4a7"), "port 1 is taken"),
    (("usb-gadget", "place=30", "id=gadget"), "not of the form"),
    (("usb-gadget", "place=30", "state=unplug"), "no device was plugged"),
    (("usb-hub", "state=away"), "on, off"),
])
def test_what_cannot_be_at_the_hub(rack, ports, words, said):
    done = rack.ctl(*words)
    assert done.returncode == 1
    assert said in done.stderr


def test_a_swapped_order_is_seen_by_at(rack, ports):
    assert rack.ctl("usb", "order=3,1,2,0,4,5,6,7", slot=SLOT).returncode == 0
    with pytest.raises(WrongRole, match=r"port 3 .* does"):
        ports.channel("at0")


def test_the_remedys_line_binds_the_driver(rack, ports):
    rack.ctl("usb", "driver=none", slot=SLOT)
    with pytest.raises(UsbTrouble) as caught:
        ports.wait_usb(WAIT_S)
    line = caught.value.remedy.partition("echo ")[2].partition(" && ")[0].partition(";")[0]
    text, _, place = line.partition(" > ")
    new_id = rack.directory / "sysfs" / place.strip().removeprefix("/sys/")
    new_id.write_text(text + "\n")
    assert ports.wait_usb(WAIT_S).id == "1782:4d10"
    new_id.write_text("")
    assert ports.channel("at0").send("AT").ok


def test_a_channel_follows_a_module_that_moves_its_nodes(rack, ports):
    channel = ports.channel("at1")
    before = channel.port_name
    rack.ctl("usb", "state=unplug", slot=SLOT)
    rack.ctl("usb", "state=plug", "udev=0.02", slot=SLOT)
    channel.sync(WAIT_S)
    assert channel.send("AT+CGMM").text.startswith("LENA-R8")
    assert channel.port_name != before
    assert rack.ctl("report", "what=usb-nodes", slot=SLOT).stdout.count(f"at1={channel.port_name}\n") == 1
