from tdxviz.core.machine import Machine
from tdxviz.session.checkpoints import MOST, SPACING, Checkpoints


def test_a_copy_is_taken_only_after_enough_cost():
    machine = Machine("legacy")
    points = Checkpoints(machine)
    points.consider(1, machine, SPACING - 1)
    assert len(points) == 1
    points.consider(2, machine, 1)
    assert len(points) == 2
    assert points.nearest(1)[0] == 0
    assert points.nearest(2)[0] == 2
    assert points.nearest(99)[0] == 2


def test_they_are_thinned_and_the_start_is_kept():
    machine = Machine("legacy")
    points = Checkpoints(machine)
    for number in range(1, 4 * MOST):
        points.consider(number, machine, SPACING)
    assert len(points) <= MOST
    assert points.nearest(0)[0] == 0
    last = 4 * MOST - 1
    assert last - points.nearest(last)[0] <= 8


def test_a_branch_gets_the_points_of_its_past_only():
    machine = Machine("legacy")
    points = Checkpoints(machine)
    for number in range(1, 6):
        points.consider(number, machine, SPACING)
    twin = points.until(3)
    assert len(twin) == 4
    assert twin.nearest(99)[0] == 3
    twin.consider(4, machine, SPACING)
    assert len(points) == 6
