"""OpenMemory: the local outbox that every action and pattern is recorded in."""
