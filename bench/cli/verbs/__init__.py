"""One file a verb; ``records`` has ``export`` and ``merge``."""
