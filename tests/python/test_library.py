"""The functions of the Python package against a real OpenBao: what they return, raise and leave behind."""

from __future__ import annotations

import asyncio
import copy
import pickle
import pprint

import pytest

import arvados_vault
from arvados_vault import Job, Secrets, Vault, aio
from client import SECRET


def test_one_field_keeps_its_type(container):
    path = container.put("open/db", password=SECRET, port=5432, tls=True, hosts=["a", "b"], odd='é\n"\\ 🔑')
    assert arvados_vault.get_secret(f"{path}#password") == SECRET
    assert arvados_vault.get_secret(f"{path}#port") == 5432
    assert arvados_vault.get_secret(f"{path}#tls") is True
    assert arvados_vault.get_secret(f"{path}#hosts") == ["a", "b"]
    assert arvados_vault.get_secret(f"{path}#odd") == 'é\n"\\ 🔑'


def test_a_whole_secret_is_a_dict_that_does_not_show_itself(container):
    path = container.put("open/db", password=SECRET, user="ann")
    for secrets in (arvados_vault.get_all_secrets(path), arvados_vault.get_secret(path)):
        assert secrets == {"password": SECRET, "user": "ann"} and isinstance(secrets, dict)
        assert (secrets.path, secrets.version) == (path, 1)
        for shown in (repr(secrets), str(secrets), f"{secrets}", "%s" % (secrets,), pprint.pformat(secrets), repr([secrets])):
            assert SECRET not in shown and "password" in shown
        for other in (copy.copy(secrets), copy.deepcopy(secrets), pickle.loads(pickle.dumps(secrets))):
            assert other == secrets and other.version == 1 and SECRET not in repr(other)


def test_a_default_is_for_what_is_missing_only(container):
    path = container.put("open/db", password=SECRET)
    container.put("closed/db", password=SECRET)
    assert arvados_vault.get_secret(f"{path}#user", default="none") == "none"
    assert arvados_vault.get_secret(f"{container.kv}/open/none", default=None) is None
    assert arvados_vault.get_secret(f"?{path}#user") is None
    assert arvados_vault.get_secret(f"?{path}#user", "none") == "none"
    with pytest.raises(arvados_vault.Denied):
        arvados_vault.get_secret(f"{container.kv}/closed/db#password", default="none")


@pytest.mark.parametrize("call, kind, words", [
    (lambda kv: arvados_vault.get_secret(f"{kv}/open/none#x"), arvados_vault.SecretNotFound, "open/none"),
    (lambda kv: arvados_vault.get_all_secrets(f"{kv}/open/none"), arvados_vault.SecretNotFound, "open/none"),
    (lambda kv: arvados_vault.get_secret(f"{kv}/closed/db#x"), arvados_vault.Denied, "closed/db"),
    (lambda kv: arvados_vault.set_all_secrets(f"{kv}/open/db", {"a": "b"}), arvados_vault.Denied, "open/db"),
    (lambda kv: arvados_vault.get_secret("a//secret"), arvados_vault.InvalidInput, "a//secret"),
    (lambda kv: arvados_vault.get_secret(None), arvados_vault.InvalidInput, "NoneType"),
    (lambda kv: arvados_vault.get_all_secrets(f"{kv}/open/db#x"), arvados_vault.InvalidInput, "get_secret"),
    (lambda kv: arvados_vault.put_secret(f"{kv}/mine/x", "a"), arvados_vault.InvalidInput, "#password"),
    (lambda kv: arvados_vault.put_secret(f"{kv}/mine/x#a", b"a"), arvados_vault.InvalidInput, "base64"),
    (lambda kv: arvados_vault.put_secret(f"{kv}/mine/x#a", None), arvados_vault.InvalidInput, '"a"'),
    (lambda kv: arvados_vault.put_secret(f"{kv}/mine/x#a b", "a"), arvados_vault.InvalidInput, "white space"),
    (lambda kv: arvados_vault.set_all_secrets(f"{kv}/mine/x", {"a": 2**53 + 1}), arvados_vault.InvalidInput, '"a"'),
    (lambda kv: arvados_vault.set_all_secrets(f"{kv}/mine/x", {"a": float("nan")}), arvados_vault.InvalidInput, "finite"),
    (lambda kv: arvados_vault.set_all_secrets(f"{kv}/mine/x", {"a": "\0"}), arvados_vault.InvalidInput, "NUL"),
    (lambda kv: arvados_vault.set_all_secrets(f"{kv}/mine/x", {"a": "\ud800"}), arvados_vault.InvalidInput, "Unicode"),
    (lambda kv: arvados_vault.set_all_secrets(f"{kv}/mine/x", {"a": {1: 2}}), arvados_vault.InvalidInput, "keys"),
    (lambda kv: arvados_vault.set_all_secrets(f"{kv}/mine/x", {"a": object()}), arvados_vault.InvalidInput, "object"),
    (lambda kv: arvados_vault.set_all_secrets(f"{kv}/mine/x", {1: "a"}), arvados_vault.InvalidInput, "int"),
    (lambda kv: arvados_vault.set_all_secrets(f"{kv}/mine/x", ["a"]), arvados_vault.InvalidInput, "dict"),
    (lambda kv: arvados_vault.set_all_secrets(f"{kv}/mine/x", {}, version=-1), arvados_vault.InvalidInput, "version"),
    (lambda kv: Vault(role="none").whoami(), arvados_vault.VaultError, "role"),
    (lambda kv: Vault(address="http://vault.example").whoami(), arvados_vault.ConfigurationError, "address"),
    (lambda kv: Vault(address="https://127.0.0.1:1", max_retries=0).whoami(), arvados_vault.Unavailable, "127.0.0.1"),
    (lambda kv: Vault(program="/nonexistent").whoami(), arvados_vault.ConfigurationError, "/nonexistent"),
    (lambda kv: Vault(program="/bin/false").whoami(), arvados_vault.VaultError, "/bin/false"),
    (lambda kv: Vault(program="/bin/echo").whoami(), arvados_vault.VaultError, "/bin/echo"),
    (lambda kv: Vault(token=""), arvados_vault.ConfigurationError, "token"),
    (lambda kv: Job("a/b", "job"), arvados_vault.InvalidInput, "a/b"),
    (lambda kv: Job("team", ".."), arvados_vault.InvalidInput, ".."),
    (lambda kv: Job("team", "job", path="secret/{team}"), arvados_vault.ConfigurationError, "{job}"),
    (lambda kv: Job("team", "job", path="secret/{team}/{job}/{0}"), arvados_vault.ConfigurationError, "braces"),
])
def test_every_failure_names_what_it_is_about(container, call, kind, words):
    with pytest.raises(kind) as raised:
        call(container.kv)
    assert words in str(raised.value), raised.value
    assert isinstance(raised.value, arvados_vault.VaultError) and raised.value.exit_status != 0
    assert raised.value.retryable == isinstance(raised.value, arvados_vault.Unavailable)


