"""The path login: who gets a token, what it looks like, who is refused and how."""

from __future__ import annotations

import time

import pytest

from processes import wait_until
from simulator import Simulator, faults

IMAGE = "fa3c1a9cb6783f85f2ecda037e07b8c3+167"


def errors(answer) -> str:
    return answer.json()["errors"][0]


def assert_denied(mount, answer, reason: str) -> None:
    assert answer.status_code == 403, (answer.status_code, answer.text)
    assert errors(answer).startswith("permission denied (")
    assert mount.reason(answer) == reason


# ---- what a login gives ----

@pytest.mark.core
def test_a_running_container_gets_the_policies_granted_to_its_user(granted):
    mount, container = granted

    auth = mount.logged_in(container.token)["auth"]

    assert auth["policies"] == ["arvados-read", "default"]
    assert auth["lease_duration"] == 15 * 60
    assert auth["renewable"] is True
    assert auth["token_type"] == "service"
    assert {key: value for key, value in auth["metadata"].items() if key != "request_id"} == {
        "user_uuid": container.user_uuid,
        "username": "active",
        "container_uuid": container.uuid,
        "container_image": IMAGE,
        "token_uuid": container.token_uuid,
        "cluster_id": "zzzzz",
    }
    token = mount.bao.client(auth["client_token"]).auth.token.lookup_self()["data"]
    assert token["display_name"] == f"{mount.path}-active"
    assert token["explicit_max_ttl"] == 24 * 3600


@pytest.mark.core
def test_the_alias_is_the_user_and_holds_nothing_of_one_container(granted):
    mount, container = granted

    entity_id = mount.logged_in(container.token)["auth"]["entity_id"]

    entity = mount.bao.client().secrets.identity.read_entity(entity_id)["data"]
    (alias,) = entity["aliases"]
    assert alias["name"] == container.user_uuid
    assert alias["metadata"] == {"user_uuid": container.user_uuid, "cluster_id": "zzzzz"}
    second = mount.sim.run_container("active")
    assert mount.logged_in(second.token)["auth"]["entity_id"] == entity_id


@pytest.mark.core
def test_the_token_opens_what_its_policy_allows_and_nothing_else(granted):
    mount, container = granted
    bao = mount.bao
    bao.call("POST", "sys/mounts/e2e", {"type": "kv", "options": {"version": "1"}})
    bao.call("POST", "e2e/mine", {"value": "x"})
    bao.call("POST", "e2e/other", {"value": "x"})
    bao.call("POST", "sys/policies/acl/arvados-read", {"policy": 'path "e2e/mine" { capabilities = ["read"] }'})

    token = mount.logged_in(container.token)["auth"]["client_token"]

    assert bao.call("GET", "e2e/mine", token=token).json()["data"] == {"value": "x"}
    assert bao.call("GET", "e2e/other", token=token).status_code == 403


@pytest.mark.parametrize("form", ["{0.v2}", "{0.token}", "  {0.token}\n"])
def test_run_tokens_log_in_in_three_and_four_parts_and_with_blanks_around(granted, form):
    mount, container = granted
    assert mount.logged_in(form.format(container))["auth"]["policies"] == ["arvados-read", "default"]


def test_the_container_is_the_one_that_arvados_names_not_the_one_in_the_token(granted):
    mount, container = granted
    claimed = f"{container.v2}/zzzzz-dz642-000000000000000"

    assert mount.logged_in(claimed)["auth"]["metadata"]["container_uuid"] == container.uuid


def test_the_token_may_come_under_the_name_jwt(granted):
    mount, container = granted
    assert mount.login(None, jwt=container.token).status_code == 200
    assert mount.login(container.token, jwt=container.token).status_code == 200
    both = mount.login(container.token, jwt=mount.sim.active_token)
    assert both.status_code == 400 and "differ" in errors(both)


def test_the_command_line_logs_in_from_standard_input(granted):
    mount, container = granted
    answer = mount.bao.cli("write", f"auth/{mount.path}/login", "token=-", stdin=container.token + "\n", token="")
    assert answer.returncode == 0, answer.stderr
    assert "arvados-read" in answer.stdout


def test_hvac_logs_in(granted):
    mount, container = granted
    client = mount.bao.client("")
    answer = client.write_data(f"auth/{mount.path}/login", data={"token": container.token})
    assert answer["auth"]["policies"] == ["arvados-read", "default"]


