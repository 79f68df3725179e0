"""Find the devices of the frameworks, or raise Unavailable with the reason."""