def test_exceptions_survive_a_process_pool(container):
    with pytest.raises(arvados_vault.SecretNotFound) as raised:
        arvados_vault.get_secret(f"{container.kv}/open/none#x")
    other = pickle.loads(pickle.dumps(raised.value))
    assert (str(other), other.reason, other.exit_status) == (str(raised.value), "secret_missing", 66)


def test_a_write_is_check_and_set(container):
    path = f"{container.kv}/mine/x"
    assert arvados_vault.set_all_secrets(path, {"a": "1"}) == 1
    ours, theirs = arvados_vault.get_all_secrets(path), arvados_vault.get_all_secrets(path)
    theirs["b"] = "theirs"
    assert arvados_vault.set_all_secrets(path, theirs) == 2
    theirs["c"] = "again"  # it remembers what it wrote
    assert arvados_vault.set_all_secrets(path, theirs) == 3
    ours["b"] = "ours"
    with pytest.raises(arvados_vault.Conflict, match="mine/x"):
        arvados_vault.set_all_secrets(path, ours)
    assert container.read("mine/x")["data"] == {"a": "1", "b": "theirs", "c": "again"}
    with pytest.raises(arvados_vault.Conflict):
        arvados_vault.set_all_secrets(path, {"d": "4"}, version=0)
    assert arvados_vault.set_all_secrets(path, {"d": "4"}, version=3) == 4
    assert arvados_vault.set_all_secrets(path, ours, check=False) == 5


def test_put_keeps_the_other_fields(container):
    path = f"{container.kv}/mine/x"
    assert arvados_vault.put_secret(f"{path}#a", SECRET) == 1
    assert arvados_vault.put_secret(f"{path}#b", 2) == 2
    assert container.read("mine/x")["data"] == {"a": SECRET, "b": 2}


def test_explicit_settings_and_the_end_of_the_block(container, monkeypatch):
    path = container.put("open/db", password=SECRET)
    environment = container.environment()
    for name in ("BAO_ADDR", "BAO_CACERT", "ARV_VAULT_MOUNT", "ARVADOS_API_TOKEN"):
        monkeypatch.delenv(name)
    before = container.tokens_alive()
    with Vault(address=environment["BAO_ADDR"], ca_cert=environment["BAO_CACERT"], mount=environment["ARV_VAULT_MOUNT"],
               arvados_token=environment["ARVADOS_API_TOKEN"], timeout=20, max_retries=1) as vault:
        assert vault.get_secret(f"{path}#password") == SECRET
        assert environment["ARVADOS_API_TOKEN"] not in repr(vault) and environment["BAO_ADDR"] in repr(vault)
        assert container.tokens_alive() == before + 1
    assert container.tokens_alive() == before
    assert vault.get_secret(f"{path}#password") == SECRET  # it opens again
    vault.close()