def test_one_request_id_joins_the_answer_the_audit_and_arvados(granted):
    mount, container = granted

    answer = mount.logged_in(container.token)

    assert answer["auth"]["metadata"]["request_id"] == answer["request_id"]
    assert answer["request_id"] in mount.bao.audit()
    asked = [entry.request_id for entry in mount.sim.log.entries()[-4:]]
    assert asked == [answer["request_id"]] * 4


def test_without_cache_a_login_is_three_questions_at_once_and_the_grants(granted):
    mount, container = granted
    before = mount.sim.log.count()

    mount.logged_in(container.token)

    paths = [entry.path for entry in mount.sim.log.entries()[before:]]
    assert sorted(paths[:3]) == ["/arvados/v1/api_client_authorizations/current", "/arvados/v1/containers/current",
                                 "/arvados/v1/users/current"]
    assert sorted(paths[3:]) == ["/arvados/v1/links", "/arvados/v1/links", "/arvados/v1/users", "/arvados/v1/users"]


def test_connections_to_arvados_are_kept_and_no_token_is_in_a_url(granted):
    mount, container = granted
    for _ in range(5):
        mount.logged_in(container.token)

    assert mount.sim.log.connections() <= 5  # three of the logins, two of the check when the config was written
    assert mount.sim.log.tokens_in_urls() == []


# ---- tokens that are refused before anything is sent ----

SECRET = "it2gl94mgu3rbn5s2d06vzh73ns1y6cthct0tvg82qdlsxvbwk"
# One of each class; tests/unit/test_arvados_form.c has the grammar.
MALFORMED = [
    SECRET,
    "",
    f"v1/zzzzz-gj3su-077z32aux8dg2s2/{SECRET}",
    f"v2/zzzzz-gj3su-077z32aux8dg2s2/{SECRET}/zzzzz-dz642-runningcontainr/x",
    f"v2/zzzzz-gj3su-077z32aux8dg2s2/{SECRET[:-1]}\r\nX-Injected: 1",
    f"v2/zzzzz-gj3su-077z32aux8dg2s2/{SECRET[:-1]}é",
    "x" * 100_000,
]


@pytest.mark.parametrize("token", MALFORMED, ids=range(len(MALFORMED)))
def test_a_malformed_token_is_refused_before_anything_leaves(mount, token):
    before = mount.sim.log.count()

    answer = mount.login(token)

    assert answer.status_code == 400, answer.text
    if len(token) > 5:
        assert token[:40] not in answer.text
    assert mount.sim.log.count() == before


def test_a_token_of_another_cluster_is_refused_before_anything_leaves(mount):
    before = mount.sim.log.count()
    assert_denied(mount, mount.login(f"v2/yyyyy-gj3su-077z32aux8dg2s2/{SECRET}"), "cluster_not_allowed")
    assert mount.sim.log.count() == before


@pytest.mark.parametrize("body", [{}, {"token": 1}, {"token": None}, {"token": ["x"]}, {"token": {"a": 1}}, {"tokn": "x"}])
def test_a_missing_or_mistyped_token_field_is_a_clear_400(mount, body):
    answer = mount.bao.call("POST", f"auth/{mount.path}/login", body, token="")
    assert answer.status_code == 400 and "token" in errors(answer)


@pytest.mark.core
def test_an_unconfigured_mount_says_so(bare_mount):
    answer = bare_mount.login(bare_mount.sim.active_token)
    assert answer.status_code == 400 and "not configured" in errors(answer)


def test_naming_a_role_is_refused_while_there_are_none(granted):
    mount, container = granted
    answer = mount.login(container.token, role="ci")
    assert answer.status_code == 400 and "ci" in errors(answer)


# ---- tokens that Arvados or the rules refuse ----

@pytest.mark.parametrize("name, reason", [
    ("active", "not_container_token"),
    ("spectator", "not_container_token"),
    ("admin", "not_container_token"),
    ("inactive", "not_container_token"),
    ("expired", "token_rejected"),
    ("valid_token_deleted_user", "token_rejected"),
    ("active_noscope", "token_scope"),
    ("active_userlist", "token_scope"),
    ("foo_collection_sharing_token", "token_scope"),
])
def test_other_tokens_of_the_cluster_are_refused(mount, name, reason):
    assert_denied(mount, mount.login(mount.sim.token(name)), reason)


