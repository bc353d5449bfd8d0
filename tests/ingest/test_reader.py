"""Reading spool files: everything whole is taken once, damage costs at most its chunk."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_tracer.ingest.reader import DamagedSpool, SpoolReader
from mcp_tracer.model import spool
from mcp_tracer.model.batch import SpoolBatch, SpoolPosition
from tests.spool_builder import SpoolBuilder, chunk, sections

TRACE = "ab" * 16


def program(spans: int, payload_bytes: int = 40) -> SpoolBuilder:
    """A program that made so many spans, numbered from 1."""
    builder = SpoolBuilder()
    function, trace = builder.function(), builder.trace(TRACE)
    for seq in range(1, spans + 1):
        builder.span(seq=seq, trace=trace, fn=function, at=seq, duration=5, payload=sections(R="x" * payload_bytes + str(seq)))
    return builder


def everything(path: Path, *, final: bool = False, step: int = 32_768, start: SpoolPosition | None = None) -> list[SpoolBatch]:
    """All batches of a file."""
    position, batches = start or SpoolPosition(), []
    with SpoolReader(path) as reader:
        while (batch := reader.read(position, final=final, max_records=step)) is not None:
            batches.append(batch)
            position = batch.end
    return batches


def seqs(batches: list[SpoolBatch]) -> list[int]:
    """The seqs in file order."""
    return [seq for batch in batches for seq in batch.records["seq"].tolist()]


def test_header_says_who_wrote_it(tmp_path: Path) -> None:
    builder = SpoolBuilder(run_id="0f" * 16, pid=77, salt=5, process_start=99)
    with SpoolReader(builder.write(tmp_path)) as reader:
        source = reader.source
        assert reader.run_definition()["argv"] == ["app.py"]
    assert (source.run_id, source.pid, source.span_salt, source.process_start, source.language) == ("0f" * 16, 77, 5, 99, "python")
    assert source.name == builder.name


@pytest.mark.parametrize("step", [1, 3, 100])
def test_resuming_at_every_record_takes_each_once(tmp_path: Path, step: int) -> None:
    path = program(200).write(tmp_path, per_chunk=7)
    batches = everything(path, step=step)
    assert seqs(batches) == list(range(1, 201))
    assert max(len(batch.records) for batch in batches) <= step
    assert [payload[1:] for batch in batches for payload in batch.payloads][-1].endswith(b"200")
    classes = [kind for batch in batches for kind, _, _ in batch.definitions]
    assert classes == [spool.DEF_RUN, spool.DEF_FUNCTION, spool.DEF_TRACE]


def test_payload_larger_than_a_slot_takes_several(tmp_path: Path) -> None:
    builder = program(3)
    builder.span(seq=4, trace=1, fn=1, payload=sections(R="y" * 200_000))
    builder.span(seq=5, trace=1, fn=1)
    batches = everything(builder.write(tmp_path))
    assert seqs(batches) == [1, 2, 3, 4, 5]
    assert len(batches[0].payloads[3]) > 200_000


def test_a_growing_chunk_is_taken_as_it_grows(tmp_path: Path) -> None:
    builder, path, position, found = program(0), tmp_path / "a.spool", SpoolPosition(), []
    function, trace = builder.function(), builder.trace(TRACE)
    path.write_bytes(builder.to_bytes())
    with SpoolReader(path) as reader:
        for seq in range(1, 2000):
            builder.span(seq=seq, trace=trace, fn=function, payload=sections(R=seq))
            if seq % 100 == 0:
                path.write_bytes(builder.to_bytes())
                while (batch := reader.read(position)) is not None:
                    found.append(batch)
                    position = batch.end
    assert seqs(found) == list(range(1, 1901))


def test_run_end_is_told(tmp_path: Path) -> None:
    builder = program(1)
    builder.end(at=500, exit_code=3)
    batch = everything(builder.write(tmp_path))[0]
    assert (batch.finished, batch.run_end, batch.run_end_ns) == (
        True, {"exitCode": 3, "dropped": 0, "faults": 0}, builder.origin_wall_ns + 500,
    )  # fmt: skip


@pytest.mark.parametrize("content", [b"", b"hello", b"MTSPOOL\x01", b"MTSPOOL\x02" + bytes(5000)])
def test_foreign_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.spool"
    path.write_bytes(content)
    with pytest.raises(DamagedSpool, match=r"x\.spool"):
        SpoolReader(path)


@given(st.integers(0, 2**32), st.booleans())
@settings(max_examples=60, deadline=None)
def test_truncation_costs_only_what_is_behind_it(tmp_path_factory: pytest.TempPathFactory, seed: int, final: bool) -> None:
    rng = random.Random(seed)
    builder = program(400, rng.choice((0, 40, 300)))
    chunks = builder.chunks(per_chunk=50)
    whole = builder.header() + b"".join(chunks)
    length = rng.randrange(spool.HEADER_SIZE, len(whole))
    path = tmp_path_factory.mktemp("t") / "a.spool"
    path.write_bytes(whole[:length])
    found = seqs(everything(path, final=final))
    complete = (length - spool.HEADER_SIZE) // spool.SLOT_SIZE
    at_least = max(0, 50 * complete - 3)
    assert found[:at_least] == list(range(1, at_least + 1))
    assert len(found) <= at_least + 50 and found == sorted(found)


@given(st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_corruption_costs_at_most_its_chunk(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    rng = random.Random(seed)
    builder = program(400)
    builder.end()
    raw = bytearray(builder.to_bytes(seal_last=True, per_chunk=50))
    hit = rng.randrange((len(raw) - spool.HEADER_SIZE) // spool.SLOT_SIZE)
    at = spool.HEADER_SIZE + hit * spool.SLOT_SIZE + rng.choice((rng.randrange(32), rng.randrange(spool.SLOT_SIZE - 16)))
    raw[at : at + 16] = rng.randbytes(16)
    path = tmp_path_factory.mktemp("c") / "a.spool"
    path.write_bytes(bytes(raw))
    batches = everything(path, final=True)
    lost = set(range(1, 401)) - set(seqs(batches))
    assert lost <= set(range(50 * hit - 2, 50 * hit + 48))
    assert len(seqs(batches)) == 400 - len(lost)
    assert not lost or sum(batch.damaged for batch in batches) == 1


def test_a_damaged_chunk_in_the_middle_is_passed_over_while_its_writer_lives(tmp_path: Path) -> None:
    raw = bytearray(program(100).to_bytes(per_chunk=20))
    raw[spool.HEADER_SIZE + 2 * spool.SLOT_SIZE + 40] ^= 1
    path = tmp_path / "a.spool"
    path.write_bytes(bytes(raw))
    batches = everything(path)
    assert sum(batch.damaged for batch in batches) == 1
    assert len(seqs(batches)) == 98  # two records are a sixteenth of a chunk of twenty


@given(st.integers(0, 2**32), st.sampled_from([1, 2, 48, 500, 5_000, 70_000]))
@settings(max_examples=150, deadline=None)
def test_damage_costs_a_part_of_a_chunk_and_nothing_is_made_up(tmp_path_factory: pytest.TempPathFactory, seed: int, harm: int) -> None:
    rng = random.Random(seed)
    builder = program(900, rng.choice((0, 40, 120)))
    builder.end()
    raw = bytearray(builder.to_bytes(seal_last=True, per_chunk=rng.choice((10, 150, None))))
    at = rng.randrange(spool.HEADER_SIZE, len(raw))
    harm = min(harm, len(raw) - at)
    raw[at : at + harm] = bytes(harm) if rng.random() < 0.3 else rng.randbytes(harm)
    path = tmp_path_factory.mktemp("d") / "a.spool"
    path.write_bytes(bytes(raw))
    batches = everything(path, final=True)
    there = {item for item in builder.items if item[0][40] == spool.KIND_SPAN}
    found = [(record.tobytes(), payload) for batch in batches for record, payload in zip(batch.records, batch.payloads, strict=True)]
    assert there.issuperset(found) and len(found) == len(set(found))
    assert len(found) == 900 or sum(batch.damaged for batch in batches) > 0


@pytest.mark.parametrize("checked", [True, False])
@pytest.mark.parametrize("part", ["record", "payload"])
def test_one_damaged_record_costs_a_sixteenth_of_its_chunk(tmp_path: Path, part: str, checked: bool) -> None:
    """What comes behind it, too, is found in its place. A chunk of a writer that makes no table of checks is lost."""
    items = program(320).items
    raw = bytearray(SpoolBuilder().header() + chunk(items[:3], True) + chunk(items[3:], True, checked))
    at = spool.HEADER_SIZE + spool.SLOT_SIZE + spool.CHUNK_HEADER_SIZE + 105 * spool.RECORD_SIZE + 9
    at = at if part == "record" else raw.index(sections(R="x" * 40 + "106"))
    raw[at] ^= 4
    path = tmp_path / "a.spool"
    path.write_bytes(bytes(raw))
    batches = everything(path, final=True)
    assert seqs(batches) == ([*range(1, 101), *range(121, 321)] if checked else [])
    assert sum(batch.damaged for batch in batches) == 1
    assert not checked or batches[0].payloads[100] == sections(R="x" * 40 + "121")


def test_a_chunk_that_is_only_half_written_is_waited_for(tmp_path: Path) -> None:
    builder = program(100)
    raw = builder.to_bytes(seal_last=True, per_chunk=20)
    path = tmp_path / "a.spool"
    path.write_bytes(raw[:-30_000] + bytes(30_000))
    first = everything(path)
    path.write_bytes(raw)
    second = everything(path, start=first[-1].end)
    assert sum(batch.damaged for batch in first + second) == 0
    assert seqs(first + second) == list(range(1, 101))


def damaged(path: Path, raw: bytes) -> tuple[int, int]:
    """(spans, damaged parts) of a file with these bytes whose writer is gone; taken as it was written, then as it was left."""
    path.write_bytes(raw)
    before = everything(path)
    after = everything(path, final=True, start=before[-1].end if before else None)
    assert everything(path, final=True, start=(before + after)[-1].end) == []
    assert sum(batch.damaged for batch in before) == 0
    return len(seqs(before + after)), sum(batch.damaged for batch in after)


@pytest.mark.parametrize("payload_bytes", [0, 40])
@pytest.mark.parametrize("missing", [1, 100, 20_000, spool.SLOT_SIZE - 40, spool.SLOT_SIZE - 8, spool.SLOT_SIZE])
def test_a_file_that_was_cut_off_lacks_something(tmp_path: Path, missing: int, payload_bytes: int) -> None:
    builder = program(200, payload_bytes)
    builder.end()
    raw = builder.to_bytes(seal_last=True, per_chunk=60)
    assert damaged(tmp_path / "a.spool", raw) == (200, 0)
    assert damaged(tmp_path / "b.spool", raw[:-missing]) == (177, 1)


@pytest.mark.parametrize("there", [0, 1, 10])
def test_an_open_chunk_that_lost_records_that_count_lacks_something(tmp_path: Path, there: int) -> None:
    """Calls without values leave nothing at the chunk's end: what is there looks whole."""
    builder = SpoolBuilder()
    for seq in range(1, 20):
        builder.span(seq=seq, trace=1, fn=1)
    raw = builder.to_bytes(per_chunk=10)
    length = spool.HEADER_SIZE + spool.SLOT_SIZE + spool.CHUNK_HEADER_SIZE + there * spool.RECORD_SIZE
    assert damaged(tmp_path / "a.spool", raw[:length]) == (9 + there, int(there < 10))
    assert damaged(tmp_path / "b.spool", raw) == (19, 0)


