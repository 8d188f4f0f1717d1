"""Finds the Vault tokens that live and have something in common: prints an accessor a line.

    tokens_of.py KEY=VALUE       KEY is of a login's metadata (token_uuid, container_uuid, user_uuid ...), or `policy`

Reads BAO_ADDR, BAO_TOKEN and BAO_CACERT. The token may list and look up accessors (auth/token/accessors, auth/token/lookup-accessor). Batch tokens
have no accessor and are not found: they end by themselves.
"""
import json
import os
import ssl
import sys
import urllib.error
import urllib.request

key, _, value = sys.argv[1].partition("=")
trust = ssl.create_default_context(cafile=os.environ.get("BAO_CACERT"))


def ask(method, path, body=None):
    request = urllib.request.Request(f"{os.environ['BAO_ADDR']}/v1/{path}", json.dumps(body).encode() if body else None,
                                     {"X-Vault-Token": os.environ["BAO_TOKEN"]}, method=method)
    with urllib.request.urlopen(request, context=trust) as answer:
        return json.load(answer)["data"]


for accessor in ask("LIST", "auth/token/accessors")["keys"]:
    try:
        token = ask("POST", "auth/token/lookup-accessor", {"accessor": accessor})
    except urllib.error.HTTPError as refusal:
        if refusal.code in (403, 404):  # it ended meanwhile
            continue
        raise
    if value in (token["policies"] if key == "policy" else [(token["meta"] or {}).get(key)]):
        print(accessor)
