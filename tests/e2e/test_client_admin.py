"""arv-vault for admins: grants with the right owner, and a doctor that finds what is wrong."""

from __future__ import annotations

import json

import pytest

from client import SECRET
from simulator import faults


SYSTEM_USER = "zzzzz-tpzed-000000000000000"


@pytest.fixture
def admin(client):
    """The same mount, seen by somebody who is admin of both Arvados and the vault."""
    client.env = {"ARVADOS_API_TOKEN": client.mount.sim.admin_token, "BAO_TOKEN": client.mount.bao.root_token}
    client.user = client.container.user_uuid
    return client


def rows(text: str) -> list[dict]:
    return json.loads(text)


# ---- grants ----


@pytest.mark.core
def test_a_grant_that_counts_at_once(admin):
    shown = admin.ok("grant", "add", admin.user, "arvados-write", "--reason", "ticket 7", "--expires-at=2099-01-01T00:00:00Z")
    assert "arvados-write" in shown and "zzzzz-tpzed-000000000000000" in shown
    assert "kept" in shown  # and what the mount makes of it
    (row,) = [row for row in rows(admin.ok("grant", "list", admin.user, "--format=json")) if row["policy"] == "arvados-write"]
    assert row["counts"] == "yes" and row["expires_at"] == "2099-01-01T00:00:00Z"
    link = admin.mount.sim.try_call("GET", f"links/{row['link_uuid']}", token=admin.mount.sim.admin_token)
    link = json.loads(link.body)
    assert link["properties"]["reason"] == "ticket 7" and link["link_class"] == "vault_policy"
    login = admin.run("login", env={"ARVADOS_API_TOKEN": admin.token, "BAO_TOKEN": None})
    shown = json.loads(admin.ok("whoami", "--format=json", env={"BAO_TOKEN": login.stdout.strip()}))
    assert "arvados-write" in shown["policies"]
    assert admin.ok("grant", "remove", row["link_uuid"]) == ""
    assert "arvados-write" not in admin.ok("grant", "list", admin.user)
    assert "no grant" in admin.refused(66, "grant", "remove", row["link_uuid"])


def test_grants_to_roles(admin):
    role = admin.mount.sim.new_role("team")["uuid"]
    assert "arvados-write" in admin.ok("grant", "add", role, "arvados-write")
    shown = json.loads(admin.ok("grant", "check", role, "--format=json"))
    assert [grant["policy"] for grant in shown["grants"]] == ["arvados-write"]


@pytest.mark.parametrize("policy", ["other-policy", "arvados-", "root", "default", "Arvados-Read", "arvados-read ", "arvados/x", ""])
def test_names_that_would_not_count_are_refused(admin, policy):
    before = len(rows(admin.ok("grant", "list", "--format=json")))
    assert admin.refused(77, "grant", "add", admin.user, policy)
    assert len(rows(admin.ok("grant", "list", "--format=json"))) == before


def test_owners_that_would_not_count_are_refused(admin):
    assert "trusted_link_owners" in admin.refused(77, "grant", "add", admin.user, "arvados-x", f"--owner={admin.user}")
    assert admin.refused(77, "grant", "add", "zzzzz-j7d0g-anonymouspublic", "arvados-x")
    for tail in ("zzzzz-dz642-000000000000000", ""):
        assert admin.refused(64, "grant", "add", tail, "arvados-x"), tail
    for tail in ("nosuchname", "absent@example.org", "zzzzz-tpzed-1"):
        assert tail in admin.refused(66, "grant", "add", tail, "arvados-x")
    assert admin.refused(64, "grant", "add", admin.user, "arvados-x", "--expires-at=tomorrow")
    words = admin.refused(77, "grant", "add", "zzzzz-tpzed-000000000000999", "arvados-x")
    assert "Arvados answers" in words


