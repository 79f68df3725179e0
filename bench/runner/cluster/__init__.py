"""Measure the rounds of a run on many hosts; Dask queues, retries and reroutes."""
