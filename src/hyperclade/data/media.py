"""Clips out of media files: pictures and the sound around them, matched by presentation time stamps.

All times are seconds on the clock of a player: 0 is where the file begins, whatever its streams' time stamps
begin with. A stream that begins late (or early) is late here too.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from hyperclade.environment import require

require("reading video and sound", "av")
import av  # noqa: E402 - what it needs is said first
from av.error import FFmpegError  # noqa: E402

# Containers round time stamps to as much as a millisecond; what departs more from where the samples before it
# end is a gap or an overlap that somebody made.
_JITTER = 0.005
_PREROLL = 0.15  # codecs of sound need some packets before they are right, and the resampler some samples
_EDGE = 0.1  # how far outside the reported extent of a stream its outermost frame may still stand


class MediaError(ValueError):
    """A file (`path`), or the part of it that a clip asks for, cannot be used; the `reason` has no path."""

    def __init__(self, path: str | os.PathLike, reason: str) -> None:
        super().__init__(os.fspath(path), reason)
        self.path, self.reason = os.fspath(path), reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


class Extent(NamedTuple):
    """When a stream begins and ends, in seconds on the clock of its file."""

    start: float
    end: float


@dataclass(frozen=True)
class ClipMedia:
    """Pictures and sound of one clip.

    Attributes
    ----------
    frames : (f, 3, h, w) uint8
        RGB.
    sound : (samples,) float32
        One channel, full scale at ±1.
    frame_times : (f,) float64
        When each picture began to be shown, seconds.
    sound_time : float
        When the sound's first sample is heard, seconds on the same clock.
    sample_rate : int
        Samples per second.
    """

    frames: np.ndarray = field(repr=False)
    sound: np.ndarray = field(repr=False)
    frame_times: np.ndarray
    sound_time: float
    sample_rate: int


def read_clip(
    path: str | os.PathLike,
    start: float = 0.0,
    end: float | None = None,
    *,
    n_frames: int = 1,
    frame_size: int | None = 224,
    window: float = 1.0,
    sample_rate: int = 24000,
    min_sound: float = 0.9,
) -> ClipMedia:
    """Read the middle of a clip: a window of sound, and pictures spread evenly over it.

    The clip is what lies between `start` and `end` and in both streams. The window is centred on its middle
    and parted into `n_frames` equal parts; of each, the picture shown in its middle is taken. So a single
    picture is the one in the middle of the clip and of the sound. Sound is laid out by its time stamps: gaps
    are silent, of overlapping samples the earlier packet's are kept.

    Parameters
    ----------
    path : path
        A file with video and sound in any format that FFmpeg reads.
    start, end : float or float or None
        Seconds from the beginning of the file; None is its end.
    n_frames : int
        Pictures per clip.
    frame_size : int or None
        h = w in pixels. The shorter side is scaled to it and the middle of the longer one cut out, in the
        proportions and the orientation that a player would show. None keeps the size.
    window : float
        Seconds of sound.
    sample_rate : int
        Samples per second of the result, resampled and mixed to one channel.
    min_sound : float
        The part of the window that the file must have intact sound for, 0 to 1. Also how long a clip must be,
        in windows: streams often end some milliseconds apart.

    Raises
    ------
    MediaError
        Missing, empty or unknown file; no video or no sound in it; a clip that begins beyond its end or is
        shorter than the window; damage where the clip is read (damage elsewhere does no harm).
    ValueError
        Arguments that make no sense.

    Examples
    --------
    >>> read_clip("no such file.mp4")
    Traceback (most recent call last):
    ...
    hyperclade.data.media.MediaError: no such file.mp4: no such file
    """
    _check_arguments(start, end, n_frames, frame_size, window, sample_rate, min_sound)
    with _Opened(path) as file:
        for kind, stream in (("video", file.video), ("sound", file.audio)):
            if stream is None:
                raise MediaError(path, f"no {kind} stream; a clip needs video and sound")
        extents = [file.extent(file.video), file.extent(file.audio)]
        lower = max(start, *(first for first, _ in extents))
        upper = min(np.inf if end is None else end, *(last for _, last in extents))
        if start >= upper and (end is None or start < end):
            raise MediaError(
                path, f"the clip begins at {start:g} s, but video and sound end at {upper:.3f} s"
            )
        if upper - lower < min_sound * window:
            length = max(0.0, upper - lower)
            raise MediaError(
                path,
                f"{length:.3f} s of video with sound in the clip, shorter than the window of {window:g} s",
            )
        sound_time = (lower + upper - window) / 2
        times = sound_time + (np.arange(n_frames) + 0.5) / n_frames * window
        shown = file.frames_at(times)
        sound, heard = file.sound(sound_time, round(window * sample_rate), sample_rate)
        if heard < min_sound:
            raise MediaError(
                path,
                f"intact sound for only {heard:.0%} of the window from {sound_time:.3f} s; "
                f"{min_sound:.0%} are asked",
            )
        if not np.isfinite(sound).all():
            raise MediaError(path, f"samples that are not numbers in the window from {sound_time:.3f} s")
        return ClipMedia(
            frames=_pictures(shown, frame_size, file.video.sample_aspect_ratio),
            sound=sound,
            frame_times=np.array([frame.time - file.origin for frame in shown]),
            sound_time=sound_time,
            sample_rate=sample_rate,
        )


def read_picture(path: str | os.PathLike, time: float = 1.0) -> np.ndarray:
    """The picture shown at a time, in seconds, or in the middle of a shorter video: (3, h, w) uint8.

    Upright, in the proportions that a player would show. Raises MediaError as `read_clip` does.
    """
    with _Opened(path) as file:
        if file.video is None:
            raise MediaError(path, "no video stream")
        start, end = file.extent(file.video)
        shown = file.frames_at(np.array([start + min(time, (end - start) / 2)]))
        return _pictures(shown, None, file.video.sample_aspect_ratio)[0]


def read_sound(path: str | os.PathLike, seconds: float, sample_rate: int) -> np.ndarray | None:
    """The beginning of the sound of a file, mixed to one channel, full scale at ±1: (samples,) float32.

    None for a video without sound. Raises MediaError as `read_clip` does.
    """
    with _Opened(path) as file:
        if file.audio is None:
            if file.video is not None:
                return None
            raise MediaError(path, "no sound stream")
        start, end = file.extent(file.audio)
        n_samples = max(1, round(min(seconds, end - start) * sample_rate))
        sound, heard = file.sound(start, n_samples, sample_rate)
        if not heard or not np.isfinite(sound).all():
            raise MediaError(path, "no intact sound at its beginning")
        return sound


def probe(path: str | os.PathLike) -> tuple[Extent | None, Extent | None]:
    """When picture and sound of a file begin and end, by its headers; None for a stream that it lacks.

    Raises MediaError for a missing or empty file, or one that FFmpeg does not know.
    """
    with _Opened(path) as file:
        video, audio = (
            None if stream is None else Extent(*file.extent(stream)) for stream in (file.video, file.audio)
        )
        return video, audio


def _check_arguments(
    start: float,
    end: float | None,
    n_frames: int,
    frame_size: int | None,
    window: float,
    sample_rate: int,
    min_sound: float,
) -> None:
    if not (np.isfinite(start) and start >= 0):
        raise ValueError(f"start must be seconds from the beginning of the file, 0 or more, got {start}")
    if end is not None and not (np.isfinite(end) and end > start):
        raise ValueError(f"end must lie beyond start, got start {start} and end {end}")
    if n_frames < 1:
        raise ValueError(f"n_frames must be at least 1, got {n_frames}")
    if frame_size is not None and frame_size < 1:
        raise ValueError(f"frame_size must be at least 1 pixel, got {frame_size}")
    if sample_rate < 1 or not np.isfinite(window) or round(window * sample_rate) < 1:
        raise ValueError(f"window must hold a sample, got {window} s at {sample_rate} samples per second")
    if not 0 <= min_sound <= 1:
        raise ValueError(f"min_sound must lie between 0 and 1, got {min_sound}")


class _Opened:
    """An open file with its best video and audio stream; FFmpeg's errors leave it as `MediaError`."""

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = Path(path)

    def __enter__(self) -> _Opened:
        try:
            if not self.path.is_file():
                raise MediaError(self.path, "this is a folder" if self.path.is_dir() else "no such file")
            if self.path.stat().st_size == 0:
                raise MediaError(self.path, "the file is empty")
        except OSError as error:  # of a folder that may not be entered, or a name that is too long
            raise MediaError(self.path, f"cannot be opened ({_short(error)})") from error
        self._open()
        return self

    def _open(self) -> None:
        try:
            self.container = av.open(os.fspath(self.path), metadata_errors="replace")
        except (FFmpegError, OSError) as error:
            raise MediaError(self.path, f"not a media file that FFmpeg can read ({_short(error)})") from error
        streams = self.container.streams
        self.video: Any = streams.best("video")
        if self.video is not None and self.video.disposition & av.stream.Disposition.attached_pic:
            self.video = None  # the cover of an album is no video
        if self.video is not None:
            self.video.codec_context.thread_count = 1  # many clips at once are the fastest so
        self.audio: Any = streams.best("audio")
        start = self.container.start_time
        self.origin = 0.0 if start is None else start / av.time_base
        self._prime_decoder()

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        self.container.close()
        if isinstance(error, (FFmpegError, OSError, RuntimeError, EOFError)):
            raise MediaError(self.path, f"cannot be decoded ({_short(error)})") from error

    def extent(self, stream: Any) -> tuple[float, float]:
        """When a stream starts and ends, seconds on the file's clock."""
        base = float(stream.time_base)
        start = 0.0 if stream.start_time is None else stream.start_time * base - self.origin
        if stream.duration is not None:
            return start, start + stream.duration * base
        tag = stream.metadata.get("DURATION", "")  # Matroska's own place for it: when the stream ends
        try:
            hours, minutes, seconds = tag.split(":")
            return start, int(hours) * 3600 + int(minutes) * 60 + float(seconds) - self.origin
        except ValueError:
            pass
        if self.container.duration is not None:
            return start, self.container.duration / av.time_base
        return start, self._last_time(stream)

    def frames_at(self, times: np.ndarray) -> list[Any]:
        """The video frames shown at ascending `times` (seconds on the file's clock)."""
        wanted = [float(time) + self.origin for time in times]
        found: list[Any] = []
        damage: list[float] = []
        shown: Any = None
        key = -np.inf
        half_tick = float(self.video.time_base) / 2
        with closing(self._decoded_from(self.video, wanted[0], damage)) as frames:
            for frame in frames:
                while len(found) < len(wanted) and frame.time > wanted[len(found)] + half_tick:
                    time = wanted[len(found)]
                    if shown is None and frame.time <= time + _EDGE:
                        shown = frame
                    self._check_shown(shown, key, time, damage)
                    found.append(shown)
                if len(found) == len(wanted):
                    return found
                shown = frame
                if frame.key_frame:
                    key = frame.time
        for time in wanted[len(found) :]:
            self._check_shown(shown, key, time, damage)
            shown_for = float(shown.duration * shown.time_base) if shown.duration else 0.0
            if time > shown.time + shown_for + _EDGE:
                raise MediaError(
                    self.path,
                    f"the video ends at {shown.time + shown_for - self.origin:.3f} s, "
                    f"a picture at {time - self.origin:.3f} s was asked",
                )
            found.append(shown)
        return found

    def sound(self, begin: float, n_samples: int, rate: int) -> tuple[np.ndarray, float]:
        """(n_samples,) float32 from `begin` on, and the part of it that the file has samples for."""
        begin += self.origin
        end = begin + n_samples / rate
        sound, heard = np.zeros(n_samples, np.float32), np.zeros(n_samples, bool)
        run: _Run | None = None
        with closing(self._decoded_from(self.audio, begin - _PREROLL, [])) as frames:
            for frame in frames:
                if run is None or not run.continued_by(frame):
                    if (
                        frame.time is None
                        or frame.time + frame.samples / frame.sample_rate < begin - _PREROLL
                    ):
                        continue
                    if run is not None:
                        run.lay(sound, heard, begin, rate)
                    run = _Run(frame, rate)
                run.append(frame)
                if run.end > end + _PREROLL:
                    break
        if run is not None:
            run.lay(sound, heard, begin, rate)
        return sound, float(heard.mean())

    def _prime_decoder(self) -> None:
        """Show the decoder a 4:4:4 H.264 file's first packet before any seek.

        x264 up to build 150 coded such video wrongly; the decoder makes up for it, but only if it has seen
        the build number, which stands in the first packet. Without it all pictures after a seek are garbage.
        """
        if self.video is None or self.video.codec_context.name != "h264":
            return
        if "444" in (self.video.codec_context.pix_fmt or ""):
            # Damage here may not hit the clip; if it does, it is reported when the clip is read.
            packets: Any = self.container.demux(self.video)
            with suppress(FFmpegError, OSError), closing(packets):
                next(packets).decode()

    def _decoded_from(self, stream: Any, time: float, damage: list[float]) -> Generator[Any, None, None]:
        """Intact frames from one at or before `time` (raw time stamp in seconds) on, in order of time.

        The times of packets and frames that could not be decoded are appended to `damage`.
        """
        base, video = float(stream.time_base), stream.type == "video"
        first_stamp = 0 if stream.start_time is None else stream.start_time
        back = 0.0
        while True:
            # Formats without an index land anywhere near, and a decoder then waits for the next key frame,
            # which may lie too late: go back further.
            stamp = max(first_stamp, int((time - back) / base))
            try:
                self.container.seek(stamp, stream=stream, backward=True)
            except (FFmpegError, OSError) as error:
                raise MediaError(
                    self.path,
                    f"cannot be searched for a time ({_short(error)}); repack it as MP4 or Matroska",
                ) from error
            damage.clear()
            frames = self._decoded(stream, damage)
            first = next(frames, None)
            if first is not None and first.time is not None and first.time <= time:
                break
            frames.close()
            if stamp == first_stamp:
                # Some formats cannot even find their first key frame by its time.
                self.container.close()
                self._open()
                damage.clear()
                frames = self._decoded(self.video if video else self.audio, damage)
                first = next(frames, None)
                break
            back = max(1.0, 4 * back)
        with closing(frames):
            if first is not None:
                yield first
                yield from frames

    def _decoded(self, stream: Any, damage: list[float]) -> Generator[Any, None, None]:
        video = stream.type == "video"
        # PyAV crashes when a file is closed under packets that are still being read: end that first.
        packets: Any = self.container.demux(stream)
        with closing(packets):
            while True:
                try:
                    packet = next(packets, None)
                except (FFmpegError, OSError):
                    return  # a torn file ends here
                if packet is None:
                    return
                try:
                    frames = packet.decode()
                except FFmpegError:
                    if packet.pts is not None:
                        damage.append(float(packet.pts * packet.time_base))
                    continue
                for frame in frames:
                    if frame.is_corrupt:
                        if frame.time is not None:
                            damage.append(frame.time)
                    elif frame.time is not None or not video:
                        yield frame

    def _check_shown(self, shown: Any, key: float, time: float, damage: Sequence[float]) -> None:
        # What follows a damaged frame refers to it, up to the next key frame.
        if shown is None or any(key <= fault <= time for fault in damage):
            raise MediaError(self.path, f"the video is damaged at {time - self.origin:.3f} s")

    def _last_time(self, stream: Any) -> float:
        """From all packets of a file that does not say how long it is."""
        last = self.origin
        packets: Any = self.container.demux(stream)
        with suppress(FFmpegError, OSError), closing(packets):
            for packet in packets:
                if packet.pts is not None:
                    last = max(last, float((packet.pts + (packet.duration or 0)) * packet.time_base))
        return last - self.origin