def test_the_list_tells_what_does_not_count_and_why(admin):
    sim = admin.mount.sim
    sim.try_call("POST", "links", {"link": {"link_class": "vault_policy", "name": "arvados-self", "tail_uuid": admin.user}},
                 token=sim.active_token)
    sim.grant("outside-x", admin.user)
    sim.grant("arvados-old", admin.user, properties={"expires_at": "2001-01-01T00:00:00Z"})
    verdicts = {row["policy"]: row["counts"] for row in rows(admin.ok("grant", "list", admin.user, "--format=json"))}
    assert verdicts == {"arvados-read": "yes", "arvados-self": "untrusted_owner", "outside-x": "outside_prefix", "arvados-old": "expired"}
    # The same as the mount says.
    shown = json.loads(admin.ok("grant", "check", admin.user, "--format=json"))
    assert {grant["policy"]: grant["reason"] or "yes" for grant in shown["grants"]} == verdicts


def test_the_list_sees_what_the_mount_sees(admin):
    """Owners with a prefix of their own, and every known property."""
    sim = admin.mount.sim
    lab = sim.new_project("lab")["uuid"]
    admin.mount.configure(trusted_link_owners=[SYSTEM_USER, lab], prefixes_by_owner={lab: "arvados-lab-"})
    image = "0123456789abcdef0123456789abcdef+100"
    for name, owner, properties in [
        ("arvados-lab-x", lab, {}), ("arvados-x", lab, {}), ("arvados-later", SYSTEM_USER, {"not_before": "2099-01-01T00:00:00Z"}),
        ("arvados-image", SYSTEM_USER, {"container_image": image}), ("arvados-no-image", SYSTEM_USER, {"container_image": "latest"}),
        ("arvados-no-time", SYSTEM_USER, {"not_before": 7}), ("arvados-no-reason", SYSTEM_USER, {"reason": ["x"]}),
        ("arvados-note", SYSTEM_USER, {"note": ["x"]}),
    ]:
        sim.grant(name, admin.user, owner=owner, properties=properties)
    verdicts = {row["policy"]: row["counts"] for row in rows(admin.ok("grant", "list", admin.user, "--format=json"))}
    assert verdicts == {"arvados-read": "yes", "arvados-lab-x": "yes", "arvados-x": "outside_prefix", "arvados-later": "not_yet",
                        "arvados-image": "yes", "arvados-no-image": "bad_properties", "arvados-no-time": "bad_properties",
                        "arvados-no-reason": "bad_properties", "arvados-note": "yes"}
    shown = json.loads(admin.ok("grant", "check", admin.user, "--format=json"))
    # Which image it would be is only known of a container.
    assert {grant["policy"]: grant["reason"] or "yes" for grant in shown["grants"]} == {**verdicts, "arvados-image": "wrong_image"}
    assert "outside_prefix" in admin.refused(77, "grant", "add", admin.user, "arvados-y", f"--owner={lab}")
    assert "expired" in admin.refused(77, "grant", "add", admin.user, "arvados-y", "--expires-at=2001-01-01T00:00:00Z")
    assert "arvados-lab-y" in admin.ok("grant", "add", admin.user, "arvados-lab-y", f"--owner={lab}")


def test_only_grants_are_removed(admin):
    sim = admin.mount.sim
    permission = [link["uuid"] for link in json.loads(sim.try_call("GET", "links", token=sim.admin_token).body)["items"]
                  if link["link_class"] == "permission"][0]
    assert admin.refused(66, "grant", "remove", permission)
    assert sim.try_call("GET", f"links/{permission}", token=sim.admin_token).status == 200
    assert admin.refused(64, "grant", "remove", admin.user)


def test_who_is_no_admin(admin):
    env = {"ARVADOS_API_TOKEN": admin.mount.sim.active_token}
    assert "admin's token" in admin.refused(77, "grant", "add", admin.user, "arvados-x", env=env)
    assert admin.refused(77, "grant", "add", admin.user, "arvados-x", env={"BAO_TOKEN": "s.no"})
    assert "BAO_TOKEN" in admin.refused(78, "grant", "add", admin.user, "arvados-x", env={"BAO_TOKEN": None})
    shown = admin.ok("grant", "add", admin.user, "anything", "--unchecked", env={"BAO_TOKEN": None})
    assert "anything" in shown


