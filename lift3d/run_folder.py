"""The folder of a training run: where it stands, its log as CSV and its curve as a picture."""

from __future__ import annotations

import csv
import json
import os
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lift3d.calib import InputError
from lift3d.calib.atomic_file import atomic_file
from lift3d.checkpoint import Checkpoint, load_checkpoint, save_checkpoint

if TYPE_CHECKING:
    from torch import nn

WIDTH, HEIGHT, MARGIN = 640, 360, 48
FREE = ("device", "epochs", "patience")  # settings that a resumed run may change; the rate follows the new end


@dataclass(frozen=True)
class RunKind:
    """What is trained, and how its epochs are judged.

    Args:
        name: of the network, for example "lifter": ``<name>.pt`` holds the best weights.
        unit: of both scores, for example "mm".
        key: the checkpoint's name for the second score, for example "select_mm".
        higher: whether a higher score is better.
        train: what the first score was measured on, in words.
        select: what the second one was.
    """

    name: str
    unit: str
    key: str
    higher: bool = False
    train: str = "training"
    select: str = "held-out subject"

    @property
    def state(self) -> str:
        """The kind of checkpoint from which a run goes on."""
        return f"{self.name}-run"


LIFTER = RunKind("lifter", "mm", "select_mm")


@dataclass(frozen=True)
class EpochRecord:
    """What an epoch achieved.

    Args:
        epoch: counted from one.
        epochs: how many there will be at most.
        train: score of the training samples as they were shown, augmentation and dropout included.
        rate: the learning rate at its end.
        samples_per_s: throughput of the epoch.
        seconds: how long it took.
        select: score of the averaged weights on what was held out of training.
        best: whether that was the best so far.
    """

    epoch: int
    epochs: int
    train: float
    rate: float
    samples_per_s: float
    seconds: float
    select: float = float("nan")
    best: bool = False

    @property
    def eta_s(self) -> float:
        """Seconds that the remaining epochs will take."""
        return self.seconds * (self.epochs - self.epoch)

    def selected(self, score: float, folder: RunFolder) -> EpochRecord:
        """With its score on what was held out."""
        return replace(self, select=score, best=folder.is_better(score))


@dataclass(eq=False)
class RunFolder:
    """Where a run's files are, and the epochs it has behind it; ``board`` is TensorBoard's writer once there is one."""

    path: Path
    kind: RunKind = LIFTER
    records: list[EpochRecord] = field(default_factory=list)
    board: Any = None

    @classmethod
    def open(cls, path: str | os.PathLike[str], description: dict[str, Any], kind: RunKind = LIFTER) -> RunFolder:
        """Make the folder, or take up the run that is in it.

        Raises:
            InputError: the run in it has other settings, other data, or is damaged.
        """
        folder = cls(Path(path), kind)
        if folder.path.exists() and not folder.path.is_dir():
            raise InputError(f"{path} is a file; give the folder of a run with -o")
        folder.path.mkdir(parents=True, exist_ok=True)
        if folder.last.is_file():
            found = load_checkpoint(folder.last, kind.state).description
            folder.records = [EpochRecord(**entry) for entry in found.pop("records")]
            _check_same(found, description, folder.path)
        return folder

    @property
    def last(self) -> Path:
        """The state to go on from."""
        return self.path / "last.pt"

    @property
    def best(self) -> Path:
        """The weights with the best score on what was held out."""
        return self.path / f"{self.kind.name}.pt"

    def is_better(self, score: float) -> bool:
        """Whether a score beats all so far."""
        so_far = [record.select for record in self.records if record.best]
        if not so_far:
            return True
        return score > max(so_far) if self.kind.higher else score < min(so_far)

    @property
    def stale(self) -> int:
        """Epochs since the best one."""
        best = max((record.epoch for record in self.records if record.best), default=0)
        return len(self.records) - best

    def saved_state(self, device: str) -> dict[str, Any] | None:
        """What :meth:`save_state` kept, None where nothing was."""
        return load_checkpoint(self.last, self.kind.state, device=device).state if self.last.is_file() else None

    def finish_epoch(
        self, record: EpochRecord, description: dict[str, Any], average: nn.Module, state: dict[str, Any]
    ) -> None:
        """Write an epoch down: first the best weights, then the state to go on from, which makes the epoch count.

        Args:
            record: what it achieved; where that is the best so far, ``average`` is kept.
            description: of the run.
            average: the network whose weights are kept.
            state: all that a resumed run needs.
        """
        if record.best:
            best = {**description, "epoch": record.epoch, self.kind.key: record.select}
            weights = {name: value.detach().cpu() for name, value in average.state_dict().items()}
            save_checkpoint(self.best, Checkpoint(self.kind.name, best, weights), overwrite=True)
        self.save_state(description, state, [*self.records, record])
        self.add(record)

    def save_state(self, description: dict[str, Any], state: dict[str, Any], records: list[EpochRecord]) -> None:
        """Write what a resumed run needs, after the epochs of ``records``."""
        described = {**description, "records": [asdict(entry) for entry in records]}
        save_checkpoint(self.last, Checkpoint(self.kind.state, described, state), overwrite=True)

    def add(self, record: EpochRecord) -> None:
        """Write the log and the curve anew."""
        self.records.append(record)
        with atomic_file(self.path / "log.csv", overwrite=True) as path, path.open("w", newline="") as file:
            writer = csv.writer(file)
            scores = ("train", "select")
            names = [entry.name for entry in fields(EpochRecord)]
            writer.writerow([f"{name}_{self.kind.unit}" if name in scores else name for name in names])
            writer.writerows(asdict(entry).values() for entry in self.records)
        with atomic_file(self.path / "curve.svg", overwrite=True) as path:
            path.write_text(draw_curve(self.records, self.kind), encoding="utf-8")
        self._show_on_board(record)

    def _show_on_board(self, record: EpochRecord) -> None:
        """The same for TensorBoard, where it is installed."""
        if self.board is None:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError:
                return
            # what an earlier call wrote of this epoch and later ones is forgotten
            self.board = SummaryWriter(str(self.path / "tensorboard"), purge_step=record.epoch)
        scores = {f"train_{self.kind.unit}": record.train, f"select_{self.kind.unit}": record.select}
        for name, value in {**scores, "rate": record.rate, "samples_per_s": record.samples_per_s}.items():
            self.board.add_scalar(name, value, record.epoch)
        self.board.flush()


