"""Which hosts of a cluster measure a plan, and so what it is: their cores decide its threads."""

from collections import defaultdict
from collections.abc import Iterable

from bench.cli.options import NO_GPU, Given, Where, devices_of
from bench.cluster.hosts import Host
from bench.error import UserError


def machines(hosts: Iterable[Host]) -> dict[str, list[Host]]:
    """Return the hosts by their machine, that of most hosts first, then by its id."""
    found: defaultdict[str, list[Host]] = defaultdict(list)
    for host in hosts:
        found[host.machine].append(host)
    return dict(sorted(found.items(), key=lambda each: (-len(each[1]), each[0])))


def where(hosts: Iterable[Host]) -> Where:
    """Say where the hosts of one machine measure."""
    hosts = list(hosts)
    return Where(hosts[0].cores, hosts[0].machine, any(host.gpu for host in hosts))


def one(hosts: Iterable[Host], given: Given) -> Where:
    """Choose the machine of most hosts, of those that have every device that was asked for.

    Only on one are all cases comparable. Raises UserError where none has them all.
    """
    every = devices_of(given, gpu=True)
    for each in map(where, machines(hosts).values()):
        if each.gpu or "gpu" not in every:
            return each
    raise UserError(NO_GPU)
