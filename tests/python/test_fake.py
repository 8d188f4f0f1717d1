"""The vault in memory behaves as a real one: the same calls, on both, with the same results and exceptions."""

from __future__ import annotations

import pytest

import arvados_vault
from arvados_vault import Job, Vault
from arvados_vault.testing import FakeVault, use
from client import SECRET


@pytest.fixture(params=["fake", "real"])
def vault(request):
    """With open/db; closed/ is denied; mine/ and jobs/ can be written. `vault.kv` is its KV mount."""
    if request.param == "fake":
        made = FakeVault({"kv/open/db": {"password": SECRET, "port": 5432}}, denied=["kv/closed/"])
        made.kv = "kv"
    else:
        container = request.getfixturevalue("container")
        made = Vault()
        made.kv = container.kv
        container.put("open/db", password=SECRET, port=5432)
        container.policy("arvados-read", "\n".join(f'path "{made.kv}/data/{path}" {{ capabilities = ["create", "read", "update"] }}'
                                                   for path in ("open/*", "mine/*", "jobs/team/+")))
    with made:
        yield made


def outcome(call) -> object:
    try:
        return call()
    except arvados_vault.VaultError as error:
        return type(error), error.reason, error.exit_status


CALLS = [
    (lambda v: v.get_secret(f"{v.kv}/open/db#password"), SECRET),
    (lambda v: v.get_secret(f"{v.kv}/open/db"), {"password": SECRET, "port": 5432}),
    (lambda v: v.get_all_secrets(f"{v.kv}/open/db").version, 1),
    (lambda v: v.get_secret(f"{v.kv}/open/db#user"), (arvados_vault.SecretNotFound, "secret_missing", 66)),
    (lambda v: v.get_secret(f"{v.kv}/open/none"), (arvados_vault.SecretNotFound, "secret_missing", 66)),
    (lambda v: v.get_secret(f"{v.kv}/open/db#user", "default"), "default"),
    (lambda v: v.get_secret(f"?{v.kv}/open/db#user"), None),
    (lambda v: v.get_all_secrets(f"{v.kv}/closed/db"), (arvados_vault.Denied, "forbidden", 77)),
    (lambda v: v.set_all_secrets(f"{v.kv}/closed/db", {}), (arvados_vault.Denied, "forbidden", 77)),
    (lambda v: v.get_secret(f"/{v.kv}/open/db/#password"), SECRET),
    (lambda v: v.get_secret("a//x"), (arvados_vault.InvalidInput, "usage", 64)),
    (lambda v: v.set_all_secrets(f"{v.kv}/mine/x", {"a": object()}), (arvados_vault.InvalidInput, "usage", 64)),
    (lambda v: [v.set_all_secrets(f"{v.kv}/mine/x", {"a": n}) for n in range(3)], [1, 2, 3]),
    (lambda v: v.set_all_secrets(f"{v.kv}/mine/x", {}, version=7), (arvados_vault.Conflict, "version_conflict", 75)),
    (lambda v: v.set_all_secrets(f"{v.kv}/mine/x", {}, version=0), 1),
    (lambda v: [v.put_secret(f"{v.kv}/mine/x#a", 1), v.put_secret(f"{v.kv}/mine/x#b", 2), v.get_all_secrets(f"{v.kv}/mine/x")],
     [1, 2, {"a": 1, "b": 2}]),
    (lambda v: Job("team", "job", path=v.kv + "/jobs/{team}/{job}", vault=v).get_all_secrets(), {}),
    (lambda v: sorted(v.whoami())[0] != "", True),
    (lambda v: v.login().token.startswith("s."), True),
]


@pytest.mark.parametrize("call, expected", CALLS, ids=range(len(CALLS)))
def test_the_fake_does_what_the_real_one_does(vault, call, expected):
    assert outcome(lambda: call(vault)) == expected


def test_the_functions_use_it_inside_of_the_block():
    fake = FakeVault({"secret/x": {"a": SECRET}}, denied=["secret/closed/"])
    with use(fake):
        assert arvados_vault.get_secret("secret/x#a") == SECRET
        assert Job("team", "job").get_secret("a", "none") == "none"
        with pytest.raises(arvados_vault.Denied):
            arvados_vault.get_secret("secret/closed/x#a")
        fake.unavailable = True
        with pytest.raises(arvados_vault.Unavailable):
            arvados_vault.whoami()
    assert fake.calls == [("get", "secret/x"), ("get_all", "secret/jobs/team/job"), ("get", "secret/closed/x"), ("whoami", "")]
    assert SECRET not in repr(fake)
    assert isinstance(arvados_vault._default.vault(), Vault)


def test_what_a_test_holds_is_not_what_is_stored():
    fields = {"hosts": ["a"]}
    fake = FakeVault({"secret/x": fields})
    fields["hosts"].append("b")
    fake.get_secret("secret/x#hosts").append("c")
    assert fake.get_secret("secret/x#hosts") == ["a"]
