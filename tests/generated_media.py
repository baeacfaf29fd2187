"""Media files whose pictures and sounds are known: every frame tells its number, and a burst its time."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

DARKEST, STEP, LEVELS = 24, 8, 25  # grey of a frame, well inside what video can show


def write_media(
    path: Path,
    *,
    frame_times: Sequence[float] | None = None,
    seconds: float = 3.0,
    fps: int = 25,
    size: tuple[int, int] = (96, 64),
    burst: float = 1.5,
    sound: np.ndarray | None = None,
    rate: int = 44100,
    sound_start: float = 0.0,
    shift: float = 0.0,
    gap: tuple[float, float] | None = None,
    video_codec: str | None = "libx264",
    audio_codec: str | None = "aac",
    layout: str = "mono",
    video_options: dict[str, str] | None = None,
    picture: np.ndarray | None = None,
) -> np.ndarray:
    """Write a file and return when its frames are shown, on the clock of its content.

    Frame k is grey of level k mod 25, or each is `picture`, (h, w, 3) uint8. The sound is silent but for a
    tone of 1 kHz that lasts 0.1 s from `burst` on (or is `sound`); its first sample is heard at
    `sound_start`, samples inside `gap` are left out. All time stamps are `shift` seconds later than the
    content's clock.
    """
    times = np.arange(round(seconds * fps)) / fps if frame_times is None else np.asarray(frame_times)
    if sound is None:
        clock = sound_start + np.arange(round((seconds - sound_start) * rate)) / rate
        sound = 0.5 * np.sin(2 * np.pi * 1000 * clock) * ((clock >= burst) & (clock < burst + 0.1))
    packets: list[tuple[float, av.Packet]] = []
    with av.open(str(path), "w") as container:
        if video_codec is not None:
            base = Fraction(1, 12800)
            video = container.add_stream(video_codec, rate=fps, options={"crf": "2"} | (video_options or {}))
            video.width, video.height = size if picture is None else picture.shape[1::-1]
            video.pix_fmt = "yuv420p"
            video.codec_context.time_base = base
        if audio_codec is not None:
            audio = container.add_stream(audio_codec, rate=rate)
            audio.layout = layout
            audio.codec_context.time_base = Fraction(1, rate)
        if video_codec is not None:
            for k, time in enumerate(times):
                if picture is None:
                    frame = av.VideoFrame.from_ndarray(_grey(k, size), format="yuv420p")
                else:
                    frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
                frame.pts, frame.time_base = round((time + shift) / base), base
                packets += [(_seconds(p), p) for p in video.encode(frame)]
            packets += [(_seconds(p), p) for p in video.encode(None)]
        if audio_codec is not None:
            form = audio.codec_context.format.name
            length = audio.codec_context.frame_size or 1024
            for first in range(0, len(sound), length):
                time = sound_start + first / rate
                if gap is not None and gap[0] <= time < gap[1]:
                    continue
                piece = np.repeat(sound[None, first : first + length], audio.channels, axis=0)
                frame = _audio_frame(piece, form, layout)
                frame.sample_rate = rate
                frame.pts, frame.time_base = round((time + shift) * rate), Fraction(1, rate)
                packets += [(_seconds(p), p) for p in audio.encode(frame)]
            packets += [(_seconds(p), p) for p in audio.encode(None)]
        for _, packet in sorted(packets, key=lambda item: item[0]):
            container.mux(packet)
    return times


def frame_number(picture: np.ndarray) -> int:
    """Number, modulo 25, of a (3, h, w) picture of `write_media`."""
    return round((float(picture.mean()) - DARKEST) / STEP)


def onset(sound: np.ndarray, start: float, rate: int) -> float:
    """When the first sound is heard that is a tenth as loud as the loudest."""
    return start + int(np.argmax(np.abs(sound) > 0.1 * np.abs(sound).max())) / rate


def _grey(k: int, size: tuple[int, int]) -> np.ndarray:
    picture = np.full((size[1] * 3 // 2, size[0]), 128, np.uint8)  # YUV: luma, then colour at half the size
    picture[: size[1]] = round(16 + (DARKEST + STEP * (k % LEVELS)) * 219 / 255)
    return picture


def _audio_frame(piece: np.ndarray, form: str, layout: str) -> av.AudioFrame:
    integer = form.startswith("s16")
    piece = (piece * 32767).round().astype(np.int16) if integer else piece.astype(np.float32)
    if not form.endswith("p"):
        piece = piece.T.reshape(1, -1)
    return av.AudioFrame.from_ndarray(np.ascontiguousarray(piece), format=form, layout=layout)


def _seconds(packet: av.Packet) -> float:
    stamp = packet.dts if packet.dts is not None else packet.pts
    return float((stamp or 0) * packet.time_base)
