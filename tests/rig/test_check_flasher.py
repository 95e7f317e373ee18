"""Flashing tools in a rig file: what is wrong with them, with its line and what to do."""

from __future__ import annotations

import re

import pytest

from cellbench.base.errors import FileErrors, NotPossible
from cellbench.instruments.flasher.model import Entry
from cellbench.rig.build import equipment_plan
from cellbench.rig.capabilities import Capability, capabilities, require
from cellbench.rig.flasher import flasher_of
from cellbench.rig.load import load_rig, validate_file

TOOLS = ("slots:\n  a1:\n", """\
  tool1:
    kind: flasher.command
    command: [flash, --port, "{port}", --usb, "{location}", "{image}"]
    progress: '(\\d+) ?%'
    failed: [{says: ERROR, owner: rig}]
    exit_codes: {unit: [4], operator: [2, 6]}
  remote1:
    kind: flasher.ssh
    host: winbox
    command: ["C:/Tools/flash.exe", "{image}"]
    shell: cmd
  hand1: {kind: flasher.manual, tool: EasyFlash on the laptop}
slots:
  a1:
""")
LARA = "    ports:\n      uart: {url: \"rfc2217://127.0.0.1:4001\"}\n"
LENA = "      uart: {location: 1-3, interface: 1, wired: [dtr, rts]}\n"


def at_lara(text):
    return (LARA, f"    flasher: {text}\n{LARA}")


def at_lena(text, usb="      usb: {location: 1-2.2}\n"):
    return (LENA, f"{LENA}{usb}    flasher: {text}\n")


def test_a_good_file_has_its_tools(rig_file):
    rig = load_rig(rig_file(TOOLS, at_lara("{on: hand1, entry: power-on}"), at_lena("{on: tool1}")))
    lara, lena = flasher_of(rig, "a1"), flasher_of(rig, "a2")
    assert (lara.kind, lara.entry) == ("flasher.manual", Entry.POWER_ON)
    assert (lena.kind, lena.entry, lena.port) == ("flasher.command", Entry.USB_BOOT, "")
    assert lena.key == "flasher:flash"
    assert Capability.FLASH in capabilities(rig.model, "a2")


def test_the_guardian_opens_no_tool(rig_file, monkeypatch):
    monkeypatch.setenv("RELAY_PASSWORD", "x")
    rig = load_rig(rig_file(TOOLS, at_lena("{on: tool1}")))
    assert set(equipment_plan(rig).instruments) == {"psu1", "relays1"}


def test_a_slot_without_a_tool_cannot_flash_and_is_told_what_would_do(rig_file):
    rig = load_rig(rig_file())
    assert flasher_of(rig, "a2") is None
    with pytest.raises(NotPossible, match="cannot flash") as caught:
        require(rig.model, "a2", [Capability.FLASH])
    assert "docs/flashing.md" in caught.value.remedy


MORE = "exe\", \"{image}\"]"


@pytest.mark.parametrize(("change", "place", "message", "remedy"), [
    (at_lena("{on: tool2}"), "slots.a2.flasher.on", "there is no instrument tool2", "did you mean tool1?"),
    (at_lena("{on: psu1}"), "slots.a2.flasher.on", "psu1 is a supply, not a flasher",
     "name an instrument of a flasher. kind"),
    (at_lara("{on: hand1}"), "slots.a1.flasher",
     "LARA-R6 has no USB_BOOT pin, and no public source tells how else its tool begins",
     "write entry: running or entry: power-on, as the tool's manual says"),
    (at_lara("{on: hand1, entry: usb-boot}"), "slots.a1.flasher.entry", "LARA-R6 has no USB_BOOT pin",
     "write entry: running or entry: power-on"),
    (at_lara("{on: tool1, entry: running}"), "slots.a1.flasher",
     "the command of tool1 has {port}, which only entry: usb-boot finds", "write port"),
    (at_lena("{on: tool1}", usb=""), "slots.a2.flasher",
     "tool1 runs on this host, and the slot has no USB here",
     "name the module's location under ports.usb, or take a flasher.ssh or flasher.manual"),
    (at_lena("{on: tool1}", usb=""), "slots.a2.flasher",
     "the command of tool1 has {location}, and the slot has no USB",
     "name the location under ports.usb, or take {location} out of the command"),
    ((MORE, f'{MORE[:-1]}, "{{port}}"]'), "slots.a1.flasher",
     "the command of remote1 has {port}, and winbox has its own ports", "write port, as that host calls it"),
    ((MORE, f'{MORE[:-1]}, "{{rate}}"]'), "slots.a1.flasher", "the command of remote1 has {rate}",
     "write rate_bit_s"),
    (("\"{location}\", \"{image}\"]", "\"{location}\", \"{imag}\"]"), "instruments.tool1",
     "there is no placeholder {imag} in a command: it takes {image}, {port}, {location}, {rate}", ""),
    (("(\\d+) ?%", "\\d+ ?%"), "instruments.tool1",
     "progress has no group: write the percentage as (\\d+)", ""),
    (("ERROR", "'['"), "instruments.tool1",
     "failed[0].says is no regular expression: unterminated character set at position 0", ""),
    (("[2, 6]", "[2, 4]"), "instruments.tool1", "exit code 4 is given twice", ""),
])
def test_mistakes_are_told_with_line_and_remedy(rig_file, change, place, message, remedy):
    slot = () if "slots.a2" in place or "on: " in change[1] else (at_lara("{on: remote1, entry: running}"),)
    findings = validate_file(rig_file(TOOLS, change, *slot))
    assert (place, message, remedy) in [(one.path, one.message, one.remedy) for one in findings]
    assert all(one.line > 12 for one in findings)


def test_what_a_launch_starts_brings_its_own_tools(rig_file):
    launched = ("rig: line1\n", "rig: line1\nevidence: simulated\nlaunch: cellbench virtual up\n")
    with pytest.raises(FileErrors, match=r"slots\.a2\.flasher: flasher must come from the rack that launch"):
        load_rig(rig_file(launched, TOOLS, at_lena("{on: tool1}")))


def test_the_examples_of_the_documentation_are_good(root, rig_file):
    """docs/flashing.md: every tool and slot that it shows, in one file each."""
    text = (root / "docs" / "flashing.md").read_text()
    blocks = re.findall(r"```yaml\n(.*?)```", text, re.S)
    assert len(blocks) == 4
    for number, block in enumerate(blocks):
        series = "LARA-R6" if "entry: power-on" in block else "LENA-R8"
        whole = block if block.startswith("instruments:") else f"instruments:\n{block}"
        if "slots:" not in whole:
            whole += "slots:\n  a1:\n    flasher: {on: hand1}\n"
        ports = "" if "ports:" in whole else "ports: {usb: {location: 1-2.1}}"
        if "a1: {" in whole:
            whole = whole.replace("a1: {", f"a1: {{series: {series}, {ports}, ")
        else:
            whole = whole.replace("  a1:\n", f"  a1:\n    series: {series}\n    {ports}\n")
        assert validate_file(rig_file(text=f"rig: doc\n{whole}", name=f"doc{number}.yaml")) == (), whole
