"""Features in Arrow's own files: Feather, and the stream that data sets of Hugging Face are kept in."""

from pathlib import Path

import pyarrow as pa

from hyperclade.data.formats.arrow import of_table, read_batches
from hyperclade.data.formats.rows import Asked, Read


def read(path: Path, asked: Asked) -> Read:
    return read_batches(path, of_table(_table(path)), asked)


def _table(path: Path) -> pa.Table:
    try:
        with pa.memory_map(str(path)) as file:
            try:
                return pa.ipc.open_file(file).read_all()
            except pa.ArrowInvalid:  # no footer
                file.seek(0)
                return pa.ipc.open_stream(file).read_all()
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"{path}: not a readable Arrow file ({error})") from error
