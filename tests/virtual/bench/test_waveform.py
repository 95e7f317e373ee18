"""What a UART reads at another rate."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellbench.virtual.bench.waveform import resample

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
