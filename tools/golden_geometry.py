"""Golden values of the page's geometry: `web/tests/golden/geometry.json`, by ways other than the page's own.

Everything is computed with 50 digits in other models of the hyperbolic plane where there is a choice:
distances and geodesics on the hyperboloid, translations as two half-turns, circles through inverted points.
Run it to write the file again:

    python tools/golden_geometry.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import mpmath as mp

FILE = Path(__file__).parents[1] / "web" / "tests" / "golden" / "geometry.json"
_DIGITS = 50
_GAP = mp.mpf("0.006")
# A tree of 12 leaves with nodes of one to four children, and its main branches.
_PARENT = [12, 13, 14, 13, 14, 12, 14, 13, 14, 16, 16, 19, 17, 17, 15, 18, 18, 20, 19, 20, -1]
_LEAVES = 12
_BRANCHES = [17, 14, 16]


def golden() -> dict[str, Any]:
    """All cases, by name."""
    with mp.workdps(_DIGITS):
        points = [_polar(r, angle) for r, angle in _PLACES]
        pairs = [(points[i], points[(3 * i + 1) % len(points)]) for i in range(len(points))]
        return {
            "distances": [
                {"from": _point(p), "to": _point(q), "distance": float(_distance(p, q))} for p, q in pairs
            ],
            "translations": [
                {
                    "from": _point(p),
                    "to": _point(q),
                    "points": [_point(z) for z in points[:5]],
                    "images": [
                        _point(_half_turn(_half_turn(z, p), _between(p, q, mp.mpf("0.5"))))
                        for z in points[:5]
                    ],
                }
                for p, q in pairs
            ],
            "circles": [
                {"from": _point(p), "to": _point(q), "centre": _point(c), "radius": float(abs(c - p))}
                for p, q in pairs
                if abs(mp.im(p * mp.conj(q))) > 1e-3
                for c in [_through(p, q, 1 / mp.conj(p))]
            ],
            "glides": [
                {
                    "from": _point(p),
                    "to": _point(q),
                    "share": share,
                    "middle": _point(_between(p, q, mp.mpf(share))),
                }
                for p, q in pairs
                for share in (0.25, 0.5, 0.875)
            ],
            "layout": {
                "parent": _PARENT,
                "leaves": _LEAVES,
                "branches": _BRANCHES,
                "points": [_point(z) for z in _layout()],
            },
        }


# Hyperbolic distance from the centre, and angle.
_PLACES = [
    (0.3, 0.4),
    (1.7, 2.5),
    (3.2, -1.1),
    (6.5, 0.9),
    (9.0, -2.7),
    (0.02, 3.0),
    (12.0, 1.9),
    (2.4, -0.3),
]


def _polar(distance: float, angle: float) -> mp.mpc:
    return mp.tanh(mp.mpf(distance) / 2) * mp.expj(mp.mpf(angle))


def _point(z: mp.mpc) -> list[float]:
    return [float(mp.re(z)), float(mp.im(z))]


def _raised(z: mp.mpc) -> mp.matrix:
    """The point on the hyperboloid t² − x² − y² = 1."""
    square = abs(z) ** 2
    return mp.matrix([1 + square, 2 * mp.re(z), 2 * mp.im(z)]) / (1 - square)


def _lowered(p: mp.matrix) -> mp.mpc:
    return mp.mpc(p[1], p[2]) / (1 + p[0])


def _distance(p: mp.mpc, q: mp.mpc) -> mp.mpf:
    a, b = _raised(p), _raised(q)
    return mp.acosh(a[0] * b[0] - a[1] * b[1] - a[2] * b[2])


def _between(p: mp.mpc, q: mp.mpc, share: mp.mpf) -> mp.mpc:
    length = _distance(p, q)
    a, b = mp.sinh((1 - share) * length), mp.sinh(share * length)
    return _lowered((a * _raised(p) + b * _raised(q)) / mp.sinh(length))


def _half_turn(z: mp.mpc, about: mp.mpc) -> mp.mpc:
    """Reflection at a point: −X + 2 ⟨X, P⟩ P on the hyperboloid."""
    x, p = _raised(z), _raised(about)
    product = x[0] * p[0] - x[1] * p[1] - x[2] * p[2]
    return _lowered(2 * product * p - x)


def _through(p: mp.mpc, q: mp.mpc, r: mp.mpc) -> mp.mpc:
    """Centre of the circle through three points."""
    top = abs(p) ** 2 * (q - r) + abs(q) ** 2 * (r - p) + abs(r) ** 2 * (p - q)
    bottom = mp.conj(p) * (q - r) + mp.conj(q) * (r - p) + mp.conj(r) * (p - q)
    return top / bottom


def _layout() -> list[mp.mpc]:
    children: dict[int, list[int]] = {}
    for node, parent in enumerate(_PARENT):
        children.setdefault(parent, []).append(node)

    def under(node: int) -> list[int]:
        if node < _LEAVES:
            return [node]
        return [
            leaf for child in sorted(children[node], key=lambda v: min(under(v))) for leaf in under(child)
        ]

    order = under(len(_PARENT) - 1)
    starts = [order.index(under(branch)[0]) for branch in _BRANCHES]
    gap = _GAP * _LEAVES
    circle = _LEAVES + gap * len(starts)

    def angle(leaf: int) -> mp.mpf:
        at = order.index(leaf)
        return 2 * mp.pi * (at + gap * sum(start <= at for start in starts)) / circle

    def reach(share: mp.mpf) -> mp.mpf:
        return mp.log(1 + (share - 1) / 2)

    scale = max(mp.mpf(1), mp.mpf("2.6") / reach(mp.mpf(_LEAVES)))
    return [
        mp.tanh(scale * reach(mp.mpf(_LEAVES) / len(leaves)) / 2)
        * mp.expj((angle(leaves[0]) + angle(leaves[-1])) / 2)
        for leaves in map(under, range(len(_PARENT)))
    ]


if __name__ == "__main__":
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(json.dumps(golden(), indent=1) + "\n", encoding="utf-8", newline="\n")
