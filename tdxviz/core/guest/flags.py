"""RFLAGS, computed exactly where the architecture defines them.

Undefined flags: logic and shifts clear AF; multiplication sets ZF, SF and PF as the low half does and
clears AF; a division leaves all as they were; shifts by more than one keep OF as computed for one.
Source: Intel SDM volume 2 and appendix A of volume 1.
"""

CF, PF, AF, ZF, SF, IF, DF, OF = 1, 4, 0x10, 0x40, 0x80, 0x200, 0x400, 0x800
ARITHMETIC = CF | PF | AF | ZF | SF | OF
_PARITY = bytes(PF if bin(n).count("1") % 2 == 0 else 0 for n in range(256))


def result_flags(value: int, bits: int) -> int:
    """PF, ZF and SF of a result that fits in ``bits``."""
    return _PARITY[value & 0xFF] | (0 if value else ZF) | (value >> bits - 1 & 1) << 7


def add(a: int, b: int, carry: int, bits: int) -> tuple[int, int]:
    """Result and all six flags of a + b + carry."""
    total = a + b + carry
    value = total & (1 << bits) - 1
    over = ((a ^ value) & (b ^ value)) >> bits - 1 & 1
    return value, result_flags(value, bits) | total >> bits | (a ^ b ^ value) & AF | over << 11


def sub(a: int, b: int, borrow: int, bits: int) -> tuple[int, int]:
    """Result and all six flags of a - b - borrow."""
    total = a - b - borrow
    value = total & (1 << bits) - 1
    over = ((a ^ b) & (a ^ value)) >> bits - 1 & 1
    return value, result_flags(value, bits) | (total < 0) | (a ^ b ^ value) & AF | over << 11


def logic(value: int, bits: int) -> int:
    return result_flags(value, bits)


def multiplied(low: int, bits: int, over: bool) -> int:
    """After MUL and IMUL: CF and OF say that the low half is not the whole product."""
    return result_flags(low, bits) | (CF | OF if over else 0)


def condition(code: int, flags: int) -> bool:
    """Condition codes 0..15 in encoding order (O, NO, B, AE, E, NE, BE, A, S, NS, P, NP, L, ...)."""
    kind = code >> 1
    match kind:
        case 0:
            true = bool(flags & OF)
        case 1:
            true = bool(flags & CF)
        case 2:
            true = bool(flags & ZF)
        case 3:
            true = bool(flags & (CF | ZF))
        case 4:
            true = bool(flags & SF)
        case 5:
            true = bool(flags & PF)
        case 6:
            true = bool(flags & SF) != bool(flags & OF)
        case _:
            true = bool(flags & ZF) or bool(flags & SF) != bool(flags & OF)
    return true != bool(code & 1)
