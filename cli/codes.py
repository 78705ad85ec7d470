"""Exit codes; 0 is done."""

FAILED = 1
WRONG = 2
# interrupted, and the same command can be given again
RESUMABLE = 75
INTERRUPTED = 130
