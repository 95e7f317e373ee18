"""The dialogue as a state machine, without I/O."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellbench.catalogue.commands import ALL
from cellbench.catalogue.model import Series
from cellbench.catalogue.results import CME, CMS, FINALS
from cellbench.catalogue.urcs import URCS
from cellbench.wire.at.errors import LocalRuleBroken
from cellbench.wire.at.events import Connected, DataHeard, Finished, PromptHeard, Stray, StrayKind, UrcHeard
from cellbench.wire.at.grammar import Grammar
from cellbench.wire.at.session import TRANSITIONS, Session, Signal, State

GRAMMAR = Grammar(Series.LARA_R6, ALL, URCS, FINALS, CME, CMS)


def begun(line: str) -> Session:
    session = Session(GRAMMAR)
    assert session.begin(GRAMMAR.plan(line)) == line.encode() + b"\r"
    return session


def finished(events: list[object]) -> Finished:
    return next(event for event in events if isinstance(event, Finished))


def test_states_of_a_command():
    session = begun("AT+CSQ")
    assert session.state is State.SENT
    assert session.receive(b"AT+CSQ\r") == []
    assert session.state is State.ANSWERING
    session.receive(b"\r\n+CSQ: 25,0\r\n")
    assert session.heard == ("+CSQ: 25,0",)
    events = session.receive(b"\r\nOK\r\n")
    assert finished(events).info == ("+CSQ: 25,0",)
    assert session.state is State.IDLE


def test_a_second_command_is_our_own_mistake():
    session = begun("AT+CSQ")
    with pytest.raises(LocalRuleBroken, match="AT\\+CSQ is not finished"):
        session.begin(GRAMMAR.plan("AT"))


def test_a_payload_without_prompt_is_our_own_mistake():
    session = begun("AT+USOWR=0,1")
    with pytest.raises(LocalRuleBroken, match="PAYLOAD"):
        session.payload(b"x", echoed=False)


def test_prompt_payload_final():
    session = begun("AT+USOWR=0,1")
    assert session.receive(b"AT+USOWR=0,1\r\r\n@") == [PromptHeard("@")]
    assert session.state is State.PROMPTED
    assert session.payload(b"x", echoed=False) == b"x"
    assert finished(session.receive(b"\r\n+USOWR: 0,1\r\n\r\nOK\r\n")).info == ("+USOWR: 0,1",)


def test_a_refusal_instead_of_the_prompt():
    session = begun("AT+USOWR=0,1")
    assert finished(session.receive(b"\r\n+CME ERROR: 3\r\n")).final.number == 3
    assert session.receive(b"\r\n@\r\n") == [Stray(StrayKind.UNKNOWN, "@")]


def test_connect_and_back():
    session = begun("AT+USODL=0")
    events = session.receive(b"AT+USODL=0\r\r\nCONNECT\r\nabc")
    assert events == [Connected("CONNECT", ()), DataHeard(b"abc")]
    assert session.state is State.DATA
    session.leave_data(GRAMMAR.escape_plan())
    assert finished(session.receive(b"\r\nDISCONNECT\r\n\r\nOK\r\n")).info == ("DISCONNECT",)


@pytest.mark.parametrize(("line", "connects"), [('AT+UFTPC=6,"name"', True), ('AT+UFTPC=7, "name",250', True),
                                                ("AT+UFTPC=13", False), ('AT+UFTPC=2,"6"', False)])
def test_the_direct_link_of_ftp_connects(line: str, connects: bool):
    session = begun(line)
    events = session.receive(b"\r\nCONNECT\r\nabc")
    assert (session.state is State.DATA) is connects
    assert (Connected("CONNECT", ()) in events) is connects


@pytest.mark.parametrize("line", ["ATA", "ATD+390402529400;"])
def test_connect_of_a_voice_call_is_its_end(line: str):
    """LENA-R8 guide 7.3.1, Table 18: ATA is answered CONNECT, then ATH with OK and NO CARRIER."""
    session = begun(line)
    events = session.receive(line.encode() + b"\r\r\nCONNECT\r\n")
    assert (finished(events).final.text, finished(events).final.success) == ("CONNECT", True)
    assert session.state is State.IDLE
    assert not session.call_held
    session.begin(GRAMMAR.plan("ATH"))
    ended = session.receive(b"ATH\r\r\nOK\r\n\r\nNO CARRIER\r\n")
    assert finished(ended).final.text == "OK"
    assert ended[-1] == UrcHeard("NO CARRIER", "NO CARRIER")


def test_a_voice_call_that_does_not_come_about():
    for code in ("BUSY", "NO ANSWER", "NO CARRIER"):
        assert finished(begun("ATD0123;").receive(f"\r\n{code}\r\n".encode())).final.text == code


def online() -> Session:
    """A call held in online command mode."""
    session = begun("ATD*99***1#")
    session.receive(b"\r\nCONNECT 150000000\r\n")
    assert session.call_held
    session.leave_data(GRAMMAR.escape_plan())
    assert finished(session.receive(b"\r\nOK\r\n")).final.success
    assert session.state is State.ONLINE
    return session


def said(session: Session, line: str, answer: bytes) -> Finished:
    session.begin(GRAMMAR.plan(line))
    return finished(session.receive(answer))


def test_a_call_is_held_by_the_escape_and_resumed():
    """LENA-R8 guide 5.8.2, Table 13."""
    session = online()
    for _ in range(3):
        assert said(session, "AT+CSQ", b"\r\n+CSQ: 25,0\r\n\r\nOK\r\n").info == ("+CSQ: 25,0",)
        assert said(session, "AT+NOSUCH", b"\r\nERROR\r\n").final.text == "ERROR"
        assert session.state is State.ONLINE
    session.begin(GRAMMAR.plan("ATO"))
    assert session.receive(b"\r\nCONNECT\r\n\x7e") == [Connected("CONNECT", ()), DataHeard(b"\x7e")]
    assert session.state is State.DATA
    session.leave_data(GRAMMAR.escape_plan())
    session.receive(b"\r\nOK\r\n")
    assert session.state is State.ONLINE


@pytest.mark.parametrize("line", ["ATH", "AT+CHUP", "ATZ"])
def test_what_hangs_up(line: str):
    for _ in range(2):  # the second answer is the same as the first: it must not be taken from memory
        session = online()
        said(session, line, f"{line}\r\r\nOK\r\n".encode())
        assert (session.state, session.call_held) == (State.IDLE, False)
        said(session, "ATD*99***1#", b"\r\nNO CARRIER\r\n")
    session = online()
    said(session, line, b"\r\nERROR\r\n")
    assert session.state is State.ONLINE


def test_the_carrier_goes():
    gone = UrcHeard("NO CARRIER", "NO CARRIER")
    session = online()
    assert session.receive(b"\r\nNO CARRIER\r\n") == [gone]
    assert session.state is State.IDLE
    session = online()
    session.begin(GRAMMAR.plan("AT+CSQ"))
    assert session.receive(b"\r\nNO CARRIER\r\n") == [gone]
    assert finished(session.receive(b"\r\n+CSQ: 9,0\r\n\r\nOK\r\n")).final.success
    assert session.state is State.IDLE
    session = online()
    assert said(session, "ATO", b"\r\nNO CARRIER\r\n").final.text == "NO CARRIER"
    assert session.state is State.IDLE
    session = online()  # another call is refused, the one held goes on
    assert said(session, "ATD*99***2#", b"\r\nNO CARRIER\r\n").final.text == "NO CARRIER"
    assert session.state is State.ONLINE


def test_a_command_given_up_keeps_the_call():
    session = online()
    session.begin(GRAMMAR.plan("AT+CSQ"))
    session.give_up()
    assert session.state is State.ONLINE
    assert session.receive(b"\r\n+CSQ: 9,0\r\n\r\nOK\r\n") == [
        Stray(StrayKind.LATE, "+CSQ: 9,0"), Stray(StrayKind.LATE, "OK")]
    session.reset()
    assert (session.state, session.call_held) == (State.IDLE, False)


def test_a_direct_link_holds_no_call():
    session = begun('AT+UFTPC=6,"name"')
    session.receive(b"\r\nCONNECT\r\n")
    session.leave_data(GRAMMAR.escape_plan())
    assert session.state is State.LEAVING
    assert finished(session.receive(b"\r\nDISCONNECT\r\n\r\nOK\r\n")).info == ("DISCONNECT",)
    assert (session.state, session.call_held) == (State.IDLE, False)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 60), max_size=8), st.sampled_from([b"", b"\r\n", b"\r\nOK\r\nx", b"\r\nOK"]))
def test_what_comes_behind_the_escape_is_data_up_to_the_answer(cuts: list[int], tail: bytes):
    session = begun("ATD*99***1#")
    session.receive(b"\r\nCONNECT\r\n")
    session.leave_data(GRAMMAR.escape_plan())
    data = b"\x7e\x00\r\nOK: no\r\nNO CARRIERS\r\r\n" + tail
    stream = data + b"\r\nOK\r\n\r\n+CREG: 5\r\n"
    places = sorted(cut for cut in cuts if cut <= len(data))
    events: list[object] = []
    for begin, end in zip([0, *places], [*places, len(stream)], strict=True):
        events += session.receive(stream[begin:end])
    heard = b"".join(event.data for event in events if isinstance(event, DataHeard))
    if not (tail == b"\r\nOK\r\nx" and len(data) - 1 in places):  # else it looked like the answer
        assert heard == data
        assert events[-1] == UrcHeard("+CREG", "+CREG: 5")
    assert session.state is State.ONLINE


def test_the_answer_to_the_escape_in_numbers():
    session = begun("ATV0")
    session.receive(b"0\r")
    session.set_numeric(True)
    session.begin(GRAMMAR.plan("ATD*99***1#"))
    session.receive(b"\r\nCONNECT\r\n")
    session.leave_data(GRAMMAR.escape_plan())
    assert session.receive(b"\x7e10") == [DataHeard(b"\x7e1")]
    assert finished(session.receive(b"\r")).final.success


def test_no_call_moves_the_dialogue_where_the_table_does_not():
    for state, row in TRANSITIONS.items():
        session = Session(GRAMMAR)
        session._state = session._rest = state if state in (State.IDLE, State.ONLINE) else State.IDLE
        session._state = state
        for call, signal in ((lambda one: one.leave_data(GRAMMAR.escape_plan()), Signal.LEAVE_DATA),
                             (lambda one: one.payload(b"x", echoed=False), Signal.PAYLOAD)):
            if signal not in row:
                with pytest.raises(LocalRuleBroken):
                    call(session)
        if Signal.BEGIN not in row:
            with pytest.raises(LocalRuleBroken):
                session.begin(GRAMMAR.plan("AT"))


def test_leaving_data_mode_that_never_was_is_our_own_mistake():
    with pytest.raises(LocalRuleBroken):
        Session(GRAMMAR).leave_data(GRAMMAR.escape_plan())


def test_call_codes_end_only_what_dials():
    session = begun("AT+CSQ")
    assert session.receive(b"\r\nNO CARRIER\r\n") == [UrcHeard("NO CARRIER", "NO CARRIER")]
    assert session.state is State.SENT
    session.receive(b"\r\nOK\r\n")
    assert session.receive(b"\r\nNO CARRIER\r\n") == [UrcHeard("NO CARRIER", "NO CARRIER")]
    session = begun("ATD*99#")
    assert finished(session.receive(b"\r\nNO CARRIER\r\n")).final.text == "NO CARRIER"
    session = begun("ATH")
    assert session.receive(b"\r\nRING\r\n") == [UrcHeard("RING", "RING")]


def test_final_codes_that_nobody_asked_for():
    session = Session(GRAMMAR)
    assert session.receive(b"\r\nOK\r\n") == [Stray(StrayKind.UNASKED, "OK")]
    assert session.receive(b"rubbish\r\n") == [Stray(StrayKind.UNKNOWN, "rubbish")]


def test_a_line_of_no_known_urc_is_still_the_module_speaking():
    assert Session(GRAMMAR).receive(b"\r\n+XNEW: 1\r\n") == [UrcHeard("+XNEW", "+XNEW: 1")]


def test_an_answer_with_another_prefix_than_declared_is_kept():
    session = begun("AT+USOWR=1,2,\"ab\"")  # LENA-R8 answers +USOST: on a UDP socket
    assert finished(session.receive(b"\r\n+USOST: 1,2\r\n\r\nOK\r\n")).info == ("+USOST: 1,2",)


def test_a_message_of_mqtt_sn_may_come_under_the_prefix_of_mqtt():
    session = begun("AT+UMQTTSNC=9,1")
    events = session.receive(b'\r\n+UMQTTC: 9,0,0,3,1,"1",2,"OK"\r\n\r\nOK\r\n')
    assert finished(events).info == ('+UMQTTC: 9,0,0,3,1,"1",2,"OK"',)


def test_text_of_a_message_is_information():
    session = begun("AT+CMGR=1")
    answer = finished(session.receive(
        b'AT+CMGR=1\r\r\n+CMGR: "REC READ","+43664",,"26/11/21"\r\nhello world\r\n\r\nOK\r\n'))
    assert answer.info[1] == "hello world"


def test_an_earlier_attention_does_not_answer_for_the_next_command():
    """AT was repeated until an OK came; the OK of another of them comes later."""
    session = begun("ATI9")
    events = session.receive(b"AT\r\r\nOK\r\n")
    assert [type(event) for event in events] == [Stray, Stray]
    assert session.state is State.SENT
    events = session.receive(b"ATI9\r\r\n02.14,A00.01\r\n\r\nOK\r\n")
    assert finished(events).info == ("02.14,A00.01",)
    assert finished(begun("AT").receive(b"AT\r\r\nOK\r\n")).final.success


def test_late_answers_do_not_become_the_next_ones():
    session = begun("AT+CGMM")
    session.echo = True
    session.give_up()
    session.begin(GRAMMAR.plan("AT+CSQ"))
    events = session.receive(b"\r\nLARA-R6001\r\n\r\nOK\r\nAT+CSQ\r\r\n+CSQ: 9,9\r\n\r\nOK\r\n")
    assert [event for event in events if isinstance(event, Stray)] == [
        Stray(StrayKind.LATE, "LARA-R6001"), Stray(StrayKind.LATE, "OK")]
    assert finished(events).info == ("+CSQ: 9,9",)


def test_noise_in_front_of_the_echo():
    session = begun("AT+CSQ")
    assert finished(session.receive(b"\xff\xfeAT+CSQ\r\r\n+CSQ: 9,9\r\n\r\nOK\r\n")).info == ("+CSQ: 9,9",)


def test_an_answer_seen_before_means_the_same_again():
    session = Session(GRAMMAR)
    answer = b"AT+CSQ\r\r\n+CSQ: 25,0\r\n\r\nOK\r\n"
    for _ in range(3):
        session.begin(GRAMMAR.plan("AT+CSQ"))
        assert finished(session.receive(answer)).info == ("+CSQ: 25,0",)
        assert session.state is State.IDLE
    session.begin(GRAMMAR.plan("AT+CGMM"))  # the same bytes for another command are not its answer
    assert finished(session.receive(answer)).info == ("AT+CSQ", "+CSQ: 25,0")
    session.begin(GRAMMAR.plan("AT+CSQ"))
    session.receive(b"\r\n+UUSO")  # half a URC in front: the bytes mean something else
    assert session.receive(b"RD: 0,1\r\n" + answer)[0] == UrcHeard("+UUSORD", "+UUSORD: 0,1")
    session.greeting = "+CSQ: 25,0"  # and so does another start-up text
    session.begin(GRAMMAR.plan("AT+CSQ"))
    assert finished(session.receive(answer)).info == ()


def test_secrets_are_marked():
    plan = GRAMMAR.plan('AT+CPIN="1234";+CSQ')
    assert plan.shown == 'AT+CPIN="****";+CSQ'
    assert GRAMMAR.plan("AT+CSQ").secrets == ()


@pytest.mark.parametrize(("line", "shown"), [
    ('AT+USECPRF=0,8,"0011223344"', 'AT+USECPRF=0,8,"**********"'),
    ('AT+USECPRF=0,3,"ThawteCA"', 'AT+USECPRF=0,3,"ThawteCA"'),
    ('AT+USECPRF=0,13,2,"c2Vzc2lvbg==","bWFzdGVy"', 'AT+USECPRF=0,13,2,"c2Vzc2lvbg==","********"'),
    ("AT+USECPRF=0,13,1,0", "AT+USECPRF=0,13,1,0"),
    ('AT+UHTTP=0,3,"P455w0rd"', 'AT+UHTTP=0,3,"********"'),
    ('AT+UHTTP=0,1,"httpbin.org"', 'AT+UHTTP=0,1,"httpbin.org"'),
    ('AT+UMQTT=4,"user","password"', 'AT+UMQTT=4,"user","********"'),
    ('AT+UFTP=3,"password"', 'AT+UFTP=3,"********"'),
])
def test_secrets_that_depend_on_the_operation(line, shown):
    assert GRAMMAR.plan(line).shown == shown


@pytest.mark.parametrize(("line", "shown"), [
    ('AT+CSIM=26,"002000010831323334FFFFFFFF"', f'AT+CSIM=26,"0020000108{"*" * 16}"'),
    ("AT+CSIM=26,012800010831323334ffffffff", f"AT+CSIM=26,0128000108{'*' * 16}"),
    ('AT+CGLA=1,42,"012C0001103132333435363738' '31323334FFFFFFFF"', f'AT+CGLA=1,42,"012C000110{"*" * 32}"'),
    ('AT+CSIM=26,"00D60000080020000108313233"', 'AT+CSIM=26,"00D60000080020000108313233"'),
    ('AT+CSIM=10,"0020000100"', 'AT+CSIM=10,"0020000100"'),
    ('AT+CSIM=14,"00A40004023F00"', 'AT+CSIM=14,"00A40004023F00"'),
])
def test_pins_in_commands_to_the_card(line, shown):
    """ETSI TS 102 221 11.1.9 to 11.1.13."""
    assert GRAMMAR.plan(line).shown == shown


def test_a_private_key_is_a_secret_payload():
    assert GRAMMAR.plan('AT+USECMNG=0,2,"key",1200').secret_payload
    assert not GRAMMAR.plan('AT+USECMNG=0,0,"ca",1200').secret_payload


def test_every_state_and_signal_leads_somewhere_known():
    assert set(TRANSITIONS) == set(State)
    for row in TRANSITIONS.values():
        assert row[Signal.RESET] is State.IDLE
        assert set(row.values()) <= set(State)


_DIALOGUE = (
    b"\r\n+UUSORD: 0,7\r\nAT+CSQ\r\r\n+CREG: 5\r\n\r\n+CSQ: 25,0\r\n\r\nRING\r\n\r\nOK\r\n"
    b"\r\n+UUSOCL: 0\r\n")


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, len(_DIALOGUE)), max_size=10))
def test_any_split_means_the_same(cuts):
    def told(places: list[int]) -> list[object]:
        session = begun("AT+CSQ")
        events: list[object] = []
        for begin, end in zip([0, *places], [*places, len(_DIALOGUE)], strict=True):
            events += session.receive(_DIALOGUE[begin:end])
        return events

    events = told(sorted(cuts))
    assert [event.text for event in events if isinstance(event, UrcHeard)] == [
        "+UUSORD: 0,7", "+CREG: 5", "RING", "+UUSOCL: 0"]
    assert finished(events).info == ("+CSQ: 25,0",)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=40), st.sampled_from(
    [b"\r\nOK\r\n", b"AT+CSQ\r", b"\r\n+CSQ: 1,1\r\n", b"\r\n@", b"\r\n> ",
     b"\r\nCONNECT\r\n", b'+CUSD: 0,"'])),
    max_size=12))
def test_no_bytes_break_the_dialogue(chunks):
    session = Session(GRAMMAR)
    session.echo = True  # so that half a refusal in the noise is known for what it is
    for chunk in chunks:
        if session.state is State.IDLE:
            session.begin(GRAMMAR.plan("AT+CSQ"))
        for event in session.receive(chunk):
            assert not isinstance(event, Connected)
    session.abandon_string()
    session.receive(b"\r\n")  # half a refusal may have been the last of the noise
    if session.state is not State.IDLE:
        session.give_up()
    session.begin(GRAMMAR.plan("AT+CGMM"))
    events = session.receive(b"\r\nAT+CGMM\r\r\nLARA-R6001\r\n\r\nOK\r\n")
    assert finished(events).final.text == "OK"
