"""A guest flushes its own lines."""

import pytest

from tdxviz.core import events as e
from tests.core.guest.kit import BASE, DATA, Guest
from tests.core.hw.kit import RAM


@pytest.mark.parametrize(("code", "stays"), [("0fae3b", False), ("660fae3b", False), ("660fae33", True)])
def test_flush_and_write_back(code, stays):
    guest = Guest(bytes.fromhex(code))
    guest.write(DATA, b"dirty line")
    guest.cpu.gprs[3] = DATA + 5
    hpa = RAM + DATA - BASE
    guest.run()
    line = guest.p.cache.lookup(hpa, 0)
    assert (line is not None) == stays
    assert line is None or (not line.dirty and line.data[:10] == b"dirty line")
    assert guest.p.memctl.probe(hpa).data[:10] == b"dirty line"
    assert sum(isinstance(n, e.LineEvicted) for n in guest.news) == (not stays)


def test_a_flushed_line_of_code_is_fetched_again_in_a_loop():
    guest = Guest(bytes.fromhex("0fae3d0000000048ffc0ebf4"))  # clflush [rip]; inc rax; jmp back
    assert guest.run(300) == 300
    assert guest.cpu.gprs[0] == 100
