"""Mutants: small faults put into the product's code, each of which some test must notice. python -m mutants --help (scripts/dev mutants)."""
