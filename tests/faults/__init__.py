"""Faults F01 to F41: what is brought about, what must come of it, and the tests that do it. python -m faults --help"""
