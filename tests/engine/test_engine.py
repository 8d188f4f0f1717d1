"""Every path of the secrets engine, and its leases, on a real OpenBao."""

from __future__ import annotations

import datetime
import time

import pytest
import requests

import engine_host
from simulator import faults

HOUR = 3600


def parse(text: str) -> float:
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def expiry(engine, uuid: str) -> float:
    return parse(engine.sim.record(uuid)["expires_at"][:19] + "Z")


def whoami(sim, token: str) -> requests.Response:
    return requests.get(f"{sim.url}/arvados/v1/users/current", headers={"Authorization": f"Bearer {token}"},
                        verify=sim.ca_pem, timeout=20)


# -- minting --------------------------------------------------------------------


def test_a_token_for_the_roles_user_on_a_lease(engine):
    answer = engine.minted()
    data = answer["data"]
    assert answer["renewable"] and answer["lease_duration"] == HOUR
    assert answer["lease_id"].startswith(f"{engine.path}/creds/ci/")
    assert set(data) == {"user_token", "token_uuid", "user_uuid", "username", "scopes", "expires_at",
                         "arvados_api_host"}
    assert data["user_uuid"] == engine.sim.user("active") and data["username"] == "active"
    assert data["scopes"] == ["all"] and data["arvados_api_host"] == engine.sim.host
    assert data["user_token"].startswith(f"v2/{data['token_uuid']}/")
    assert whoami(engine.sim, data["user_token"]).json()["uuid"] == engine.sim.user("active")
    assert abs(parse(data["expires_at"]) - (time.time() + HOUR + 60)) < 30
    assert expiry(engine, data["token_uuid"]) == parse(data["expires_at"])


def test_a_mint_costs_two_requests(engine):
    engine.minted()
    engine.sim.log.clear()
    engine.minted()
    assert engine.sim.log.count() == 2


def test_update_is_as_good_as_read(engine):
    assert engine.call("POST", "creds/ci", {}).status_code == 200


def test_revoking_the_lease_ends_the_token(engine):
    answer = engine.minted()
    token = answer["data"]["user_token"]
    assert engine.sim.is_valid(token)
    assert engine.revoke(answer["lease_id"]).status_code == 204
    assert not engine.sim.is_valid(token)


def test_renewing_the_lease_extends_the_token(engine):
    answer = engine.minted()
    uuid = answer["data"]["token_uuid"]
    renewed = engine.renew(answer["lease_id"], increment=2 * HOUR)
    assert renewed.status_code == 200, renewed.text
    assert renewed.json()["lease_duration"] == 2 * HOUR
    assert abs(expiry(engine, uuid) - (time.time() + 2 * HOUR + 60)) < 30


def test_no_renewal_goes_beyond_max_ttl(engine):
    engine.role("short", max_ttl="90m", ttl="1h")
    answer = engine.minted("short")
    renewed = engine.renew(answer["lease_id"], increment=10 * HOUR)
    assert 5390 <= renewed.json()["lease_duration"] <= 5400
    assert expiry(engine, answer["data"]["token_uuid"]) <= time.time() + 5400 + 61


def test_the_write_ahead_log_is_empty_soon_after_a_mint(engine):
    engine.minted()
    assert engine_host.unsettled(engine) == 1
    engine_host.wait_settled(engine)


def test_disabling_the_mount_ends_all_tokens(bao, sim):
    engine = engine_host.make_engine(bao, sim)
    engine.configure()
    engine.role("ci")
    tokens = [engine.minted()["data"]["user_token"] for _ in range(5)]
    assert bao.call("DELETE", f"sys/mounts/{engine.path}").status_code == 204
    assert [sim.is_valid(token) for token in tokens] == [False] * 5


def test_revoke_prefix_ends_all_tokens_of_a_role(engine):
    engine.role("other")
    ended = [engine.minted()["data"]["user_token"] for _ in range(3)]
    kept = engine.minted("other")["data"]["user_token"]
    assert engine.bao.call("POST", f"sys/leases/revoke-prefix/{engine.path}/creds/ci", {"sync": True}).status_code == 204
    assert [engine.sim.is_valid(token) for token in ended] == [False] * 3 and engine.sim.is_valid(kept)


