"""XCR0: which state components there are, and which sets of them are legal. Source: SDM volume 1, 13.3."""

X87, SSE, AVX, AVX512, AMX = 1, 2, 4, 7 << 5, 3 << 17
XCR0_KNOWN = 0x602E7


def legal_xcr0(value: int) -> bool:
    pairs = all(value & mask in (0, mask) for mask in (AVX512, AMX))
    sse = not value & AVX or bool(value & SSE)
    avx = not value & AVX512 or bool(value & AVX)
    return bool(value & X87) and sse and avx and pairs
