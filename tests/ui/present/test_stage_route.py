"""Ways of films over the stage: every leg exists in the geometry of every world."""

import pytest
from PySide6.QtCore import QRectF

from tdxviz.ui.present import stage_route
from tdxviz.ui.present.films import bounds, film_at
from tdxviz.ui.views.stage_layout import plan
from tests.ui import stage_kit as kit

ATTACKS = ("host-read-keyid0", "host-write-full-line", "dma-read-private", "register-peek-on-exit",
           "replay-line-and-mac", "bit-flip-ciphertext", "cold-boot")  # fmt: skip


def films(events):
    at = 0
    while at < len(events):
        film = film_at(events, at + 1)
        yield film
        at = max(bounds(events, at + 1)[1], at) + 1


@pytest.mark.parametrize("world", ["ci", "legacy"])
@pytest.mark.parametrize("attack", ATTACKS)
def test_every_leg_and_token_of_real_attacks_has_a_place(world, attack):
    events = kit.bridge(world, attack).session.events
    has_module = world != "legacy"
    for size in ((900, 330), (1090, 560)):
        where = plan(QRectF(0, 0, *size), 1.0, has_module)
        for film in films(events):
            for number in range(len(film.stills)):
                for leg in stage_route.legs(film, number, has_module):
                    assert leg in where.legs or leg in where.boxes, leg
                for token in stage_route.tokens(film, number, "td_a"):
                    assert token.place in where.tokens, token.place


@pytest.mark.parametrize("world", ["ci", "li", "legacy"])
@pytest.mark.parametrize("attack", ATTACKS)
def test_films_cover_all_events_without_overlap(world, attack):
    events = kit.bridge(world, attack).session.events
    last = -1
    for film in films(events):
        assert film.first <= last + 2
        assert film.title, film.stills
        assert all(still.label for still in film.stills)
        last = film.last
    assert last == len(events) - 1 or last == len(events) - 2


def test_the_hosts_first_still_shows_its_whole_way():
    events = kit.bridge("ci", "host-write-full-line").session.events
    write = next(f for f in films(events) if f.title.startswith("Host software stores"))
    assert stage_route.legs(write, 0, True) == ("core1>cache", "cache>engine", "engine>dram")


def test_a_device_reads_through_the_iommu_and_the_engine():
    events = kit.bridge("ci", "dma-read-private").session.events
    read = next(f for f in films(events) if f.title.startswith("Device reads"))
    assert stage_route.legs(read, 0, True) == ("device>iommu", "iommu>engine", "dram>engine")
