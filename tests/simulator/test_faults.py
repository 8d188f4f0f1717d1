"""Each fault does what it says, to the requests it is meant for, and then is gone."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
import ssl
import threading
import time
from typing import Any, Iterator

import pytest

from simulator import Simulator, faults

CURRENT = "/arvados/v1/users/current"
CONTAINER = "/arvados/v1/containers/current"


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with Simulator() as running:
        yield running


class Client:
    """One connection to the simulator."""

    def __init__(self, sim: Simulator, timeout: float = 10.0) -> None:
        context = ssl.create_default_context(cafile=sim.ca_pem)
        self.http = http.client.HTTPSConnection("localhost", sim.port, context=context, timeout=timeout)
        self._token = sim.active_token

    def ask(self, path: str = CURRENT, token: str | None = None, method: str = "GET") -> http.client.HTTPResponse:
        headers = {"Authorization": f"Bearer {token or self._token}", "Accept": "application/json"}
        self.http.request(method, path, headers=headers)
        return self.http.getresponse()

    def get(self, path: str = CURRENT, token: str | None = None) -> tuple[int, bytes]:
        reply = self.ask(path, token)
        return reply.status, reply.read()


@pytest.fixture
def client(sim: Simulator) -> Iterator[Client]:
    made = Client(sim)
    yield made
    made.http.close()


def healthy(client: Client) -> bool:
    return client.get()[0] == 200


def test_a_fault_is_used_as_often_as_asked_and_then_gone(sim: Simulator, client: Client) -> None:
    sim.faults.add(action=faults.error(500, "broken"), times=2)
    assert [client.get()[0] for _ in range(3)] == [500, 500, 200]


def test_a_fault_may_let_some_requests_pass_first(sim: Simulator, client: Client) -> None:
    sim.faults.add(action=faults.overload(), skip=2)
    assert [client.get()[0] for _ in range(4)] == [200, 200, 503, 200]


def test_a_fault_without_a_count_stays_until_it_is_removed(sim: Simulator, client: Client) -> None:
    with sim.faults.add(action=faults.overload(), times=None) as fault:
        assert [client.get()[0] for _ in range(3)] == [503] * 3
    assert healthy(client)
    assert fault.used == 3


@pytest.mark.parametrize(
    "match",
    [CURRENT, f"GET {CURRENT}", "/arvados/v1/users/*", {"path": "*current", "method": "GET"},
     lambda request: request.path == CURRENT],
    ids=["path", "method and path", "glob", "dict", "function"],
)
def test_a_fault_meets_only_the_requests_that_match(sim: Simulator, client: Client, match: Any) -> None:
    sim.faults.add(match, faults.overload())
    assert client.get("/arvados/v1/links?limit=1")[0] == 200
    assert client.get(CURRENT)[0] == 503


def test_a_fault_can_be_meant_for_one_token(sim: Simulator, client: Client) -> None:
    sim.faults.add({"token_uuid": sim.uuid("gj3su", "027z32aux8dg2s1")}, faults.overload(), times=None)
    assert client.get(token=sim.admin_token)[0] == 503
    assert client.get(token=sim.admin_token.split("/")[2])[0] == 503
    assert healthy(client)


def test_a_match_on_something_unknown_is_an_error(sim: Simulator) -> None:
    with pytest.raises(ValueError, match="cannot match on"):
        sim.faults.add({"pth": "x"}, faults.overload())


def test_overload_is_an_empty_503_without_type(sim: Simulator, client: Client) -> None:
    sim.faults.add(action=faults.overload())
    reply = client.ask()
    assert (reply.status, reply.read(), reply.headers["Content-Type"]) == (503, b"", None)


def test_a_reply_may_be_json_html_or_carry_a_header(sim: Simulator, client: Client) -> None:
    sim.faults.add(action=faults.reply(422, {"errors": ["x"]}))
    sim.faults.add(action=faults.html(502))
    sim.faults.add(action=faults.reply(503, Retry_After="7"))
    assert client.get() == (422, b'{"errors": ["x"]}')
    assert b"<html>" in client.get()[1]
    assert client.ask().headers["Retry-After"] == "7"


def test_a_redirect_names_its_target(sim: Simulator, client: Client) -> None:
    sim.faults.add(action=faults.redirect("https://elsewhere.example.com/"))
    reply = client.ask()
    reply.read()
    assert (reply.status, reply.headers["Location"]) == (302, "https://elsewhere.example.com/")


def test_a_delay_is_waited_and_then_the_right_answer_comes(sim: Simulator, client: Client) -> None:
    sim.faults.add(action=faults.delay(0.3))
    began = time.monotonic()
    assert healthy(client)
    assert time.monotonic() - began >= 0.3


def test_two_faults_can_meet_in_one_request(sim: Simulator, client: Client) -> None:
    sim.faults.add(action=faults.both(faults.delay(0.2), faults.overload()))
    began = time.monotonic()
    assert client.get()[0] == 503
    assert time.monotonic() - began >= 0.2


def test_a_request_hangs_until_it_is_released(sim: Simulator, client: Client) -> None:
    sim.faults.add(action=faults.hang())
    answers: list[int] = []
    asking = threading.Thread(target=lambda: answers.append(client.get()[0]))
    asking.start()
    sim.log.wait_for(1, CURRENT)
    asking.join(0.2)
    assert asking.is_alive() and sim.log.entries(CURRENT)[0].status is None
    sim.faults.release()
    asking.join(5)
    assert answers == [200]


def test_a_hanging_request_does_not_keep_the_simulator_from_closing(sim: Simulator) -> None:
    sim.faults.add(action=faults.hang())
    client = Client(sim)
    client.http.request("GET", CURRENT)
    sim.log.wait_for(1, CURRENT)
    began = time.monotonic()
    sim.stop()
    assert time.monotonic() - began < 2


def test_a_cut_connection_gives_no_answer(sim: Simulator, client: Client) -> None:
    for reset in (False, True):
        sim.faults.add(action=faults.cut(reset))
        with pytest.raises((http.client.RemoteDisconnected, ConnectionError, ssl.SSLError)):
            client.get()
        client.http.close()
    assert healthy(client)
    assert [entry.status for entry in sim.log.entries()] == [0, 0, 200]


def test_a_body_cut_short_is_an_incomplete_read(sim: Simulator, client: Client) -> None:
    sim.faults.add(action=faults.cut_body(keep=25))
    reply = client.ask()
    with pytest.raises((http.client.IncompleteRead, ssl.SSLError)) as cut:
        reply.read()
    assert reply.status == 200
    if isinstance(cut.value, http.client.IncompleteRead):
        assert len(cut.value.partial) == 25


def test_an_oversized_body_is_valid_and_as_long_as_asked(sim: Simulator, client: Client) -> None:
    sim.faults.add(action=faults.oversized(300_000))
    body = client.get()[1]
    assert len(body) == 300_000
    assert json.loads(body)["username"] == "active"


def test_an_endless_body_goes_on_until_its_bound(sim: Simulator, client: Client) -> None:
    sim.faults.add(action=faults.endless(limit=1 << 20))
    reply = client.ask()
    received = 0
    with pytest.raises((http.client.IncompleteRead, ssl.SSLError, ValueError)):
        while piece := reply.read(65536):
            received += len(piece)
        raise http.client.IncompleteRead(b"")
    assert received >= 900_000


def test_an_endless_body_ends_when_the_client_leaves(sim: Simulator, client: Client) -> None:
    sim.faults.add(action=faults.endless(limit=1 << 40))
    reply = client.ask()
    reply.read(100_000)
    reply.close()
    client.http.close()
    deadline = time.monotonic() + 5
    while sim.log.running() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert sim.log.running() == 0


def test_a_dripping_body_takes_its_time(sim: Simulator, client: Client) -> None:
    sim.faults.add(action=faults.drip(0.1, piece=300))
    began = time.monotonic()
    assert json.loads(client.get()[1])["username"] == "active"
    assert time.monotonic() - began >= 0.2


def test_invalid_json_is_almost_the_right_answer(sim: Simulator, client: Client) -> None:
    sim.faults.add(action=faults.invalid_json())
    body = client.get()[1]
    with pytest.raises(ValueError):
        json.loads(body)
    assert json.loads(body + b"}")["username"] == "active"


def test_a_duplicate_key_stands_in_front_of_the_real_one(sim: Simulator, client: Client) -> None:
    sim.faults.add(action=faults.duplicate_keys("is_active", False))
    body = client.get()[1]
    pairs = json.loads(body, object_pairs_hook=lambda found: found)
    assert [value for key, value in pairs if key == "is_active"] == [False, True]


def test_a_body_can_be_replaced(sim: Simulator, client: Client) -> None:
    sim.faults.add(action=faults.body(b"\xff\x00"))
    assert client.get() == (200, b"\xff\x00")


def test_the_content_type_can_be_wrong_or_missing(sim: Simulator, client: Client) -> None:
    sim.faults.add(action=faults.content_type("text/plain"))
    sim.faults.add(action=faults.content_type(None))
    for expected in ("text/plain", None):
        reply = client.ask()
        reply.read()
        assert reply.headers["Content-Type"] == expected


def test_gzip_comes_unasked(sim: Simulator, client: Client) -> None:
    sim.faults.add(action=faults.gzipped())
    reply = client.ask()
    assert reply.headers["Content-Encoding"] == "gzip"
    assert json.loads(gzip.decompress(reply.read()))["username"] == "active"


def test_a_body_may_end_with_the_connection(sim: Simulator, client: Client) -> None:
    sim.faults.add(action=faults.close_delimited())
    reply = client.ask()
    assert reply.headers["Content-Length"] is None and reply.headers["Transfer-Encoding"] is None
    assert json.loads(reply.read())["username"] == "active"
    assert sim.log.entries()[0].status == 200


def test_an_answer_can_be_changed_on_its_way(sim: Simulator, client: Client) -> None:
    sim.faults.add(action=faults.mutate(lambda body: body.update(is_admin=True)))
    sim.faults.add(action=faults.mutate(lambda body: ["replaced"]))
    sim.faults.add(action=faults.status(207))
    assert json.loads(client.get()[1])["is_admin"] is True
    assert json.loads(client.get()[1]) == ["replaced"]
    assert client.get()[0] == 207
    assert json.loads(client.get()[1])["is_admin"] is False


def test_with_the_database_down_every_token_is_unknown(sim: Simulator, client: Client) -> None:
    with sim.faults.add(action=faults.database_down(), times=None):
        for token in (sim.active_token, sim.admin_token, sim.root_token):
            assert client.get(CURRENT, token)[0] == 401
            assert client.get(CONTAINER, token)[0] == 401
        assert client.get("/discovery/v1/apis/arvados/v1/rest")[0] == 200
    assert healthy(client)


def test_with_rails_down_the_controller_says_502_or_500(sim: Simulator, client: Client) -> None:
    with sim.faults.add(action=faults.rails_down(), times=None):
        assert client.get(CONTAINER)[0] == 502
        assert client.get(CURRENT)[0] == 500
        assert client.get("/discovery/v1/apis/arvados/v1/rest")[0] == 200


def test_a_stopped_simulator_refuses_connections_and_comes_back_as_it_was(sim: Simulator, client: Client) -> None:
    link = sim.grant("kept", sim.user("active"))
    host = sim.host
    sim.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("localhost", sim.port), timeout=2)
    sim.start()
    assert sim.host == host
    client.http.close()
    assert client.get(f"/arvados/v1/links/{link['uuid']}", sim.admin_token)[0] == 200


@pytest.mark.parametrize(
    ("profile", "complaint"),
    [("expired", "has expired"), ("wrong-name", "Hostname mismatch"), ("self-signed", "self.signed")],
)
def test_a_bad_certificate_is_refused_by_a_careful_client(sim: Simulator, profile: str, complaint: str) -> None:
    sim.reopen(tls=profile)
    with pytest.raises(ssl.SSLCertVerificationError, match=complaint):
        Client(sim).get()
    assert sim.log.count() == 0


def test_clearing_the_faults_heals_everything(sim: Simulator, client: Client) -> None:
    sim.faults.add(action=faults.overload(), times=None)
    sim.faults.clear()
    assert healthy(client)
