"""Zone tables against zoneinfo."""

from __future__ import annotations

import pickle
import zoneinfo
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kf_widget.history.zones import Zone, _zone

NAMES = [
    "UTC",
    "Europe/London",
    "America/New_York",
    "America/Chicago",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "America/Sao_Paulo",
    "Pacific/Apia",
    "America/St_Johns",
    "Africa/Casablanca",
    "Africa/Monrovia",
]
SECOND = 10**9
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def offset_of(name: str, time_s: int) -> int:
    offset = (EPOCH + timedelta(seconds=time_s)).astimezone(zoneinfo.ZoneInfo(name)).utcoffset()
    assert offset is not None
    return round(offset.total_seconds()) * SECOND


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(NAMES), st.integers(-9_200_000_000, 9_200_000_000), st.integers(0, 4 * 10**8))
def test_table_equals_zoneinfo(name: str, start: int, length: int) -> None:
    from_ns, offset_ns = Zone.of(name).table(start * SECOND, (start + length) * SECOND)
    assert from_ns[0] == start * SECOND
    assert (np.diff(from_ns) > 0).all()
    assert (np.diff(offset_ns) != 0).all()
    for since, offset in zip(from_ns.tolist(), offset_ns.tolist(), strict=True):
        assert offset == offset_of(name, since // SECOND)
    for since, before in zip(from_ns[1:].tolist(), offset_ns[:-1].tolist(), strict=True):
        assert before == offset_of(name, since // SECOND - 1)
    for probe in np.linspace(start, start + length, 50).astype(int).tolist():
        here = np.searchsorted(from_ns, probe * SECOND, "right") - 1
        assert offset_ns[here] == offset_of(name, probe)


def test_table_does_not_depend_on_what_was_asked_before() -> None:
    ranges = [(1.4e9, 1.5e9), (-2e9, -1.9e9), (0, 1), (3e9, 3.1e9), (1.0e9, 1.6e9), (-9.3e9, 9.3e9)]
    once = [Zone.of("America/New_York").table(int(a) * SECOND, int(b) * SECOND) for a, b in ranges[:-1]]
    for (a, b), (from_ns, offset_ns) in zip(ranges, once, strict=False):
        _zone.cache_clear()
        again = Zone.of("America/New_York").table(int(a) * SECOND, int(b) * SECOND)
        np.testing.assert_array_equal(again[0], from_ns)
        np.testing.assert_array_equal(again[1], offset_ns)


def test_local_time_and_single_offsets() -> None:
    zone = Zone.of("Asia/Kolkata")
    assert zone.offset_at(0) == 19_800 * SECOND
    assert zone.local_ns([0, SECOND]).tolist() == [19_800 * SECOND, 19_801 * SECOND]
    assert zone.local_ns(np.empty(0, np.int64)).size == 0


def test_one_object_a_name() -> None:
    zone = Zone.of("Europe/London")
    assert Zone.of(zone) is zone is Zone.of("Europe/London")
    assert pickle.loads(pickle.dumps(zone)) is zone


@pytest.mark.parametrize(
    ("name", "hours", "kept"),
    [
        ("+05:30", 5.5, "+05:30"),
        ("-0800", -8, "-08:00"),
        ("UTC+01:00", 1, "+01:00"),
        ("UTC+2", 2, "+02:00"),  # not Etc/GMT+2, which is two hours behind
        ("GMT-10", -10, "-10:00"),
        ("UTC", 0, "UTC"),
    ],
)
def test_fixed_offsets(name: str, hours: float, kept: str) -> None:
    assert Zone.of(name).offset_at(10**18) == hours * 3600 * SECOND
    assert Zone.of(name).name == kept


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("America/Chcago", "'America/Chicago'"),
        ("london", "'Europe/London'"),
        ("New York", "'America/New_York'"),
        ("../etc/passwd", "Try"),
        ("", "Try"),
        ("+99:99", "Try"),
    ],
)
def test_unknown_names_get_a_hint(name: str, hint: str) -> None:
    with pytest.raises(ValueError, match=r"time zone: name must be .*" + hint):
        Zone.of(name)


def test_wrong_type() -> None:
    with pytest.raises(TypeError, match="must be a str, got int"):
        Zone.of(5)  # type: ignore[arg-type]
