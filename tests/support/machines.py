"""Runs of a box without a GPU and of a server with one."""

from support.records import MACHINE, run, write

from bench.report import several

GPU = "NVIDIA H100 80GB HBM3"
SERVER = {**MACHINE, "id": "server", "name": f"16-core Server, 64 GiB, {GPU}", "gpus": [GPU]}
BOX = {**MACHINE, "id": "box", "name": "2-core Box, 8 GiB"}


def read(tmp_path, data=None, **machines):
    """Write and read a run of each machine, its facts and records given by a name."""
    told = {"data": data} if data else {}
    folders = []
    for name, (machine, *records) in machines.items():
        cases = {one.case.slug: one.case for one in records if one.kind == "trial"}
        folders.append(write(tmp_path / name, run(*cases.values(), run=name), *records,
                             machine=machine, **told))  # fmt: skip
    return several.read(folders)