def _check_same(found: dict[str, Any], wanted: dict[str, Any], path: Path) -> None:
    """A resumed run must be the same run."""
    found, wanted = (_flat(json.loads(json.dumps(side))) for side in (found, wanted))
    differing = sorted(
        key for key in {*found, *wanted} if found.get(key) != wanted.get(key) and key.rpartition(".")[2] not in FREE
    )
    if differing:
        key = differing[0]
        raise InputError(
            f"{path} holds a run with {key} = {found.get(key)}, not {wanted.get(key)}; "
            "give the same settings to go on with it, or another -o"
        )


def _flat(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings by dotted names."""
    out: dict[str, Any] = {}
    for key, value in tree.items():
        out |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return out


def draw_curve(records: list[EpochRecord], kind: RunKind = LIFTER) -> str:
    """An SVG picture of both scores over the epochs."""
    lines = {kind.train: ("#888888", [r.train for r in records])}
    lines[kind.select] = ("#0060c0", [r.select for r in records])
    top = max(max(values) for _, values in lines.values()) * 1.05 or 1.0
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif">']
    parts.append(f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>')
    for i in range(5):
        y = HEIGHT - MARGIN - i / 4 * (HEIGHT - 2 * MARGIN)
        parts.append(f'<path d="M{MARGIN} {y:.1f}H{WIDTH - MARGIN}" stroke="#dddddd"/>')
        parts.append(
            f'<text x="{MARGIN - 6}" y="{y + 4:.1f}" font-size="11" text-anchor="end">{top * i / 4:.3g}</text>'
        )
    for n, (name, (colour, values)) in enumerate(lines.items()):
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in _places(values, top))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(
            f'<text x="{MARGIN + 8 + 160 * n}" y="28" font-size="13" fill="{colour}">{name}, {kind.unit}</text>'
        )
    parts.append(f'<text x="{WIDTH / 2}" y="{HEIGHT - 14}" font-size="12">epoch, 1 to {len(records)}</text>')
    return "\n".join([*parts, "</svg>\n"])


def _places(values: list[float], top: float) -> list[tuple[float, float]]:
    """Where the points of a line lie in the picture."""
    across, up = WIDTH - 2 * MARGIN, HEIGHT - 2 * MARGIN
    step = across / max(len(values) - 1, 1)
    return [(MARGIN + i * step, HEIGHT - MARGIN - value / top * up) for i, value in enumerate(values)]
