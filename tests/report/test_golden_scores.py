"""The golden scores that the page's program is tested with are those of today's metrics."""

import json
import runpy
from pathlib import Path

import pytest

TOOL = runpy.run_path(str(Path(__file__).parents[2] / "tools" / "golden_scores.py"))


def test_the_file_holds_what_the_metrics_give():
    def close(written, computed):
        if isinstance(computed, dict):
            assert written.keys() == computed.keys()
            for key, value in computed.items():
                close(written[key], value)
        elif isinstance(computed, list):
            assert len(written) == len(computed)
            for one, other in zip(written, computed, strict=True):
                close(one, other)
        else:
            assert written == pytest.approx(computed, abs=1e-9)

    close(json.loads(TOOL["PATH"].read_text(encoding="utf-8")), TOOL["golden"]())
