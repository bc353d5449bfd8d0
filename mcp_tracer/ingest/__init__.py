"""From spool files to batches: reading them, following them while programs run, and the lease that lets one process do it."""