# -- narrow scopes --------------------------------------------------------------


SCOPE = "GET /arvados/v1/users/current"


def test_a_narrow_token_is_extended_and_ended_by_its_keeper(engine):
    engine.role("narrow", scopes=[SCOPE])
    answer = engine.minted("narrow")
    data = answer["data"]
    assert data["scopes"] == [SCOPE] and engine.sim.record(data["token_uuid"])["scopes"] == [SCOPE]
    before = engine.sim.valid_tokens("active")
    renewed = engine.renew(answer["lease_id"], increment=2 * HOUR)
    assert renewed.status_code == 200, renewed.text
    assert abs(expiry(engine, data["token_uuid"]) - (time.time() + 2 * HOUR + 60)) < 30
    assert engine.sim.record(data["token_uuid"])["scopes"] == [SCOPE]
    assert engine.revoke(answer["lease_id"]).status_code == 204
    ended = set(before) - set(engine.sim.valid_tokens("active"))
    assert len(ended) == 2 and data["token_uuid"] in ended


def test_the_keeper_is_seen_by_nobody(engine):
    engine.role("narrow", scopes=[SCOPE])
    known = set(engine.sim.valid_tokens("active"))
    answer = engine.creds("narrow")
    (keeper,) = set(engine.sim.valid_tokens("active")) - known - {answer.json()["data"]["token_uuid"]}
    secret = engine.sim.record(keeper)["api_token"]
    assert sorted(engine.sim.record(keeper)["scopes"]) == sorted(
        f"{method} /arvados/v1/api_client_authorizations/{answer.json()['data']['token_uuid']}"
        for method in ("PUT", "DELETE"))
    for text in (answer.text, engine.bao.log(), engine.bao.audit()):
        assert secret not in text


# -- renewal and revocation in bad times ----------------------------------------------


def test_a_renewal_of_a_token_that_is_gone_says_so(engine):
    answer = engine.minted()
    assert engine.call("POST", "revoke", {"user_token": answer["data"]["user_token"]}).status_code == 204
    renewed = engine.renew(answer["lease_id"])
    assert renewed.status_code >= 400 and "is gone or was changed" in renewed.text


def test_a_deactivated_user_gets_no_renewal(engine):
    answer = engine.minted()
    engine.sim.force(engine.sim.user("active"), is_active=False)
    before = expiry(engine, answer["data"]["token_uuid"])
    renewed = engine.renew(answer["lease_id"], increment=2 * HOUR)
    assert renewed.status_code >= 400 and "is not active" in renewed.text
    assert expiry(engine, answer["data"]["token_uuid"]) == before


def test_a_changed_or_deleted_role_ends_renewal(engine):
    answer = engine.minted()
    engine.role("ci", scopes=[SCOPE])
    assert "other scopes by now" in engine.renew(answer["lease_id"]).text
    engine.call("DELETE", "role/ci")
    assert "does not exist any more" in engine.renew(answer["lease_id"]).text
    assert engine.revoke(answer["lease_id"]).status_code == 204
    assert not engine.sim.is_valid(answer["data"]["user_token"])


def test_a_revocation_of_a_token_that_is_gone_succeeds(engine):
    answer = engine.minted()
    engine.sim.store.delete(answer["data"]["token_uuid"])
    assert engine.revoke(answer["lease_id"]).status_code == 204


def test_a_revocation_during_an_outage_is_tried_again(engine):
    answer = engine.minted()
    engine.sim.faults.add("/*", faults.database_down(), times=None)
    assert engine.revoke(answer["lease_id"]).status_code >= 400
    engine.sim.faults.clear()
    assert engine.sim.is_valid(answer["data"]["user_token"])
    assert engine.revoke(answer["lease_id"]).status_code == 204
    assert not engine.sim.is_valid(answer["data"]["user_token"])


