"""Draw the schematics of docs/wiring.md: `python docs/pictures/wiring.py` writes the SVG files beside it.

A drawing whose texts would touch each other or leave the sheet is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from pathlib import Path

HERE = Path(__file__).resolve().parent
INK, RED, BLUE, GREEN, PAPER, PANEL = "#1f2933", "#b3261e", "#1d5fa8", "#2e6f40", "#ffffff", "#f3f5f7"
SIZE = 14
EM = 0.58  # mean width of a letter of the fonts named below, as part of the size


@dataclass(slots=True)
class Sheet:
    """A drawing in the making; lengths in pixels, y downwards."""

    name: str
    width: int
    height: int
    title: str
    parts: list[str] = field(default_factory=list)
    taken: list[tuple[float, float, float, float, str]] = field(default_factory=list)

    def text(self, x: float, y: float, words: str, anchor: str = "start", *, size: int = SIZE,
             bold: bool = False, colour: str = INK) -> None:
        """One line; y is the baseline."""
        long = len(words) * size * EM * (1.06 if bold else 1.0)
        left = x - {"start": 0.0, "middle": long / 2, "end": long}[anchor]
        here = (left, y - size * 0.78, left + long, y + size * 0.24, words)
        if left < 2 or here[2] > self.width - 2 or here[1] < 2 or here[3] > self.height - 2:
            raise ValueError(f"{self.name}: {words!r} leaves the sheet")
        for other in self.taken:
            if here[0] < other[2] and other[0] < here[2] and here[1] < other[3] and other[1] < here[3]:
                raise ValueError(f"{self.name}: {words!r} touches {other[4]!r}")
        self.taken.append(here)
        weight = ' font-weight="600"' if bold else ""
        self.parts.append(f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" font-size="{size}" '
                          f'fill="{colour}"{weight}>{escape(words)}</text>')

    def wire(self, *points: tuple[float, float], colour: str = INK, width: float = 1.8,
             dashed: bool = False) -> None:
        """A line through points."""
        path = " ".join(f"{x:g},{y:g}" for x, y in points)
        dash = ' stroke-dasharray="6 5"' if dashed else ""
        self.parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}"'
                          f'{dash}/>')

    def dot(self, x: float, y: float, colour: str = INK) -> None:
        """A joint."""
        self.parts.append(f'<circle cx="{x:g}" cy="{y:g}" r="3.6" fill="{colour}"/>')

    def box(self, x: float, y: float, w: float, h: float, title: str = "", *, fill: str = PANEL) -> None:
        """A device; its title stands inside at the top."""
        self.parts.append(f'<rect x="{x:g}" y="{y:g}" width="{w:g}" height="{h:g}" rx="6" fill="{fill}" '
                          f'stroke="{INK}" stroke-width="1.8"/>')
        if title:
            self.text(x + w / 2, y + 22, title, "middle", bold=True)

    def ground(self, x: float, y: float) -> None:
        """Ground, hanging at a point."""
        self.wire((x, y), (x, y + 10))
        for half, down in ((12, 10), (8, 15), (4, 20)):
            self.wire((x - half, y + down), (x + half, y + down))

    def resistor(self, x: float, y: float, words: str, *, upright: bool = False) -> None:
        """A resistor of 40 pixels whose middle is at a point, its value beside it."""
        w, h = (14, 40) if upright else (40, 14)
        self.parts.append(f'<rect x="{x - w / 2:g}" y="{y - h / 2:g}" width="{w}" height="{h}" '
                          f'fill="{PAPER}" stroke="{INK}" stroke-width="1.8"/>')
        if upright:
            self.text(x + 14, y + 5, words)
        else:
            self.text(x, y - 14, words, "middle")

    def contact(self, x: float, y: float) -> None:
        """A normally open contact of 60 pixels, lying, that begins at a point."""
        self.wire((x, y), (x + 16, y))
        self.wire((x + 16, y), (x + 42, y - 14))
        self.wire((x + 44, y), (x + 60, y))
        self.parts.append(f'<circle cx="{x + 16:g}" cy="{y:g}" r="3" fill="{PAPER}" stroke="{INK}"/>'
                          f'<circle cx="{x + 44:g}" cy="{y:g}" r="3" fill="{PAPER}" stroke="{INK}"/>')

    def mosfet(self, x: float, y: float) -> None:
        """An N-channel MOSFET: gate at (x, y), drain at (x + 30, y - 30), source at (x + 30, y + 30)."""
        self.wire((x, y), (x + 12, y))
        self.wire((x + 12, y - 16), (x + 12, y + 16), width=2.4)
        for down in (-14, 0, 14):
            self.wire((x + 18, y + down - 5), (x + 18, y + down + 5), width=2.4)
        self.wire((x + 18, y - 14), (x + 30, y - 14), (x + 30, y - 30))
        self.wire((x + 18, y + 14), (x + 30, y + 14), (x + 30, y + 30))
        self.wire((x + 18, y), (x + 30, y), (x + 30, y + 14))
        self.parts.append(f'<polygon points="{x + 19},{y} {x + 26},{y - 4} {x + 26},{y + 4}" fill="{INK}"/>')

    def write(self) -> Path:
        """The file."""
        path = HERE / f"{self.name}.svg"
        body = "\n".join(self.parts)
        path.write_text(
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" '
            f'width="{self.width}" height="{self.height}" role="img" '
            f'font-family="DejaVu Sans, Verdana, sans-serif">\n<title>{escape(self.title)}</title>\n'
            f'<rect width="{self.width}" height="{self.height}" fill="{PAPER}"/>\n{body}\n</svg>\n')
        return path


def board() -> Sheet:
    """An evaluation board on a desk."""
    sheet = Sheet("wiring-evk", 1040, 640, "Wiring of an evaluation board on a desk")
    sheet.box(30, 40, 170, 560, "Host (Linux)")
    sheet.box(330, 40, 210, 130, "Bench supply")
    sheet.box(330, 220, 210, 260, "Relay board")
    sheet.box(690, 40, 280, 560, "Evaluation board")

    sheet.text(345, 88, "one output, remote")
    sheet.text(345, 108, "sense if it has it")
    sheet.wire((200, 105), (330, 105), colour=BLUE)
    sheet.text(265, 95, "LAN or USB", "middle", size=12, colour=BLUE)
    sheet.wire((540, 80), (690, 80), colour=RED, width=2.8)
    sheet.text(615, 70, "+ 3.8 V", "middle", colour=RED)
    sheet.wire((540, 130), (690, 130), width=2.8)
    sheet.text(615, 122, "0 V", "middle")
    sheet.text(705, 85, "VCC of the module")
    sheet.text(705, 135, "GND")

    sheet.wire((200, 335), (330, 335), colour=BLUE)
    sheet.text(265, 325, "LAN or USB", "middle", size=12, colour=BLUE)
    rows = ((265, "relay 0", "PWR_ON"), (305, "relay 1", "RESET_N"), (345, "relay 2", "USB_BOOT (LENA-R8)"),
            (375, "relay 2", "V_INT"), (415, "input 0", "V_INT"), (455, "ground", "GND"))
    for y, left, right in rows:
        sheet.text(530, y + 5, left, "end")
        sheet.text(705, y + 5, right)
        sheet.wire((540, y), (690, y), colour=GREEN if left != "ground" else INK)
    sheet.box(585, 400, 60, 30, fill=PAPER)
    sheet.text(615, 420, "T1", "middle", size=12)
    for y, words in ((265, "contact to GND"), (305, "contact to GND"), (345, "contact between")):
        sheet.text(615, y - 8, words, "middle", size=12, colour=GREEN)

    sheet.wire((200, 510), (690, 510), colour=BLUE)
    sheet.text(445, 500, "USB, the kit's serial adapter", "middle", colour=BLUE)
    sheet.text(705, 515, "UART adapter")
    sheet.wire((200, 555), (690, 555), colour=BLUE)
    sheet.text(445, 545, "USB, the module's own port", "middle", colour=BLUE)
    sheet.text(705, 560, "module USB")
    sheet.text(955, 165, "SIM holder", "end")
    sheet.text(955, 515, "ANT", "end")
    sheet.wire((970, 510), (1000, 510))
    sheet.wire((1000, 510), (1000, 482))
    sheet.wire((986, 470), (1000, 488), (1014, 470), (986, 470))
    for y, words in ((110, "1"), (340, "2"), (515, "3"), (560, "4")):
        sheet.text(115, y, words, "middle", bold=True, colour=BLUE)
    return sheet


def power() -> Sheet:
    """Supply, sense lines, capacitors and antenna of a carrier of one's own."""
    sheet = Sheet("wiring-carrier-power", 1000, 520, "Supply and antenna of a carrier board")
    sheet.box(30, 60, 150, 230, "Supply")
    for y, words in ((110, "+ out"), (150, "+ sense"), (210, "− sense"), (250, "− out")):
        sheet.text(170, y + 5, words, "end")
    sheet.box(700, 60, 270, 400, "Module")
    sheet.text(715, 115, "51, 52, 53  VCC")
    sheet.text(715, 255, "GND")
    sheet.text(715, 345, "56  ANT (ANT1)")
    sheet.text(715, 425, "62  ANT2, LARA-R6 only")

    sheet.wire((180, 110), (700, 110), colour=RED, width=3)
    sheet.text(245, 98, "1 mm² or more, short", "start", size=12, colour=RED)
    sheet.wire((180, 150), (420, 150), (420, 110), colour=RED, dashed=True)
    sheet.dot(420, 110, RED)
    sheet.wire((180, 210), (420, 210), (420, 250), dashed=True)
    sheet.dot(420, 250)
    sheet.wire((180, 250), (700, 250), width=3)
    sheet.text(245, 180, "sense, at the carrier", "start", size=12)
    for x, words in ((470, "C1 470 µF"), (560, "C2 100 nF"), (650, "C3 56 pF")):
        sheet.dot(x, 110, RED)
        sheet.wire((x, 110), (x, 166))
        sheet.wire((x - 14, 166), (x + 14, 166), width=2.6)
        sheet.wire((x - 14, 174), (x + 14, 174), width=2.6)
        sheet.wire((x, 174), (x, 250))
        sheet.dot(x, 250)
        sheet.text(x, 275, words, "middle", size=12)

    sheet.wire((700, 340), (530, 340))
    sheet.box(420, 315, 110, 50, fill=PAPER)
    sheet.text(475, 345, "splitter", "middle")
    sheet.wire((420, 340), (290, 340))
    sheet.box(160, 315, 130, 50, fill=PAPER)
    sheet.text(225, 345, "attenuator", "middle")
    sheet.wire((700, 420), (475, 420), (475, 365))
    sheet.wire((160, 340), (70, 340))
    sheet.wire((70, 340), (70, 312))
    sheet.wire((56, 300), (70, 318), (84, 300), (56, 300))
    sheet.text(30, 380, "antenna or", size=12)
    sheet.text(30, 397, "network", size=12)
    sheet.text(30, 414, "emulator", size=12)
    sheet.text(30, 490, "A transmitter always has a load: antenna, attenuator with load, or emulator.")
    return sheet