@pytest.mark.parametrize("spare", [b"", bytes(spool.SLOT_SIZE), bytes(8 * spool.SLOT_SIZE)])
def test_what_a_killed_program_leaves_is_no_damage(tmp_path: Path, spare: bytes) -> None:
    """The last chunk is open; behind a sealed one there is the room that is kept for the run's end."""
    builder = program(200)
    assert damaged(tmp_path / "a.spool", builder.to_bytes(per_chunk=60) + spare) == (200, 0)
    if spare:
        assert damaged(tmp_path / "b.spool", builder.to_bytes(per_chunk=60, seal_last=True) + spare) == (200, 0)


@pytest.mark.parametrize(
    "length", [spool.HEADER_SIZE + 33, 50_000, spool.HEADER_SIZE + spool.SLOT_SIZE, spool.HEADER_SIZE + spool.SLOT_SIZE + 500]
)
def test_a_file_that_was_cut_before_its_first_record_lacks_something(tmp_path: Path, length: int) -> None:
    builder = program(200)
    raw = builder.header() + table_of_open_spans() + b"".join(builder.chunks())
    assert damaged(tmp_path / "a.spool", raw) == (200, 0)
    path = tmp_path / "b.spool"
    path.write_bytes(raw[:length])
    batches = everything(path, final=True)
    assert (seqs(batches), sum(batch.damaged for batch in batches) > 0) == ([], True)
    assert everything(path, final=True, start=batches[-1].end) == []


