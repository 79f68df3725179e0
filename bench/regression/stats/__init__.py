"""The statistics of a comparison: tests, levels, verdicts and power."""
