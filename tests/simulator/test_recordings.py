"""The simulator answers recorded requests as the real server did, row by row."""

from __future__ import annotations

from typing import Iterator

import pytest

from simulator import Simulator, faults, replay
from simulator.replay import Replay, Step, Translation
from simulator.store import format_time

RUNNING = "zzzzz-dz642-runningcontainr"
LOGS = "zzzzz-dz642-logscontainer03"
RUN_TOKEN = "zzzzz-gj3su-077z32aux8dg2s2"
ACTIVE = "zzzzz-tpzed-xurymjxw79nv3jz"
SPECTATOR = "zzzzz-tpzed-l1s2piq4t4mps8r"

# Our set of fixture groups and links is smaller than Arvados' own: there the
# form of each value is compared, elsewhere its text as well.
FORM_ONLY = {"lists"}

FILES = ("containers_current", "container_lifecycle", "whoami", "links", "lists", "computed_permissions", "groups",
         "permission_links", "removal", "tokens", "minting", "gets", "http", "faults")
# discovery.json is what the simulator's own document was made from (discovery.py); it was trimmed, so nothing compares.

_FEWER = "the real server has more fixture objects that the user may read"
_OTHER = "the fixture's record has other contents, which nothing here reads"

# (file, row): why it cannot be reproduced.
LEFT_OUT: dict[tuple[str, str], str] = {
    ("computed_permissions", "as admin, user_uuid"): _FEWER,
    ("computed_permissions", "as admin, count=none"): _FEWER,
    ("computed_permissions", "as admin, limit 2 order"): _FEWER,
    ("computed_permissions", "as admin, for an admin user"): _FEWER,
    ("computed_permissions", "as root token"): _FEWER,
    ("computed_permissions", "after the user was made inactive (SQL only)"): _FEWER,
    ("permission_links", "links of class permission with tail = self, as user"): _FEWER,
    ("removal", "links list as that user"): _FEWER,
    ("removal", "delete the token of the second running container"): "the database was reset after the user's unsetup",
    ("groups", "role groups as active, whole records (one)"): _OTHER,
    ("groups", "groups the user owns or shares: groups/contents of self"): "groups/contents is not served",
    ("gets", "containers/<uuid> as admin: queued"): _OTHER,
    ("gets", "containers/<uuid> as admin: locked"): _OTHER,
    ("gets", "containers/<uuid> as admin: completed"): _OTHER,
    ("http", "exported config"): "only the keys that clients read are exported",
    ("http", "very long URL (9 kB filter)"): _OTHER,
    ("http", "very long URL (70 kB filter)"): _OTHER,
    ("faults", "overload, containers/current"): "twelve rows have this name; test_faults.py has the form of the 503",
}


# -- what happened between the recorded rows -------------------------------------


def _second_container(sim: Simulator, translation: Translation) -> None:
    made = sim.run_container("active", state="Locked", command=["sleep", "3"], cwd="/")
    translation.learn("zzzzz-dz642-2xcpaohn8xifi9u", made.uuid)
    translation.learn("zzzzz-gj3su-slziv40kjyghrnn", made.token_uuid)
    translation.learn("4nn1mwnnbftria46pwufpo60da5cj1xs23ibytekofiuioygf2", made.secret)


def _second_token(sim: Simulator, translation: Translation) -> None:
    token = sim.record(translation.apply("zzzzz-gj3su-lhmuh5djby9fti5"))
    translation.learn("2t9j7umcviutasefc8bhrfwaogmkoqcnmmq3sx0zvawz59su5c", token["api_token"])


def _second_runs(sim: Simulator, translation: Translation) -> None:
    sim.set_state(translation.apply("zzzzz-dz642-2xcpaohn8xifi9u"), "Running")


def _user_makes_runtime_token(sim: Simulator, translation: Translation) -> None:
    _, uuid, secret = sim.new_token("active").split("/")
    translation.learn("zzzzz-gj3su-pl3iaps0l8esmxa", uuid)
    translation.learn("3kt4gfq30e2y9gztn96g0y6oolmmvpjiw0p6iozpu3hroc013u", secret)


def _third(call: str) -> Step:
    def step(sim: Simulator, translation: Translation) -> None:
        uuid = translation.apply("zzzzz-dz642-3ldlnvxz9haerjc")
        if call == "lock":
            sim.call("POST", f"containers/{uuid}/lock")
        else:
            sim.set_state(uuid, call)

    return step


def _sql_state(state: str) -> Step:
    def step(sim: Simulator, translation: Translation) -> None:
        sim.force(RUNNING, state=state)

    return step


def _share_auth_uuid(sim: Simulator, translation: Translation) -> None:
    sim.force(RUNNING, state="Running")
    sim.force(LOGS, auth_uuid=RUN_TOKEN)


def _sql_scopes(*scopes: str) -> Step:
    def step(sim: Simulator, translation: Translation) -> None:
        sim.force(LOGS, auth_uuid="zzzzz-gj3su-n4xycwjpvvi776n")
        sim.force(RUN_TOKEN, scopes=list(scopes))

    return step


def _expire_soon(sim: Simulator, translation: Translation) -> None:
    sim.force(RUN_TOKEN, scopes=["all"], expires_at=format_time(sim.store.micros() + 60_000_000))


def _inactive_by_sql(sim: Simulator, translation: Translation) -> None:
    sim.force(RUN_TOKEN, expires_at="2038-01-01T00:00:00.000000000Z")
    sim.force(ACTIVE, is_active=False)


def _learn_links_on(sim: Simulator, translation: Translation, role: str, **recorded: str) -> None:
    """Permission links on a role by their level: one that the server made itself is nowhere answered."""
    uuid = translation.apply(role)
    for link in sim.call("GET", "links", filters=[["head_uuid", "=", uuid], ["link_class", "=", "permission"]])["items"]:
        translation.learn(recorded[link["name"]], link["uuid"])


