"""Find what a user's own file has imported: its neighbours, and the code of other projects."""

import sys
import sysconfig
from pathlib import Path

OURS = {"bench", "implementations", "__main__"}


def find_imports(file: Path) -> dict[str, object]:
    """Return what is loaded in this process besides the standard library and this suite.

    siblings: files below the folder of ``file``, without it, relative to the folder. modules: the
    path of each top-level module from elsewhere, by its name; of a package, that of its folder.
    """
    folder = file.parent.resolve()
    standard = [Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib")]
    siblings: set[str] = set()
    modules: dict[str, str] = {}
    for name, module in sorted(sys.modules.items()):
        top = name.partition(".")[0]
        place = getattr(module, "__file__", None)
        if top in OURS or top in sys.stdlib_module_names or not place:
            continue
        path = Path(place).resolve()
        installed = "site-packages" in path.parts  # a virtual environment may be below a folder
        if path.is_relative_to(folder) and not installed:
            siblings.add(path.relative_to(folder).as_posix())
        elif installed or not any(map(path.is_relative_to, standard)):
            modules.setdefault(top, str(path.parent if path.name == "__init__.py" else path))
    return {"siblings": sorted(siblings - {file.name}), "modules": modules}
