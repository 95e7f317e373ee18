"""Doubtful facts of the multiplexer (see ``behaviour``)."""

from __future__ import annotations

from dataclasses import dataclass

from cellbench.virtual.device.behaviour_messaging import D, M, S, X, fact
from cellbench.virtual.device.behaviour_update import UpdateFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class MuxFacts(UpdateFacts):
    """How a series does what 27.010 and the guides leave open."""

    mux_defaults: str = fact(
        "Answer of +CMUX? and values of parameters left out.",
        D, "chip maker's source, as 27.010; LARA-R6: remembered of the family",
        r8="0,0,5,31,10,3,30,10,2", r6="0,0,,31,253,5,254,0,0")
    mux_speed_switches: bool = fact(
        "<port_speed> of +CMUX changes the rate of the UART, else it is taken and ignored.",
        X, "public driver leaves it empty", r8=False, r6=False)
    mux_settle_s: float = fact(
        "Time after +CMUX's OK, and after the multiplexer's end, in which the UART takes nothing.",
        M, "LARA-R6 application note: wait 200 ms; LENA-R8: a public driver waits 100 ms", r8=0.1, r6=0.2)
    mux_sabm_wait_s: float = fact(
        "Wait for SABM on DLCI 0 before the UART goes back to AT commands, true seconds.",
        X, "public driver gives its own attempts up after 5 s", r8=5.0, r6=5.0)
    mux_frame_gap_s: float = fact(
        "A frame that stands still for so long is given up, true seconds.", X, "", r8=1.0, r6=1.0)
    mux_gnss_channel: int = fact(
        "Channel that carries NMEA sentences, 0 for none.",
        M, "LARA-R6 application note: 3; LENA-R8: none, public driver", r8=0, r6=3)
    mux_disc_answered: bool = fact(
        "DISC of a data channel is answered; DISC of channel 0 always is.",
        D, "public driver: LENA-R8 never answers", r8=False, r6=True)
    mux_msc_at_open: bool = fact(
        "The module sends its own MSC after a channel was opened, and repeats it until it is answered.",
        D, "public driver: may do so", r8=True, r6=True)
    mux_checks_cr: bool = fact(
        "A frame whose C/R bit is that of the responder is discarded.",
        S, "27.010 5.2.1.2; a real module may be milder", r8=True, r6=True)
    mux_silence_closes: bool = fact(
        "A command of the control channel that stays unanswered, N2 times repeated, ends the multiplexer.",
        X, "", r8=False, r6=False)
    mux_optional: str = fact(
        "Messages of the control channel that are answered beside MSC, CLD, Test, FCon and FCoff, of pn, "
        "psc, rpn and rls; NSC is the answer to the others.",
        X, "27.010 leaves them to the maker", r8="", r6="")
    mux_rtr_holds: bool = fact(
        "RTS off in a channel's MSC holds that channel's output back while &K3 is in force.",
        M, "LARA-R6 application note: RTS off keeps URCs, also in MUX", r8=True, r6=True)
