#!/usr/bin/env python3
"""The plugin's service token at Arvados: makes it, shows what it may, checks it, puts a new one in its place.

    service_token.py make FILE [--expires-in=DAYS]       a new one, checked, written to FILE (0600; - is standard output)
    service_token.py check FILE                          does it allow what the plugin asks, and nothing else? (- is standard input)
    service_token.py rotate --mount=MOUNT ... [--node=ADDRESS ...] [--expires-in=DAYS]
                                                         a new one, checked, written to the mounts' config, checked there, awaited at each of the
                                                         nodes; then the old one is deleted
    service_token.py delete UUID                         ends one of your own
    service_token.py FILE                                short for make FILE

With --for=engine, make and check are about the admin_token of the secrets engine instead; the engine rotates that one itself (config/rotate-root).

make, rotate and delete read ARVADOS_API_HOST and ARVADOS_API_TOKEN (or Arvados' settings.conf): an admin's. The token belongs to that user, and only he
can delete it: take an admin account that is there for nothing else. check asks as the token itself. rotate reads BAO_ADDR, BAO_TOKEN, BAO_CACERT and
BAO_NAMESPACE as well (or VAULT_...). Nothing but Python is needed. Exit status: 0 good, 1 not good, 2 wrong use.
"""

from __future__ import annotations

import argparse
import datetime
import http.client
import json
import os
import re
import ssl
import stat
import sys
import time
import urllib.parse
from typing import Any, Callable, NamedTuple

SCOPES = [
    "GET /arvados/v1/links",
    "GET /arvados/v1/users",
    "GET /arvados/v1/containers",
    "GET /arvados/v1/groups",
    "GET /arvados/v1/computed_permissions",
]

ENGINE_SCOPES = ["POST /arvados/v1/api_client_authorizations", "GET /arvados/v1/users"]

V2_TOKEN = re.compile(r"v2/([a-z0-9]{5})-gj3su-[a-z0-9]{15}/[a-z0-9]{20,128}")
OUR_CA = "/etc/arvados/ca-certificates.crt"  # where Arvados' own tools look
TOKENS = "/arvados/v1/api_client_authorizations"
ANSWER_S = 60
EXPIRY_WARNING_DAYS = 14  # as config/check has it
FAIL_OVER_S = 15  # a cluster that lost its leader has another by then
NODE_S = 60  # and a node hears of a change within moments

Json = dict


class Failure(Exception):
    """What happened and what to do, for the last line."""


# ---- asking ----


class Api:
    """A server over HTTPS: no proxies, no redirects, certificates always checked."""

    def __init__(self, address: str, headers: dict[str, str], ca_file: str | None) -> None:
        parts = urllib.parse.urlsplit(address if "://" in address else f"https://{address}")
        if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "::1", "localhost"):
            raise Failure(f"{address} is not https: a token is not sent there")
        self.name, self.headers = parts.netloc, headers
        if parts.scheme == "https":
            context = ssl.create_default_context(cafile=ca_file)
            self.connect = lambda: http.client.HTTPSConnection(self.name, timeout=ANSWER_S, context=context)
        else:
            self.connect = lambda: http.client.HTTPConnection(self.name, timeout=ANSWER_S)

    def try_ask(self, method: str, path: str, query: Json | None = None, body: Json | None = None) -> tuple[int, Json]:
        """Status and answer; whatever is no JSON object is an empty one."""
        words = {key: value if isinstance(value, str) else json.dumps(value) for key, value in (query or {}).items()}
        target = f"{path}?{urllib.parse.urlencode(words)}" if words else path
        headers = {"Accept": "application/json", "Content-Type": "application/json", **self.headers}
        connection = self.connect()
        try:
            connection.request(method, target, None if body is None else json.dumps(body), headers)
            reply = connection.getresponse()
            status, text = reply.status, reply.read()
        except (OSError, http.client.HTTPException) as error:
            raise Failure(f"{self.name} was not reached: {error}") from None
        finally:
            connection.close()
        try:
            answer = json.loads(text)
        except ValueError:
            answer = {}
        return status, answer if isinstance(answer, dict) else {}

    def ask(self, method: str, path: str, query: Json | None = None, body: Json | None = None) -> Json:
        status, answer = self.try_ask(method, path, query, body)
        if not 200 <= status < 300:
            raise Failure(f"{self.name}: {method} {path}: {status} {words_of(answer)}".rstrip())
        return answer