def lines() -> Sheet:
    """PWR_ON, RESET_N, USB_BOOT, V_INT, VUSB_DET of a carrier of one's own."""
    sheet = Sheet("wiring-carrier-lines", 1000, 850, "Control lines of a carrier board")
    sheet.box(720, 40, 250, 790, "Module, 1.8 V inputs")
    sheet.text(30, 60, "PWR_ON, RESET_N: open drain (or a contact to GND), no pull-up", bold=True)
    for y, pin, name in ((130, "15  PWR_ON", "pwr_on"), (250, "18  RESET_N", "reset_n")):
        sheet.text(735, y + 5, pin)
        sheet.wire((720, y), (460, y), colour=GREEN)
        sheet.text(200, y + 35, f"GPIO, 3.3 V: {name}", "end")
        sheet.wire((210, y + 30), (430, y + 30))
        sheet.resistor(260, y + 30, "1 kΩ")
        sheet.mosfet(430, y + 30)
        sheet.ground(460, y + 60)
        sheet.dot(340, y + 30)
        sheet.wire((340, y + 30), (340, y + 84))
        sheet.resistor(340, y + 58, "100 kΩ", upright=True)
        sheet.ground(340, y + 78)
    sheet.text(30, 390, "USB_BOOT (LENA-R8 only): a contact to V_INT", bold=True)
    sheet.text(735, 435, "33  USB_BOOT")
    sheet.text(735, 495, "4   V_INT, 1.8 V")
    sheet.wire((720, 430), (400, 430), colour=GREEN)
    sheet.resistor(500, 430, "1 kΩ")
    sheet.contact(340, 430)
    sheet.wire((340, 430), (280, 430), (280, 490), (720, 490), colour=GREEN)
    sheet.text(260, 435, "relay: usb_boot", "end")
    sheet.dot(600, 490, GREEN)
    sheet.text(430, 700, "T1", "middle")
    sheet.text(30, 550, "V_INT: too low for a 3.3 V input, so it is turned over", bold=True)
    sheet.wire((600, 490), (600, 630), (458, 630), colour=GREEN)
    sheet.resistor(540, 630, "10 kΩ")
    sheet.wire((458, 614), (458, 646), width=2.4)
    for down in (-14, 0, 14):
        sheet.wire((452, 625 + down), (452, 635 + down), width=2.4)
    sheet.wire((452, 616), (440, 616), (440, 600))
    sheet.wire((452, 644), (440, 644), (440, 660))
    sheet.wire((452, 630), (440, 630), (440, 644))
    sheet.parts.append(f'<polygon points="451,630 444,626 444,634" fill="{INK}"/>')
    sheet.ground(440, 660)
    sheet.wire((440, 600), (260, 600))
    sheet.dot(350, 600)
    sheet.wire((350, 600), (350, 572))
    sheet.wire((338, 572), (362, 572), width=2.4)
    sheet.text(372, 578, "pull-up of the input", size=12)
    sheet.text(250, 605, "input: v_int, active: low", "end")
    sheet.text(30, 715, "VUSB_DET: a contact to VBUS", bold=True)
    sheet.text(735, 755, "17  VUSB_DET")
    sheet.wire((720, 750), (520, 750), colour=GREEN)
    sheet.dot(600, 750, GREEN)
    sheet.wire((600, 750), (600, 810))
    sheet.resistor(600, 780, "100 kΩ", upright=True)
    sheet.ground(600, 804)
    sheet.contact(460, 750)
    sheet.wire((460, 750), (360, 750), colour=RED)
    sheet.text(350, 755, "VBUS, 5 V (relay: vusb_det)", "end")
    return sheet


