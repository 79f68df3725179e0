"""Synthetic records of a sweep of two implementations of known cost."""

from support.records import case, trials

# Batch size, samples and threads.
BATCHES = (8, 32, 128, 384, 1920, 9600)
SAMPLES = (9600, 19200, 96000, 480000)
SWEEP = [(batch_size, 48000, 2) for batch_size in BATCHES] + [
    (384, samples, 2) for samples in SAMPLES
]
ONE_THREAD = [(32, 48000, 1), (1920, 48000, 1)]


def seconds(name, batch_size, samples, threads):
    """Return the seconds of an epoch; one thread takes 1.5 times as long as two.

    a: 10 ms, 20 µs a step and 0.5 µs a sample. b: twice as long.
    """
    epoch = 0.01 + 2e-5 * samples / batch_size + 5e-7 * samples
    return epoch * (1.5 if threads == 1 else 1.0) * (2 if name == "b" else 1)


def swept(*names, sizes=(*SWEEP, *ONE_THREAD), **changes):
    """Return the records of a sweep, with two rounds at the first size and one elsewhere."""
    return [
        record
        for name in names or ("a", "b")
        for size in sizes
        for record in trials(
            case(name, **dict(zip(("batch_size", "samples", "threads"), size, strict=True))),
            *[seconds(name, *size)] * (2 if size == (32, 48000, 2) else 1),
            **changes,
        )
    ]
