"""A second opinion on every login: the rules of the contract written once more in Python, and worlds made by dice.

arvados.py   what a cluster holds, and how it answers (honestly, or with one lie)
worlds.py    dice: clusters, configs, roles, logins, renewals
lies.py      dice: what a hostile or broken Arvados may answer
evidence.py  the model's own reading of answers, type by type
rules.py     the model: evidence in, every reason to refuse and the exact token out
inside.py    the real code, in C, behind a pipe (tests/inside)
campaign.py  both side by side: python -m model --help
"""
