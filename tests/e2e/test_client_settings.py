"""Where arv-vault takes its settings from, and which one counts when there are several."""

from __future__ import annotations

import datetime
import ipaddress
import os
import socket
import ssl

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from client import SECRET
from false_vault import TOKEN, asked, plain, secret


@pytest.fixture
def vault(false_vault):
    false_vault.answers[:0] = [("/data/x ", plain(200, secret()))]
    return false_vault


def body(vault, path: str) -> bytes:
    return next(request for request in vault.seen if path.encode() in request.split(b"\r\n")[0])


GET = ("get", "secret/x#pw")


# ---- the mount ----


@pytest.mark.parametrize("written", ["arvados/", "/arvados", "auth/arvados", "auth/arvados/", "/auth/arvados/"])
def test_the_mounts_name_as_people_write_it(vault, written):
    assert vault.client.ok(*GET, f"--mount={written}") == SECRET
    assert vault.client.ok(*GET, env={"ARV_VAULT_MOUNT": written}) == SECRET
    spec = vault.client.home / "spec.json"
    spec.write_text('{"mount": "%s", "env": {"A": "secret/x#pw"}}' % written)
    assert vault.client.ok("exec", f"--spec={spec}", "--", "sh", "-c", "echo $A") == SECRET + "\n"
    assert asked(vault, "/v1/auth/arvados/login") == 3


def test_a_mount_without_a_name(vault):
    assert "empty" in vault.client.refused(78, *GET, "--mount=/")


# ---- certificates ----


def test_options_come_before_variables_and_bao_before_vault(vault, tmp_path):
    good, wrong = vault.ca, tmp_path / "wrong"
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/ca.pem").write_text(open(good).read())
    wrong.write_text("no certificate")
    none = {"BAO_CACERT": None}
    folder = str(tmp_path / "folder")
    assert vault.client.ok(*GET, f"--ca-path={folder}", env={"BAO_CACERT": str(wrong)}) == SECRET
    assert vault.client.ok(*GET, env={"BAO_CACERT": None, "BAO_CAPATH": folder, "VAULT_CACERT": str(wrong)}) == SECRET
    assert vault.client.ok(*GET, env={**none, "VAULT_CAPATH": folder}) == SECRET
    assert vault.client.run(*GET, f"--ca-cert={wrong}", env={"BAO_CACERT": good}).returncode == 78


def test_a_broken_certificate_among_good_ones_is_left_out(vault, tmp_path):
    good = open(vault.ca).read()
    broken = good.replace("MII", "MJJ", 1)
    bundle = tmp_path / "bundle.pem"
    bundle.write_text(broken + good)
    done = vault.client.run(*GET, env={"BAO_CACERT": str(bundle)})
    assert done.returncode == 0 and done.stdout == SECRET and str(bundle) in done.stderr
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.pem").write_text(good)
    (folder / "server.key").write_text("-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n")
    (folder / "z.pem").write_text(broken)
    done = vault.client.run(*GET, env={"BAO_CACERT": None, "BAO_CAPATH": str(folder)})
    assert done.returncode == 0 and done.stdout == SECRET
    assert f"{folder}/z.pem" in done.stderr
    assert vault.client.run(*GET, env={"BAO_CACERT": str(folder / "z.pem")}).returncode == 78


@pytest.mark.parametrize("name", ["BAO_SKIP_VERIFY", "VAULT_SKIP_VERIFY", "BAO_CACERT_BYTES",
                                  "VAULT_PROXY_ADDR", "BAO_AGENT_ADDR", "BAO_MFA"])
def test_what_bao_would_use_and_this_does_not_is_named(vault, name):
    done = vault.client.run(*GET, env={name: "1"})
    assert done.returncode == 0 and f"{name} is ignored" in done.stderr
    assert vault.client.run(*GET, "--quiet", env={name: "1"}).stderr == ""


# ---- client certificates ----


