"""Synthetic records of sweeps: implementations and devices of known cost."""

from support.records import bare, case, trials

BATCHES = (8, 32, 128, 384, 1920, 9600)
# Batch size, samples and threads.
SWEEP = [(batch_size, 48000, 2) for batch_size in BATCHES]
ONE_THREAD = [(32, 48000, 1), (1920, 48000, 1)]  # the first in one round, of two threads' two
# Seconds of an epoch, of a step and of a sample.
COSTS = {"cpu": (0.01, 2e-5, 5e-7), "gpu": (0.002, 4e-5, 1e-8)}
CONDITIONS = {
    "celsius_before": 41.0,
    "celsius_after": 55.0,
    "sm_mhz_before": 1980.0,
    "sm_mhz_after": 1980.0,
    "memory_mhz_before": 2619.0,
    "memory_mhz_after": 2619.0,
    "power_seconds_before": 7.0,
    "power_seconds_after": 7.0,
    "framework_peak_bytes": 200.0 * 2**20,
    "other_processes": 0.0,
}
ON_GPU = {
    "warmup_seconds": [0.25, 0.5],
    "peak_device_bytes": 600 * 2**20,
    "energy_joules": 50.0,
    "device_conditions": CONDITIONS,
}


def seconds(device, batch_size=32, samples=48000):
    """Return the seconds of an epoch by COSTS."""
    epoch, step, sample = COSTS[device]
    return epoch + step * (samples / batch_size) + sample * samples


def on(device, name="a", epochs=(1.0, 1.0), predict=0.02, times=1.0, **changes):
    """Return trials of a case, whose epochs take the factors ``epochs`` of COSTS, times ``times``.

    changes: of the case (size, threads, workload, objective) or of the records.
    """
    of = {
        key: changes.pop(key)
        for key in ("batch_size", "samples", "threads", "workload", "objective")
        if key in changes
    }
    expected = seconds(device, of.get("batch_size", 32), of.get("samples", 48000)) * times
    values = (ON_GPU if device == "gpu" else {}) | changes
    measured = (expected * factor for factor in epochs)
    return trials(case(name, device=device, **of), *measured, predict_seconds=[predict], **values)


def swept_on(device, name="a", **changes):
    """Return the records of a sweep on a device."""
    return [
        record
        for batch_size in BATCHES
        for record in on(device, name, batch_size=batch_size, **changes)
    ]


def swept(*names, sizes=(*SWEEP, *ONE_THREAD), **changes):
    """Return the records of a sweep, with two rounds at the first size and one elsewhere."""
    return [
        record
        for name in names or ("a", "b")
        for size in sizes
        for record in trials(
            case(name, **dict(zip(("batch_size", "samples", "threads"), size, strict=True))),
            *[_seconds(name, *size)] * (2 if size == (32, 48000, 2) else 1),
            **changes,
        )
    ]


def _seconds(name, batch_size, samples, threads):
    """Return the seconds of an epoch; one thread takes 1.5 times as long as two.

    The implementation b takes twice as long as the others.
    """
    factor = (1.5 if threads == 1 else 1.0) * (2 if name == "b" else 1)
    return seconds("cpu", batch_size, samples) * factor


def unavailable(name, reason="no GPU can be used", **changes):
    """Return the record of an implementation that could not run on a GPU."""
    return bare(case(name, device="gpu", **changes), status="unavailable", reason=reason)


def models(name, times, style="idiomatic", device="cpu", **changes):
    """Return trials of a program with these epochs, by the number of models.

    changes: of the records.
    """
    module = f"many.{'processes' if name.endswith('-processes') else 'many'}_any"
    of = {"many": True, "module": module, "style": style, "device": device}
    unscored = {"validation_accuracy": [], "test_accuracy": [], **changes}
    return [
        record
        for number, epochs in times.items()
        for record in trials(case(name, workload=f"many-{number}", **of), *epochs, **unscored)
    ]