class _Run:
    """Sound without a gap, resampled as one piece."""

    def __init__(self, frame: Any, rate: int) -> None:
        self.start = self.end = frame.time
        self.form = _form(frame)
        # Without a limit FFmpeg mixes sound stored as floats louder than the same sound stored as integers.
        self.resampler = av.AudioResampler(
            format="fltp", layout="mono", rate=rate, options={"rematrix_maxval": "1"}
        )
        self.pieces: list[np.ndarray] = []
        self.n_samples = 0

    def continued_by(self, frame: Any) -> bool:
        return _form(frame) == self.form and (frame.time is None or abs(frame.time - self.end) <= _JITTER)

    def append(self, frame: Any) -> None:
        self.n_samples += frame.samples
        self.end = self.start + self.n_samples / frame.sample_rate
        frame.pts = None  # the resampler shall count samples, not mend time stamps
        self._keep(self.resampler.resample(frame))

    def lay(self, sound: np.ndarray, heard: np.ndarray, begin: float, rate: int) -> None:
        """Write the run where nothing was written before; `sound` starts at `begin`."""
        self._keep(self.resampler.resample(None))
        if not self.pieces:
            return
        samples = np.concatenate(self.pieces)
        samples = samples[: round((self.end - self.start) * rate)]
        first = round((self.start - begin) * rate)
        left, right = max(0, first), min(len(sound), first + len(samples))
        if left >= right:
            return
        free = ~heard[left:right]
        sound[left:right][free] = samples[left - first : right - first][free]
        heard[left:right] = True

    def _keep(self, frames: list[Any]) -> None:
        self.pieces += [frame.to_ndarray()[0] for frame in frames if frame is not None and frame.samples]