@pytest.mark.core
def test_strangers_learn_nothing_that_differs(granted):
    mount, container = granted
    unknown = f"v2/zzzzz-gj3su-000000000000001/{SECRET}"
    texts = []
    for token in (unknown, mount.sim.token("expired"), mount.sim.active_token):
        texts.append(errors(mount.login(token)))
    mount.sim.finish(container)
    texts.append(errors(mount.login(container.token)))

    assert len({text.rsplit("request_id=", 1)[0] for text in texts}) == 1


@pytest.mark.parametrize("state", ["Complete", "Cancelled"])
def test_a_container_that_has_ended_is_refused(granted, state):
    mount, container = granted
    mount.sim.finish(container, state)
    assert_denied(mount, mount.login(container.token), "token_rejected")


def test_a_container_forced_to_an_end_with_its_token_alive_is_refused_by_its_state(granted):
    mount, container = granted
    mount.sim.force(container.uuid, state="Complete")
    answer = mount.login(container.v2)
    assert_denied(mount, answer, "container_not_running")


@pytest.mark.core
def test_a_container_that_is_only_locked_is_refused(mount):
    mount.sim.grant("arvados-read", "active")
    container = mount.sim.run_container("active", state="Locked")
    assert_denied(mount, mount.login(container.token), "container_not_running")


def test_after_a_relock_the_old_token_is_refused_and_the_new_one_serves(mount):
    mount.sim.grant("arvados-read", "active")
    first = mount.sim.run_container("active", state="Locked")
    mount.sim.unlock(first)
    second = mount.sim.relock(first)

    assert_denied(mount, mount.login(first.token), "token_rejected")
    assert mount.login(second.token).status_code == 200


def test_a_container_with_a_runtime_token_is_refused(mount):
    mount.sim.grant("arvados-read", "active")
    runtime_token = mount.sim.new_token("active")
    request = mount.sim.make_request("active", runtime_token=runtime_token)
    uuid = request["container_uuid"]
    mount.sim.call("POST", f"containers/{uuid}/lock")
    mount.sim.set_state(uuid, "Running")
    assert_denied(mount, mount.login(f"{runtime_token}/{uuid}"), "runtime_token")
    assert_denied(mount, mount.login(runtime_token), "not_container_token")


def test_a_container_in_which_a_shell_was_opened_is_refused(granted):
    mount, container = granted
    mount.sim.force(container.uuid, interactive_session_started=True)
    assert_denied(mount, mount.login(container.token), "interactive_session")


def test_a_container_token_of_narrower_scope_is_refused(granted):
    mount, container = granted
    mount.sim.force(container.token_uuid, scopes=["GET /"])
    assert_denied(mount, mount.login(container.token), "token_scope")


@pytest.mark.core
def test_an_inactive_user_is_refused(granted):
    mount, container = granted
    mount.sim.force(container.user_uuid, is_active=False)
    assert_denied(mount, mount.login(container.token), "user_inactive")


@pytest.mark.core
def test_an_admin_is_refused(mount):
    mount.sim.grant("arvados-read", "admin")
    container = mount.sim.run_container("admin")
    assert_denied(mount, mount.login(container.token), "user_forbidden")


def test_a_user_of_another_cluster_is_refused_unless_listed(granted):
    mount, container = granted
    foreign = "yyyyy-tpzed-xurymjxw79nv3jz"

    def as_foreign(body):
        for key in ("uuid", "owner_uuid", "runtime_user_uuid"):
            if body.get(key) == container.user_uuid:
                body[key] = foreign
        return body

    for path in ("users/current", "containers/current", "api_client_authorizations/current"):
        mount.sim.faults.add(f"/arvados/v1/{path}", faults.mutate(as_foreign), times=None)

    assert_denied(mount, mount.login(container.token), "cluster_not_allowed")
    mount.configure(allowed_user_clusters=["zzzzz", "yyyyy"])
    assert_denied(mount, mount.login(container.token), "user_inactive")  # this cluster has no record of that user


# ---- grants ----

def test_no_grant_is_refused(mount):
    container = mount.sim.run_container("active")
    assert_denied(mount, mount.login(container.token), "no_grant")


@pytest.mark.core
def test_a_users_own_link_grants_nothing(mount):
    sim = mount.sim
    body = {"link": {"link_class": "vault_policy", "name": "arvados-read", "tail_uuid": sim.user("active")}}
    sim.call("POST", "links", body, token=sim.active_token)
    container = sim.run_container("active")
    assert_denied(mount, mount.login(container.token), "no_grant")