def _role_has_a_member_again(sim: Simulator, translation: Translation) -> None:
    role = "zzzzz-j7d0g-od1qy2jgfcbbz81"
    link = {"link_class": "permission", "name": "can_read", "tail_uuid": ACTIVE, "head_uuid": translation.apply(role)}
    sim.call("POST", "links", {"link": link}, sim.admin_token)
    _learn_links_on(sim, translation, role, can_read="zzzzz-o0j2j-yzakiiii44c9p8x",
                    can_manage="zzzzz-o0j2j-12dluke2web5odt")


def _link_that_the_server_made(sim: Simulator, translation: Translation) -> None:
    _learn_links_on(sim, translation, "zzzzz-j7d0g-dk77knp36r8m923", can_manage="zzzzz-o0j2j-duiluphid89otpa")


def _unseen_token(uuid: str, secret: str) -> Step:
    def step(sim: Simulator, translation: Translation) -> None:
        _, made, ours = sim.new_token("active").split("/")
        translation.learn(uuid, made)
        translation.learn(secret, ours)

    return step


def _fault(action: faults.Action | None, times: int | None = None) -> Step:
    def step(sim: Simulator, translation: Translation) -> None:
        sim.faults.clear()
        if action is not None:
            sim.faults.add("/arvados/v1/*", action, times=times)

    return step


# file: {row: what is done before it}
STEPS: dict[str, dict[str, Step]] = {
    "container_lifecycle": {
        "containers/current, 2, Locked (v2)": _second_container,
        "containers/current, 2, Locked again: old token (v2)": _second_token,
        "state -> Complete with the container token": _second_runs,
        "create container request 3 with runtime_token": _user_makes_runtime_token,
        "auth by the locker (runtime_token container)": _third("lock"),
        "containers/current, 3, Running, runtime_token (v2)": _third("Running"),
        "containers/current, 3, Cancelled, runtime_token (v2)": _third("Cancelled"),
        "containers/current, fixture forced to Locked by SQL (v2)": _sql_state("Locked"),
        "containers/current, fixture forced to Queued by SQL (v2)": _sql_state("Queued"),
        "containers/current, fixture forced to Complete by SQL (v2)": _sql_state("Complete"),
        "containers/current, fixture forced to Cancelled by SQL (v2)": _sql_state("Cancelled"),
        "containers/current, two running containers share one auth_uuid (SQL) (v2)": _share_auth_uuid,
        "container token with scopes [] (SQL): containers/current": _sql_scopes(),
        'container token with scopes ["GET /arvados/v1/containers/current"] (SQL): containers/current': _sql_scopes(
            "GET /arvados/v1/containers/current"
        ),
        'container token with scopes ["GET /arvados/v1/containers/"] (SQL): containers/current': _sql_scopes(
            "GET /arvados/v1/containers/"
        ),
        'container token with scopes ["GET /arvados/v1/containers"] (SQL): containers/current': _sql_scopes(
            "GET /arvados/v1/containers"
        ),
        'container token with scopes ["GET /arvados/v1/users/current"] (SQL): containers/current': _sql_scopes(
            "GET /arvados/v1/users/current"
        ),
        "containers/current, token expires in 2 s (SQL) (v2)": _expire_soon,
        "containers/current, token expired 0.1 s ago, container still Running (v2)": (
            lambda sim, translation: sim.advance(61)
        ),
        "users/current of the inactive user, container token": _inactive_by_sql,
    },
    "removal": {"admin deletes the role": _role_has_a_member_again},
    "permission_links": {"links on the new role, as admin": _link_that_the_server_made},
    "tokens": {
        "a token deletes itself": _unseen_token(
            "zzzzz-gj3su-obfkvg1ncpqalbx", "5lcgjnhf4mwu65yrxb07vf81xsq2svf5vh8fddemqsg5j0lcgy"
        ),
        "expire by update as its user (expires_at in the past)": _unseen_token(
            "zzzzz-gj3su-lxi2htnw2boqhzw", "3d5apzgrf99ghmo0xbclulw6zy7q8az058hkk3q6gu0qx7z2j3"
        ),
    },
    "faults": {
        "database down, containers/current, try 1": _fault(faults.database_down()),
        "database back, containers/current, try 1": _fault(None),
        "sessions cut, containers/current, try 1": _fault(faults.database_down(), times=1),
        "Rails down, containers/current": _fault(faults.rails_down()),
        "Rails back, containers/current": _fault(None),
    },
    "links": {
        "list after the tail user was removed (SQL)": lambda sim, translation: sim.forget(SPECTATOR),
    },
}


@pytest.fixture(scope="module")
def differences() -> Iterator[dict[str, dict[str, list[str]]]]:
    """A fresh simulator for each file, as the database was reset for each."""
    found = {}
    for name in FILES:
        with Simulator() as sim:
            found[name] = Replay(sim, STEPS.get(name, {}), name not in FORM_ONLY).run(replay.load(name))
    yield found


ROWS = [(name, row["name"]) for name in FILES for row in replay.load(name) if "request" in row]


@pytest.mark.parametrize(("name", "row"), [key for key in ROWS if key not in LEFT_OUT], ids=lambda text: text)
def test_answers_as_the_real_server_did(
    differences: dict[str, dict[str, list[str]]], name: str, row: str
) -> None:
    assert differences[name][row] == []


def test_every_row_left_out_exists() -> None:
    assert [key for key in LEFT_OUT if key not in ROWS] == []


def test_every_step_belongs_to_a_row() -> None:
    assert [(name, row) for name, steps in STEPS.items() for row in steps if (name, row) not in ROWS] == []