def serial() -> Sheet:
    """UART through a level translator, and USB."""
    sheet = Sheet("wiring-carrier-serial", 1000, 620, "UART and USB of a carrier board")
    sheet.box(30, 60, 200, 380, "USB serial adapter")
    sheet.box(400, 60, 200, 420, "Level translator")
    sheet.text(500, 420, "all off at VCCA = 0", "middle", size=12)
    sheet.box(760, 60, 210, 540, "Module, 1.8 V")
    rows = (("TXD", "→", "12  TXD in"), ("RXD", "←", "13  RXD out"), ("RTS", "→", "10  RTS in"),
            ("CTS", "←", "11  CTS out"), ("DTR", "→", "9   DTR in"), ("DSR", "←", "6   DSR out"),
            ("DCD", "←", "8   DCD out"), ("RI", "←", "7   RI out"))
    for number, (left, arrow, right) in enumerate(rows):
        y = 110 + 38 * number
        sheet.text(220, y + 5, left, "end")
        sheet.wire((230, y), (400, y), colour=BLUE)
        sheet.text(500, y + 6, arrow, "middle", size=18)
        sheet.wire((600, y), (760, y), colour=BLUE)
        sheet.text(775, y + 5, right)
    sheet.text(412, 450, "VCCB", bold=True)
    sheet.text(588, 450, "VCCA", "end", bold=True)
    sheet.wire((400, 445), (330, 445), (330, 475), colour=RED)
    sheet.text(330, 495, "3.3 V of the adapter", "middle", colour=RED)
    sheet.wire((600, 445), (760, 445), colour=RED)
    sheet.text(680, 435, "1.8 V", "middle", colour=RED)
    sheet.text(775, 450, "4   V_INT")
    sheet.box(30, 520, 200, 80, "USB of the host")
    sheet.wire((230, 560), (760, 560), colour=BLUE)
    sheet.wire((230, 580), (760, 580), colour=BLUE)
    sheet.text(775, 565, "28  USB_D−")
    sheet.text(775, 585, "29  USB_D+")
    sheet.text(495, 550, "90 Ω pair, ESD protection at the connector", "middle", size=12, colour=BLUE)
    return sheet


def main() -> None:
    """Write all of them."""
    for sheet in (board(), power(), lines(), serial()):
        print(sheet.write())


if __name__ == "__main__":
    main()
