"""What the commands that train have in common: a run in a folder that starts, resumes or is finished; files
of settings that comparisons lay over their presets."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def run_in_folder(console: Any, folder: Path, train: Callable[[], object], judge: str) -> None:
    """Train in a folder and say what happened to the run.

    Args:
        console: of rich.
        folder: of the run.
        train: starts the run, or goes on with it.
        judge: command that judges the run, "hyperclade evaluate selflabel".
    """
    from hyperclade.learning.runs import CHECKPOINT, HISTORY, read_history, unfinished_step

    finished = (folder / CHECKPOINT).exists()
    if not finished and (step := unfinished_step(folder)) is not None:
        console.print(f"Resuming the run in {folder} from step {step}")
    start = time.monotonic()
    try:
        train()
    except (KeyboardInterrupt, SystemExit):
        step = unfinished_step(folder)
        kept = "No checkpoint was written yet" if step is None else f"The checkpoint of step {step} is kept"
        print(f"Stopped. {kept}; the same command goes on with the run.", file=sys.stderr)
        raise
    if finished:
        console.print(f"The run in {folder} is finished already")
    else:
        history = read_history(folder / HISTORY)
        loss = f", loss {history[-1]['loss']:.3f}" if history else ""
        console.print(f"Trained in {time.monotonic() - start:.0f} s{loss}")
    console.print(f"Written to {folder / CHECKPOINT}; `{judge} {folder}` judges it")


def read_changes(settings: str | None, parts: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Settings of a YAML file by part, to lay over those of presets; none without a file.

    Args:
        settings: the file.
        parts: that it may hold, "training" for one.

    Raises:
        ValueError: no such file, or one that holds something else.
    """
    import yaml

    if settings is None:
        return {}
    path = Path(settings)
    if not path.is_file():
        raise ValueError(f"--settings {settings}: no such file")
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise ValueError(f"{settings} is not YAML: {error}") from error
    if not isinstance(found, dict) or any(
        part not in parts or not isinstance(values, dict) for part, values in found.items()
    ):
        raise ValueError(f"{settings} must hold settings under {', '.join(parts)}")
    return found
