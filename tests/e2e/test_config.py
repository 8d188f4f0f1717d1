"""The path config: what is taken, what is shown, what is refused, what is proved first."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator import Simulator, faults

SERVICE_TOKEN_SECRET_MIN = 20


def refusal(answer) -> str:
    assert answer.status_code == 400, (answer.status_code, answer.text)
    return answer.json()["errors"][0]


# ---- shown ----

def test_a_mount_that_was_never_configured_reads_as_404(bare_mount):
    assert bare_mount.bao.call("GET", f"auth/{bare_mount.path}/config").status_code == 404


@pytest.mark.core
def test_defaults_are_shown_with_the_cluster_that_was_learned(mount):
    config = mount.read_config()

    assert config["cluster_id"] == "zzzzz"
    assert config["login_kind"] == "container"
    assert config["allowed_token_clusters"] == ["zzzzz"]
    assert config["allowed_user_clusters"] == ["zzzzz"]
    assert config["link_class"] == "vault_policy"
    assert config["trusted_link_owners"] == ["zzzzz-tpzed-000000000000000"]
    assert config["trusted_link_modifiers"] == []
    assert config["allowed_policy_prefixes"] == ["arvados-"]
    assert config["allowed_policies"] == []
    assert config["max_policies"] == 64
    assert config["request_timeout"] == 5
    assert config["max_retries"] == 2
    assert config["max_concurrent_requests"] == 64
    assert config["verify_connection"] is True


@pytest.mark.core
def test_the_service_token_is_never_shown(mount):
    config = mount.read_config()

    assert "service_token" not in config
    assert config["service_token_set"] is True
    assert config["service_token_uuid"] == mount.sim.admin_token.split("/")[1]
    assert mount.sim.admin_token.split("/")[2] not in str(config)


def test_a_field_left_out_of_an_update_keeps_its_value(mount):
    before = mount.read_config()
    assert mount.write_config(max_policies=7).status_code in (200, 204)

    assert mount.read_config() == {**before, "max_policies": 7}


@pytest.mark.parametrize("given", ["90s", "1m30s", 90, "90"])
def test_durations_go_in_as_seconds_or_text_and_come_out_as_seconds(mount, given):
    seconds = {"request_timeout": given}
    if given in (90, "90", "90s", "1m30s"):
        # Beyond the bound: the text must have been understood as 90 seconds to be refused with it.
        assert "between 1 and 60 seconds" in refusal(mount.write_config(**seconds))
    assert mount.write_config(request_timeout=str(given).replace("90", "30").replace("1m30s", "30s")).status_code == 204
    assert mount.read_config()["request_timeout"] == 30


@pytest.mark.parametrize("given", [["arvados-", "lab_"], "arvados-,lab_", " arvados- , lab_ ,"])
def test_lists_go_in_as_array_or_commas_and_come_out_as_arrays(mount, given):
    assert mount.write_config(allowed_policy_prefixes=given).status_code == 204
    assert mount.read_config()["allowed_policy_prefixes"] == ["arvados-", "lab_"]


def test_a_write_is_idempotent(mount):
    before = mount.read_config()
    mount.configure()
    assert mount.read_config() == before


def test_deleting_the_config_ends_logins(granted):
    mount, container = granted
    assert mount.login(container.token).status_code == 200

    assert mount.bao.call("DELETE", f"auth/{mount.path}/config").status_code == 204

    assert mount.bao.call("GET", f"auth/{mount.path}/config").status_code == 404
    assert "not configured" in refusal(mount.login(container.token))


def test_https_in_front_of_the_host_is_accepted(bare_mount):
    bare_mount.configure(arvados_api_host=f"https://{bare_mount.sim.host}/")


# ---- refused ----

@pytest.mark.core
def test_an_unknown_field_is_refused(mount):
    text = refusal(mount.write_config(allowed_policy_prefixe="x-"))
    assert "allowed_policy_prefixe" in text


@pytest.mark.parametrize("missing", ["arvados_api_host", "allowed_policy_prefixes"])
def test_a_required_field_that_is_missing_is_named(bare_mount, missing):
    assert missing in refusal(bare_mount.write_config(**bare_mount.settings(**{missing: None})))


@pytest.mark.parametrize("field, value", [
    ("arvados_api_host", "http://localhost:1"),
    ("arvados_api_host", "user:pw@localhost"),
    ("arvados_api_host", "localhost/path"),
    ("arvados_api_host", "localhost:0"),
    ("arvados_api_host", "local host"),
    ("arvados_api_host", "localhost#x"),
    ("arvados_api_host", ""),
    ("arvados_ca_cert", "not a certificate"),
    ("tls_server_name", "a b"),
    ("service_token", "not-a-v2-token"),
    ("service_token", "v2/zzzzz-gj3su-077z32aux8dg2s2/it2gl94mgu3rbn5s2d06vzh73ns1y6cthct0tvg82qdlsxvbwk/"
                      "zzzzz-dz642-runningcontainr"),
    ("cluster_id", "toolong"),
    ("login_kind", "users"),
    ("login_kind", "anything"),
    ("allowed_token_clusters", ["zzz"]),
    ("allowed_user_clusters", ["ZZZZZ"]),
    ("link_class", "permission"),
    ("link_class", "name"),
    ("link_class", "signature"),
    ("link_class", "star"),
    ("link_class", "tag"),
    ("link_class", "published_port"),
    ("link_class", ""),
    ("trusted_link_owners", ["zzzzz-tpzed-xurymjxw79nv3jz"]),
    ("trusted_link_owners", ["not-a-uuid"]),
    ("trusted_link_modifiers", ["zzzzz-j7d0g-v955i6s2oi1cbso"]),
    ("allowed_policy_prefixes", []),
    ("allowed_policy_prefixes", ["arvados"]),
    ("allowed_policy_prefixes", ["-"]),
    ("allowed_policy_prefixes", ["Arvados-"]),
    ("allowed_policy_prefixes", ["*"]),
    ("allowed_policies", ["other-read"]),
    ("allowed_policies", ["arvados-"]),
    ("max_policies", 0),
    ("max_policies", "many"),
    ("max_policies", 1.5),
    ("request_timeout", "0s"),
    ("request_timeout", "-5s"),
    ("request_timeout", "5x"),
    ("max_retries", -1),
    ("max_concurrent_requests", 0),
    ("verify_connection", "maybe"),
])
def test_a_wrong_value_is_refused_and_its_field_named(mount, field, value):
    before = mount.read_config()

    text = refusal(mount.write_config(**{field: value}))

    assert field in text
    assert mount.read_config() == before


@pytest.mark.parametrize("value, words", [
    ("http://localhost:1", "only https"), ("ftp://localhost", "only https"),
    ("user:pw@localhost", "user name or password"), ("https://user@localhost:1", "user name or password"),
    ("localhost/path", "path"), ("localhost:1/path", "path"), ("https://localhost?x", "path or a query"),
    ("local host", "blanks"), ("localhost:0", "port"), ("localhost:x", "port"), ("-", "not a host name"),
])
def test_a_wrong_host_is_refused_for_what_is_wrong_with_it(mount, value, words):
    text = refusal(mount.write_config(arvados_api_host=value))
    assert text.startswith('field "arvados_api_host": ') and words in text
    assert "pw" not in text


@pytest.mark.parametrize("form", [" {} ", "{}/", "https://{}/\n", "HTTPS://{}"])
def test_what_a_paste_brings_along_is_left_out(bare_mount, form):
    bare_mount.configure(arvados_api_host=form.format(bare_mount.sim.host).replace("localhost", "LocalHost."))


# ---- proved first ----

@pytest.mark.core
def test_an_arvados_that_does_not_answer_refuses_the_write(bare_mount):
    settings = bare_mount.settings()
    bare_mount.sim.stop()

    answer = bare_mount.write_config(**settings)

    assert answer.status_code == 503
    assert bare_mount.bao.call("GET", f"auth/{bare_mount.path}/config").status_code == 404


def test_another_cluster_than_told_refuses_the_write(bare_mount):
    answer = bare_mount.write_config(**bare_mount.settings(cluster_id="yyyyy"))
    assert answer.status_code == 502
    assert "zzzzz" in answer.json()["errors"][0]


def test_a_host_that_turns_into_another_cluster_is_refused(mount):
    with Simulator(cluster_id="yyyyy") as other:
        answer = mount.write_config(arvados_api_host=other.host, arvados_ca_cert=Path(other.ca_pem).read_text(),
                                    service_token=other.admin_token)
    assert answer.status_code == 502
    assert mount.read_config()["cluster_id"] == "zzzzz"


def test_a_certificate_that_no_given_ca_signed_refuses_the_write(bare_mount):
    with Simulator() as other:
        answer = bare_mount.write_config(**bare_mount.settings(arvados_ca_cert=Path(other.ca_pem).read_text()))
    assert answer.status_code == 503
    assert bare_mount.sim.log.count() == 0


def test_a_service_token_that_arvados_refuses_is_reported_as_such(bare_mount):
    wrong = bare_mount.sim.admin_token[:-10] + "0123456789"
    answer = bare_mount.write_config(**bare_mount.settings(service_token=wrong))
    assert answer.status_code == 400
    assert answer.json()["errors"][0].startswith('field "service_token": Arvados refuses')


def test_a_service_token_whose_scopes_do_not_allow_links_is_refused(bare_mount):
    narrow = bare_mount.sim.new_token("admin", scopes=["GET /arvados/v1/users"])
    answer = bare_mount.write_config(**bare_mount.settings(service_token=narrow))
    assert answer.status_code == 400


def test_a_service_token_with_the_documented_scopes_is_enough(bare_mount):
    scopes = [f"GET /arvados/v1/{name}" for name in ("links", "users", "containers", "groups", "computed_permissions")]
    token = bare_mount.sim.new_token("admin", scopes=scopes)
    bare_mount.configure(service_token=token)
    bare_mount.sim.grant("arvados-read", "active")
    container = bare_mount.sim.run_container("active")

    login = bare_mount.logged_in(container.token)
    assert bare_mount.renew(login["auth"]["client_token"]).status_code == 200


def test_verification_can_be_left_out_when_the_cluster_is_named(bare_mount):
    settings = bare_mount.settings(verify_connection=False)
    bare_mount.sim.stop()

    assert "cluster_id" in refusal(bare_mount.write_config(**settings))
    assert bare_mount.write_config(**settings, cluster_id="zzzzz").status_code == 204


@pytest.mark.parametrize("change", ["arvados_api_host", "arvados_ca_cert", "tls_server_name"])
def test_sending_the_service_token_to_a_new_place_needs_it_again(mount, change):
    with Simulator() as other:
        news = {"arvados_api_host": other.host, "arvados_ca_cert": Path(other.ca_pem).read_text(),
                "tls_server_name": "127.0.0.1.example.org"}[change]
        text = refusal(mount.write_config(**{change: news}))

        assert "service_token" in text
        assert other.log.count() == 0


def test_no_service_token_and_no_readable_owner_is_warned_about(bare_mount):
    answer = bare_mount.write_config(**bare_mount.settings(service_token=None))
    assert answer.status_code == 200
    assert "no service_token" in answer.json()["warnings"][0]


def test_a_service_token_can_be_taken_away(mount):
    assert mount.write_config(service_token="").status_code == 200
    assert mount.read_config()["service_token_set"] is False


def test_blanks_around_a_pasted_service_token_do_no_harm(bare_mount):
    bare_mount.configure(service_token=f"\n {bare_mount.sim.admin_token} \n")


def test_the_name_to_verify_can_differ_from_the_host(bare_mount):
    port = bare_mount.sim.port
    bare_mount.configure(arvados_api_host=f"127.0.0.1:{port}", tls_server_name="localhost")

    entry = bare_mount.sim.log.entries()[-1]
    assert entry.headers["host"] == f"127.0.0.1:{port}"


@pytest.mark.core
def test_a_redirect_is_never_followed(bare_mount):
    with Simulator() as other:
        bare_mount.sim.faults.add("*", faults.redirect(other.url), times=None)
        answer = bare_mount.write_config(**bare_mount.settings())
        assert answer.status_code == 502
        assert other.log.count() == 0


def test_the_discovery_document_may_hold_duplicate_keys_deep_inside(bare_mount):
    # The simulator's has them, as the real one does; only the keys that are read must be unambiguous.
    bare_mount.configure()
    assert bare_mount.read_config()["cluster_id"] == "zzzzz"


def test_a_discovery_document_with_the_cluster_id_twice_is_refused(bare_mount):
    bare_mount.sim.faults.add("/discovery/*", faults.duplicate_keys("uuidPrefix", "yyyyy"))
    assert bare_mount.write_config(**bare_mount.settings()).status_code == 502
