"""The numbers of docs/spool-format.md, for readers."""

from __future__ import annotations

import numpy as np

MAGIC = b"MTSPOOL\x01"
VERSION = 1
HEADER_SIZE = 4096
SLOT_SIZE = 65536
CHUNK_MAGIC = 0x3143544D
CHUNK_HEADER_SIZE = 32
RECORD_SIZE = 48
WIDE = 0xFFFFFFFF

STATE_OPEN, STATE_SEALED = 1, 2
CHUNK_RECORDS, CHUNK_OPEN_SPANS = 1, 2
LANGUAGES = {1: "python", 2: "javascript"}

KIND_SPAN, KIND_OPEN, KIND_EVENT, KIND_DEFINITION, KIND_AGGREGATE, KIND_RUN_END = 1, 2, 3, 4, 5, 6
FLAG_ERROR, FLAG_SUSPENDED, FLAG_VALUES_LEFT_OUT, FLAG_OPEN, FLAG_ESTIMATED = 1, 2, 4, 8, 16
DEF_FUNCTION, DEF_SITE, DEF_ERROR, DEF_TRACE, DEF_RUN, DEF_THREAD, DEF_FILE = 1, 2, 3, 4, 5, 6, 7

HEADER = np.dtype(
    [
        ("magic", "S8"),
        ("version", "<u2"),
        ("language", "<u2"),
        ("slot_size", "<u4"),
        ("origin_wall_ns", "<u8"),
        ("origin_tick", "<u8"),
        ("ns_per_tick", "<f8"),
        ("span_salt", "<u8"),
        ("run_id", "V16"),
        ("pid", "<u4"),
        ("parent_pid", "<u4"),
        ("process_start", "<u8"),
    ]
)

RECORD = np.dtype(
    [
        ("tick", "<u8"),
        ("duration", "<u4"),
        ("self", "<u4"),
        ("seq", "<u4"),
        ("parent", "<u4"),
        ("trace", "<u4"),
        ("fn", "<u4"),
        ("length", "<u4"),
        ("depth", "<u2"),
        ("thread", "<u2"),
        ("kind", "u1"),
        ("flags", "u1"),
        ("err", "<u2"),
        ("count", "<u4"),
    ]
)

CHECKS = np.dtype([("records", "<u4"), ("payload_bytes", "<u4"), ("payload", "<u4")])
CHECK_GROUPS = 16

OPEN_SPAN = np.dtype([("record", RECORD), ("payload", "V144")])
