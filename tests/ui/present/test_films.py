"""Films: how the events of one access become numbered stills."""

import pytest

from tdxviz.core import events as e
from tdxviz.ui.present.film_parts import FULL_FILM
from tdxviz.ui.present.films import bounds, film_at, neighbour
from tests.ui import stage_samples as s


def phases(events, index=None):
    film = film_at(events, len(events) if index is None else index)
    return [still.phase for still in film.stills]


def test_nothing_happened_means_no_film():
    assert film_at([], 0) is None
    assert film_at(s.guest_miss(), 0) is None


def test_a_load_from_dram_is_the_full_film_in_the_order_of_the_machine():
    film = film_at(s.guest_miss(), 7)
    assert [still.phase for still in film.stills] == [
        "translate", "cache", "engine", "fetch", "check", "fill", "deliver",
    ]  # fmt: skip
    assert len(film.stills) == FULL_FILM
    assert [still.label for still in film.stills][:6] == [
        "translate", "look in the cache", "ask the memory engine", "fetch the line",
        "decrypt and check", "fill",
    ]  # fmt: skip
    assert film.hpa == s.HPA
    assert film.keyid == s.KEY
    assert film.refused == ""
    assert not film.hit


def test_every_still_is_an_event_of_its_own():
    for events in (s.guest_miss(), s.guest_hit(), s.guest_walk(), s.guest_poison(), s.host_zeros()):
        film = film_at(events, len(events))
        numbers = [still.event for still in film.stills]
        assert numbers == sorted(set(numbers))
        assert all(film.first <= n <= film.last for n in numbers)


def test_a_cache_hit_is_visibly_shorter():
    film = film_at(s.guest_hit(), 4)
    assert film.hit
    assert len(film.stills) <= FULL_FILM - 3
    assert "fetch" not in phases(s.guest_hit())


def test_a_walk_adds_one_still_and_hides_the_walkers_own_reads():
    film = film_at(s.guest_walk(), len(s.guest_walk()))
    assert [still.phase for still in film.stills].count("walk") == 1
    assert [still.phase for still in film.stills].count("fetch") == 1
    assert film.hpa == s.HPA
    assert "4 sept" in next(still.text for still in film.stills if still.phase == "cache")


def test_poison_stops_the_film_with_the_rule():
    film = film_at(s.guest_poison(), len(s.guest_poison()))
    assert film.refused == "the MAC does not match: poison"
    assert [still.refused for still in film.stills][-2:] == [True, True]
    assert "fill" not in [still.phase for still in film.stills]


def test_a_host_read_is_refused_at_the_engine_and_gets_zeros():
    film = film_at(s.host_zeros(), 5)
    assert film.kind == "host"
    assert film.refused == "TD-owner bit is 1, shared KeyID: the answer is zeros"
    assert [still.phase for still in film.stills if still.refused] == ["check"]
    assert film.stills[-1].data == bytes(64)


def test_two_accesses_are_two_films_and_retired_instructions_belong_to_the_one_before():
    events = [*s.guest_miss(), *s.guest_hit()]
    assert bounds(events, 7) == (0, 6)
    assert bounds(events, 8) == (0, 6)
    assert bounds(events, 9) == (8, 11)
    assert film_at(events, 8).at(8) == 6


def test_a_store_and_its_probe_are_one_film():
    events = [
        *s.guest_hit(), s.tlb_hit(), *s.memory_part(), s.began("store"), s.tlb_hit(),
        e.CacheHit(hpa=s.HPA, keyid=s.KEY),
        e.MemoryStored(actor="td-a", gla=s.GLA, gpa=s.GLA, hpa=s.HPA, keyid=s.KEY, data=b"12345678"),
    ]  # fmt: skip
    film = film_at(events, len(events))
    assert [still.phase for still in film.stills] == [
        "cache", "engine", "fetch", "check", "fill", "store",
    ]  # fmt: skip
    assert film.title.startswith("TD-A stores 8 bytes")
    assert film.first == 5


def test_a_flush_by_the_host_does_not_swallow_the_read_after_it():
    flush = [e.LineEvicted(hpa=s.HPA, keyid=0, dirty=True, reason="CLFLUSH by the host"),
             e.LineWritten(hpa=s.HPA, keyid=0, cipher=s.CIPHER, owner=False, mac=0)]  # fmt: skip
    events = [*flush, *s.host_zeros()]
    assert bounds(events, 2) == (0, 1)
    assert bounds(events, 3) == (2, 6)