def test_a_lease_ends_where_it_was_made(engine, sim):
    from simulator import Simulator

    answer = engine.minted()
    with Simulator(cluster_id="zbbbb") as other:
        engine.configure(arvados_api_host=other.host, arvados_ca_cert=open(other.ca_pem).read(), cluster_id="zbbbb",
                         admin_token=other.new_token("admin", scopes=engine_host.ADMIN_SCOPES))
        assert "another Arvados server" in engine.renew(answer["lease_id"]).text
        assert engine.revoke(answer["lease_id"]).status_code == 204
    assert not engine.sim.is_valid(answer["data"]["user_token"])


def test_a_lease_ends_without_a_config(engine):
    answer = engine.minted()
    assert engine.call("DELETE", "config").status_code == 204
    assert engine.revoke(answer["lease_id"]).status_code == 204
    assert not engine.sim.is_valid(answer["data"]["user_token"])


# -- who gets none ---------------------------------------------------------------------


@pytest.mark.parametrize("user", ["inactive", "admin"])
def test_users_who_get_no_token(engine, user):
    engine.role("no", user=user)
    known = engine.sim.valid_tokens(user)
    answer = engine.creds("no")
    assert answer.status_code == 403, answer.text
    assert engine.sim.valid_tokens(user) == known
    assert engine.reason(answer) == {"inactive": "user_inactive", "admin": "user_forbidden"}[user]


def test_administrators_get_one_where_the_role_allows(engine):
    engine.role("root", user="admin", allow_admins=True)
    assert whoami(engine.sim, engine.minted("root")["data"]["user_token"]).json()["is_admin"]


@pytest.mark.parametrize("tail", ["000000000000000", "anonymouspublic"])
def test_system_and_anonymous_users_get_none(engine, tail):
    uuid = f"zzzzz-tpzed-{tail}"
    assert engine.write_role("no", user=uuid).status_code == 400
    engine.sim.log.clear()
    assert engine.call("GET", f"login/{uuid}").status_code == 403
    assert engine.sim.log.count() == 0


def test_a_user_of_another_cluster_gets_none(engine):
    assert engine.write_role("far", user="zbbbb-tpzed-000000000000001").status_code == 204
    engine.sim.log.clear()
    assert engine.creds("far").status_code == 403
    assert engine.sim.log.count() == 0


# -- login/<user> -----------------------------------------------------------------------


@pytest.mark.parametrize("by", ["uuid", "username"])
def test_login_mints_for_the_user_in_the_path(engine, by):
    name = engine.sim.user("active") if by == "uuid" else "active"
    for method, body in (("GET", None), ("POST", {})):
        answer = engine.call(method, f"login/{name}", body)
        assert answer.status_code == 200, answer.text
        assert answer.json()["data"]["user_uuid"] == engine.sim.user("active")
        assert answer.json()["lease_id"].startswith(f"{engine.path}/login/{name}/")


def test_login_takes_ttl_and_role(engine):
    assert engine.call("POST", "login/active", {"ttl": "10m"}).json()["lease_duration"] == 600
    engine.role("narrow", user="self", scopes=[SCOPE], ttl="5m")
    answer = engine.call("POST", "login/active", {"role": "narrow"}).json()
    assert answer["data"]["scopes"] == [SCOPE] and answer["lease_duration"] == 300


def test_a_ttl_beyond_the_maximum_is_cut_with_a_warning(engine):
    answer = engine.call("POST", "login/active", {"ttl": "1000h"}).json()
    assert answer["lease_duration"] == 24 * HOUR and "exceeds the maximum" in answer["warnings"][0]


def test_a_role_of_another_user_is_refused(engine):
    answer = engine.call("POST", "login/spectator", {"role": "ci"})
    assert answer.status_code == 400 and "is for user" in answer.text


def test_allow_admins_counts_for_the_roles_own_user_only(engine):
    engine.role("mine", user="self", allow_admins=True)
    assert engine.call("POST", f"login/{engine.sim.user('admin')}", {"role": "mine"}).status_code == 403
    engine.role("root", user="admin", allow_admins=True)
    assert engine.call("POST", f"login/{engine.sim.user('admin')}", {"role": "root"}).status_code == 200


