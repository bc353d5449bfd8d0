"""Released npm packages' own test suites: which, where their source and tests come from, what their runners say."""
