"""The reliability curve as SVG: what confidence promised against what happened."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

import numpy as np

SIDE, LEFT, TOP, BARS, BELOW = 360, 60, 46, 70, 48  # pixels


def draw_reliability(
    confidence: Sequence[float], share: Sequence[float], count: Sequence[int], *, title: str, event: str
) -> str:
    """A curve with 95 % intervals over the diagonal of perfect honesty, and under it how many keypoints there are.

    Args:
        confidence: [K] mean of each bin; NaN in an empty one.
        share: [K] of what was correct.
        count: [K]
        title: above the picture.
        event: what confidence is the probability of.
    """
    width, height = LEFT + SIDE + 24, TOP + SIDE + BARS + BELOW
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<text x="{LEFT}" y="26" font-size="14">{escape(title)}</text>',
        *_grid(),
        f'<path d="M{LEFT} {TOP + SIDE}L{LEFT + SIDE} {TOP}" stroke="#888888" stroke-dasharray="5 4"/>',
    ]
    places = []
    for promised, kept, n in zip(confidence, share, count, strict=True):
        if n:
            x, y = LEFT + SIDE * promised, TOP + SIDE * (1 - kept)
            low, high = wilson(kept, n)
            parts.append(_line(x, TOP + SIDE * (1 - low), x, TOP + SIDE * (1 - high), "#0060c0"))
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="#0060c0"/>')
            places.append(f"{x:.1f},{y:.1f}")
            bar = BARS * 0.7 * n / max(count)
            parts.append(
                f'<rect x="{x - 7:.1f}" y="{TOP + SIDE + BARS - bar:.1f}" width="14" height="{bar:.1f}" '
                f'fill="#a8c4e0"><title>{n} keypoints</title></rect>'
            )
    parts.append(f'<polyline points="{" ".join(places)}" fill="none" stroke="#0060c0" stroke-width="2"/>')
    middle = TOP + SIDE / 2
    parts.append(f'<text x="{LEFT}" y="{height - 12}" font-size="12">confidence; bars: number of keypoints</text>')
    parts.append(
        f'<text x="18" y="{middle}" font-size="12" text-anchor="middle" transform="rotate(-90 18 {middle})">'
        f"share of keypoints {escape(event)}</text>"
    )
    return "\n".join([*parts, "</svg>\n"])


def wilson(share: float, count: int) -> tuple[float, float]:
    """The 95 % interval of a probability that was seen to be ``share`` in ``count`` trials (Wilson, 1927)."""
    z = 1.96
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * float(np.sqrt(share * (1 - share) / count + z * z / (4 * count * count)))
    return middle - half, middle + half


def _grid() -> list[str]:
    """Lines and numbers at every fifth."""
    parts = []
    for i in range(6):
        x, y = LEFT + SIDE * i / 5, TOP + SIDE * (1 - i / 5)
        parts += [_line(LEFT, y, LEFT + SIDE, y, "#dddddd"), _line(x, TOP, x, TOP + SIDE, "#dddddd")]
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" font-size="11" text-anchor="end">{i / 5:.1f}</text>')
        parts.append(
            f'<text x="{x:.1f}" y="{TOP + SIDE + BARS + 16}" font-size="11" text-anchor="middle">{i / 5:.1f}</text>'
        )
    return parts


def _line(x0: float, y0: float, x1: float, y1: float, color: str) -> str:
    """A thin straight line."""
    return f'<path d="M{x0:.1f} {y0:.1f}L{x1:.1f} {y1:.1f}" stroke="{color}"/>'
