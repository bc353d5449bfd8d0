"""The table of checks that a sealed chunk has (docs/spool-format.md): damage then costs a sixteenth of the chunk's records, not all."""

import struct
import zlib

GROUPS, SIZE = 16, 192
_RECORD = 48
_TABLE = struct.Struct("<48I")


def table_of(records, payload):
    """(table, checksum of both) of a chunk's records and payload as they lie in the file. Each checksum goes on from the one before."""
    step = max(1, -(-len(records) // _RECORD // GROUPS)) * _RECORD
    numbers, crc, size = [0] * 48, 0, 0
    records, payload = memoryview(records), memoryview(payload)
    lengths = records.cast("I")[8::12].tolist()
    for group in range(GROUPS):
        at = group * step
        crc = numbers[3 * group] = zlib.crc32(records[at : at + step], crc)
        size = numbers[3 * group + 1] = size + sum(lengths[at // _RECORD : (at + step) // _RECORD])
    begin = 0
    for group in range(GROUPS - 1, -1, -1):
        end = len(payload) - (numbers[3 * group - 2] if group else 0)
        crc = numbers[3 * group + 2] = zlib.crc32(payload[begin:end], crc)
        begin = end
    return _TABLE.pack(*numbers), crc
