"""The bounds of the numbers in a plan, from the command line or from a stranger's file.

Nothing is imported here, so that the command line starts at once.
"""

MAX_INT = 2**31 - 1
MAX_SECONDS = 7 * 24 * 3600.0
MAX_EPOCHS = 200
MAX_ROUNDS = 1000