def words_of(answer: Json) -> str:
    """A server's own words, without the address by which Arvados' front asked behind itself."""
    return "; ".join(re.sub(r"^//railsapi\.internal\S*: ", "", str(text).strip()) for text in answer.get("errors") or [])


def first_of(*names: str) -> str | None:
    return next((os.environ[name] for name in names if os.environ.get(name)), None)


def arvados_setting(name: str) -> str:
    """From the environment, then from the file that Arvados' tools keep."""
    settings = {}
    try:
        with open(os.path.expanduser("~/.config/arvados/settings.conf"), encoding="utf-8") as file:
            settings = dict(line.strip().split("=", 1) for line in file if "=" in line and not line.startswith("#"))
    except OSError:
        pass
    value = os.environ.get(name) or settings.get(name)
    if not value:
        raise Failure(f"{name} is not set")
    return value


def arvados(token: str) -> Api:
    # SSL_CERT_FILE is read by the TLS library itself.
    ca_file = OUR_CA if not os.environ.get("SSL_CERT_FILE") and os.path.exists(OUR_CA) else None
    return Api(arvados_setting("ARVADOS_API_HOST"), {"Authorization": f"Bearer {token}"}, ca_file)


def vault(node: str | None = None) -> Api:
    address, token = node or first_of("BAO_ADDR", "VAULT_ADDR"), first_of("BAO_TOKEN", "VAULT_TOKEN")
    namespace = first_of("BAO_NAMESPACE", "VAULT_NAMESPACE")
    if not address or not token:
        raise Failure("BAO_ADDR and BAO_TOKEN (or VAULT_ADDR and VAULT_TOKEN) are not set")
    headers = {"X-Vault-Token": token, "X-Vault-Request": "true", **({"X-Vault-Namespace": namespace} if namespace else {})}
    return Api(address, headers, first_of("BAO_CACERT", "VAULT_CACERT"))


# ---- what the token may, and what it must not ----


class Call(NamedTuple):
    """One call, made as the token. What it names is not there, so that one that should not be allowed changes nothing."""

    method: str
    path: str
    why: str
    query: Json | None = None
    body: Json | None = None


def may(cluster: str, owner: str) -> list[Call]:
    """What the plugin asks."""
    nobody = f"{cluster}-dz642-nobody000000000"
    everybody = f"{cluster}-j7d0g-fffffffffffffff"
    return [
        Call("GET", "/arvados/v1/links", "grants",
             {"filters": [["link_class", "=", "vault_policy"], ["owner_uuid", "in", [f"{cluster}-tpzed-000000000000000"]]], "limit": 1}),
        Call("GET", "/arvados/v1/containers", "at renewal: does it still run", {"filters": [["uuid", "=", nobody]], "count": "none"}),
        Call("GET", "/arvados/v1/users", "at renewal: is he still active",
             {"filters": [["uuid", "=", owner]], "select": ["uuid"], "count": "none", "bypass_federation": "true"}),
        Call("GET", "/arvados/v1/groups", "which groups are roles",
             {"filters": [["uuid", "in", [everybody]]], "select": ["uuid", "group_class"], "count": "none"}),
        Call("GET", "/arvados/v1/computed_permissions", "who is in a role",
             {"filters": [["user_uuid", "=", owner], ["target_uuid", "in", [everybody]]], "limit": 1}),
    ]


def must_not(cluster: str) -> list[Call]:
    def nobody(infix: str) -> str:
        return f"{cluster}-{infix}-nobody000000000"

    links, containers = "/arvados/v1/links", "/arvados/v1/containers"
    return [
        Call("GET", f"{containers}/{nobody('dz642')}/auth", "run tokens of others"),
        Call("GET", f"{containers}/{nobody('dz642')}/secret_mounts", "secrets of containers"),
        Call("GET", "/arvados/v1/collections", "data", {"limit": 0}),
        Call("GET", TOKENS, "tokens", {"filters": [["uuid", "=", nobody("gj3su")]]}),
        Call("POST", TOKENS, "making tokens", None, {"api_client_authorization": {"owner_uuid": nobody("tpzed")}}),
        Call("PUT", f"{TOKENS}/{nobody('gj3su')}", "widening tokens", None, {"api_client_authorization": {"scopes": []}}),
        Call("POST", links, "granting", None, {"link": {"link_class": "vault_policy", "tail_uuid": nobody("tpzed")}}),
        Call("PUT", f"{links}/{nobody('o0j2j')}", "changing grants", None, {"link": {"name": "nobody"}}),
        Call("DELETE", f"{links}/{nobody('o0j2j')}", "taking grants away"),
        Call("PUT", f"/arvados/v1/users/{nobody('tpzed')}", "changing users", None, {"user": {"is_admin": False}}),
    ]