def _form(frame: Any) -> tuple[str, str, int]:
    return frame.format.name, frame.layout.name, frame.sample_rate


def _pictures(frames: Sequence[Any], size: int | None, pixel_aspect: Any) -> np.ndarray:
    """(f, 3, h, w) uint8 RGB, upright, with square pixels; all as large as the first."""
    shape: tuple[int, int] | None = None
    pictures: list[np.ndarray] = []
    last: Any = None
    for frame in frames:
        if frame is not last:
            if shape is None:
                shape = _scaled(frame, size, float(pixel_aspect or 1))
            # A bicubic filter widens with the reduction, so nothing is aliased.
            scaled = frame.reformat(width=shape[0], height=shape[1], format="rgb24", interpolation="BICUBIC")
            picture = _upright(scaled.to_ndarray(), frame)
            if size is not None:
                top, left = (picture.shape[0] - size) // 2, (picture.shape[1] - size) // 2
                picture = picture[top : top + size, left : left + size]
            pictures.append(picture.transpose(2, 0, 1))
        else:
            pictures.append(pictures[-1])
        last = frame
    return np.ascontiguousarray(np.stack(pictures))


def _upright(picture: np.ndarray, frame: Any) -> np.ndarray:
    """The (h, w, 3) picture turned and mirrored as the frame's display matrix says."""
    side = frame.side_data.get("DISPLAYMATRIX")
    if side is None:
        return picture
    # A point (x, y) goes to (a·x + c·y, b·x + d·y); what is no quarter turn goes to the nearest one.
    a, b, _, c, d, *_ = np.frombuffer(bytes(side), np.int32).astype(np.int64).tolist()
    if abs(b) + abs(c) > abs(a) + abs(d):
        picture, right, down = picture.transpose(1, 0, 2), c, b
    else:
        right, down = a, d
    return picture[:: -1 if down < 0 else 1, :: -1 if right < 0 else 1]


def _scaled(frame: Any, size: int | None, pixel_aspect: float) -> tuple[int, int]:
    """Width and height with square pixels whose shorter one is `size`."""
    width, height = frame.width * pixel_aspect, float(frame.height)
    scale = 1.0 if size is None else size / min(width, height)
    least = 1 if size is None else size
    return max(least, round(width * scale)), max(least, round(height * scale))


def _short(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error)
    return text or type(error).__name__