def test_an_admins_link_without_the_trusted_owner_grants_nothing(mount):
    mount.sim.grant("arvados-read", "active", owner="admin")
    assert_denied(mount, mount.login(mount.sim.run_container("active").token), "no_grant")


def test_a_grant_to_somebody_else_grants_nothing(mount):
    mount.sim.grant("arvados-read", "spectator")
    assert_denied(mount, mount.login(mount.sim.run_container("active").token), "no_grant")


def test_an_api_that_ignores_filters_grants_nothing_more(granted):
    mount, container = granted
    sim = mount.sim
    user = container.user_uuid
    good = sim.call("GET", "links", filters=[["name", "=", "arvados-read"]])["items"][0]
    lies = [
        {"uuid": "zzzzz-o0j2j-zzzzzzzzzzzzz01", "owner_uuid": user},
        {"uuid": "zzzzz-o0j2j-zzzzzzzzzzzzz02", "owner_uuid": "zzzzz-tpzed-d9tiejq69daie8f"},
        {"uuid": "zzzzz-o0j2j-zzzzzzzzzzzzz03", "owner_uuid": "zzzzz-j7d0g-v955i6s2oi1cbso"},
        {"uuid": "zzzzz-o0j2j-zzzzzzzzzzzzz04", "tail_uuid": "zzzzz-tpzed-l1s2piq4t4mps8r"},
        {"uuid": "zzzzz-o0j2j-zzzzzzzzzzzzz05", "tail_uuid": "zzzzz-j7d0g-48foin4vonvc2at"},
        {"uuid": "zzzzz-o0j2j-zzzzzzzzzzzzz06", "link_class": "permission"},
        {"uuid": "zzzzz-o0j2j-zzzzzzzzzzzzz07", "head_uuid": user},
        {"uuid": "zzzzz-o0j2j-zzzzzzzzzzzzz08", "owner_uuid": ""},
        {"uuid": "zzzzz-o0j2j-zzzzzzzzzzzzz09", "tail_uuid": ""},
        {"uuid": "zzzzz-o0j2j-zzzzzzzzzzzzz10", "name": ""},
    ]
    # Those to others (4, 5 and 9) are none of this user's grants.
    reasons = ["untrusted_owner"] * 3 + ["wrong_class", "wrong_tail", "untrusted_owner", "bad_name"]

    def lie(body):
        if body["items"]:
            body["items"] += [{**good, "name": f"arvados-lie-{i}", **change} for i, change in enumerate(lies)]
            body["items_available"] = len(body["items"])
        return body

    sim.faults.add("/arvados/v1/links", faults.mutate(lie), times=None)

    answer = mount.logged_in(container.token)

    assert answer["auth"]["policies"] == ["arvados-read", "default"]
    assert [warning.rsplit(": ", 1)[1] for warning in answer["warnings"]] == reasons


# One of each class; tests/unit/test_policy_name.c has the grammar.
BAD_NAMES = ["Arvados-read", "arvados-read ", "arvados-read,root", "arvados-read/../x", "\u212aarvados-x"]


@pytest.mark.parametrize("name, reason", [(name, "bad_name") for name in BAD_NAMES] + [
    ("root", "reserved_name"), ("database-admin", "outside_prefix"), ("arvados-", "outside_prefix"),
], ids=lambda value: value.encode("unicode_escape").decode()[:40])
def test_a_name_that_is_not_to_be_granted_is_dropped_with_a_warning(granted, name, reason):
    mount, container = granted
    link = mount.sim.grant(name, "active")

    answer = mount.logged_in(container.token)

    assert answer["auth"]["policies"] == ["arvados-read", "default"]
    shown = link["uuid"] if reason == "bad_name" else name
    assert answer["warnings"] == [f"grant {shown} dropped: {reason}"]


def test_ten_dropped_grants_are_named_and_the_rest_counted(granted):
    mount, container = granted
    for i in range(14):
        mount.sim.grant(f"other-{i:02}", "active")
    warnings = mount.logged_in(container.token)["warnings"]
    assert len(warnings) == 11 and warnings[-1] == "4 more grants dropped"


def test_duplicates_count_once(granted):
    mount, container = granted
    mount.sim.grant("arvados-read", "active")
    mount.configure(max_policies=1)
    assert mount.logged_in(container.token)["auth"]["policies"] == ["arvados-read", "default"]


