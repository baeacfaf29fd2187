"""Clips per second of one core: one picture and one second of sound each, against ffmpeg on the same files.

    python benchmarks/decoding.py [--repeats 2] [--seconds 10]

Needs the `ffmpeg` program, which also writes the larger test files; real clips come from `HYPERCLADE_DATA`.
ffmpeg runs with one thread, once decoding the whole file to nothing, and once on the job of `read_clip`: seek
to the middle, one picture of 224 × 224 and one second of 24 kHz sound. It makes no spectrogram.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hyperclade.data.media import probe, read_clip
from hyperclade.data.samples import data_home
from hyperclade.data.spectrogram import log_mel
from measure import save_section, setting

RESULTS = Path(__file__).parent / "results" / "selflabel.json"
SIZES = {"360p": "640x360", "720p": "1280x720"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--seconds", type=int, default=10, help="length of the generated clips")
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    if shutil.which("ffmpeg") is None:
        sys.exit("the comparison needs the program ffmpeg")
    with tempfile.TemporaryDirectory() as folder:
        sets = {name: generated(Path(folder), name, arguments.seconds) for name in SIZES}
        home = data_home()
        if home is not None and (home / "clips").is_dir():
            real = sorted((home / "clips").iterdir())
            sets["GRID 360x288"] = [path for path in real if path.suffix == ".mpg"]
            sets["cockatoo 4:4:4"] = [path for path in real if path.name == "cockatoo.mp4"]
        rows = {name: measure(paths, arguments.repeats) for name, paths in sets.items()}
    print(f"{'':14}{'clips/s':>9}{'÷ ffmpeg, whole file':>22}{'÷ ffmpeg, same clip':>21}{'log-mel':>9}")
    for name, row in rows.items():
        print(
            f"{name:14}{row['read_clip + log_mel']:9.1f}{row['ratio to whole file']:22.2f}"
            f"{row['ratio to same clip']:21.2f}{row['log_mel share']:9.1%}"
        )
    about = setting("python benchmarks/decoding.py", ("av", "numpy", "scipy"))
    version = subprocess.run(["ffmpeg", "-version"], capture_output=True, text=True, check=True)
    about["versions"]["ffmpeg"] = version.stdout.split()[2]
    about["threads"] = 1
    records = [{"set": name} | row for name, row in rows.items()]
    save_section(arguments.results, "decoding", about | {"records": records})


def measure(paths: list[Path], repeats: int) -> dict[str, Any]:
    """Clips per second, the best of `repeats` passes over all files, and the ratios."""
    middles = {path: max(stream.end for stream in probe(path) if stream) / 2 for path in paths}
    sounds = [read_clip(path).sound for path in paths]

    def ours(path: Path) -> None:
        log_mel(read_clip(path).sound)

    def whole(path: Path) -> None:
        _ffmpeg("-i", path, "-f", "null", "-")

    def same(path: Path) -> None:
        picture = ["-map", "0:v:0", "-frames:v", "1"]
        picture += ["-vf", "scale=224:224:force_original_aspect_ratio=increase,crop=224:224"]
        sound = ["-map", "0:a:0", "-t", "1", "-ac", "1", "-ar", "24000"]
        source = ["-ss", f"{middles[path] - 0.5:.3f}", "-i", path]
        _ffmpeg(*source, *picture, "-ss", "0.5", "-f", "null", "-", *sound, "-f", "null", "-")

    rate = {
        name: len(paths) / best(lambda job=job: [job(path) for path in paths], repeats)
        for name, job in (("ours", ours), ("whole", whole), ("same", same))
    }
    log_mel_rate = len(paths) / best(lambda: [log_mel(sound) for sound in sounds], repeats)
    return {
        "files": len(paths),
        "seconds per file": round(2 * sum(middles.values()) / len(paths), 2),
        "read_clip + log_mel": rate["ours"],
        "ffmpeg, whole file": rate["whole"],
        "ffmpeg, same clip": rate["same"],
        "log_mel": log_mel_rate,
        "log_mel share": rate["ours"] / log_mel_rate,
        "ratio to whole file": rate["ours"] / rate["whole"],
        "ratio to same clip": rate["ours"] / rate["same"],
    }


def best(job: Callable[[], Any], repeats: int) -> float:
    """Least wall seconds of `repeats` runs; the first, unmeasured one warms caches."""
    job()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        job()
        times.append(time.perf_counter() - start)
    return min(times)


def generated(folder: Path, name: str, seconds: int, n_files: int = 2) -> list[Path]:
    """Moving test pictures with noise (H.264) and noise (AAC), as a camera would leave little to skip."""
    paths = []
    for k in range(n_files):
        path = folder / f"{name} {k}.mp4"
        picture = f"testsrc2=size={SIZES[name]}:rate=25:duration={seconds},noise=alls=3:allf=t:all_seed={k}"
        sound = f"anoisesrc=sample_rate=44100:duration={seconds}:seed={k}:amplitude=0.2"
        source = ["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound]
        coding = ["-c:v", "libx264", "-preset", "veryfast", "-g", "50", "-pix_fmt", "yuv420p", "-c:a", "aac"]
        subprocess.run(["ffmpeg", "-v", "error", "-y", *source, *coding, str(path)], check=True)
        paths.append(path)
    return paths


def _ffmpeg(*arguments: Any) -> None:
    command = ["ffmpeg", "-v", "quiet", "-nostdin", "-threads", "1", *map(str, arguments)]
    subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
