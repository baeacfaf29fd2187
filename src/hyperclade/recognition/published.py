"""The paper's tables: which systems, on which data, judged by what, and the figures it gives (HVSA)."""

from dataclasses import dataclass, field
from typing import Any

#: Printed names of presets.
NAMES = {
    "hvsa": "HVSA, coherent head",
    "hvsa-free": "HVSA, free scores",
    "hvsa-paper": "HVSA, the paper's sizes and weights",
    "leaf-softmax": "leaf softmax",
    "mbm": "MBM",
    "boxe": "BoxE",
    "mvm": "MVM",
    "mhm": "MHM",
    "c-hmcnn": "C-HMCNN",
    "hxe": "HXE",
    "soft-labels": "soft labels",
    "barz-denzler": "Barz & Denzler",
    "devise": "DeViSE",
    "flat": "flat cross-entropy",
    "hssn": "HSSN",
    "hvsa-pixels": "HVSA",
}
#: Whose components and settings Tables 6 to 10 vary: the paper's HVSA has free scores.
ABLATED = "hvsa-free"

Figures = dict[str, tuple[float, ...]]


@dataclass(frozen=True)
class Row:
    """A row of a table.

    Attributes:
        title: as printed.
        preset: of the system.
        changes: settings laid over it, by part: `{"method": {"settings": {"alpha": 0.0}}}`.
        published: by data set, what the paper gives for the table's measures, as printed.
    """

    title: str
    preset: str
    changes: dict[str, dict[str, Any]] = field(default_factory=dict)
    published: Figures = field(default_factory=dict)


@dataclass(frozen=True)
class Measure:
    """A column of a table.

    Attributes:
        path: into a run's result, "report.levels.0.mean_iou".
        title: as printed.
        factor: to print it by; that of percent by default.
    """

    path: str
    title: str
    factor: float = 100


@dataclass(frozen=True)
class Table:
    """A table of the paper, or one in kind on data at hand.

    Attributes:
        title: of the table.
        data: names of data sets, each with a preset.
        rows: by the names that `--systems` takes.
        measures: its columns.
    """

    title: str
    data: tuple[str, ...]
    rows: dict[str, Row]
    measures: tuple[Measure, ...]


_RANKING = (Measure("report.map", "MAP"), Measure("report.cmap", "CMAP"), Measure("report.cv", "CV"))
_MISTAKES = (
    Measure("report.mistakes.top1_error", "top-1 error"),
    Measure("report.mistakes.mistake_distance", "distance of mistakes", 1),
    *(Measure(f"report.mistakes.distance@{k}", f"distance@{k}", 1) for k in (1, 5, 20)),
)
_LEVELS = (
    Measure("report.levels.0.mean_iou", "mIoU¹"),
    Measure("report.levels.1.mean_iou", "mIoU²"),
    Measure("report.pixel_accuracy", "pixel accuracy"),
)
_COST = (
    Measure("parameters", "parameters, M", 1e-6),
    Measure("flops", "GFLOPs", 1e-9),
    Measure("samples_per_second", "images/s", 1),
)


def _both(a: tuple[float, ...], d: tuple[float, ...]) -> Figures:
    return {"imclef07a": a, "imclef07d": d}


_TABLE_1 = _both((92.21, 92.44, 3.18), (90.61, 91.42, 5.71))
_HVSA = _both((92.21, 92.44, 3.18), (90.76, 91.42, 5.71))  # the same in Tables 6 to 10


def _systems(*presets: str, published: dict[str, Figures] | None = None) -> dict[str, Row]:
    published = published or {}
    return {name: Row(NAMES[name], name, published=published.get(name, {})) for name in presets}


def _variants(rows: dict[str, tuple[dict[str, Any], Figures]]) -> dict[str, Row]:
    return {
        name: Row(name, ABLATED, {"method": {"settings": settings}}, published)
        for name, (settings, published) in rows.items()
    }


def _values(setting: str, published: dict[float, Figures]) -> dict[str, Row]:
    return _variants(
        {f"{setting} {value:g}": ({setting: value}, figures) for value, figures in published.items()}
    )


