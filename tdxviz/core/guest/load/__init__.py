"""Guest programs as users bring them: bytes in, an ``Image`` out. Nothing is executed here."""