def test_a_program_that_was_killed_before_its_first_record_lacks_nothing(tmp_path: Path) -> None:
    raw = SpoolBuilder().header() + table_of_open_spans() + bytes(2 * spool.SLOT_SIZE)
    assert damaged(tmp_path / "a.spool", raw) == (0, 0)


@pytest.mark.parametrize("step", [32_768, 7])
def test_what_no_writer_writes_into_the_table_of_open_spans_is_left_out(tmp_path: Path, step: int) -> None:
    builder = program(20)
    good = {"kind": spool.KIND_OPEN, "flags": spool.FLAG_OPEN, "seq": 30, "parent": 3, "trace": 1, "fn": 1, "at": 7}
    wrong: list[dict[str, int]] = [{"fn": 9}, {"trace": 9}, {"fn": 0}, {"parent": 30}, {"at": -1}, {"flags": 0}, {"kind": 1}]
    entries = b""
    for fields in ({}, *wrong):
        builder.record(**{**good, **fields})
        entries += builder.items.pop()[0].ljust(spool.OPEN_SPAN.itemsize, b"\0")
    path = tmp_path / "a.spool"
    path.write_bytes(builder.header() + table_of_open_spans(entries) + b"".join(builder.chunks()))
    with SpoolReader(path) as reader:
        reader.run_definition()
        position, batches = SpoolPosition(), list[SpoolBatch]()
        while (batch := reader.read(position, final=True, max_records=step)) is not None:
            batches.append(batch)
            position = batch.end
    assert seqs(batches) == [*range(1, 21), 30]
    assert sum(len(batch.payloads) for batch in batches) == 21


