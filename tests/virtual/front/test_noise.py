"""Noise on every port at once: nothing fails inside, and the next command is answered."""

from __future__ import annotations

import random
from typing import Any

_PIECES = (b"AT", b"at+", b"\r", b"\n", b"+++", b"A/", b"ATD*99#\r", b"AT+CGACT=1,1\r", b"AT+COPS=?\r", b'"',
           b"\x1a", b"AT+USOCR=6\r", b"AT+USOWR=0,5\r", b"AT+CMGF=1\r", b"\x1b",
           b"ATQ0V1E0\r", b"AT&F\r", b"\x08\x08")


def chunk(dice: random.Random) -> bytes:
    if dice.random() < 0.6:
        return dice.choice(_PIECES)
    return dice.randbytes(dice.randint(1, 40))


def test_noise_leaves_the_module_in_step(module: Any) -> None:
    dice = random.Random(7)
    face = next(one for one in module.module.usb_faces if one.role == "at")
    face.transmit = lambda data: None
    face.set_open(True)
    for _ in range(4000):
        (module.send if dice.random() < 0.5 else face.receive)(chunk(dice))
        if dice.random() < 0.3:
            module.run(dice.choice([0.001, 0.03, 0.5, 3.0]))
    for _ in range(30):
        module.run(30)
        module.send(b"\x1b" * 1500 + b"\rAT&FE0Q0V1\r")
    module.run(400)
    assert module.loop.failures == []
    assert module.at("AT") == ["OK"]
