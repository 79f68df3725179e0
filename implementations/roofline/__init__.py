"""Probes of the machine: peak rate, bandwidth and cost of a step, by framework."""
