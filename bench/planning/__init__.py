"""Prepare a run: cases, plan, pilot, and what a resumed plan may do."""
