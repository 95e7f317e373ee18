"""Profiles: every variant builds, every fact has its source, identities find their profile."""

from __future__ import annotations

from dataclasses import fields

import pytest

from cellbench.base.errors import OperatorError
from cellbench.catalogue.commands import ALL
from cellbench.catalogue.model import Series, Source
from cellbench.catalogue.modules import profile_by_identity, profile_for, series_named, variants_of
from cellbench.catalogue.modules.building import factory, with_variant
from cellbench.catalogue.modules.model import Known, ModuleProfile, VariantOverride
from cellbench.catalogue.sources import guess

VARIANTS = [(series, variant) for series in Series for variant in variants_of(series)]


@pytest.fixture(params=VARIANTS, ids=lambda one: one[1])
def profile(request: pytest.FixtureRequest) -> ModuleProfile:
    series, variant = request.param
    return profile_for(series, variant)


def test_all_variants_are_there() -> None:
    assert set(variants_of(Series.LENA_R8)) == {"LENA-R8001", "LENA-R8001M10"}
    assert set(variants_of(Series.LARA_R6)) == {"LARA-R6001", "LARA-R6001D", "LARA-R6401", "LARA-R6401D",
                                                "LARA-R6801", "LARA-R6801D"}


def test_profile_names_its_variant(profile: ModuleProfile) -> None:
    assert profile.variant.startswith(profile.model_prefix)
    assert profile.ordering_codes
    assert all(code.startswith(profile.variant + "-") for code in profile.ordering_codes)


def test_every_known_fact_has_a_source(profile: ModuleProfile) -> None:
    for part in (profile, profile.power, profile.serial, profile.bearers):
        for one in fields(part):
            value = getattr(part, one.name)
            if isinstance(value, Known):
                assert isinstance(value.source, Source), one.name
                assert value.source.where, one.name
    assert all(current.source.where for current in profile.currents)
    assert all(composition.source.where for composition in profile.usb)
    assert all(isinstance(one, Known) and one.source.where for one in profile.quirks.values())
    assert all(isinstance(one, Known) and one.source.where for one in profile.facts.values())


def test_every_factory_setting_has_a_source(profile: ModuleProfile) -> None:
    assert set(profile.factory) == set(profile.factory_sources)


def test_factory_settings_are_legal(profile: ModuleProfile) -> None:
    checked = 0
    for name, value in profile.factory.items():
        command = ALL.get(name)
        if command is None:
            assert name.startswith("S") or "=" in name or name in ("firmware", "usbmode", "nat_cfg")
            continue
        assert profile.series in command.series, name
        values = value if isinstance(value, tuple) else (value,)
        for param, one in zip(command.params_for(profile.series), values, strict=False):
            ranges = param.ranges_for(profile.series)
            if isinstance(one, int) and ranges:
                assert any(low <= one <= high for low, high in ranges), f"{name}: {one}"
                checked += 1
    assert checked > 20


def test_figures_are_in_order(profile: ModuleProfile) -> None:
    power = profile.power
    normal, extended = power.vcc_normal_v.value, power.vcc_extended_v.value
    assert extended[0] <= normal[0] < power.vcc_typical_v.value < normal[1] <= extended[1]
    assert 0 < power.current_limit_min_a.value < power.current_limit_max_a.value
    assert 0 < power.pwr_on_pulse_s.value[0] < power.pwr_on_pulse_s.value[1]
    assert power.reset_off_s is None or power.reset_off_s.value > power.reset_pulse_s.value
    by_state = {current.state: current.typical_a for current in profile.currents}
    states = ["off", "idle", "active", "connected", "transmit-peak"]
    assert [by_state[state] for state in states] == sorted(by_state[state] for state in states)
    assert by_state["transmit-peak"] <= power.current_limit_min_a.value
    assert profile.serial.factory_rate.value in (0, *profile.serial.rates.value)
    assert (profile.serial.factory_rate.value == 0) == profile.serial.autobauding
    assert profile.bearers.ims_cid.value not in profile.bearers.user_cids.value


def test_usb_has_an_at_port_unless_in_boot_mode(profile: ModuleProfile) -> None:
    for composition in profile.usb:
        roles = {interface.role for interface in composition.interfaces}
        assert roles <= {"at", "reserved", "cp-trace", "ap-trace", "diag", "gnss", "fw-update"}
        assert ("at" in roles) != (composition.selected_by == "usb_boot")
        assert 0 < composition.vid <= 0xFFFF
        assert 0 < composition.pid <= 0xFFFF


@pytest.mark.parametrize(("ati", "variant"), [
    ("LENA-R8001M10-00C-00", "LENA-R8001M10"),
    ("LENA-R8001-00C-00", "LENA-R8001"),
    ("lara-r6001d-00b-01", "LARA-R6001D"),
    ("LARA-R6401", "LARA-R6401"),
    ("LARA-R6999-00B-00", "LARA-R6001"),
    ("LARA-R6", "LARA-R6001"),
])
def test_identity_finds_the_profile(ati: str, variant: str) -> None:
    assert profile_by_identity(f" {ati}\r\n").variant == variant


def test_unknown_names_are_refused_with_those_that_exist() -> None:
    with pytest.raises(OperatorError, match="LARA-R6801D"):
        profile_for(Series.LARA_R6, "LARA-R6002")
    with pytest.raises(OperatorError, match="LENA-R8"):
        profile_by_identity("SARA-R5")
    with pytest.raises(OperatorError, match="LARA-R6"):
        series_named("SARA-R5")
    assert series_named(" lena-r8 ") is Series.LENA_R8


def test_variants_differ_as_the_data_sheet_says() -> None:
    data_only, lte_only = (profile_for(Series.LARA_R6, name) for name in ("LARA-R6001D", "LARA-R6401"))
    assert not data_only.voice
    assert data_only.factory["firmware"] == "00.13,A00.01"
    assert lte_only.rats == ("lte",)
    assert lte_only.factory["+URAT"] == 3
    without_gnss = profile_for(Series.LENA_R8, "LENA-R8001")
    assert "+UGPS" in without_gnss.unsupported
    assert "+UGPS" not in profile_for(Series.LENA_R8).unsupported


def test_changes_of_a_field_that_is_not_there_are_refused() -> None:
    base = profile_for(Series.LENA_R8)
    with pytest.raises(ValueError, match="colour"):
        with_variant(base, VariantOverride("LENA-R8001", (), {"colour": "red"}))
    with pytest.raises(ValueError, match="twice"):
        factory([(("E", "E"), 1, guess("no matter"))])
