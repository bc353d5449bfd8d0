"""The SpanStore port over plain lists: what a store is, without anything that makes it quick."""

from tests.contracts.in_memory.store import InMemorySpanStore

__all__ = ["InMemorySpanStore"]