@pytest.mark.parametrize("words", [(), ("add",), ("add", "x"), ("list", "a", "b"), ("remove",), ("frob",), ("check",)])
def test_grant_says_how_it_is_written(admin, words):
    assert admin.refused(64, "grant", *words)


def test_grant_check_of_a_container(admin):
    shown = json.loads(admin.ok("grant", "check", admin.container.uuid, "--format=json"))
    assert shown["outcome"] == "granted" and shown["policies"] == ["arvados-read"]
    admin.mount.sim.finish(admin.container)
    for words in ((), ("--format=json",)):
        done = admin.run("grant", "check", admin.container.uuid, *words)
        assert done.returncode == 77 and "container_not_running" in done.stderr
    with admin.mount.sim.faults.add("/arvados/v1/containers", faults.status(503), times=None):
        assert admin.run("grant", "check", admin.container.uuid).returncode == 75


def user_record(admin) -> dict:
    return json.loads(admin.mount.sim.try_call("GET", f"users/{admin.user}", token=admin.mount.sim.admin_token).body)


def test_users_and_roles_by_name(admin):
    user, role = user_record(admin), admin.mount.sim.new_role("sequencing team")["uuid"]
    assert admin.user in admin.ok("grant", "add", user["username"], "arvados-a")
    assert admin.user in admin.ok("grant", "add", user["email"], "arvados-b")
    assert role in admin.ok("grant", "add", "sequencing team", "arvados-c", "--reason=ticket 9")
    by_name = rows(admin.ok("grant", "list", user["username"], "--format=json"))
    assert {row["policy"] for row in by_name} == {"arvados-read", "arvados-a", "arvados-b"}
    assert {row["name"] for row in by_name} == {user["username"]}
    (row,) = rows(admin.ok("grant", "list", "sequencing team", "--format=json"))
    assert (row["name"], row["reason"], row["tail_uuid"]) == ("sequencing team", "ticket 9", role)
    assert row["author"] not in (None, row["owner_uuid"]) and row["modified_at"][:2] == "20"
    shown = admin.ok("grant", "list")
    assert user["username"] in shown and "sequencing team" in shown and "ticket 9" in shown
    assert "arvados-a" in admin.ok("grant", "check", user["email"])
    assert len(admin.ok("grant", "remove", user["username"], "arvados-a").splitlines()) == 1
    assert "arvados-a" not in admin.ok("grant", "list", user["username"])
    assert "not granted" in admin.refused(66, "grant", "remove", user["username"], "arvados-a")


def test_a_name_that_two_have(admin):
    roles = [admin.mount.sim.new_role("twice")["uuid"], admin.mount.sim.new_role(user_record(admin)["username"])["uuid"]]
    assert roles[0] in admin.ok("grant", "add", "twice", "arvados-a")
    words = admin.refused(77, "grant", "add", user_record(admin)["username"], "arvados-a")
    assert admin.user in words and roles[1] in words and "give the uuid" in words


def test_no_grant_for_a_project_or_a_role_in_the_trash(admin):
    sim = admin.mount.sim
    project, role = sim.new_project("results")["uuid"], sim.new_role("former")["uuid"]
    assert "is a project" in admin.refused(77, "grant", "add", project, "arvados-a")
    assert "is a project" in admin.refused(77, "grant", "add", "results", "arvados-a")
    admin.ok("grant", "add", role, "arvados-a")
    sim.grant("arvados-b", project)
    assert sim.try_call("POST", f"groups/{role}/trash", token=sim.admin_token).status == 200
    assert "in the trash" in admin.refused(77, "grant", "add", role, "arvados-b")
    verdicts = {row["policy"]: row["counts"] for row in rows(admin.ok("grant", "list", "--format=json"))}
    assert verdicts == {"arvados-read": "yes", "arvados-a": "role_trashed", "arvados-b": "role_trashed"}
    for uuid in (role, project):  # the same as the mount says
        shown = json.loads(admin.ok("grant", "check", uuid, "--format=json"))
        assert [grant["reason"] for grant in shown["grants"]] == ["role_trashed"]


