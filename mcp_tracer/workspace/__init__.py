"""A user's project on disk: finding it, its source files, backups, the manifest, and writing instrumentation in and out."""
