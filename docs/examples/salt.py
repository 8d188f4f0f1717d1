"""Salts a run token: what comes out proves the container to the vault, and is of no other use.

    salt.py LABEL < TOKEN

LABEL is the salt_label of the role at the vault. The token comes by standard input, so that it shows in no process list.
"""
import hashlib
import hmac
import sys

version, uuid, secret, *container = sys.stdin.read().strip().split("/")
salted = hmac.new(secret.encode(), sys.argv[1].encode(), hashlib.sha1).hexdigest()
print("/".join([version, uuid, salted, *container]))