def test_a_grant_that_is_there_already(admin):
    admin.ok("grant", "add", admin.user, "arvados-a", "--reason=first")
    done = admin.run("grant", "add", admin.user, "arvados-a")
    assert done.returncode == 0 and "granted already" in done.stderr and "first" in done.stdout
    assert "another expiry or reason" in admin.refused(77, "grant", "add", admin.user, "arvados-a", "--reason=second")
    assert len(rows(admin.ok("grant", "list", admin.user, "--format=json"))) == 2
    admin.ok("grant", "add", admin.user, "arvados-a", "--again", "--reason=second")
    reasons = [row["reason"] for row in rows(admin.ok("grant", "list", admin.user, "--format=json")) if row["policy"] == "arvados-a"]
    assert sorted(reasons) == ["first", "second"]
    assert len(admin.ok("grant", "remove", admin.user, "arvados-a").splitlines()) == 2
    admin.mount.sim.grant("arvados-a", admin.user, properties={"expires_at": "2001-01-01T00:00:00Z"})
    assert "granted already" not in admin.run("grant", "add", admin.user, "arvados-a").stderr  # the old one has expired


def test_remove_takes_no_link_of_another_owner(admin):
    sim = admin.mount.sim
    sim.try_call("POST", "links", {"link": {"link_class": "vault_policy", "name": "arvados-a", "tail_uuid": admin.user}}, token=sim.active_token)
    assert "not granted" in admin.refused(66, "grant", "remove", admin.user, "arvados-a")
    assert len(rows(admin.ok("grant", "list", admin.user, "--format=json"))) == 2


def test_a_policy_that_does_not_exist_is_pointed_out(admin):
    words = admin.run("grant", "add", admin.user, "arvados-no-such").stderr
    assert "arvados-no-such does not exist" in words
    admin.policy("arvados-there", 'path "x" { capabilities = ["read"] }')
    assert "does not exist" not in admin.run("grant", "add", admin.user, "arvados-there").stderr
    # A token that may not see policies, as most may not.
    admin.policy("mount-reader", f'path "auth/{admin.mount.path}/*" {{ capabilities = ["read", "update"] }}')
    token = admin.mount.bao.call("POST", "auth/token/create", {"policies": ["mount-reader"]}).json()["auth"]["client_token"]
    done = admin.run("grant", "add", admin.user, "arvados-no-such-2", env={"BAO_TOKEN": token})
    assert done.returncode == 0 and "does not exist" not in done.stderr


def test_a_list_for_who_is_no_admin_is_refused(admin):
    """Arvados would give an empty one."""
    assert "admin's token" in admin.refused(77, "grant", "list", env={"ARVADOS_API_TOKEN": admin.mount.sim.active_token})


# ---- doctor ----


def verdicts(client, *arguments, status: int = 0, **options) -> dict[str, dict]:
    done = client.run("doctor", "--format=json", *arguments, **options)
    assert done.returncode == status, (done.stdout, done.stderr)
    assert SECRET not in done.stdout + done.stderr and client.token.split("/")[2] not in done.stdout + done.stderr
    shown = json.loads(done.stdout)
    assert shown["ok"] == (status == 0)
    for check in shown["checks"]:
        assert (check["mend"] is None) == (check["ok"] is not False)
    return {check["name"]: check for check in shown["checks"]}


