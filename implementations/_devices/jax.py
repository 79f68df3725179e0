"""Find JAX's devices: https://docs.jax.dev/en/latest/jax.html#jax.devices."""

from pkgutil import iter_modules
from textwrap import shorten

import jax

from bench.contract import Device, Unavailable


def find_device(device: Device) -> jax.Device:
    """Return the first device of this kind. Raises Unavailable."""
    try:
        return jax.devices(device)[0]
    except RuntimeError as error:
        reason = "because no plugin for one is installed"
        if plugins := list_plugins():
            message = shorten(str(error), 150, placeholder=" ...")
            reason = f"with {', '.join(plugins)}: {message}"
        raise Unavailable(f"JAX {jax.__version__} finds no {device.upper()} {reason}") from error


def list_plugins() -> list[str]:
    """Return the installed plugins, such as xla_cuda13. Without one, JAX has only the CPU."""
    try:
        import jax_plugins  # noqa: PLC0415 - the package exists only if a plugin is installed
    except ModuleNotFoundError:
        return []
    return [module.name for module in iter_modules(jax_plugins.__path__)]


def read_peak_bytes() -> int | None:
    """Return the most bytes of arrays on the default device so far; None where it is a CPU."""
    statistics = jax.devices()[0].memory_stats()
    return statistics.get("peak_bytes_in_use") if statistics else None
