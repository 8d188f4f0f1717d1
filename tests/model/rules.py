"""The model: what api.md says a login and a renewal must come to. Gives every reason to refuse, or the exact token."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field

from .arvados import ANONYMOUS_ROLE, ANONYMOUS_USER, CLUSTER, SYSTEM_USER
from .evidence import CONTAINER, IMAGE, NEVER, TOKEN, USER, Bad, Reader, is_uuid, time_of

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}", re.ASCII)
RESERVED = {"root", "default", "response-wrapping", "control-group"}
TOKEN_FORM = re.compile(r"v2/([0-9a-z]{5}-gj3su-[0-9a-z]{15})/([0-9a-z]{20,128})(?:/([0-9a-z]{5}-dz642-[0-9a-z]{15}))?", re.ASCII)
PLAIN = re.compile(r"[A-Za-z0-9._@:+-]+", re.ASCII)

ROLE = {"name": None, "container_states": ["Running"], "allow_runtime_token": False, "allow_salted": False, "salt_label": None, "allow_admins": False,
        "bound_user_uuids": [], "bound_group_uuids": [], "bound_container_images": [], "deny_interactive": True, "login_window": 0,
        "require_grant": True, "allowed_policy_prefixes": [], "token_ttl": 0, "token_max_ttl": 0, "token_explicit_max_ttl": 0, "token_period": 0,
        "token_policies": [], "token_no_default_policy": False, "token_num_uses": 0, "token_type": "default", "token_bound_cidrs": [],
        "token_strictly_bind_ip": False}
TOKEN_TYPES = {"default": 0, "service": 1, "batch": 2}


@dataclass
class Outcome:
    """`reasons` empty: granted, with `auth` as it must be; `drops` are the reasons that each dropped grant may be given."""

    reasons: set[str] = field(default_factory=set)
    auth: dict = field(default_factory=dict)
    drops: list[set[str]] = field(default_factory=list)


@dataclass
class Setting:
    """A mount as it is configured, and the cluster that it asks."""

    cluster: object
    config: dict
    roles: dict[str, dict]
    service_token: str | None

    @property
    def for_users(self) -> bool:
        return self.config["login_kind"] == "user"

    def role(self, name: str | None) -> dict:
        name = name or self.config["default_role"]
        if name:
            if name not in self.roles:
                raise Bad("role_unknown")
            return {**ROLE, **self.roles[name], "name": name}
        if self.roles:
            raise Bad("role_required")
        return dict(ROLE)

    def service(self) -> Reader:
        return Reader(self.cluster, self.service_token, True)

    def links_reader(self, token: str | None) -> Reader:
        return self.service() if self.service_token else Reader(self.cluster, token, False)


class Case:
    """Collects every reason that speaks against."""

    def __init__(self) -> None:
        self.reasons: set[str] = set()

    def refuse_if(self, condition: object, reason: str) -> None:
        if condition:
            self.reasons.add(reason)

    def attempt(self, ask, *arguments, **options):
        try:
            return ask(*arguments, **options)
        except Bad as bad:
            self.reasons |= bad.reasons
            return None


# ---- identity ----

def judge_user(case: Case, setting: Setting, role: dict, user: dict) -> None:
    case.refuse_if(user["uuid"][12:] in (SYSTEM_USER[12:], ANONYMOUS_USER[12:]), "user_forbidden")
    case.refuse_if(user["is_admin"] and not role["allow_admins"], "user_forbidden")
    case.refuse_if(user["uuid"][:5] not in setting.config["allowed_user_clusters"], "cluster_not_allowed")
    case.refuse_if(not user["is_active"], "user_inactive")
    case.refuse_if(role["bound_user_uuids"] and user["uuid"] not in role["bound_user_uuids"], "bound_mismatch:bound_user_uuids")


def judge_container(case: Case, role: dict, container: dict) -> None:
    case.refuse_if(container["uuid"][:5] != CLUSTER, "upstream_bad_answer")
    case.refuse_if(container["state"] not in role["container_states"], "container_not_running")
    case.refuse_if(role["deny_interactive"] and container["interactive_session_started"], "interactive_session")
    case.refuse_if(role["bound_container_images"] and container["container_image"] not in role["bound_container_images"],
                   "bound_mismatch:bound_container_images")
    case.refuse_if(container["auth_uuid"] is None and not role["allow_runtime_token"], "runtime_token")


def judge_address(case: Case, role: dict, address: str | None) -> None:
    if role["token_bound_cidrs"]:
        inside = address and any(ipaddress.ip_address(address) in ipaddress.ip_network(one, strict=False) for one in role["token_bound_cidrs"])
        case.refuse_if(not inside, "cidr_mismatch")


def is_other_user(container: dict, user: dict | None) -> bool:
    return user is not None and container["runtime_user_uuid"] not in (None, user["uuid"])


def prove_absence(case: Case, setting: Setting, reason: str) -> None:
    """An empty list is believed if a call that only an administrator may make succeeds."""
    if reason in case.reasons:
        probe = Case()
        probe.attempt(setting.service().prove_administrator, SYSTEM_USER)
        case.reasons |= probe.reasons


def one_call(case: Case, setting: Setting, role: dict, reader: Reader, token_uuid: str) -> tuple[dict, dict | None, dict | None] | None:
    """What containers/current says together with what the service token reads of its user. None: it does not say enough."""
    probe = Case()
    container = probe.attempt(reader.one, "containers/current", CONTAINER, "not_container_token")
    if container is None or container["auth_uuid"] != token_uuid or not container["runtime_user_uuid"] or not container["runtime_auth_scopes"]:
        return None
    facts = facts_of(probe, setting, role, container["runtime_user_uuid"])
    if "user_inactive" in probe.reasons:  # no such user: accounts were merged
        case.reasons |= probe.reasons
        return None
    case.reasons |= probe.reasons
    if facts is None:
        return container, None, None
    case.refuse_if(container["runtime_auth_scopes"] != ["all"], "token_scope")
    judge_user(case, setting, role, facts.user)
    judge_container(case, role, container)
    token = {"uuid": token_uuid, "owner_uuid": facts.user["uuid"], "scopes": container["runtime_auth_scopes"], "expires_at": None}
    return container, facts.user, token


def identify(case: Case, setting: Setting, role: dict, sent: str) -> tuple[dict | None, dict | None, dict | None]:
    """Container, user and token, as far as they could be had."""
    token_uuid, secret, named = TOKEN_FORM.fullmatch(sent).groups()
    reader = Reader(setting.cluster, sent, False)
    salted = (role["allow_salted"] and re.fullmatch(r"[0-9a-f]{40}", secret) is not None and not setting.for_users
              and role["salt_label"] != setting.config["cluster_id"])
    label = role["salt_label"] if salted else None
    container = None
    if setting.for_users:
        probe = Case()
        probe.attempt(reader.one, "containers/current", CONTAINER, "none", word="container")
        case.reasons |= probe.reasons - {"none"} or ({"not_user_token"} if not probe.reasons else set())
        case.refuse_if(named, "not_user_token")
    elif salted:
        case.refuse_if(setting.service_token is None, "service_token_missing")
        if setting.service_token:
            container = case.attempt(setting.service().single, "containers", CONTAINER, "auth_uuid", token_uuid, "not_container_token")
            prove_absence(case, setting, "not_container_token")
    elif setting.service_token and setting.config["cache_ttl"]:
        found = one_call(case, setting, role, reader, token_uuid)
        if found:
            return found
        container = case.attempt(reader.one, "containers/current", CONTAINER, "not_container_token")
    else:
        container = case.attempt(reader.one, "containers/current", CONTAINER, "not_container_token")
    user = case.attempt(reader.one, "users/current", USER, label=label)
    token = case.attempt(reader.one, "api_client_authorizations/current", TOKEN, label=label)
    if "token_rejected" in case.reasons and setting.service_token:
        other = Case()
        other.attempt(setting.service().one, "api_client_authorizations/current", TOKEN)
        if "service_token" in other.reasons:
            other.reasons = {"upstream_error"}
        case.reasons |= other.reasons
    if token:
        case.refuse_if(token["uuid"] != token_uuid, "upstream_bad_answer")
        case.refuse_if(token["scopes"] != ["all"], "token_scope")
    if token and user:
        case.refuse_if(token["owner_uuid"] != user["uuid"], "upstream_bad_answer")
    if user:
        judge_user(case, setting, role, user)
    if container:
        judge_container(case, role, container)
        own = token is not None and container["auth_uuid"] in (None, token["uuid"])
        case.refuse_if(is_other_user(container, user), "user_merged" if own else "upstream_bad_answer")
        case.refuse_if(container["auth_uuid"] not in (None, token_uuid), "upstream_bad_answer")
        if container["auth_uuid"] is None:  # then only the segment behind the token names a container
            case.refuse_if(named != container["uuid"], "upstream_bad_answer")
        elif salted and named:
            case.refuse_if(named != container["uuid"], "not_container_token")
    return container, user, token


# ---- grants ----

def properties_of(link: dict) -> tuple[bool, dict]:
    """(of a right form, what they say)"""
    given = link["properties"]
    if not isinstance(given, dict):
        return False, {}
    good, said = True, {}
    for key in ("expires_at", "not_before"):
        if key in given:
            said[key] = time_of(given[key])
            good &= said[key] is not None
    if "container_image" in given:
        said["container_image"] = given["container_image"]
        good &= isinstance(given["container_image"], str) and IMAGE.fullmatch(given["container_image"]) is not None
    if "reason" in given:
        good &= isinstance(given["reason"], str)
    return good, said


def goes_on(name: str, prefixes: list[str]) -> bool:
    return any(name.startswith(prefix) and len(name) > len(prefix) for prefix in prefixes)


def allowed(setting: Setting, name: str) -> bool:
    config = setting.config
    return (NAME.fullmatch(name) is not None and name not in RESERVED and goes_on(name, config["allowed_policy_prefixes"])
            and (not config["allowed_policies"] or name in config["allowed_policies"]))


def why_dropped(setting: Setting, role: dict, link: dict, user: str, mine: list[str], trashed: list[str], image: str | None) -> set[str]:
    config, name = setting.config, link["name"] or ""
    good, said = properties_of(link)
    well_formed = NAME.fullmatch(name) is not None
    narrower = config["prefixes_by_owner"].get(link["owner_uuid"])
    tests = {
        "wrong_class": link["link_class"] != config["link_class"],
        "untrusted_owner": link["owner_uuid"] not in config["trusted_link_owners"],
        "untrusted_modifier": config["trusted_link_modifiers"] and link["modified_by_user_uuid"] not in config["trusted_link_modifiers"],
        "wrong_tail": link["head_uuid"] is not None or link["tail_uuid"] not in [user, *mine, *trashed],
        "role_trashed": link["tail_uuid"] in trashed,
        "anonymous_role": link["tail_uuid"] == ANONYMOUS_ROLE,
        "bad_name": not well_formed,
        "reserved_name": name in RESERVED,
        "outside_prefix": well_formed and not (goes_on(name, config["allowed_policy_prefixes"])
                                               and (not role["allowed_policy_prefixes"] or goes_on(name, role["allowed_policy_prefixes"]))
                                               and (narrower is None or goes_on(name, [narrower]))),
        "not_in_allowed_policies": config["allowed_policies"] and name not in config["allowed_policies"],
        "bad_properties": not good,
        "expired": (said.get("expires_at") or NEVER) <= setting.cluster.now,
        "not_yet": (said.get("not_before") or 0) > setting.cluster.now,
        "wrong_image": "container_image" in said and said["container_image"] != image,
    }
    return {reason for reason, holds in tests.items() if holds}


@dataclass
class Grants:
    policies: dict[str, int]  # name -> when it ends
    drops: list[set[str]]
    mine: list[str]

    @property
    def end(self) -> int:
        return min(self.policies.values(), default=NEVER)


@dataclass
class Facts:
    """What the service token reads of one user."""

    user: dict
    to_groups: list[dict]
    to_user: list[dict]
    mine: list[str]
    trashed: list[str]


def facts_of(case: Case, setting: Setting, role: dict, user: str) -> Facts | None:
    config, reader = setting.config, setting.service()
    tried = Case()

    def links_to(tail: list) -> list[dict] | None:
        return tried.attempt(reader.links, config["link_class"], config["trusted_link_owners"], tail)

    tried.attempt(reader.prove_administrator, SYSTEM_USER)
    to_groups, to_user = links_to(["is_a", "arvados#group"]), links_to(["in", [user]])
    record = tried.attempt(reader.single, "users", USER, "uuid", user, "user_inactive")
    mine: list[str] = []
    trashed: list[str] = []
    if to_groups is not None:
        named = {link["tail_uuid"] for link in to_groups} | set(config["group_alias_uuids"])
        known = sorted(uuid for uuid in named if is_uuid(uuid, "j7d0g") and uuid.startswith(CLUSTER))
        bound = [uuid for uuid in role["bound_group_uuids"] if is_uuid(uuid, "j7d0g") and uuid.startswith(CLUSTER)]
        alive = roles_among(tried, reader, known)
        members = members_among(tried, reader, user, [*known, *(uuid for uuid in bound if uuid not in known)])
        alive |= roles_among(tried, reader, [uuid for uuid in bound if uuid not in known and uuid in members])
        mine = [uuid for uuid in members if uuid in alive]
        trashed = [uuid for uuid in members if uuid not in alive]
    case.reasons |= tried.reasons
    return None if tried.reasons else Facts(record, to_groups, to_user, mine, trashed)


def roles_among(case: Case, reader: Reader, asked: list[str]) -> set[str]:
    probe = Case()
    found = probe.attempt(reader.roles, asked) if asked else []
    case.reasons |= {"upstream_bad_answer" if reason == "missing" else reason for reason in probe.reasons}
    return set(found or [])


def members_among(case: Case, reader: Reader, user: str, asked: list[str]) -> list[str]:
    probe = Case()
    found = probe.attempt(reader.members, user, asked) if asked else []
    case.reasons |= probe.reasons - {"missing"}  # an Arvados too old to tell
    return found or []


def grants_of(case: Case, setting: Setting, role: dict, user: str, image: str | None, token: str | None) -> Grants | None:
    config = setting.config
    mine: list[str] = []
    trashed: list[str] = []
    if setting.service_token:
        facts = facts_of(case, setting, role, user)
        if facts is None:
            return None
        mine, trashed = facts.mine, facts.trashed
        links = [link for link in facts.to_groups if link["tail_uuid"] in [*mine, *trashed]]
        links += [link for link in facts.to_user if link["tail_uuid"] == user]
    else:
        links = case.attempt(setting.links_reader(token).links, config["link_class"], config["trusted_link_owners"], ["in", [user]])
        if links is None:
            return None
        links = [link for link in links if link["tail_uuid"] == user]
    kept: dict[str, int] = {}
    drops = []
    for link in links:
        reasons = why_dropped(setting, role, link, user, mine, trashed, image)
        if reasons:
            drops.append(reasons)
        else:
            kept[link["name"]] = max(kept.get(link["name"], 0), properties_of(link)[1].get("expires_at") or NEVER)
    return Grants(kept, drops, mine)


def policies_of(case: Case, setting: Setting, role: dict, grants: Grants) -> list[str]:
    case.refuse_if(role["require_grant"] and not grants.policies, "no_grant")
    if role["bound_group_uuids"]:
        case.refuse_if(not setting.service_token, "service_token_missing")
        case.refuse_if(not set(role["bound_group_uuids"]) & set(grants.mine), "bound_mismatch:bound_group_uuids")
    given = sorted(set(grants.policies) | {name for name in role["token_policies"] if allowed(setting, name)}, key=str)
    case.refuse_if(len(given) > setting.config["max_policies"], "too_many_policies")
    return given


def aliases_of(setting: Setting, grants: Grants) -> list[str]:
    return sorted(set(setting.config["group_alias_uuids"]) & set(grants.mine))


# ---- times ----

def limit(seconds: int, left: int) -> int:
    """0 is no limit of its own."""
    return min(seconds or NEVER, left) if left < NEVER else seconds


def terms_of(case: Case, role: dict, left: int) -> dict:
    case.refuse_if(left < 30, "lifetime_too_short")
    explicit = min(role["token_explicit_max_ttl"] or 86400, left)
    maximum = limit(role["token_max_ttl"], left)
    return {"ttl": min(role["token_ttl"] or 900, explicit, maximum or NEVER), "max_ttl": maximum, "explicit_max_ttl": explicit,
            "period": min(role["token_period"], left)}


# ---- the two questions ----

def login(setting: Setting, request: dict) -> Outcome:
    case = Case()
    role = case.attempt(setting.role, request.get("role"))
    given = {request[key] for key in ("token", "jwt") if request.get(key)}
    case.refuse_if(len(given) != 1, "bad_request")
    sent = next(iter(given)).strip(" \t\r\n") if len(given) == 1 else ""
    form = TOKEN_FORM.fullmatch(sent)
    case.refuse_if(form is None, "token_malformed")
    if form:
        case.refuse_if(form[1][:5] not in setting.config["allowed_token_clusters"], "cluster_not_allowed")
    address = request.get("remote_addr")
    if role:
        judge_address(case, role, address)
        case.refuse_if(role["token_strictly_bind_ip"] and not address, "cidr_mismatch")
    if case.reasons or role is None:
        return Outcome(case.reasons)
    container, user, token = identify(case, setting, role, sent)
    if not user or not token or (not container and not setting.for_users):
        assert case.reasons
        return Outcome(case.reasons)
    if container and role["login_window"]:
        started = container["started_at"]
        case.refuse_if(started is None or setting.cluster.now - started > role["login_window"], "window_closed")
    image = container["container_image"] if container else None
    grants = grants_of(case, setting, role, user["uuid"], image, sent)
    if grants is None:
        return Outcome(case.reasons)
    policies = policies_of(case, setting, role, grants)
    end = min(grants.end, token["expires_at"] if token["expires_at"] is not None else NEVER)
    terms = terms_of(case, role, NEVER if end == NEVER else end - setting.cluster.now)
    username = user["username"] if user["username"] and PLAIN.fullmatch(user["username"]) else None
    metadata = {"user_uuid": user["uuid"], "username": username, "container_uuid": container and container["uuid"], "container_image": image,
                "token_uuid": token["uuid"], "cluster_id": CLUSTER, "role": role["name"], "request_id": "request-1"}
    return Outcome(case.reasons, {
        "policies": policies,
        "group_aliases": aliases_of(setting, grants),
        "bound_cidrs": [address] if role["token_strictly_bind_ip"] else role["token_bound_cidrs"],
        "metadata": {key: value for key, value in metadata.items() if value is not None and PLAIN.fullmatch(value)},
        "alias_metadata": {"user_uuid": user["uuid"], "cluster_id": CLUSTER},
        "alias": user["uuid"],
        "display_name": username or user["uuid"],
        "num_uses": role["token_num_uses"],
        "token_type": TOKEN_TYPES[role["token_type"]],
        "no_default_policy": role["token_no_default_policy"],
        "renewable": not setting.for_users,
        **terms,
    }, grants.drops)


@dataclass
class Lease:
    """What the model remembers of a token that was given."""

    role: str | None
    user: str
    container: str
    token: str
    runtime: bool
    salted: str | None  # the label that the token of the login was salted with
    sent: str | None  # the run token, on a mount without service token
    policies: list[str]
    issued_at: int


def renewal(setting: Setting, lease: Lease, address: str | None) -> Outcome:
    case = Case()
    if setting.for_users:
        return Outcome({"bad_request"})
    role = case.attempt(setting.role, lease.role)
    if role is None:
        return Outcome(case.reasons)
    judge_address(case, role, address)
    case.refuse_if(lease.salted and not (role["allow_salted"] and role["salt_label"] == lease.salted), "token_rejected")
    token_end = NEVER
    if setting.service_token:
        service = setting.service()
        container = case.attempt(service.single, "containers", CONTAINER, "uuid", lease.container, "container_not_running")
        user = case.attempt(service.single, "users", USER, "uuid", lease.user, "user_inactive")
        case.refuse_if(lease.token[:5] not in setting.config["allowed_token_clusters"], "cluster_not_allowed")
        if container:
            same = container["auth_uuid"] is None if lease.runtime else container["auth_uuid"] == lease.token
            case.refuse_if(not same, "container_not_running")
            judge_container(case, role, container)
            case.refuse_if(is_other_user(container, user), "upstream_bad_answer")
        if user:
            judge_user(case, setting, role, user)
    elif lease.sent is None:
        return Outcome({"service_token_missing"})
    else:
        form = TOKEN_FORM.fullmatch(lease.sent)
        case.refuse_if(form[1][:5] not in setting.config["allowed_token_clusters"], "cluster_not_allowed")
        if case.reasons:
            return Outcome(case.reasons)
        container, user, token = identify(case, setting, role, lease.sent)
        if container:
            case.refuse_if((container["auth_uuid"] is not None) if lease.runtime else container["auth_uuid"] != lease.token, "container_not_running")
        if container and user:
            case.refuse_if(container["uuid"] != lease.container or user["uuid"] != lease.user, "container_not_running")
        if token and token["expires_at"] is not None:
            token_end = token["expires_at"]
    if not container or not user:
        assert case.reasons
        return Outcome(case.reasons)
    grants = grants_of(case, setting, role, user["uuid"], container["container_image"], lease.sent)
    if grants is None:
        return Outcome(case.reasons)
    now = setting.cluster.now
    policies = policies_of(case, setting, role, grants)
    case.refuse_if(set(lease.policies) - set(policies), "no_grant")
    end = min(grants.end, token_end)
    terms = terms_of(case, role, NEVER if end == NEVER else end - now)
    age = max(now - lease.issued_at, 0)
    if terms["period"]:  # replaces the TTL; the role's maximum bounds it and does not end the token
        period = min(terms["period"], role["token_max_ttl"] or NEVER)
        until = age + period
    else:
        period = 0
        until = min(age + terms["ttl"], role["token_max_ttl"] or NEVER)
    case.refuse_if(until <= age, "lifetime_too_short")
    return Outcome(case.reasons, {"ttl": until - age, "max_ttl": until, "period": period, "group_aliases": aliases_of(setting, grants)}, grants.drops)
