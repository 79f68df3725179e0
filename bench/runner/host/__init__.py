"""The machine that measures: its description, its GPU, its speed, and its signals."""