@pytest.mark.parametrize(("user", "status"), [("nosuchuser", 403), ("zzzzz-tpzed-nosuchuserexist", 403),
                                               ("a%20b", 400), ("v2", 403)])
def test_users_that_do_not_exist(engine, user, status):
    assert engine.call("GET", f"login/{user}").status_code == status


def test_unknown_fields_are_refused_by_name(engine):
    for path, body in (("login/active", {"tll": "1h"}), ("config", {"hots": "x"}), ("role/ci", {"scope": "all"}),
                       ("revoke", {"token": "x"})):
        answer = engine.call("POST", path, body)
        assert answer.status_code == 400 and next(iter(body)) in answer.text, answer.text


# -- self ------------------------------------------------------------------------------


@pytest.fixture
def users(engine):
    """The engine with an Arvados auth mount of kind user beside it, and a way to log in there."""
    bao, sim = engine.bao, engine.sim
    path = engine_host.new_name("people")
    assert bao.call("POST", f"sys/auth/{path}", {"type": "arvados"}).status_code == 204
    accessor = bao.call("GET", "sys/auth").json()["data"][f"{path}/"]["accessor"]
    settings = {"arvados_api_host": sim.host, "arvados_ca_cert": open(sim.ca_pem).read(), "login_kind": "user",
                "service_token": sim.admin_token, "allowed_policy_prefixes": ["arvados-"]}
    assert bao.call("POST", f"auth/{path}/config", settings).status_code in (200, 204)
    policy = (f'path "{engine.path}/creds/*" {{ capabilities = ["read"] }}\n'
              f'path "{engine.path}/login/{{{{identity.entity.aliases.{accessor}.name}}}}"'
              ' { capabilities = ["read", "update"] }')
    assert bao.call("POST", f"sys/policies/acl/{path}", {"policy": policy}).status_code == 204
    role = {"require_grant": False, "token_policies": []}
    assert bao.call("POST", f"auth/{path}/role/any", role).status_code in (200, 204)

    def log_in(user: str) -> str:
        answer = bao.call("POST", f"auth/{path}/login", {"token": sim.new_token(user), "role": "any"}, token="")
        assert answer.status_code == 200, answer.text
        entity = answer.json()["auth"]["entity_id"]
        assert bao.call("POST", f"identity/entity/id/{entity}", {"policies": [path]}).status_code in (200, 204)
        return answer.json()["auth"]["client_token"]

    yield log_in, accessor
    bao.call("DELETE", f"sys/auth/{path}")


def test_self_mints_for_the_callers_own_user(engine, users):
    log_in, accessor = users
    engine.configure(auth_accessor=accessor)
    engine.role("mine", user="self")
    for user in ("active", "spectator"):
        answer = engine.minted("mine", token=log_in(user))
        assert answer["data"]["user_uuid"] == engine.sim.user(user)


def test_self_without_an_alias_is_refused(engine, users):
    _, accessor = users
    engine.role("mine", user="self")
    answer = engine.creds("mine")
    assert answer.status_code == 400 and "auth_accessor" in answer.text
    engine.configure(auth_accessor=accessor)
    answer = engine.creds("mine")  # the root token has no entity
    assert answer.status_code == 403 and engine.reason(answer) == "no_alias"


def test_a_templated_policy_lets_each_user_have_their_own_token_only(engine, users):
    log_in, _ = users
    token = log_in("active")
    own = engine.call("GET", f"login/{engine.sim.user('active')}", token=token)
    assert own.status_code == 200, own.text
    assert engine.call("GET", f"login/{engine.sim.user('spectator')}", token=token).status_code == 403


# -- revoke, rotation, status, version, check --------------------------------------------


def test_revoke_ends_a_token_that_no_lease_knows(engine):
    for token in (engine.sim.new_token("active"), engine.sim.new_token("active", scopes=[SCOPE])):
        assert engine.call("POST", "revoke", {"user_token": token}).status_code == 204
        assert not engine.sim.is_valid(token)
        assert engine.call("POST", "revoke", {"user_token": token}).status_code == 204


