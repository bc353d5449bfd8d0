"""Released packages' own test suites, run untraced and traced: fetching, running, comparing, reporting."""