@pytest.fixture
def strict(vault, tmp_path):
    """The same server, which requires a certificate of its own authority; and the files of one."""
    authority = trustme.CA()
    authority.issue_cert("job").private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "both.pem"))
    text = (tmp_path / "both.pem").read_text()
    at = text.index("-----BEGIN CERTIFICATE-----")
    (tmp_path / "client.key").write_text(text[:at])
    (tmp_path / "client.pem").write_text(text[at:])
    server = trustme.CA()
    server.cert_pem.write_to_path(str(tmp_path / "server-ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.issue_cert("127.0.0.1").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED

    def listen(version: ssl.TLSVersion) -> dict[str, str]:
        context.maximum_version = version
        vault.listen(context.wrap_socket(socket.create_server(("127.0.0.1", 0)), server_side=True))
        return {"BAO_ADDR": f"https://127.0.0.1:{vault.socket.getsockname()[1]}", "BAO_CACERT": str(tmp_path / "server-ca.pem")}

    return listen


def expect_told(vault, env: dict[str, str], words: str) -> None:
    """In TLS 1.3 the server's alert comes after the handshake, and is lost if the request is sent before it is read."""
    done = vault.client.run(*GET, env=env)
    assert (done.returncode == 78 and words in done.stderr) or (done.returncode == 75 and "asked for a client certificate" in done.stderr), done


VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.name)
def test_a_server_that_requires_a_client_certificate(vault, strict, tmp_path, version):
    env = strict(version)
    cert, key = str(tmp_path / "client.pem"), str(tmp_path / "client.key")
    assert vault.client.ok(*GET, env={**env, "BAO_CLIENT_CERT": cert, "BAO_CLIENT_KEY": key}) == SECRET
    assert vault.client.ok(*GET, env={**env, "VAULT_CLIENT_CERT": cert, "VAULT_CLIENT_KEY": key}) == SECRET
    assert vault.client.ok(*GET, f"--client-cert={cert}", f"--client-key={key}", env=env) == SECRET
    expect_told(vault, env, "requires a client certificate")


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.name)
def test_a_client_certificate_of_another_authority(vault, strict, tmp_path, version):
    env = strict(version)
    other = trustme.CA().issue_cert("job")
    other.private_key_pem.write_to_path(str(tmp_path / "other.key"))
    other.cert_chain_pems[0].write_to_path(str(tmp_path / "other.pem"))
    expect_told(vault, {**env, "BAO_CLIENT_CERT": str(tmp_path / "other.pem"), "BAO_CLIENT_KEY": str(tmp_path / "other.key")},
                "refuses the client certificate")


def test_client_certificates_that_can_not_be_used_are_named(vault, strict, tmp_path):
    env = strict(ssl.TLSVersion.TLSv1_3)
    cert, key = str(tmp_path / "client.pem"), str(tmp_path / "client.key")
    assert "BAO_CLIENT_KEY" in vault.client.refused(78, *GET, env={**env, "BAO_CLIENT_CERT": cert})
    assert "/nonexistent" in vault.client.refused(74, *GET, env={**env, "BAO_CLIENT_CERT": cert, "BAO_CLIENT_KEY": "/nonexistent"})
    assert "its key can't be used" in vault.client.refused(78, *GET, env={**env, "BAO_CLIENT_CERT": key, "BAO_CLIENT_KEY": cert})


# ---- durations ----


@pytest.mark.parametrize("text", ["1m30s", "20s", "20000ms", "1h30m", "20", "1.5h", "0", "0s", "1d", "15000000us"])
def test_durations_as_go_writes_them(vault, text):
    assert vault.client.ok(*GET, env={"BAO_CLIENT_TIMEOUT": text}) == SECRET
    assert vault.client.ok(*GET, f"--timeout={text}", env={"BAO_CLIENT_TIMEOUT": "nonsense"}) == SECRET


@pytest.mark.parametrize("text", ["s", "1x", "1m 30s", "-1s", ".", "1..5s", "99999999999999999999", "1h1"])
def test_what_is_no_duration_is_named(vault, text):
    words = vault.client.refused(78, *GET, env={"BAO_CLIENT_TIMEOUT": text})
    assert "BAO_CLIENT_TIMEOUT" in words and text in words


def test_half_a_second_is_a_timeout(vault):
    vault.answers.insert(0, ("/data/x ", b"HANG"))
    assert vault.client.run(*GET, env={"BAO_CLIENT_TIMEOUT": "500ms"}).returncode == 75


# ---- tokens ----


def test_a_token_that_is_far_too_long_is_named(vault):
    words = vault.client.refused(78, *GET, env={"BAO_TOKEN": "s." + "x" * 5000})
    assert "BAO_TOKEN" in words and "longer" in words
    assert "ARVADOS_API_TOKEN" in vault.client.refused(78, *GET, env={"ARVADOS_API_TOKEN": TOKEN + "x" * 5000})


def test_an_empty_token_file_is_none(vault):
    (vault.client.home / ".vault-token").write_text("")
    assert vault.client.ok(*GET) == SECRET and asked(vault, "/login") == 1


INVALID = plain(403, {"errors": ["2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"]})


