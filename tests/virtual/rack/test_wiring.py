"""Driven lines with their sources: relay, control room, the power verb."""

from cellbench.virtual.device.faces import Input
from cellbench.virtual.wiring import DrivenLines


class Lines:
    """Takes levels as a module does."""

    def __init__(self):
        self.level = {}
        self.edges = []

    def set_input(self, pin, active):
        self.level[pin] = active
        self.edges.append((pin, active))


def made():
    module = Lines()
    return module, DrivenLines(module)


def test_a_relay_drives_its_line_and_repeats_make_no_edge():
    module, lines = made()
    for closed in (False, True, True, False, False):
        lines.relay(Input.PWR_ON, closed)
    assert module.edges == [(Input.PWR_ON, True), (Input.PWR_ON, False)]


def test_what_the_power_verb_lends_ends_with_the_supply():
    module, lines = made()
    lines.lend(Input.VUSB_DET, True)
    lines.supply_off()
    assert module.edges == [(Input.VUSB_DET, True), (Input.VUSB_DET, False)]
    lines.relay(Input.VUSB_DET, True)
    lines.lend(Input.VUSB_DET, True)
    lines.supply_off()
    assert module.level[Input.VUSB_DET] is True


def test_a_forced_level_holds_until_the_relay_is_switched_over():
    module, lines = made()
    lines.force(Input.USB_BOOT, True)
    lines.relay(Input.USB_BOOT, False)  # it was open already: releasing lines before power-up changes nothing
    lines.supply_off()
    assert module.level[Input.USB_BOOT] is True
    lines.relay(Input.USB_BOOT, True)
    lines.relay(Input.USB_BOOT, False)
    assert module.level[Input.USB_BOOT] is False


def test_a_line_forced_off_stays_off_though_lent():
    module, lines = made()
    lines.force(Input.VUSB_DET, False)
    lines.lend(Input.VUSB_DET, True)
    assert module.level.get(Input.VUSB_DET, False) is False
    assert lines.levels()[Input.VUSB_DET] is False
