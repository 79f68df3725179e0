"""Compare versions with themselves: count wrong decisions, and estimate the spread of a machine."""
