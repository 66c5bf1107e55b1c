"""How far decodings of ideal heatmaps lie from the truth, in pixels of a 256x192 crop.

    python benchmarks/heatmap_decoding.py

2000 joints anywhere in the map (stride 4, sigma 2 cells), and 2000 of those that lie at least three sigma from its
edge; the maps are what a network would give that had learnt its targets perfectly, down to a probability that it calls
background.
"""

from __future__ import annotations

import numpy as np
import torch

from lift3d.heatmaps import decode, ideal_logits, soft_argmax

SIZE, SIGMA, STRIDE = (48, 64), 2.0, 4
FLOORS = (0.01, 0.0055)


def places(margin: float) -> torch.Tensor:
    rng = np.random.default_rng(0)
    return torch.from_numpy(rng.uniform(margin, np.array(SIZE) - 1 - margin, (2000, 2)))


def main() -> None:
    ways = {f"{how}": how for how in ("argmax", "window", "dark")}
    ways |= {f"global, beta {beta:g}": beta for beta in (1.0, 2.0, 3.0)}
    print(f"{'decoding':16s} {'floor':>7s} {'anywhere: mean':>15s} {'worst':>7s} {'inside: mean':>13s} {'worst':>7s}")
    for name, how in ways.items():
        for floor in FLOORS:
            cells = []
            for margin in (0.0, 3 * SIGMA):
                truth = places(margin)
                logits = ideal_logits(truth, SIZE, SIGMA, floor=floor)
                found = soft_argmax(logits, beta=how) if isinstance(how, float) else decode(logits, how)[0]
                error = STRIDE * torch.linalg.vector_norm(found - truth, dim=-1)
                cells += [float(error.mean()), float(error.max())]
            print(f"{name:16s} {floor:7.4f} {cells[0]:15.3f} {cells[1]:7.2f} {cells[2]:13.3f} {cells[3]:7.2f}")


if __name__ == "__main__":
    main()