@pytest.mark.core
def test_all_is_well(client):
    path = client.put("open/db", password=SECRET)
    checks = verdicts(client, f"{path}#password")
    assert list(checks) == ["arvados", "token", "container", "vault", "login", "policy", "secret"]
    assert all(check["ok"] for check in checks.values())
    assert "Running" in checks["container"]["detail"] and "arvados-read" in checks["policy"]["detail"]
    shown = client.ok("doctor", path)
    assert shown.count("ok ") == 7 and "\033" not in shown
    assert verdicts(client)["secret"]["ok"] is None


@pytest.mark.parametrize("change, status, name, words", [
    ({"BAO_ADDR": None}, 78, "settings", "BAO_ADDR"),
    ({"BAO_ADDR": "https://127.0.0.1:1"}, 75, "vault", "reached"),
    ({"BAO_ADDR": "https://nowhere.invalid"}, 75, "vault", "resolved"),
    ({"BAO_CACERT": "/nonexistent"}, 74, "settings", "/nonexistent"),
    ({"ARVADOS_API_TOKEN": None}, 78, "token", "ARVADOS_API_TOKEN"),
    ({"ARVADOS_API_TOKEN": "opensesame"}, 78, "token", "v2"),
    ({"ARVADOS_API_HOST": "127.0.0.1:1"}, 75, "arvados", "reached"),
    ({"ARVADOS_API_HOST": "http://x"}, 78, "arvados", "ARVADOS_API_HOST"),
    ({"ARV_VAULT_MOUNT": "elsewhere"}, 77, "login", "elsewhere"),
    ({"ARV_VAULT_ROLE": "no-such"}, 69, "login", "role"),
    ({"BAO_TOKEN": "s.nonsense"}, 77, "policy", "403"),
])
def test_what_is_wrong_is_found(client, change, status, name, words):
    checks = verdicts(client, "--max-retries=0", status=status, env=change)
    assert checks[name]["ok"] is False and words in checks[name]["detail"], checks[name]
    assert [check["name"] for check in checks.values() if check["ok"] is False][0] == name


def test_wrong_certificates_are_told_apart(client):
    checks = verdicts(client, status=78, env={"BAO_CACERT": client.mount.sim.ca_pem})
    assert "trusted" in checks["vault"]["detail"] and "BAO_CACERT" in checks["vault"]["mend"]
    checks = verdicts(client, status=78, env={"SSL_CERT_FILE": client.mount.bao.ca})
    assert "trusted" in checks["arvados"]["detail"] and "SSL_CERT_FILE" in checks["arvados"]["mend"]


def test_a_container_that_has_ended(client):
    client.mount.sim.finish(client.container)
    checks = verdicts(client, status=77)
    assert checks["token"]["ok"] and checks["container"]["ok"] is False and checks["login"]["ok"] is False
    assert "only while its container runs" in checks["container"]["mend"]


def test_secrets_that_can_not_be_read(client):
    client.put("closed/db", password=SECRET)
    assert verdicts(client, f"{client.kv}/closed/db", status=77)["secret"]["ok"] is False
    assert verdicts(client, f"{client.kv}/open/none", status=66)["secret"]["ok"] is False
    assert "missing" in verdicts(client, f"?{client.kv}/open/none")["secret"]["detail"]


def test_arvados_away(client):
    with client.mount.sim.faults.add("/arvados/v1/users/current", faults.status(503), times=None):
        checks = verdicts(client, "--max-retries=0", status=75)
        assert checks["login"]["ok"] is False and "config/check" in checks["login"]["mend"]
        assert checks["container"]["ok"] is False and "container runs" not in checks["container"]["mend"]


def test_a_sealed_vault(own_bao, sim, tmp_path):
    from client import Client
    from conftest import make_mount

    mount = make_mount(own_bao, sim)
    mount.configure()
    container = sim.run_container("active")
    client = Client(mount, tmp_path, "secret", container.token)
    assert own_bao.call("POST", "sys/seal").status_code == 204
    assert "sealed" in verdicts(client, "--max-retries=0", status=75)["vault"]["detail"]
    assert client.refused(75, "get", "secret/x", "--max-retries=0")
