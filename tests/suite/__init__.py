"""The test runner behind scripts/test: areas of tests, a scheduler over the cores, the report. python -m suite --help."""