def test_more_policies_than_allowed_refuse_the_login(granted):
    mount, container = granted
    mount.configure(max_policies=3)
    for i in range(3):
        mount.sim.grant(f"arvados-{i}", "active")
    assert_denied(mount, mount.login(container.token), "too_many_policies")


def test_only_listed_policies_count_when_a_list_is_set(granted):
    mount, container = granted
    mount.sim.grant("arvados-write", "active")
    mount.configure(allowed_policies=["arvados-write"])
    answer = mount.logged_in(container.token)
    assert answer["auth"]["policies"] == ["arvados-write", "default"]
    assert answer["warnings"] == ["grant arvados-read dropped: not_in_allowed_policies"]


def test_only_links_by_trusted_modifiers_count_when_a_list_is_set(granted):
    mount, container = granted
    sim = mount.sim
    link = {"link_class": "vault_policy", "name": "arvados-two", "tail_uuid": container.user_uuid,
            "owner_uuid": sim.system_user}
    sim.call("POST", "links", {"link": link}, token=sim.admin_token)
    mount.configure(trusted_link_modifiers=[sim.user("admin")])
    answer = mount.logged_in(container.token)
    assert answer["auth"]["policies"] == ["arvados-two", "default"]
    assert answer["warnings"] == ["grant arvados-read dropped: untrusted_modifier"]