def table_of_open_spans(entries: bytes = b"") -> bytes:
    """The chunk, in its slot."""
    head = struct.pack("<IBBHIIIIQ", spool.CHUNK_MAGIC, spool.STATE_OPEN, spool.CHUNK_OPEN_SPANS, 1, 341, 0, 0, 0, 0)
    return (head + entries).ljust(spool.SLOT_SIZE, b"\0")


def test_slots_that_are_gone_are_counted_one_by_one(tmp_path: Path) -> None:
    raw = bytearray(program(200).to_bytes(per_chunk=20))
    start = spool.HEADER_SIZE + 2 * spool.SLOT_SIZE
    raw[start : start + 3 * spool.SLOT_SIZE] = bytes(3 * spool.SLOT_SIZE)
    path = tmp_path / "a.spool"
    path.write_bytes(bytes(raw))
    batches = everything(path, final=True)
    assert (len(seqs(batches)), sum(batch.damaged for batch in batches)) == (140, 3)


def test_preallocated_slots_are_no_damage(tmp_path: Path) -> None:
    builder = program(10)
    path = tmp_path / "a.spool"
    path.write_bytes(builder.to_bytes() + bytes(8 * spool.SLOT_SIZE))
    batches = everything(path, final=True)
    assert (seqs(batches), sum(batch.damaged for batch in batches)) == (list(range(1, 11)), 0)


def test_unknown_kinds_are_left_out_and_counted(tmp_path: Path) -> None:
    builder = program(2)
    builder.record(kind=99, seq=3)
    path = builder.write(tmp_path)
    batches = everything(path)
    assert (seqs(batches), batches[0].damaged) == ([1, 2], 1)


def test_chunk_bytes_follow_the_document() -> None:
    raw = chunk([(b"r" * 48, b"first"), (b"s" * 48, b"second")], sealed=True)
    assert len(raw) == spool.SLOT_SIZE
    assert raw.endswith(b"secondfirst")
