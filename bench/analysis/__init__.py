"""Pure functions of records: intervals, summaries, rankings, start-up, rooflines, crossovers."""
