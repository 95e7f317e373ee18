"""What a UART reads at another rate."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellbench.virtual.bench.waveform import EIGHT_BITS, Format, reframe, resample

RATES = st.sampled_from([1200, 9600, 57600, 115200, 230400, 460800, 921600, 3_000_000])


@given(st.binary(max_size=50), RATES)
def test_the_same_rate_gives_the_data_back(data, rate):
    assert resample(data, rate, rate) == data
    assert resample(data, rate, round(rate * 1.02)) == data


@given(st.binary(max_size=50), RATES, RATES)
def test_any_rates_end(data, sent, sampled):
    assert isinstance(resample(data, sent, sampled), bytes)


@pytest.mark.parametrize(("sent", "sampled"), [(115200, 9600), (9600, 115200), (115200, 57600),
                                               (57600, 115200)])
def test_a_wrong_rate_garbles(sent, sampled):
    heard = resample(b"AT\r\n" * 4, sent, sampled)
    assert heard
    assert b"AT\r" not in heard


def test_a_fast_receiver_hears_more_characters_than_were_sent():
    assert len(resample(b"U" * 10, 9600, 115200)) > 10


def test_a_character_at_half_rate_by_hand():
    # 'A' = 0x41 at 100 baud, sampled at 200: each bit lasts two; start 00, then 1 as 11, 0 as 00 ...
    # start bit at 0, samples at 0.75, 1.25, ... of the sent bits: 0 1 1 0 0 0 0 0, then a low stop bit.
    assert resample(b"A", 100, 200)[0] == 0b00000110


FORMATS = st.builds(Format, st.integers(5, 8), st.integers(1, 5))


@given(st.binary(max_size=40), FORMATS)
def test_the_same_format_gives_the_data_back(data, one):
    assert reframe(data, one, one) == data


@given(st.binary(max_size=40), FORMATS, FORMATS)
def test_any_formats_end(data, sent, taken):
    assert len(reframe(data, sent, taken)) <= 2 * len(data) + 1


@given(st.binary(max_size=40))
def test_seven_bits_and_parity_are_eight_bits_to_who_takes_them_so(data):
    """7E1 by hand: the parity stands where bit 7 is."""
    seven = bytes(byte & 0x7F for byte in data)
    heard = reframe(seven, Format(7, 3), EIGHT_BITS)
    assert heard == bytes(byte | (byte.bit_count() & 1) << 7 for byte in seven)
    assert reframe(heard, EIGHT_BITS, Format(7, 3)) == seven


@pytest.mark.parametrize(("sent", "taken", "heard"), [
    (EIGHT_BITS, Format(8, 3), b""),  # 'A' has a parity bit of 0 where the stop bit stands
    (Format(8, 4), EIGHT_BITS, b"A"),  # mark parity is a second stop bit
    (Format(8, 5), EIGHT_BITS, b""),  # space parity is a missing stop bit
    (Format(8, 2), Format(8, 3), b""), (Format(8, 2), Format(8, 4), b"A")])
def test_one_character_by_hand(sent, taken, heard):
    assert reframe(b"A", sent, taken) == heard
