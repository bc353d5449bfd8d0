"""The command line: a command an operation, and what only people do: init, serve, doctor, deciding on approvals."""
