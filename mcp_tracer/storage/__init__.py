"""Where spans are kept: the SpanStore port and its adapters."""
