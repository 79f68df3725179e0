"""What is compared: a git revision, packages, an interpreter, a file, or the tree as it is."""

from typing import Literal

import msgspec


class Version(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One side of a comparison, as the command line named it."""

    name: str
    kind: Literal["revision", "tree", "packages", "interpreter", "file"]
    commit: str | None = None
    requirements: tuple[str, ...] = ()
    sha256: str | None = None
    path: str | None = None
