"""Pure functions of records: summary, intervals, ranking, start-up, sweep, roofline."""
