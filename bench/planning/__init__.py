"""Prepare a run: cases, plan, threads, and what a resumed plan may do."""