def test_a_given_token_is_used_and_kept(container):
    path = container.put("open/db", password=SECRET)
    login = arvados_vault.login()
    assert login.token.startswith("s.") and login.token not in repr(login) and "arvados-read" in login.policies
    with Vault(token=login.token) as vault:
        assert vault.get_secret(f"{path}#password") == SECRET
        assert "arvados-read" in vault.whoami()["policies"]
    with Vault(token=login.token) as vault:
        assert vault.get_secret(f"{path}#password") == SECRET
    assert container.ok("revoke", env={"BAO_TOKEN": login.token}) == ""
    with Vault(token=login.token) as vault, pytest.raises(arvados_vault.Denied):
        vault.get_secret(f"{path}#password")


def test_a_vault_is_not_pickled():
    with pytest.raises(TypeError, match="each process"):
        pickle.dumps(Vault(token=SECRET))


# ---- asyncio ----


def test_asynchronous_calls(container):
    path = container.put("open/db", **{f"v{n}": str(n) for n in range(40)})

    async def read() -> None:
        async with aio.Vault(quiet=True) as vault:
            values = await asyncio.gather(*(vault.get_secret(f"{path}#v{n}") for n in range(40)))
            assert values == [str(n) for n in range(40)]
            assert await vault.set_all_secrets(f"{container.kv}/mine/x", {"a": SECRET}) == 1
            assert await vault.put_secret(f"{container.kv}/mine/x#b", "c") == 2
            secrets = await vault.get_all_secrets(f"{container.kv}/mine/x")
            assert isinstance(secrets, Secrets) and secrets == {"a": SECRET, "b": "c"}
            assert "arvados-read" in (await vault.whoami())["policies"]
            with pytest.raises(arvados_vault.Denied):
                await vault.get_secret(f"{container.kv}/closed/x#a")
        assert await aio.get_secret(f"{path}#v1") == "1"
        assert (await aio.login()).ttl > 0
        await aio.close()

    asyncio.run(read())


def test_a_cancelled_call_leaves_the_connection_usable(container):
    path = container.put("open/db", password=SECRET)

    async def read() -> None:
        async with aio.Vault() as vault:
            task = asyncio.ensure_future(vault.get_secret(f"{path}#password"))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await vault.get_secret(f"{path}#password") == SECRET

    asyncio.run(read())


# ---- a job's secrets ----


@pytest.fixture
def job_path(container) -> str:
    container.policy("arvados-read", f'path "{container.kv}/data/jobs/team/+" {{ capabilities = ["create", "read", "update"] }}')
    return container.kv + "/jobs/{team}/{job}"


def test_the_three_methods_of_a_job(container, job_path):
    job = Job("team", "job", path=job_path)
    assert job.get_all_secrets() == {} and job.get_secret("a") is None and job.get_secret("a", "b") == "b"
    job.set_all_secrets({"a": SECRET, "n": 1})
    assert container.read("jobs/team/job")["data"] == {"a": SECRET, "n": 1}
    assert job.get_secret("a") == SECRET and job.get_all_secrets() == {"a": SECRET, "n": 1}
    job.set_all_secrets({"a": "2"})
    assert job.get_all_secrets() == {"a": "2"} and SECRET not in repr(job)
    assert Job("team", "other", path=job_path).get_all_secrets() == {}


def test_two_runs_of_a_job_do_not_overwrite_each_other(container, job_path):
    ours, theirs = Job("team", "job", path=job_path), Job("team", "job", path=job_path)
    assert ours.get_all_secrets() == theirs.get_all_secrets() == {}
    theirs.set_all_secrets({"a": "theirs"})
    for _ in range(2):  # not even at a second try
        with pytest.raises(arvados_vault.Conflict):
            ours.set_all_secrets({"a": "ours"})
    ours.set_all_secrets({**ours.get_all_secrets(), "b": "ours"})
    assert container.read("jobs/team/job")["data"] == {"a": "theirs", "b": "ours"}


def test_the_place_of_a_jobs_secrets_comes_from_the_environment(container, job_path, monkeypatch):
    assert Job("team", "job").path == "secret/jobs/team/job"
    monkeypatch.setenv("ARV_VAULT_JOB_PATH", job_path)
    assert Job("team", "job").path == f"{container.kv}/jobs/team/job"
