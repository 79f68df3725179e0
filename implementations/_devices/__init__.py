"""Find the devices of the frameworks, or raise Unavailable with the reason; trace a block."""

# The frameworks whose profiler can write a trace: ``trace`` in the module of that name is called
# with the path of a gzip file of Chrome's trace events. Keras imports its backend, and comes first.
PROFILED = ("keras", "jax", "tensorflow", "torch")