def engine_may(cluster: str, owner: str) -> list[Call]:
    """What the secrets engine asks."""
    nobody = {"owner_uuid": f"{cluster}-tpzed-nobody000000000", "scopes": ["GET /logout"], "expires_at": "1970-01-02T00:00:00Z"}
    return [
        Call("GET", "/arvados/v1/users", "who gets a token",
             {"filters": [["uuid", "=", owner]], "select": ["uuid"], "count": "none", "bypass_federation": "true"}),
        Call("POST", TOKENS, "minting", None, {"api_client_authorization": nobody}),
    ]


def engine_must_not(cluster: str) -> list[Call]:
    return [call for call in must_not(cluster) if (call.method, call.path) != ("POST", TOKENS)] + [
        Call("GET", "/arvados/v1/links", "grants", {"limit": 0}),
        Call("GET", "/arvados/v1/containers", "containers", {"limit": 0}),
    ]


class Kind(NamedTuple):
    """A token by what it is for."""

    scopes: list[str]
    may: Callable[[str, str], list[Call]]
    must_not: Callable[[str], list[Call]]


KINDS = {"auth": Kind(SCOPES, may, must_not), "engine": Kind(ENGINE_SCOPES, engine_may, engine_must_not)}


class Report:
    """Lines for a person; `good` is for the exit status."""

    def __init__(self, quiet: bool) -> None:
        self.good, self.file = True, sys.stderr if quiet else sys.stdout

    def say(self, text: str) -> None:
        print(text, file=self.file, flush=True)

    def verdict(self, good: bool, text: str) -> None:
        self.good = self.good and good
        self.say(f"{'ok   ' if good else 'WRONG'}  {text}")


def check_expiry(report: Report, expires_at: str | None) -> None:
    if expires_at is None:
        report.verdict(True, "it does not expire")
        return
    end = datetime.datetime.strptime(expires_at[:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=datetime.timezone.utc)
    days = (end - datetime.datetime.now(datetime.timezone.utc)).days
    report.verdict(days >= EXPIRY_WARNING_DAYS, f"it expires at {expires_at[:19]}Z, in {days} days"
                   + ("" if days >= EXPIRY_WARNING_DAYS else ": put a new one in its place (rotate)"))


def check_may(report: Report, api: Api, call: Call) -> None:
    status, answer = api.try_ask(call.method, call.path, call.query, call.body)
    words = f"may      {call.method:6} {call.path}  ({call.why})"
    if status == 404 and call.path.endswith("/computed_permissions"):
        report.verdict(True, f"{words}: this Arvados has none (older than 3.0), so grants to roles don't count")
        return
    allowed = status == 200 and isinstance(answer.get("items"), list)
    if call.method == "POST":  # for a user that does not exist: past the scopes, and nothing is made
        allowed = status == 403 and "Owner uuid cannot be nil" in words_of(answer)
    report.verdict(allowed, words if allowed else f"{words}: {status} {words_of(answer)}")


def check_must_not(report: Report, api: Api, call: Call) -> None:
    """Refused is what the scopes refuse: any other answer comes from behind them."""
    status, answer = api.try_ask(call.method, call.path, call.query, call.body)
    refused = status == 403 and re.search(r"\bForbidden( \(req-[^)]*\))?$", words_of(answer)) is not None
    words = f"must not {call.method:6} {call.path}  ({call.why})"
    report.verdict(refused, words if refused else f"{words}: its scopes allow it (answer {status})")


def check_token(report: Report, token: str, kind: Kind) -> Json:
    """Asks as the token; its record without its secret."""
    form = V2_TOKEN.fullmatch(token)
    if form is None:
        raise Failure("this is no v2 token (v2/UUID/SECRET); the SystemRootToken can't be limited and is no service token")
    api = arvados(token)
    record = api.ask("GET", f"{TOKENS}/current", {"select": ["uuid", "owner_uuid", "scopes", "expires_at"]})
    report.say(f"{record['uuid']} of user {record['owner_uuid']}; scopes:")
    for scope in record["scopes"]:
        report.say(f"  {scope}")
    check_expiry(report, record.get("expires_at"))
    for scope in record["scopes"]:
        if scope not in kind.scopes:
            report.verdict(False, f"the plugin does not need the scope {scope}")
    for call in kind.may(form[1], record["owner_uuid"]):
        check_may(report, api, call)
    for call in kind.must_not(form[1]):
        check_must_not(report, api, call)
    return record


# ---- the commands ----


def delete_token(admin: Api, uuid: str) -> None:
    status, answer = admin.try_ask("DELETE", f"{TOKENS}/{uuid}")
    if status == 404:
        raise Failure(f"{uuid} is none of your tokens: it is deleted already, or its owner has to do it")
    if status != 200:
        raise Failure(f"{uuid} was not deleted: {status} {words_of(answer)}")


def make_token(report: Report, admin: Api, days: int | None, kind: Kind = KINDS["auth"]) -> tuple[str, str]:
    """UUID and text of a new token that is good; one that isn't is deleted at once."""
    attributes: Json = {"scopes": kind.scopes}
    if days is not None:
        end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)
        attributes["expires_at"] = end.strftime("%Y-%m-%dT%H:%M:%SZ")
    made = admin.ask("POST", TOKENS, body={"api_client_authorization": attributes})
    token = f"v2/{made['uuid']}/{made['api_token']}"
    try:
        check_token(report, token, kind)
        if not report.good:
            raise Failure("the new token is not good (above), and was deleted: is ARVADOS_API_TOKEN an admin's?")
    except BaseException:
        delete_token(admin, made["uuid"])
        raise
    return made["uuid"], token


