"""Information text as typed fields."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellbench.wire.at.values import fields_of, prefix_of


@pytest.mark.parametrize(("line", "prefix", "fields"), [
    ("+CSQ: 25,0", "+CSQ", (25, 0)),
    ("+CSQ:25, 0", "+CSQ", (25, 0)),
    ("+CGATT:1", "+CGATT", (1,)),
    ("+COPS: 0,0,\"one, two\",7", "+COPS", (0, 0, "one, two", 7)),
    ("+COPS: (2,\"a\",\"b\",\"26201\",7),,(0-4)", "+COPS", ('(2,"a","b","26201",7)', None, "(0-4)")),
    ("+CREG: 2,5,\"1A2B\",,-7", "+CREG", (2, 5, "1A2B", None, -7)),
    ("+CCID: 8939107800023416395", "+CCID", ("8939107800023416395",)),
    ("+CGSN: \"352846090000000\"", "+CGSN", ("352846090000000",)),
    ("352846090000000", "", ("352846090000000",)),
    ("043", "", ("043",)),
    ("RING", "RING", ("RING",)),
    ("LENA-R8001", "", ("LENA-R8001",)),
    ("+UUSTATUS: READY", "+UUSTATUS", ("READY",)),
    ("+CUSD:", "+CUSD", ()),
    ("+USORD: 0,5,\"a\"\r\n,\"", "+USORD", (0, 5, 'a"\r\n,')),
    ("+USORD: 0,2,\"610D\"", "+USORD", (0, 2, "610D")),
    ("+UMQTTC: 6,0,6,3,\"a\"b\",3,\"\"\"\"\"", "+UMQTTC", (6, 0, 6, 3, 'a"b', 3, '"""')),
    ("+UMQTTC: 9,0,0,2,1,\"1\",1,\"\"\"", "+UMQTTC", (9, 0, 0, 2, 1, "1", 1, '"')),
    ("", "", ()),
])
def test_lines(line, prefix, fields):
    assert (prefix_of(line), fields_of(line)) == (prefix, fields)


@given(st.binary(max_size=40))
def test_any_announced_payload_comes_back(data):
    text = data.decode("latin-1")
    assert fields_of(f'+USORD: 3,{len(data)},"{text}"') == (3, len(data), text)


@given(st.text(max_size=60))
def test_any_line_has_fields(line):
    assert isinstance(fields_of(line), tuple)
    assert isinstance(prefix_of(line), str)
