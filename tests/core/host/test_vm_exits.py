"""An ordinary VM's exits, served to the end of a program."""

from tdxviz.core import events as e
from tdxviz.core.drive import drive
from tdxviz.core.guest.load.open import image_of
from tdxviz.core.host import guest_run
from tests.core.host.test_guest_run import prepared, ran

HELLO = """
  mov dx, 0xe9
  lea rsi, [rip + text]
  mov ecx, 5
  {how} outsb
  mov eax, ecx
  ret
text: .ascii "hello"
"""


def test_rep_outs_writes_to_the_console():
    out = ran(HELLO.format(how="rep"), "legacy")
    assert (out.console, out.exit_code) == (b"hello", 0)


def test_outs_goes_backwards_with_the_direction_flag_and_in_words():
    out = ran(
        'mov dx, 0xe9\n lea rsi, [rip + 1f + 4]\n mov ecx, 3\n std\n rep outsb\n ret\n1: .ascii "abcde"',
        "legacy",
    )
    assert out.console == b"edc"
    out = ran('mov dx, 0xe9\n lea rsi, [rip + 1f]\n outsw\n outsb\n ret\n1: .ascii "abcde"', "legacy")
    assert out.console == b"ac"


def test_ins_stores_what_the_device_says():
    source = """
      mov dx, 0xe9
      lea rdi, [rsp - 64]
      mov ecx, 3
      mov rbx, rdi
      rep insb
      sub rdi, rbx
      movzx eax, byte ptr [rbx + 2]
      shl eax, 8
      or eax, edi
      ret
    """
    assert ran(source, "legacy").exit_code == 0xE903


def test_a_page_fault_of_the_operand_is_the_guests():
    out = ran("mov dx, 0xe9\n mov rsi, 1 << 40\n outsb\n ret", "legacy")
    assert out.exit_code == 128 + 14


def test_wbinvd_makes_the_host_write_back_and_the_guest_goes_on():
    machine = prepared(image_of(b"wbinvd\n invd\n mov eax, 9\n ret", "t.s"), "legacy")
    told, out = drive(machine, guest_run.serve(machine, 10_000))
    assert [n.insn for n in told if isinstance(n, e.HostExecuted)] == ["WBINVD"]
    assert out.exit_code == 9


def test_msrs_that_are_the_hosts_come_back():
    source = "mov ecx, 0x1b\n mov eax, 5\n mov edx, 6\n wrmsr\n xor eax, eax\n xor edx, edx\n rdmsr\n shl edx, 4\n or eax, edx\n ret"
    assert ran(source, "legacy").exit_code == 0x65
