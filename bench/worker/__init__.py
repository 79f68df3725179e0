"""The worker: the child process that imports one implementation and measures it.

It imports the contract, the errors, the standard library and NumPy only, so that any interpreter
that has NumPy and a framework can run it: ``python -m bench.worker``.
"""
