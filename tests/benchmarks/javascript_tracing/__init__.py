"""Parts of `bench_javascript.py`."""
