"""What the humans set in `.env.tracing`, what `configure` overrides, and what both mean for a file or function."""