def write_token(name: str, token: str) -> None:
    """Nobody else can read the file, also if it was there before."""
    if name == "-":
        print(token, flush=True)
        return
    handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "w") as file:
        if stat.S_ISREG(os.fstat(handle).st_mode):
            os.fchmod(handle, 0o600)
            os.ftruncate(handle, 0)
        file.write(token + "\n")


def make(options: argparse.Namespace) -> bool:
    admin = arvados(arvados_setting("ARVADOS_API_TOKEN"))
    uuid, token = make_token(Report(quiet=options.file == "-"), admin, options.expires_in, KINDS[options.kind])
    try:
        write_token(options.file, token)
    except BaseException:
        delete_token(admin, uuid)
        raise
    return True


def check(options: argparse.Namespace) -> bool:
    report = Report(quiet=False)
    with sys.stdin if options.file == "-" else open(options.file, encoding="utf-8") as file:
        check_token(report, file.read().strip(), KINDS[options.kind])
    return report.good


def delete(options: argparse.Namespace) -> bool:
    delete_token(arvados(arvados_setting("ARVADOS_API_TOKEN")), options.uuid)
    print(f"{options.uuid} is deleted")
    return True


def read_mount(bao: Api, admin: Api, mount: str) -> Json:
    config = bao.ask("GET", f"/v1/auth/{mount}/config")["data"]
    if config["arvados_api_host"].removeprefix("https://") != admin.name:
        raise Failure(f"auth/{mount} asks {config['arvados_api_host']}, and ARVADOS_API_HOST is {admin.name}: which of them is it?")
    return config


def check_mount(report: Report, bao: Api, mount: str) -> None:
    """What the mount says of the new token; the other verdicts of config/check are none of this program's business."""
    for line in bao.ask("GET", f"/v1/auth/{mount}/config/check")["data"]["checks"]:
        if line["name"] in ("reach", "tls", "service_token", "scopes"):
            report.verdict(line["ok"], f"auth/{mount} config/check {line['name']}: {line['detail']}")


def delete_old(report: Report, admin: Api, uuid: str) -> None:
    """A token with all rights is somebody's, not a service token: whoever put it there may need it."""
    status, record = admin.try_ask("GET", f"{TOKENS}/{uuid}", {"select": ["uuid", "scopes"]})
    if status == 200 and "all" in record.get("scopes", []):
        raise Failure(f"the mounts have the new token; the old one, {uuid}, has all rights and is not deleted: do it yourself if nobody needs it")
    delete_token(admin, uuid)
    report.say(f"{uuid} is deleted")


