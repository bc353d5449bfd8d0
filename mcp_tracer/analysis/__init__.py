"""Pure functions from spans to answers: trees, flows, texts. No storage, no clocks, no settings."""
