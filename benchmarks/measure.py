"""Run each benchmark job in a fresh process, measure it, and keep results with what they were measured on."""

import gc
import importlib
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from hyperclade.data.atomic import atomic_write

THREADS = 2
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def in_process(
    job: str, *, timeout: float | None = None, source: Path | None = None, **arguments: Any
) -> Any:
    """Result of the function `job` ("module:function", JSON in and out) in a Python process of its own.

    With `source` that process imports packages from this folder first: another version of hyperclade.

    A job that fails or takes longer than `timeout` seconds gives {"skipped": reason}: a competitor that
    cannot do a data set is a finding, and must not end the run.
    """
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder, "result.json")
        command = [sys.executable, __file__, job, json.dumps(arguments), str(result)]
        environment = os.environ | dict.fromkeys(_THREAD_VARIABLES, str(THREADS))
        if source is not None:
            environment["PYTHONPATH"] = str(source)
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            start_new_session=True,
        )  # fmt: skip
        try:
            _, errors = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            return {"skipped": f"not finished in {timeout:.0f} s"}
        finally:
            if process.poll() is None:  # out of time or interrupted: with the programs that it started
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
        if process.returncode:
            lines = errors.strip().splitlines() or [f"ended with code {process.returncode}"]
            print(errors, file=sys.stderr)
            return {"skipped": f"failed: {lines[-1]}"}
        return json.loads(result.read_text(encoding="utf-8"))


def measured(call: Callable[[], Any]) -> tuple[Any, dict[str, Any]]:
    """Result of `call()`, and its wall and CPU seconds (all threads) and the process's peak memory in MiB.

    The peak counts everything resident: interpreter, libraries, and the read pages of memory maps.
    """
    gc.collect()
    with open("/proc/self/clear_refs", "w") as file:  # Linux: sets the peak back to what is resident now
        file.write("5")
    before = _status_mib("VmRSS")
    cpu, wall = time.process_time(), time.perf_counter()
    result = call()
    seconds, cpu_seconds = time.perf_counter() - wall, time.process_time() - cpu
    peak = _status_mib("VmHWM")
    return result, {
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "peak_mib": peak,
        "added_mib": peak - before,
    }


def setting(command: str, packages: tuple[str, ...]) -> dict[str, Any]:
    """What results depend on beside the code: command, date, machine, versions, threads."""
    return {
        "command": command,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "cpu": _cpu_model(),
            "cores": os.cpu_count(),
            "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
            "load": round(os.getloadavg()[0], 2),
        },
        "threads": THREADS,
        "versions": {"python": platform.python_version()} | {name: _version(name) for name in packages},
    }


def load_sections(path: Path) -> dict[str, Any]:
    """Sections stored in a results file; none if there is no such file."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def save_section(path: Path, name: str, section: dict[str, Any]) -> None:
    """Replace one section of a results file and leave the others as they are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sections = load_sections(path) | {name: section}
    with atomic_write(path, "w") as file:
        json.dump(dict(sorted(sections.items())), file, indent=1)
        file.write("\n")


def _status_mib(key: str) -> float:
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) / 1024 for line in file if line.startswith(key))


def _cpu_model() -> str:
    with open("/proc/cpuinfo") as file:
        names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


if __name__ == "__main__":
    module, _, function = sys.argv[1].partition(":")
    found = getattr(importlib.import_module(module), function)(**json.loads(sys.argv[2]))
    Path(sys.argv[3]).write_text(json.dumps(found), encoding="utf-8")
