"""A long run of logins, renewals and faults on a real host: python -m soak --help (called by scripts/dev soak)."""