_IMCLEF = ("imclef07a", "imclef07d")
TABLES = {
    1: Table(
        "Performance and consistency on ImCLEF",
        _IMCLEF,
        _systems(
            "hvsa", "hvsa-free", "hvsa-paper", "leaf-softmax", "mbm", "boxe", "mvm", "mhm", "c-hmcnn",
            published={
                **dict.fromkeys(("hvsa", "hvsa-free", "hvsa-paper"), _TABLE_1),
                "mbm": _both((91.45, 91.73, 5.65), (89.49, 89.99, 7.16)),
                "boxe": _both((83.71, 84.73, 12.73), (87.95, 88.93, 11.93)),
                "mvm": _both((77.14, 76.56, 23.02), (88.49, 86.89, 10.72)),
                "mhm": _both((65.29, 66.01, 4.75), (75.72, 76.98, 7.52)),
            },
        ),
        _RANKING,
    ),
    2: Table(
        "Mistakes on CIFAR-100 with superclasses, frozen EfficientNet-Lite0 (the paper: tieredImageNet-H)",
        ("cifar100",),
        _systems("leaf-softmax", "hxe", "soft-labels", "barz-denzler", "devise", "hvsa", "hvsa-free"),
        _MISTAKES,
    ),
    3: Table(
        "mIoU by level on CamVid at 180 × 240, EfficientNet-Lite0, DeepLabV3+ head (the paper: Cityscapes)",
        ("camvid",),
        _systems("flat", "hssn", "hvsa-pixels"),
        _LEVELS,
    ),
    6: Table(
        "Components of HVSA",
        _IMCLEF,
        _variants(
            {
                "none": (
                    {"alpha": 0.0, "beta": 0.0},
                    _both((69.21, 70.34, 10.07), (68.95, 70.41, 12.47)),
                ),
                "KL": ({"alpha": 0.0}, _both((77.27, 78.56, 9.23), (74.37, 77.04, 9.44))),
                "KL, cones": ({}, _HVSA),
                "formulas as printed": ({"faithful": True}, {}),
            }
        ),
        _RANKING,
    ),
    7: Table(
        "Geometry of HVSA",
        _IMCLEF,
        _variants(
            {
                "euclidean": (
                    {"geometry": "euclidean"},
                    _both((88.47, 90.14, 5.47), (87.61, 88.47, 6.98)),
                ),
                "ball": ({"geometry": "ball"}, _HVSA),
            }
        ),
        _RANKING,
    ),
    8: Table(
        "Weight α of the cones of HVSA",
        _IMCLEF,
        _values(
            "alpha",
            {
                1.0: _both((91.77, 92.08, 4.11), (89.31, 89.94, 6.55)),
                0.5: _both((92.21, 92.44, 3.18), (90.16, 90.82, 6.13)),
                0.2: _both((91.98, 92.71, 3.82), (90.76, 91.42, 5.71)),
                0.1: _both((90.84, 91.47, 3.77), (89.47, 90.98, 5.97)),
            },
        ),
        _RANKING,
    ),
    9: Table(
        "Margin γ of the cones of HVSA",
        _IMCLEF,
        _values(
            "gamma",
            {
                2.0: _both((90.48, 90.76, 4.44), (90.23, 90.94, 5.97)),
                1.0: _HVSA,
                0.5: _both((90.71, 91.05, 4.59), (88.37, 90.11, 6.37)),
            },
        ),
        _RANKING,
    ),
    10: Table(
        "Weight β of the alignment in HVSA",
        _IMCLEF,
        _values(
            "beta",
            {
                5.0: _both((90.35, 91.07, 3.76), (89.32, 90.26, 6.14)),
                4.0: _HVSA,
                3.0: _both((91.07, 91.76, 3.81), (89.96, 90.55, 6.22)),
                2.0: _both((88.14, 89.07, 4.12), (86.14, 87.04, 6.71)),
                0.1: {},
                0.005: {},
            },
        ),
        _RANKING,
    ),
    11: Table(
        "Cost at prediction, an image of CamVid at a time (the paper: Cityscapes, ResNet-101, GPU)",
        ("camvid",),
        _systems(
            "flat", "hssn", "hvsa-pixels",
            published={
                "flat": {"camvid": (62.7, 83.40, 8.34)},
                "hssn": {"camvid": (64.3, 87.39, 6.38)},
                "hvsa-pixels": {"camvid": (68.1, 89.11, 6.11)},
            },
        ),
        _COST,
    ),
}  # fmt: skip
