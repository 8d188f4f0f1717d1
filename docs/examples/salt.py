"""Salts a run token. The result proves the container to the vault, and does not work at Arvados.

    salt.py LABEL < TOKEN

LABEL is the salt_label of the role at the vault. The token comes from standard input, so that no process list shows it.
"""
import hashlib
import hmac
import sys

from arvados_api import arguments

(label,) = arguments(__doc__, 1)
version, uuid, secret, *container = sys.stdin.read().strip().split("/")
salted = hmac.new(secret.encode(), label.encode(), hashlib.sha1).hexdigest()
print("/".join([version, uuid, salted, *container]))
