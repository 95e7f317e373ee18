"""Doubtful facts of calls and short messages (see ``behaviour``)."""

from __future__ import annotations

from dataclasses import dataclass

from cellbench.catalogue.model import Evidence
from cellbench.virtual.device.behaviour_messaging import G, M, MessagingFacts, S, X, fact

_SIB = Evidence.SIBLING


@dataclass(frozen=True, slots=True, kw_only=True)
class TelephonyFacts(MessagingFacts):
    """How a series does what the guides leave open about calls and messages."""

    # calls
    dial_ok_at: str = fact(
        "When ATD<number>; is answered OK: dialled, alerting or answered.",
        X, "V.250 6.3.1: a semicolon returns to command state at once", r8="dialled", r6="dialled")
    answer_result: str = fact(
        "Final result code of ATA for a voice call.",
        G, "LENA-R8 guide Table 18; LARA-R6 by 27.007 6.4", r8="CONNECT", r6="OK")
    ath_ends_voice: bool = fact(
        "ATH ends a voice call; otherwise it is for data calls alone and +CHUP ends one.",
        G, "LENA-R8 guide Table 54", r8=True, r6=False)
    hang_up_tells: bool = fact(
        "NO CARRIER follows the OK of a hang-up on the port that asked for it.",
        G, "LENA-R8 guide Table 18; LARA-R6 unknown", r8=True, r6=False)
    missed_call_tells: bool = fact(
        "NO CARRIER is printed for a call that ended before it was answered here.",
        X, "habit of siblings", r8=True, r6=True)
    clip_each_ring: bool = fact(
        "+CLIP follows each RING; else the first one alone.",
        G, "LENA-R8 guide Table 18; 27.007 7.6 for LARA-R6", r8=False, r6=True)
    call_fallback: bool = fact(
        "In LTE without IMS a call goes by the circuit switched domain of 2G or 3G; user data stand still "
        "meanwhile where that is 2G. Registration goes on showing LTE.",
        M, "LARA-R6 data sheet: CSFB; LENA-R8 guessed", r8=True, r6=True)
    call_fallback_s: float = fact(
        "How much longer the set-up of such a call takes.", M, "LARA-R6 application note: up to 20 s",
        r8=5.0, r6=5.0)
    call_setup_s: float = fact(
        "From the dial command to the network's answer.", X, "some seconds on any network", r8=2.0, r6=2.0)
    call_answer_s: float = fact("From ATA to the connected call.", X, "", r8=0.5, r6=0.5)
    ring_period_s: float = fact(
        "From one RING to the next; with fast timing not below 0.5 s.",
        G, "LENA-R8 facts: each 3 to 5 s", r8=5.0, r6=5.0)
    ring_call_s: float = fact(
        "How long RI is on in each ring period.", _SIB, "SARA system integration manuals: 1 s on, 4 s off",
        r8=1.0, r6=1.0)
    call_no_answer_s: float = fact(
        "When the network gives up a call that nobody answers; with fast timing not below 8 s.",
        X, "networks differ, half a minute to two minutes", r8=60.0, r6=60.0)
    data_call_result: str = fact(
        "Result of a dial string that is neither a voice call nor a dial-up.",
        M, "LARA-R6 application note: NO CARRIER", r8="NO CARRIER", r6="NO CARRIER")

    # short messages
    sms_places: int = fact("Places for messages in ME.", M, "LARA-R6 application note: 255", r8=255, r6=255)
    sms_first_index: int = fact("Index of the first place for a message.", X, "siblings", r8=1, r6=1)
    sms_errors_cms: bool = fact(
        "Commands of short messages refuse with +CMS ERROR whatever is wrong.", S, "27.005 3.2.5",
        r8=True, r6=True)
    sms_prompt_s: float = fact(
        "Silence at the prompt of a message after which the command ends, true seconds.", X, "",
        r8=60.0, r6=60.0)
    sms_send_s: float = fact(
        "From the end of a message's text to its acknowledgement.", X, "", r8=2.0, r6=2.0)
    sms_timeout_s: float = fact(
        "Wait for a service centre that does not answer.", Evidence.STANDARD, "24.011 TR1M: 35 to 45 s",
        r8=40.0, r6=40.0)
    sms_network_error: int = fact(
        "+CMS ERROR number while the module is not registered.", S, "27.005 3.2.5: 331", r8=331, r6=331)
    sms_too_long_error: int = fact("+CMS ERROR number of a text that is too long.", X, "305 by 27.005",
                                   r8=305, r6=305)
    sms_delete_empty_refused: bool = fact(
        "Deleting at an index that holds nothing is refused with 321.", X, "siblings differ",
        r8=True, r6=True)
    sms_ack_s: float = fact(
        "Wait for +CNMA where +CSMS=1 asks for it.", S, "27.005 3.4.4: the network's time", r8=15.0, r6=15.0)
    ring_sms_s: float = fact(
        "How long RI is on for a short message, true seconds.",
        _SIB, "SARA system integration manuals: 1 s", r8=1.0, r6=1.0)
