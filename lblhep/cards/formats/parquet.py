"""Read Parquet files, and write them in the one way in which lblhep does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from lblhep.cards.formats.columns import chosen

COMPRESSION_LEVEL = 19  # slow to write, as quick to read as any other


def read_parquet(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Read the named columns, default all, of a Parquet file."""
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        return file.read(columns=chosen(path, columns, file.schema_arrow.names))


def write_parquet(table: pa.Table, path: Path) -> None:
    """Write a data set in the one way that is used, which is small, for cache and shipped samples alike."""
    split = [f.name for f in table.schema if pa.types.is_primitive(f.type) and f.type.bit_width >= 16]
    pq.write_table(
        table,
        path,
        compression="zstd",
        compression_level=COMPRESSION_LEVEL,
        use_byte_stream_split=split,
        use_dictionary=[name for name in table.column_names if name not in split],
        write_page_checksum=True,
    )
