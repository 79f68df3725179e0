"""JAX's devices."""

from pkgutil import iter_modules
from textwrap import shorten

import jax

from bench.contract import Device, Unavailable


def find(device: Device) -> jax.Device:
    """The first device of this kind."""
    try:
        return jax.devices(device)[0]
    except RuntimeError as error:
        plugins = installed()
        said = f"with {', '.join(plugins)}: {shorten(str(error), 150, placeholder=' ...')}"
        why = said if plugins else "as it is installed without a plugin for one"
        raise Unavailable(f"JAX {jax.__version__} finds no {device.upper()} {why}") from error


def installed() -> list[str]:
    """The plugins that JAX was installed with, such as xla_cuda13; by itself it has the CPU."""
    try:
        import jax_plugins  # noqa: PLC0415 - where there is no plugin, there is no such package
    except ModuleNotFoundError:
        return []
    return [module.name for module in iter_modules(jax_plugins.__path__)]