@pytest.mark.parametrize(("token", "status"), [("nonsense", 400), ("", 400),
                                                ("v2/zbbbb-gj3su-000000000000001/" + "a" * 50, 403)])
def test_revoke_of_what_is_no_token_of_this_cluster(engine, token, status):
    engine.sim.log.clear()
    answer = engine.call("POST", "revoke", {"user_token": token})
    assert answer.status_code == status and engine.sim.log.count() == 0
    assert token == "" or token not in answer.text


def test_revoke_leaves_the_mounts_own_token_alone(engine):
    assert engine.call("POST", "revoke", {"user_token": engine.admin_token}).status_code == 400
    assert engine.sim.is_valid(engine.admin_token)


def test_rotation_replaces_the_admin_token(engine):
    before = engine.call("GET", "config").json()["data"]
    answer = engine.call("POST", "config/rotate-root", {})
    assert answer.status_code == 200, answer.text
    after = engine.call("GET", "config").json()["data"]
    assert after["admin_token_uuid"] == answer.json()["data"]["admin_token_uuid"] != before["admin_token_uuid"]
    assert not engine.sim.is_valid(engine.admin_token)
    assert engine.sim.record(after["admin_token_uuid"])["scopes"] == engine_host.ADMIN_SCOPES
    engine.minted()
    engine_host.wait_settled(engine)


def test_rotation_keeps_the_lifetime(engine):
    end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 30 * 24 * HOUR))
    made = engine.sim.new_token("admin", scopes=engine_host.ADMIN_SCOPES, expires_at=end)
    engine.configure(admin_token=made)
    engine.sim.advance(20 * 24 * HOUR)
    answer = engine.call("POST", "config/rotate-root", {})
    assert answer.status_code == 200, answer.text
    assert abs(parse(answer.json()["data"]["admin_token_expires_at"]) - (time.time() + 30 * 24 * HOUR)) < 60


@pytest.mark.parametrize("step", range(1, 8))
def test_a_rotation_that_fails_anywhere_leaves_a_working_mount_and_one_token(engine, step):
    engine.minted()
    known = set(engine.sim.valid_tokens("admin"))
    engine.sim.faults.add("/*", faults.status(500), times=None, skip=step - 1)
    engine.call("POST", "config/rotate-root", {})
    engine.sim.faults.clear()
    engine_host.roll_back(engine)
    in_use = engine.call("GET", "config").json()["data"]["admin_token_uuid"]
    now = set(engine.sim.valid_tokens("admin"))
    assert in_use in now and now - known <= {in_use}
    engine.minted()


def test_config_shows_no_token(engine):
    data = engine.call("GET", "config").json()["data"]
    assert data["admin_token_set"] is True and data["admin_token_uuid"] == engine.admin_token.split("/")[1]
    assert data["ttl"] == HOUR and data["max_ttl"] == 24 * HOUR and data["cluster_id"] == "zzzzz"
    assert "admin_token" not in data and engine.admin_token.split("/")[2] not in str(data)


def test_a_config_that_cannot_mint_is_refused(bare_engine):
    sim = bare_engine.sim
    for token, words in ((sim.new_token("active"), "admin_token"),
                         (sim.new_token("admin", scopes=["GET /arvados/v1/users"]), "admin_token"),
                         ("v2/zzzzz-gj3su-000000000000abc/" + "a" * 50, "admin_token"),
                         ("short", "admin_token")):
        answer = bare_engine.call("POST", "config", bare_engine.settings(admin_token=token))
        assert answer.status_code == 400 and words in answer.text, answer.text
    assert bare_engine.call("GET", "config").status_code == 404
    assert bare_engine.creds().status_code == 400


def test_a_new_place_needs_the_token_again(engine):
    answer = engine.call("POST", "config", {"tls_server_name": "localhost"})
    assert answer.status_code == 400 and "admin_token" in answer.text
    assert engine.call("POST", "config", {"ttl": "30m"}).status_code == 204
    assert engine.minted()["lease_duration"] == 1800


