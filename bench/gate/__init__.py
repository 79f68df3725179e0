"""Slower or not? Two versions measured against each other, or two stored runs compared."""
