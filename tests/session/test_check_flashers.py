"""What `cellbench check` says of flashing tools: found, or missed with the line that names them."""

from __future__ import annotations

from cellbench.rig.load import load_rig
from cellbench.session.check.flashers import look_at_flashers
from cellbench.session.check.model import Host, Scene, Severity

RIG = """\
rig: line1
instruments:
  here: {kind: flasher.command, command: [sh, "{image}"]}
  gone: {kind: flasher.command, command: [flasher-of-nobody, "{image}"]}
  far: {kind: flasher.ssh, host: 127.0.0.1, ssh_port: 1, command: [flash, "{image}"]}
  hand: {kind: flasher.manual, tool: a tool}
slots:
  a1: {series: LENA-R8, ports: {uart: {url: /dev/serial/by-id/none}}}
"""


def test_each_tool_is_looked_for(tmp_path):
    path = tmp_path / "rig.yaml"
    path.write_text(RIG)
    here, gone, far, hand = look_at_flashers(Scene(load_rig(path), Host()))
    assert (here.what, here.told.endswith("/sh"), here.troubles) == ("here", True, ())
    assert (hand.told, hand.troubles) == ("a person with a tool", ())
    (missing,) = gone.troubles
    assert missing.severity is Severity.ERROR
    assert f"{path}:4: instruments.gone" in missing.where
    assert "the program flasher-of-nobody is not installed" in missing.sentence
    (unreached,) = far.troubles
    assert f"{path}:5: instruments.far" in unreached.where
    assert "127.0.0.1 cannot be reached: " in unreached.sentence
