"""Is the candidate slower than the baseline?

``paired/`` measures and judges two versions (``bench ab``), ``stored/`` judges two stored runs
(``bench compare``); ``result.py`` has their verdicts and exit statuses. ``versions/``: which code
does a side run? ``stats/false_alarms.py``: what keeps the rate of false alarms?
``stats/power.py``: which slowdowns do the tests detect? ``calibration/``: how noisy is this
machine, and how many false alarms does it show (``bench calibrate``)?
"""