def at(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


@pytest.mark.parametrize("properties, reason", [
    ({"expires_at": at(-60)}, "expired"),
    ({"not_before": at(3600)}, "not_yet"),
    ({"container_image": "00000000000000000000000000000000+1"}, "wrong_image"),
    ({"expires_at": "tomorrow"}, "bad_properties"),
    ({"expires_at": None}, "bad_properties"),
    ({"expires_at": 4102444800}, "bad_properties"),
    ({"not_before": "2026-13-01T00:00:00Z"}, "bad_properties"),
    ({"container_image": "arvados/jobs:latest"}, "bad_properties"),
    ({"container_image": [IMAGE]}, "bad_properties"),
    ({"reason": 7}, "bad_properties"),
])
def test_link_options_drop_a_grant(granted, properties, reason):
    mount, container = granted
    mount.sim.grant("arvados-opt", "active", properties=properties)
    answer = mount.logged_in(container.token)
    assert answer["auth"]["policies"] == ["arvados-read", "default"]
    assert answer["warnings"] == [f"grant arvados-opt dropped: {reason}"]


def test_link_options_that_hold_keep_a_grant_and_other_keys_are_ignored(granted):
    mount, container = granted
    mount.sim.grant("arvados-opt", "active", properties={
        "expires_at": at(7200), "not_before": at(-60), "container_image": IMAGE, "reason": "ticket 12", "colour": 7})
    answer = mount.logged_in(container.token)
    assert answer["auth"]["policies"] == ["arvados-opt", "arvados-read", "default"]
    assert not answer["warnings"]


@pytest.mark.core
def test_hundreds_of_links_are_read_page_by_page(granted):
    mount, container = granted
    for i in range(1100):
        mount.sim.grant(f"other-{i}", "active")
    answer = mount.logged_in(container.token)
    assert answer["auth"]["policies"] == ["arvados-read", "default"]
    assert answer["warnings"][-1] == "1090 more grants dropped"


@pytest.mark.parametrize("change", [
    lambda page: {**page, "items_available": 2},  # so the next page is asked for, and it repeats
    lambda page: {**page, "items_available": 0},
    lambda page: {**page, "items_available": -1},
    lambda page: {**page, "items_available": 20000},
    lambda page: {**page, "items": page["items"] * 2, "items_available": 2},
    lambda page: {**page, "items": [], "items_available": 1},
], ids=["repeats", "more-than-said", "negative", "too-many", "twice", "fewer-than-said"])
def test_pages_that_lie_refuse_the_login(granted, change):
    mount, container = granted

    mount.sim.faults.add("/arvados/v1/links", faults.mutate(change), times=None)

    answer = mount.login(container.token)
    assert answer.status_code == 502
    assert mount.reason(answer) == "links_incomplete"


# ---- lifetime ----

def test_the_token_never_outlives_a_grant(granted):
    mount, container = granted
    mount.sim.grant("arvados-brief", "active", properties={"expires_at": at(300)})
    auth = mount.logged_in(container.token)["auth"]
    assert 280 <= auth["lease_duration"] <= 300


@pytest.mark.core
def test_the_token_never_outlives_the_arvados_token(granted):
    mount, container = granted
    mount.sim.force(container.token_uuid, expires_at=at(200))
    auth = mount.logged_in(container.token)["auth"]
    assert 180 <= auth["lease_duration"] <= 200
    token = mount.bao.client(auth["client_token"]).auth.token.lookup_self()["data"]
    assert token["explicit_max_ttl"] <= 200


def test_a_lifetime_below_half_a_minute_refuses_the_login(granted):
    mount, container = granted
    mount.sim.force(container.token_uuid, expires_at=at(20))
    assert_denied(mount, mount.login(container.token), "lifetime_too_short")


# ---- without a service token ----

def test_links_are_read_with_the_run_token_where_users_can_read_the_trusted_project(bare_mount):
    mount, sim = bare_mount, bare_mount.sim
    project = sim.new_project("vault grants")["uuid"]
    sim.add_member(project, sim.all_users)
    sim.call("POST", "links", {"link": {"link_class": "vault_policy", "name": "arvados-read",
                                         "tail_uuid": sim.user("active"), "owner_uuid": project}})
    mount.configure(service_token=None, trusted_link_owners=[project])
    container = sim.run_container("active")

    auth = mount.logged_in(container.token)["auth"]

    assert auth["policies"] == ["arvados-read", "default"]
    assert {entry.token for entry in sim.log.entries("/arvados/v1/*")} == {container.token}
    assert mount.renew(auth["client_token"]).status_code == 200
    sim.finish(container)
    assert mount.renew(auth["client_token"]).status_code in (400, 403)


# ---- when Arvados is not well ----

def test_a_401_that_passes_is_survived(granted):
    mount, container = granted
    mount.sim.faults.add("/arvados/v1/containers/current", faults.error(401, "Not logged in"), times=1)
    assert mount.login(container.token).status_code == 200


def test_401_for_every_token_is_an_outage_not_a_denial(granted):
    mount, container = granted
    mount.sim.faults.add("/arvados/v1/*", faults.database_down(), times=None)
    answer = mount.login(container.token)
    assert answer.status_code == 503
    assert mount.reason(answer) == "upstream_error"


def test_a_service_token_that_died_is_our_failure_not_a_denial(granted):
    mount, container = granted
    mount.sim.force(mount.sim.admin_token.split("/")[1], expires_at=at(-60))
    answer = mount.login(container.token)
    assert answer.status_code == 500
    assert mount.reason(answer) == "service_token"


@pytest.mark.parametrize("action, status, reason", [
    (faults.overload(), 503, "upstream_busy"),
    (faults.error(500, "boom"), 503, "upstream_error"),
    (faults.html(502), 503, "upstream_error"),
    (faults.html(504), 503, "upstream_error"),
    (faults.rails_down(), 503, "upstream_error"),
    (faults.cut(), 503, "upstream_unreachable"),
    (faults.cut(reset=True), 503, "upstream_unreachable"),
    (faults.hang(), 503, "upstream_timeout"),
    (faults.drip(1.0), 503, "upstream_timeout"),
    (faults.cut_body(), 503, "upstream_unreachable"),
    (faults.oversized(9 << 20), 502, "upstream_bad_answer"),
    (faults.endless(), 502, "upstream_bad_answer"),
    (faults.invalid_json(), 502, "upstream_bad_answer"),
    (faults.html(200), 502, "upstream_bad_answer"),
    (faults.body(b""), 502, "upstream_bad_answer"),
    (faults.body(b"[]"), 502, "upstream_bad_answer"),
    (faults.body(b"null"), 502, "upstream_bad_answer"),
    (faults.gzipped(), 502, "upstream_bad_answer"),
    (faults.close_delimited(), 502, "upstream_bad_answer"),
    (faults.redirect("https://localhost:1/"), 502, "upstream_bad_answer"),
    (faults.error(422, "odd"), 502, "upstream_bad_answer"),
], ids=lambda value: getattr(value, "name", None) or str(value)[:40])
@pytest.mark.parametrize("path", ["containers/current", "links"])
def test_an_ailing_arvados_grants_nothing_and_is_named_as_the_cause(granted, path, action, status, reason):
    mount, container = granted
    mount.configure(request_timeout="2s")
    with mount.sim.faults.add(f"/arvados/v1/{path}", action, times=None):
        answer = mount.login(container.token)
        mount.sim.faults.release()
    got = mount.reason(answer)
    assert (answer.status_code, got) == (status, reason)

    assert mount.login(container.token).status_code == 200


@pytest.mark.parametrize("path, key, value", [
    ("containers/current", "state", "Running"), ("users/current", "is_active", True),
    ("api_client_authorizations/current", "scopes", ["all"]), ("links", "items", []),
])
def test_an_answer_with_a_key_twice_is_refused_even_when_both_say_the_same(granted, path, key, value):
    mount, container = granted
    mount.sim.faults.add(f"/arvados/v1/{path}", faults.duplicate_keys(key, value), times=None)
    answer = mount.login(container.token)
    assert answer.status_code == 502
    assert mount.reason(answer) == "upstream_bad_answer"


@pytest.mark.core
def test_an_arvados_that_is_down_is_503_and_recovers(granted):
    mount, container = granted
    mount.sim.stop()
    answer = mount.login(container.token)
    assert answer.status_code == 503
    assert "try again" in errors(answer)
    assert mount.reason(answer) == "upstream_unreachable"

    mount.sim.start()
    assert mount.login(container.token).status_code == 200


@pytest.mark.core
@pytest.mark.parametrize("tls", ["expired", "wrong-name", "self-signed"])
def test_a_certificate_that_does_not_fit_sends_no_token(granted, tls):
    mount, container = granted
    before = mount.sim.log.count()
    mount.sim.reopen(tls=tls)
    answer = mount.login(container.token)
    assert answer.status_code == 503
    assert mount.reason(answer) == "upstream_tls"
    assert mount.sim.log.count() == before


def test_a_server_error_that_passes_is_retried_inside_the_budget(granted):
    mount, container = granted
    mount.sim.faults.add("/arvados/v1/users/current", faults.overload(), times=2)
    assert mount.login(container.token).status_code == 200


FIELDS = {
    "containers/current": ["uuid", "state", "auth_uuid", "runtime_user_uuid", "interactive_session_started"],
    "users/current": ["uuid", "is_active", "is_admin"],
    "api_client_authorizations/current": ["uuid", "owner_uuid", "scopes", "expires_at"],
    "links": ["items"],
}
WRONG = [None, 1, "true", [], {}, "zzzzz-4zz18-000000000000000", "missing"]


@pytest.mark.parametrize("path, field", [(path, field) for path, fields in FIELDS.items() for field in fields])
def test_a_field_that_is_missing_or_of_a_wrong_type_never_grants_more(granted, path, field):
    mount, container = granted
    good = mount.logged_in(container.token)["auth"]
    for wrong in WRONG:
        def change(body, wrong=wrong):
            if wrong == "missing":
                body.pop(field, None)
            else:
                body[field] = wrong
            return body

        with mount.sim.faults.add(f"/arvados/v1/{path}", faults.mutate(change), times=None):
            answer = mount.login(container.token)
        allowed_null = (path, field) in [("containers/current", "runtime_user_uuid"),
                                         ("api_client_authorizations/current", "expires_at")]
        if answer.status_code == 200:
            # Null (or "", its other form) is what Arvados sends for "none" there.
            assert wrong is None and allowed_null, (path, field, wrong)
            assert answer.json()["auth"]["policies"] == good["policies"]
        else:
            assert answer.status_code in (403, 502), (path, field, wrong, answer.text)


def test_answers_that_contradict_each_other_refuse_the_login(granted):
    mount, container = granted
    other = mount.sim.user("spectator")
    for path, field, value in [
        ("users/current", "uuid", other),
        ("api_client_authorizations/current", "owner_uuid", other),
        ("api_client_authorizations/current", "uuid", "zzzzz-gj3su-000000000000009"),
        ("containers/current", "auth_uuid", "zzzzz-gj3su-000000000000009"),
    ]:
        with mount.sim.faults.add(f"/arvados/v1/{path}", faults.mutate(lambda b: {**b, field: value}), times=None):
            answer = mount.login(container.token)
        assert answer.status_code == 502, (path, field, answer.text)
        assert mount.reason(answer) == "upstream_bad_answer"


def test_a_container_whose_user_was_merged_is_refused_by_that_name_with_both_users_in_the_log(granted):
    # one_call.json: the run token works on as the new user's, and the container keeps the old user's uuid.
    mount, container = granted
    old = "zzzzz-tpzed-0000000000merge"
    mount.sim.force(container.uuid, runtime_user_uuid=old)
    answer = mount.login(container.token)
    assert answer.status_code == 403 and mount.reason(answer) == "user_merged"
    (line,) = [line for line in mount.bao.log().splitlines() if answer.json()["errors"][0].rsplit("request_id=", 1)[1].rstrip(")") in line]
    assert old in line and container.user_uuid in line


# ---- versions, two clusters, patience ----

@pytest.mark.core
def test_version_tells_plugin_and_arvados(mount):
    data = mount.bao.call("GET", f"auth/{mount.path}/version").json()["data"]
    assert data["plugin"].startswith("v") and data["commit"]
    assert (data["arvados"], data["arvados_revision"], data["cluster_id"]) == ("3.2.1", "20250402", "zzzzz")


def test_the_plugins_own_version_needs_no_config_and_no_arvados(bare_mount):
    data = bare_mount.bao.call("GET", f"auth/{bare_mount.path}/version/client-only").json()["data"]
    assert set(data) == {"plugin", "commit"}
    assert bare_mount.sim.log.count() == 0


@pytest.mark.core
def test_two_mounts_for_two_clusters_share_a_process_and_nothing_else(bao, granted):
    from conftest import make_mount
    mount, container = granted
    with Simulator(cluster_id="yyyyy") as other_sim:
        other = make_mount(bao, other_sim)
        other.configure()
        other_sim.grant("arvados-theirs", other_sim.user("active"))
        theirs = other_sim.run_container("active")

        assert len(bao.plugin_pids()) == 1
        assert mount.logged_in(container.token)["auth"]["policies"] == ["arvados-read", "default"]
        assert other.logged_in(theirs.token)["auth"]["policies"] == ["arvados-theirs", "default"]
        assert_denied(other, other.login(container.token), "cluster_not_allowed")
        assert_denied(mount, mount.login(theirs.token), "cluster_not_allowed")
        assert {entry.token for entry in other_sim.log.entries() if entry.token} <= {theirs.token, other_sim.admin_token}
        bao.disable(other.path)


def test_a_caller_who_leaves_ends_the_question_to_arvados(granted):
    import requests
    mount, container = granted
    mount.configure(request_timeout="30s")
    mount.sim.faults.add("/arvados/v1/containers/current", faults.hang(), times=None)
    with pytest.raises(requests.exceptions.Timeout):
        mount.bao.call("POST", f"auth/{mount.path}/login", {"token": container.token}, token="", timeout=1)
    wait_until(lambda: mount.sim.log.running() <= 1, "the plugin to give up", 5)
    assert mount.bao.call("GET", f"auth/{mount.path}/config").status_code == 200


def test_a_token_in_the_wrong_field_is_not_quoted(granted):
    mount, container = granted
    answer = mount.login(container.token, role=container.token)
    assert answer.status_code == 400
    assert container.secret[:8] not in answer.text
    answer = mount.write_config(trusted_link_owners=[container.token])
    assert answer.status_code == 400
    assert container.secret[:8] not in answer.text
    assert container.secret[:8] not in mount.bao.log()


def test_version_notices_a_server_of_another_cluster(bare_mount):
    bare_mount.configure(cluster_id="yyyyy", verify_connection=False)
    answer = bare_mount.bao.call("GET", f"auth/{bare_mount.path}/version")
    assert answer.status_code == 502 and "zzzzz" in errors(answer)


def test_null_means_not_given(granted):
    """hvac and Terraform send null for what their callers leave out."""
    mount, container = granted
    assert mount.bao.call("POST", f"auth/{mount.path}/config", {"default_role": None, "cache_ttl": None}).status_code == 204
    assert mount.read_config()["cache_ttl"] == 0

    fields = {"require_grant": None, "bound_user_uuids": None, "token_policies": ["arvados-extra"]}
    assert mount.bao.call("POST", f"auth/{mount.path}/role/ci", fields).status_code == 204
    role = mount.bao.call("GET", f"auth/{mount.path}/role/ci").json()["data"]
    assert role["require_grant"] is True and role["bound_user_uuids"] == []

    assert mount.bao.call("DELETE", f"auth/{mount.path}/role/ci").status_code == 204
    answer = mount.login(container.token, role=None, jwt=None)
    assert answer.status_code == 200, answer.text
