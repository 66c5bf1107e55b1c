"""A folder of pictures and one HTML page, which holds them all, about a calibration."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np

from .atomic_file import atomic_file, check_writable
from .board_extrinsics import BoardExtrinsics
from .calibration_pictures import Picture, coverage_picture, encode_png, layout_picture
from .intrinsics import Intrinsics
from .rig import Rig

PAGE = "calibration.html"
STYLE = (
    "body{font:15px/1.45 system-ui,sans-serif;margin:2em;max-width:1360px;color:#222}"
    "table{border-collapse:collapse;margin:1em 0}td,th{padding:.25em .7em;border:1px solid #ddd;text-align:right}"
    "th{background:#f4f4f4}figure{display:inline-block;margin:0 1em 1em 0}img{max-width:640px;border:1px solid #ddd}"
)
Row = Sequence[object]


def write_lens_report(
    lenses: Sequence[Intrinsics], folder: Path, *, notes: Sequence[str] = (), overwrite: bool = False
) -> Path:
    """Coverage and residuals of calibrated lenses.

    Args:
        lenses: what :func:`calibrate_intrinsics` found.
        folder: made if it is not there; gets a PNG a camera and the page.
        notes: lines of text for the page.
        overwrite: replace files that are there.

    Returns:
        The page.

    Raises:
        FileExistsError: a file exists and ``overwrite`` is false.
        OSError: the folder cannot be written.
    """
    rows: list[Row] = []
    pictures = {}
    for lens in lenses:
        numbers = [
            f"{v:.5g} &plusmn; {s:.2g}" if s else f"{v:.5g}" for v, s in zip(lens.values, lens.sigma, strict=True)
        ]
        rows.append([lens.camera.name, "; ".join(f"{n} {v}" for n, v in zip(lens.names, numbers, strict=True)),
                     len(lens.views), f"{lens.rms:.3f}", f"{lens.held_out_rms:.3f}"])  # fmt: skip
        xy, residuals = lens.views.xy.reshape(-1, 2), lens.residuals.reshape(-1, 2)
        pictures[f"{lens.camera.name}_coverage"] = coverage_picture(xy, residuals, lens.camera.size)
    table = _table(("camera", "lens", "frames", "rms px", "held-out rms px"), rows)
    body = "<p>Cells without a corner are tinted red. Arrows point from the seen to the projected corner.</p>" + table
    return _write("Lenses", body, pictures, folder, notes, overwrite=overwrite)


def write_board_report(
    found: BoardExtrinsics, rig: Rig, folder: Path, *, notes: Sequence[str] = (), overwrite: bool = False
) -> Path:
    """Coverage, residuals, camera layout and pair matrix of cameras placed by a board.

    Args:
        found: what :func:`calibrate_board_extrinsics` found.
        rig: the cameras in the world they were written in.
        folder: made if it is not there.
        notes: lines of text for the page.
        overwrite: replace files that are there.

    Raises:
        FileExistsError: a file exists and ``overwrite`` is false.
        OSError: the folder cannot be written.
    """
    result = found.adjustment
    pictures, rows = {"layout": layout_picture(rig, _board_places(found, rig))}, []
    for i, camera in enumerate(rig):
        residuals = result.residuals[i].reshape(-1, 2)
        xy = found.observations.xy[i].reshape(-1, 2)
        pictures[f"{camera.name}_coverage"] = coverage_picture(xy, residuals, camera.size)
        sigma = np.sqrt(np.maximum(np.diag(result.covariance[i]), 0))
        error = np.linalg.norm(residuals, axis=1)
        turn, shift = np.degrees(np.linalg.norm(sigma[:3])), 1000 * np.linalg.norm(sigma[3:])
        rms = np.sqrt(np.nanmean(error**2))
        rows.append([camera.name, f"{np.nanmedian(error):.2f}", f"{rms:.2f}", f"{turn:.3f}", f"{shift:.2f}"])
    body = _table(("camera", "median px", "rms px", "+- deg", "+- mm"), rows)
    body += "<h2>Frames that two cameras share, and how many agree</h2>" + _pair_matrix(found)
    return _write("Cameras by a moving board", body, pictures, folder, notes, overwrite=overwrite)


def _board_places(found: BoardExtrinsics, rig: Rig) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """The board's places in the world of ``rig``, by the first camera's two poses."""
    old, new = found.rig[0], rig[0]
    in_camera = found.adjustment.poses.t @ old.R.T + old.t
    return np.asarray((in_camera - new.t) @ new.R)


def _pair_matrix(found: BoardExtrinsics) -> str:
    """Shared and agreeing frames of every pair; pairs without any are red."""
    names, shared, agreeing = found.graph.names, found.graph.shared, found.graph.agreeing
    lines = ["<tr><th></th>" + "".join(f"<th>{escape(name)}</th>" for name in names) + "</tr>"]
    for i, name in enumerate(names):
        cells = []
        for j in range(len(names)):
            share = shared[i, j] / max(int(shared.max()), 1)
            color = "#f5c6c6" if not shared[i, j] else f"rgba(70,160,90,{0.15 + 0.6 * share:.2f})"
            text = f"{shared[i, j]}" if i == j else f"{agreeing[i, j]} of {shared[i, j]}"
            cells.append(f'<td style="background:{color}">{text}</td>')
        lines.append(f"<tr><th>{escape(name)}</th>{''.join(cells)}</tr>")
    return f"<table>{''.join(lines)}</table>"


def _table(columns: Sequence[str], rows: Sequence[Row]) -> str:
    """Cells come as HTML except the first, a name."""
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    lines = [
        f"<tr><td>{escape(str(row[0]))}</td>{''.join(f'<td>{cell}</td>' for cell in row[1:])}</tr>" for row in rows
    ]
    return f"<table><tr>{head}</tr>{''.join(lines)}</table>"


def _write(
    title: str, body: str, pictures: dict[str, Picture], folder: Path, notes: Sequence[str], *, overwrite: bool
) -> Path:
    """PNG files and the page that holds them."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / PAGE
    files = {name: folder / f"{name}.png" for name in pictures}
    for file in (page, *files.values()):
        check_writable(file, overwrite=overwrite)
    figures = []
    for name, picture in pictures.items():
        data = encode_png(picture)
        with atomic_file(files[name], overwrite=overwrite) as temporary:
            temporary.write_bytes(data)
        source = base64.b64encode(data).decode("ascii")
        figures.append(
            f'<figure><img alt="{escape(name)}" src="data:image/png;base64,{source}">'
            f"<figcaption>{escape(name)}</figcaption></figure>"
        )
    lines = "".join(f"<li>{escape(note)}</li>" for note in notes)
    text = (
        f'<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style>'
        f"<h1>{escape(title)}</h1>{body}<ul>{lines}</ul>{''.join(figures)}</html>"
    )
    with atomic_file(page, overwrite=overwrite) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return page