def test_the_hosts_machine_check_and_fault_are_one_film():
    events = [
        *s.memory_part(0)[:2],
        e.LinePoisoned(hpa=s.HPA, keyid=0, rule="stored-poison", fresh=False),
        e.MachineCheckRaised(context="host", hpa=s.HPA, lp=1),
        e.HostFaulted(fault="#MC", hpa=s.HPA, keyid=0, detail="the host itself consumed poison", lp=1),
    ]
    assert bounds(events, 2) == (0, 4)
    film = film_at(events, 5)
    assert film.kind == "host"
    assert film.stills[-1].label == "#MC"


def test_micro_operations_of_a_leaf_are_not_told():
    leaf = e.LeafReturned(side="host", leaf=2, name="TDH.MEM.PAGE.ADD", status=0, passed=9, reason="", lp=0)
    change = e.SeptEntryChanged(td="td-a", gpa=s.GLA, level=0, before="FREE", after="MAPPED", hpa=s.HPA)
    events = [*s.memory_part(), change, leaf]
    film = film_at(events, len(events))
    assert [still.phase for still in film.stills] == ["sept", "return"]
    assert film.kind == "leaf"
    assert film.stills[-1].place == "core0"


def test_a_refused_leaf_says_why():
    leaf = e.LeafReturned(side="host", leaf=2, name="TDH.MEM.PAGE.ADD", status=0xC000010000000001,
                          passed=3, reason="the page is already assigned", lp=1)  # fmt: skip
    film = film_at([leaf], 1)
    assert film.refused == "the page is already assigned"
    assert film.stills[0].place == "core1"


def test_an_exit_is_told_step_by_step():
    events = [
        e.StateSaved(td="td-a", vcpu=0, hpa=0x611000, lp=0),
        e.RegistersScrubbed(gprs=(1,) + (0,) * 15, exposed=("RAX",), lp=0),
        e.TdExited(td="td-a", vcpu=0, reason=1, why="external interrupt", status=0, lp=0),
        e.LeafReturned(side="host", leaf=0, name="TDH.VP.ENTER", status=0, passed=5, reason="", lp=0),
    ]
    film = film_at(events, 2)
    assert film.kind == "border"
    assert [still.phase for still in film.stills] == ["save", "scrub", "exit", "return"]


def test_a_fault_of_translation_ends_in_an_exit_within_the_same_film():
    events = [s.began(), e.TlbMissed(vpid=1, gla=s.GLA),
              e.TableRead(table="sept", level=0, address=0x620000, value=0, gpa=s.GLA),
              e.StateSaved(td="td-a", vcpu=0, hpa=0x611000, lp=0)]  # fmt: skip
    film = film_at(events, 4)
    assert film.kind == "guest"
    assert film.refused.startswith("no usable translation")


@pytest.mark.parametrize(
    ("events", "kind", "place"),
    [(s.dma_fault(), "device", "iommu"), (s.bus_capture(), "probe", "probe")],
)
def test_acts_without_micro_operations_are_one_still(events, kind, place):
    film = film_at(events, 1)
    assert (film.kind, len(film.stills), film.stills[0].place) == (kind, 1, place)


def test_scrubbing_goes_from_still_to_still_and_over_the_edge_of_a_film():
    events = [*s.guest_miss(), *s.guest_hit()]
    index, seen = 0, []
    for _ in range(11):
        index = neighbour(events, index, 1)
        seen.append(index)
    assert seen == [1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12]
    back = []
    for _ in range(11):
        index = neighbour(events, index, -1)
        back.append(index)
    assert back == [11, 10, 9, 7, 6, 5, 4, 3, 2, 1, 1]


def test_scrubbing_stops_at_the_end_of_the_story():
    events = s.guest_hit()
    assert neighbour(events, 4, 1) == len(events)
    assert neighbour(events, len(events), 1) == len(events)
    assert neighbour(events, 1, -1) == 1
    assert neighbour([], 0, 1) == 0


def test_every_event_can_be_taken():
    """No event of the union may break a film, whatever its place."""
    import msgspec

    for kind in e.Event.__subclasses__():
        fields = {f.name: _value(f.type) for f in msgspec.structs.fields(kind)}
        event = kind(**fields)
        film = film_at([event], 1)
        assert film is not None
        assert film.stills


def _value(kind):
    samples = {int: 1, str: "x", bytes: b"12345678", bool: True}
    if kind in samples:
        return samples[kind]
    return {} if "dict" in str(kind) else (1, 2) if "int" in str(kind) else ("RAX",)
