"""Pure functions of records: rows, intervals, ranking, noise, devices, start-up, roofline."""
