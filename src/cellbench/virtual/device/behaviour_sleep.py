"""Doubtful facts of power saving (see ``behaviour``)."""

from __future__ import annotations

from dataclasses import dataclass

from cellbench.catalogue.model import Evidence
from cellbench.virtual.device.behaviour_messaging import D, G, M, X, fact
from cellbench.virtual.device.behaviour_mux import MuxFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class SleepFacts(MuxFacts):
    """How a series does what the guides leave open about +UPSV."""

    first_byte_wakes: bool = fact(
        "In sleep by data the first character received only wakes the module and is lost.",
        D, "public driver", r8=True, r6=True)
    upsv_refused_on_usb: bool = fact(
        "+UPSV is refused on a USB port.", D, "public driver tolerates ERROR", r8=False, r6=False)
    upsv_data_mode: int = fact(
        "+UPSV mode in which data on TXD wakes the module.", G, "LENA-R8 guide 13.1", r8=4, r6=1)
    upsv_rts_mode: int = fact("+UPSV mode in which RTS wakes the module, -1 for none.",
                              G, "LENA-R8 guide 13.1", r8=2, r6=-1)
    upsv_default_timeout: int = fact(
        "<Timeout> of +UPSV when it is left out, in GSM frames of 4.615 ms.", X, "remembered: 9.2 s",
        r8=2000, r6=2000)
    upsv_rts_needs_k0: bool = fact(
        "The mode controlled by RTS and &K3 (+IFC=2,2) exclude each other; the second one is refused.",
        Evidence.SIBLING, "AT manual of SARA-G450", r8=True, r6=False)
    upsv_k_locked: bool = fact(
        "While +USIO is 1 and +UPSV is 1, &K is refused.", M, "LARA-R6 application note",
        r8=False, r6=True)
    upsv_output_counts: bool = fact(
        "What the module sends on the UART renews <Timeout>, too.",
        Evidence.SIBLING, "SARA-R5 application note: the last character on the UART", r8=True, r6=True)
    wake_line_s: float = fact(
        "True seconds from DTR or RTS on to the first character that the UART hears.",
        D, "public driver sends after 20 ms; RTS taken as DTR", r8=0.01, r6=0.01)
    wake_data_s: float = fact(
        "True seconds after the waking character in which more of them are lost; 0: that one alone.",
        X, "public driver sends again after 100 ms", r8=0.0, r6=0.0)
    sleep_line_deaf: bool = fact(
        "Characters on TXD are lost while the mode's line is off and the module asleep; else they are heard.",
        X, "the guide allows idle mode and says nothing of the UART", r8=True, r6=True)
    sleep_cts_off: bool = fact(
        "CTS is off while the module sleeps with a deaf UART.", X, "habit of the maker's older families",
        r8=True, r6=True)
    sleep_uart_opens: bool = fact(
        "In sleep by data the UART opens for each paging occasion: what comes then is heard whole.",
        M, "LARA-R6 application note; LENA-R8 guide 5.6.2 tells of none", r8=False, r6=True)
    paging_cycle_s: float = fact(
        "Seconds between two paging occasions; with fast timing not below 0.64 s.",
        M, "current table of the LARA-R6 data sheet: DRX 2.56 s; the network sets it", r8=2.56, r6=2.56)
    paging_s: float = fact(
        "Length of one wake-up at a paging occasion every 2.56 s; its height follows from the mean idle "
        "current.", X, "receivers draw some tens of mA", r8=0.064, r6=0.064)
