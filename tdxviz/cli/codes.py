"""Exit codes of the command line."""

OK = 0
NO = 1
"""The answer is no: a check failed, a lesson does not work."""
BAD_INPUT = 2
INTERRUPTED = 130
