"""The same mathematics, as fast as each framework can compute it."""
