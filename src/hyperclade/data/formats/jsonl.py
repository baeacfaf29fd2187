"""Features as JSON lines: an object a row."""

from pathlib import Path

import pyarrow as pa
import pyarrow.json

from hyperclade.data.formats.arrow import of_table, read_batches
from hyperclade.data.formats.rows import Asked, Read

_LARGEST_BLOCK = (1 << 31) - 1  # bytes whose types are found together


def read(path: Path, asked: Asked) -> Read:
    try:
        compression = "gzip" if path.suffix.lower() == ".gz" else None
        with pa.input_stream(str(path), compression=compression) as file:
            data = file.read()
        if not data.strip():
            raise ValueError(f"{path}: empty file")
        if len(data) > _LARGEST_BLOCK:
            raise ValueError(f"{path}: over 2 GiB of JSON; write it as Parquet")
        options = pyarrow.json.ReadOptions(block_size=max(len(data), 1 << 10))
        table = pyarrow.json.read_json(pa.BufferReader(data), read_options=options)
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"{path}: not readable as JSON lines, an object a row ({error})") from error
    return read_batches(path, of_table(table), asked)
