"""An analysis as files: tables and pictures of one or all people of a result."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from lift3d.calib import InputError
from lift3d.datasets import Poses
from lift3d.datasets.pose_formats import export_paths

from .analysis import analyze, summary
from .mass import Sex
from .plots import PLOTS, write_plot
from .tables import TABLES, write_table

Progress = Callable[[str, int, int], None]


def analyze_file(
    file: str | Path,
    out: str | Path,
    *,
    person: int | None = None,
    sex: Sex = "mean",
    overwrite: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Analyze a result and write tables (CSV) and pictures (PNG).

    Args:
        file: a ``*.poses.h5``.
        out: the folder, made where it does not exist.
        person: 0..P-1; None: everybody. With several people the files are called angles_P1.csv, angles_P2.csv, …
        sex: whose segment masses.
        overwrite: replace files that are there.
        progress: called with (stage, done, total).

    Returns:
        {"input", "folder", "frames", "fps", "people": [{"person", figures, "files"}]}, ready for JSON.

    Raises:
        FileNotFoundError: there is no such file.
        FileExistsError: one of the files to write exists and ``overwrite`` is False; then none is written.
        InputError: the file is no result, holds nobody, or not that person.
    """
    file, out = Path(file), Path(out)
    poses = Poses.load(file)
    count = poses.xyz.shape[1]
    if not count:
        raise InputError(f"{file} holds nobody, so there is nothing to analyze")
    if person is not None and not 0 <= person < count:
        raise InputError(f"{file} has no person {person + 1}; it holds {count}")
    wanted = range(count) if person is None else [person]
    targets = {p: _targets(out, p, count) for p in wanted}
    taken = [path for paths in targets.values() for path in paths.values() if path.exists()]
    if taken and not overwrite:
        raise FileExistsError(f"{taken[0]} exists; give --overwrite to replace it, or another -o")
    if out.exists() and not out.is_dir():
        raise FileExistsError(f"{out} is a file; give the name of a folder with -o")
    # Everything that can fail for the data's sake comes before the first file.
    analyses = {p: analyze(poses, p, sex=sex, progress=progress) for p in wanted}
    out.mkdir(parents=True, exist_ok=True)
    people = []
    for p, found in analyses.items():
        title = f"{file.name}, person {p + 1}" if count > 1 else file.name
        for name, path in targets[p].items():
            if name in TABLES and path.suffix == ".csv":
                write_table(found, name, path, overwrite=overwrite)
            else:
                write_plot(found, name.removesuffix(".png"), path, title=title, overwrite=overwrite)
        people.append({"person": p + 1, **summary(found), "files": [str(path) for path in targets[p].values()]})
    return {"input": str(file), "folder": str(out), "frames": len(poses.xyz), "fps": poses.fps, "people": people}


def _targets(out: Path, person: int, count: int) -> dict[str, Path]:
    """Every file of one person: a table under its name, a picture under its name with ``.png``."""
    names = {name: out / f"{name}.csv" for name in TABLES} | {f"{name}.png": out / f"{name}.png" for name in PLOTS}
    return {name: export_paths(path, count)[person] for name, path in names.items()}