def token_of(bao: Api, mount: str, wanted: str | None, seconds: float) -> str | None:
    """Which token the mount's config has; None if it can't be read. Asked again for so long, until it is the wanted one, or any."""
    end = time.monotonic() + seconds
    while True:
        try:
            has = bao.ask("GET", f"/v1/auth/{mount}/config")["data"].get("service_token_uuid") or ""
        except Failure:
            has = None
        if has is not None and wanted in (None, has) or time.monotonic() >= end:
            return has
        time.sleep(0.2)


def write_mounts(report: Report, admin: Api, bao: Api, mounts: list[str], uuid: str, token: str) -> None:
    """A write without a good answer may have been carried out all the same (a time-out, a fail-over). So the config is asked, and a token
    that may be in use is not deleted."""
    written: list[str] = []
    for mount in mounts:
        in_use = f"{uuid} is in use at {', '.join(f'auth/{name}' for name in written)}; " if written else ""
        unknown = f"{in_use}it is not known whether auth/{mount} has {uuid}: read service_token_uuid of its config, and delete the other one"
        try:
            bao.ask("POST", f"/v1/auth/{mount}/config", body={"service_token": token})
        except KeyboardInterrupt:
            raise Failure(f"interrupted; {unknown}") from None
        except Failure as error:
            has = token_of(bao, mount, None, FAIL_OVER_S)
            if has is None:
                raise Failure(f"{error}; {unknown}") from None
            if has != uuid and written:
                raise Failure(f"{error}; {in_use}auth/{mount} still has {has or 'none'}. Nothing was deleted: mend that and rotate again") from None
            if has != uuid:
                delete_token(admin, uuid)
                raise
        written.append(mount)
        report.say(f"auth/{mount} has {uuid}")


def await_nodes(report: Report, nodes: list[str], mounts: list[str], uuid: str, old: list[str]) -> None:
    for address in nodes:
        node = vault(address)
        for mount in mounts:
            if token_of(node, mount, uuid, NODE_S) != uuid:
                rest = "; ".join(f"service_token.py delete {each}" for each in old) or "nothing is left to do"
                raise Failure(f"{address} was not heard to have {uuid} at auth/{mount} within a minute. {uuid} is in use: do NOT start over. When that node is "
                              f"back, or removed from the cluster: {rest}")
        report.say(f"{address} has {uuid}")


def rotate(options: argparse.Namespace) -> bool:
    report = Report(quiet=False)
    admin, bao = arvados(arvados_setting("ARVADOS_API_TOKEN")), vault()
    before = {mount: read_mount(bao, admin, mount) for mount in options.mount}
    olds = sorted({config["service_token_uuid"] for config in before.values() if config.get("service_token_uuid")})
    uuid, token = make_token(report, admin, options.expires_in)
    write_mounts(report, admin, bao, list(before), uuid, token)
    for mount in before:
        check_mount(report, bao, mount)
    if not report.good:
        raise Failure(f"the mounts have the new token, {uuid}, but don't like it; the old ones are not deleted. Mend that and rotate again")
    await_nodes(report, options.node, list(before), uuid, olds)
    # A login that began with the old token has that long to end.
    time.sleep(max(config["request_timeout"] for config in before.values()))
    for old in olds:
        delete_old(report, admin, old)
    return True


def arguments(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="service_token.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
                                     usage="service_token.py make|check|rotate|delete ... (--help)")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for function in (make, check, rotate, delete):
        command = commands.add_parser(function.__name__)
        command.set_defaults(function=function)
        if function in (make, check):
            command.add_argument("file", metavar="FILE")
            command.add_argument("--for", dest="kind", choices=sorted(KINDS), default="auth", help="engine: the admin_token of the secrets engine")
        if function in (make, rotate):
            command.add_argument("--expires-in", type=int, metavar="DAYS", help="none: it does not expire, as far as the cluster allows that")
        if function is rotate:
            command.add_argument("--mount", action="append", required=True, help="where the auth method is enabled; all mounts that share the token")
            command.add_argument("--node", action="append", default=[], metavar="ADDRESS", help="a node of the cluster that is waited for before the old one is deleted")
        if function is delete:
            command.add_argument("uuid", metavar="UUID")
    known = ("make", "check", "rotate", "delete", "-h", "--help")
    return parser.parse_args(words if not words or words[0] in known else ["make", *words])


def main() -> int:
    options = arguments(sys.argv[1:])
    try:
        return 0 if options.function(options) else 1
    except (Failure, OSError) as error:
        print(f"service_token.py: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
