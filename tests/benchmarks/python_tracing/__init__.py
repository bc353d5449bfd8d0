"""Measuring what tracing Python costs: ours at every level beside the tools that people would use instead."""