def test_check_gives_a_verdict_on_each_link(engine):
    data = engine.call("GET", "config/check").json()["data"]
    names = [check["name"] for check in data["checks"]]
    assert names == ["reach", "tls", "cluster", "version", "admin_token", "may_mint", "admin_token_expiry",
                     "auth_accessor"]
    assert data["ok"] is True and len(data["summary"]) == len(names), data
    engine.role("mine", user="self")
    engine.sim.force(engine.sim.user("admin"), is_admin=False)
    data = engine.call("GET", "config/check").json()["data"]
    bad = [check["name"] for check in data["checks"] if not check["ok"]]
    assert bad == ["may_mint", "auth_accessor"] and data["ok"] is False


def test_status_counts(engine):
    answer = engine.minted()
    engine.renew(answer["lease_id"])
    engine.revoke(answer["lease_id"])
    engine.call("GET", "creds/none")
    data = engine.call("GET", "status").json()["data"]
    assert data["mints"]["granted"] == 1 and data["mints"]["role_unknown"] == 1
    assert data["renewals"]["granted"] == 1 and data["revocations"]["done"] == 1
    assert data["arvados"]["calls"]["200"] > 0


def test_version(engine):
    assert engine.call("GET", "version").json()["data"]["cluster_id"] == "zzzzz"
    assert set(engine.call("GET", "version/client-only").json()["data"]) == {"plugin", "commit"}


def test_roles_are_written_read_listed_and_deleted(engine):
    engine.role("b.role", ttl="10m", description="nightly build")
    data = engine.call("GET", "role/b.role").json()["data"]
    assert data == {"user": engine.sim.user("active"), "scopes": ["all"], "ttl": 600, "max_ttl": 0,
                    "allow_admins": False, "description": "nightly build"}
    assert engine.call("LIST", "role").json()["data"]["keys"] == ["b.role", "ci"]
    assert engine.call("DELETE", "role/b.role").status_code == 204
    assert engine.creds("b.role").status_code == 400


@pytest.mark.parametrize("fields", [{"user": "zzzzz"}, {"user": ""}, {"scopes": ["all", SCOPE]}, {"scopes": ["FETCH /"]},
                                    {"scopes": ["GET x"]}, {"scopes": []}, {"ttl": "2h", "max_ttl": "1h"}])
def test_invalid_roles_are_refused_by_field(engine, fields):
    answer = engine.write_role("bad", **{"user": engine.sim.user("active"), **fields})
    assert answer.status_code == 400 and f'field \\"{next(iter(fields))}\\"' in answer.text, answer.text


def test_the_mounts_maximum_bounds_leases(engine):
    assert engine.bao.call("POST", f"sys/mounts/{engine.path}/tune", {"max_lease_ttl": "20m"}).status_code == 204
    answer = engine.minted()
    assert answer["lease_duration"] == 1200
    assert expiry(engine, answer["data"]["token_uuid"]) < time.time() + 1200 + 61


def test_wrapping_and_moving(engine):
    wrapped = requests.get(f"{engine.bao.address}/v1/{engine.path}/creds/ci", verify=engine.bao.ca, timeout=30,
                           headers={"X-Vault-Token": engine.bao.root_token, "X-Vault-Wrap-TTL": "60s"}).json()
    opened = engine.bao.call("POST", "sys/wrapping/unwrap", token=wrapped["wrap_info"]["token"]).json()
    assert engine.sim.is_valid(opened["data"]["user_token"])
    moved = engine.path + "-moved"
    assert engine.bao.call("POST", "sys/remount", {"from": engine.path, "to": moved}).status_code == 200
    engine_host.wait_until(lambda: engine.bao.call("GET", f"{moved}/config").status_code == 200, "the mount to move")
    engine.path = moved
    engine.minted()


def test_no_secret_is_left_in_storage_log_or_audit(engine):
    engine.role("narrow", scopes=[SCOPE])
    answers = [engine.minted(), engine.minted("narrow")]
    secrets = [answer["data"]["user_token"].split("/")[2] for answer in answers] + [engine.admin_token.split("/")[2]]
    engine_host.wait_settled(engine)
    for secret in secrets:
        assert secret not in engine.bao.log() and secret not in engine.bao.audit()