def test_a_stale_token_file_falls_back_to_a_login(vault):
    (vault.client.home / ".vault-token").write_text("s.stale")
    vault.answers.insert(0, ("lookup-self", INVALID))
    done = vault.client.run(*GET)
    assert done.returncode == 0 and done.stdout == SECRET and "~/.vault-token" in done.stderr
    assert asked(vault, "/login") == 1


def test_a_token_that_is_not_valid_is_said_to_be_so(vault):
    """The server says the same at a path that the token may not use as for one that it does not know."""
    vault.answers[:0] = [("lookup-self", INVALID), ("/mounts/", plain(403, {"errors": ["preflight capability check returned 403"]}))]
    words = vault.client.refused(77, *GET, env={"BAO_TOKEN": "s.x"})
    assert "unknown, expired or used up" in words and "BAO_TOKEN" in words


# ---- Arvados' settings.conf ----


def conf(folder, token: str, more: str = "") -> None:
    folder.mkdir(parents=True)
    (folder / "settings.conf").write_text(f"ARVADOS_API_HOST=zzzzz.example\nARVADOS_API_TOKEN={token}\n{more}")


def sent(vault) -> str:
    vault.seen.clear()
    vault.client.ok(*GET, env={"ARVADOS_API_TOKEN": None, "ARVADOS_API_HOST": None, "XDG_CONFIG_HOME": vault.client.env.get("XDG_CONFIG_HOME"),
                               "XDG_CONFIG_DIRS": vault.client.env.get("XDG_CONFIG_DIRS")})
    return next(part for part in body(vault, "/login").decode().split('"') if part.startswith("v2/"))


def token(letter: str) -> str:
    return TOKEN.replace("it2gl94", letter * 7)


def test_of_two_lines_the_last_counts(vault):
    conf(vault.client.home / ".config/arvados", token("a"), f"ARVADOS_API_TOKEN={token('b')}\n")
    assert sent(vault) == token("b")


def test_it_is_looked_for_where_the_sdk_looks(vault, tmp_path):
    conf(tmp_path / "dirs/arvados", token("d"))
    vault.client.env["XDG_CONFIG_DIRS"] = f"relative:{tmp_path}/none:{tmp_path}/dirs"
    assert sent(vault) == token("d")
    conf(vault.client.home / ".config/arvados", token("h"))
    assert sent(vault) == token("h")
    conf(tmp_path / "xdg/arvados", token("x"))
    vault.client.env["XDG_CONFIG_HOME"] = str(tmp_path / "xdg")
    assert sent(vault) == token("x")
    vault.client.env["XDG_CONFIG_HOME"] = str(tmp_path / "empty")
    assert sent(vault) == token("d")  # not the folder that it would be without the variable


# ---- what is closed ----


@pytest.mark.parametrize("words", [("login",), ("get", "secret/x#pw"), ("env", "--env=A=secret/x#pw"), ("help",)])
def test_a_closed_standard_output_is_no_success(vault, words):
    done = vault.client.run(*words, preexec_fn=lambda: os.close(1))
    assert done.returncode == 74 and "standard output" in done.stderr


def test_the_command_has_the_environment_as_it_was(vault):
    for secrets in ([], ["--env=A=secret/x#pw"]):
        assert vault.client.ok("exec", *secrets, "--", "sh", "-c", "echo $SSLKEYLOGFILE", env={"SSLKEYLOGFILE": "/nonexistent/keys"}) == \
            "/nonexistent/keys\n"


# ---- who the server is ----


@pytest.mark.parametrize("names, accepted", [([], False), (["127.0.0.1"], True), (["other.example"], False)])
def test_a_certificate_names_its_server_by_a_san(vault, tmp_path, names, accepted):
    """The common name is no such name, whatever it says (RFC 9525)."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
               .not_valid_before(now - datetime.timedelta(1)).not_valid_after(now + datetime.timedelta(1)))
    if names:
        san = [x509.IPAddress(ipaddress.ip_address(text)) if text[0].isdigit() else x509.DNSName(text) for text in names]
        builder = builder.add_extension(x509.SubjectAlternativeName(san), critical=False)
    pem = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    files = tmp_path / "cert.pem", tmp_path / "key.pem"
    files[0].write_bytes(pem)
    files[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    vault.listen(context.wrap_socket(socket.create_server(("127.0.0.1", 0)), server_side=True))
    address = f"https://127.0.0.1:{vault.socket.getsockname()[1]}"
    done = vault.client.run(*GET, env={"BAO_ADDR": address, "BAO_CACERT": str(files[0])})
    assert (done.returncode, done.stdout) == ((0, SECRET) if accepted else (78, "")), done.stderr
