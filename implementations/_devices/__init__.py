"""Find the device of a framework, or raise Unavailable with the reason."""
