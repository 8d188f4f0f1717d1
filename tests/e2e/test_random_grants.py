"""Random grants against a second opinion: the rules of the contract once more, in Python, from what was made and not from what was asked."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field

import pytest

from test_login import at

IMAGE = "fa3c1a9cb6783f85f2ecda037e07b8c3+167"
NAMES = ["arvados-a", "arvados-b", "arvados-lab-a", "arvados-lab-b", "arvados-", "arvados", "Arvados-a", " arvados-a", "root", "default",
         "database-a", "arvados-ä", "arvados-a/../b", "arvados-" + "x" * 55, "arvados-" + "x" * 56, "_arvados-a", "arvados-lab-"]
PROPERTIES = [{}, {}, {}, {"note": 1}, {"expires_at": at(3600)}, {"expires_at": at(-1)}, {"not_before": at(3600)}, {"not_before": at(-9)},
              {"expires_at": "soon"}, {"container_image": IMAGE}, {"container_image": "0" * 32 + "+1"}, {"container_image": "x"}, {"reason": 7}]


@dataclass
class World:
    """What was made: who is in which role, and which links there are."""

    system: str
    lab: str
    trashed: set[str] = field(default_factory=set)
    inside: dict[str, set[str]] = field(default_factory=dict)  # member -> groups he or it is put into
    links: list[dict] = field(default_factory=list)

    def roles_of(self, user: str) -> set[str]:
        found: set[str] = set()
        todo = [user]
        while todo:
            new = self.inside.get(todo.pop(), set()) - found
            found |= new
            todo += new
        return found

    def counts(self, link: dict, user: str) -> bool:
        tail, name, properties = link["tail_uuid"], link["name"], link["properties"]
        roles = {role for role in self.roles_of(user) if role not in self.trashed and not role.endswith("anonymouspublic")}
        return (link["link_class"] == "vault_policy" and link["owner_uuid"] in (self.system, self.lab)
                and (tail == user or tail in roles)
                and re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,62}", name, re.ASCII) is not None
                and name.startswith("arvados-") and name != "arvados-"
                and (link["owner_uuid"] != self.lab or (name.startswith("arvados-lab-") and name != "arvados-lab-"))
                and good(properties))

    def policies(self, user: str) -> list[str]:
        return sorted({link["name"] for link in self.links if self.counts(link, user)})


def good(properties: dict) -> bool:
    return (properties.get("expires_at", at(99)) > at(0) and properties.get("expires_at") != "soon"
            and properties.get("not_before", at(-99)) < at(0)
            and properties.get("container_image", IMAGE) == IMAGE and properties.get("reason") != 7)


def make_world(mount, dice: random.Random) -> tuple[World, list]:
    sim = mount.sim
    world = World(sim.system_user, sim.new_project(f"lab {dice.random()}")["uuid"])
    users = [sim.user("active"), sim.user("spectator")]
    roles = [sim.new_role(f"role {dice.random()}")["uuid"] for _ in range(5)]
    for role in roles:
        for member in [*users, *roles]:
            if member != role and dice.random() < 0.25:
                sim.call("POST", "links", {"link": {"link_class": "permission", "name": dice.choice(["can_read", "can_write", "can_manage"]),
                                                    "tail_uuid": member, "head_uuid": role}})
                world.inside.setdefault(member, set()).add(role)
    for user in users:
        world.inside.setdefault(user, set()).add(sim.all_users)
        world.inside.setdefault(sim.all_users, set()).add(sim.uuid("j7d0g", "anonymouspublic"))
    tails = [*users * 2, *roles, sim.all_users, sim.uuid("j7d0g", "anonymouspublic"), sim.user("admin"), world.lab]
    for _ in range(25):
        made = {"link_class": dice.choice(["vault_policy"] * 6 + ["other"]), "name": dice.choice(NAMES), "tail_uuid": dice.choice(tails),
                "owner_uuid": dice.choice([world.system] * 4 + [world.lab] * 2 + [sim.user("admin"), users[0]]),
                "properties": dice.choice(PROPERTIES)}
        sim.call("POST", "links", {"link": made})
        world.links.append(made)
    for role in roles[:1]:
        sim.call("DELETE", f"groups/{role}")
        world.trashed.add(role)
    return world, users


@pytest.mark.parametrize("seed", range(40))
def test_a_login_gives_what_the_rules_say_and_nothing_else(bare_mount, seed):
    mount = bare_mount
    world, users = make_world(mount, random.Random(seed))
    mount.configure(trusted_link_owners=[world.system, world.lab], prefixes_by_owner={world.lab: "arvados-lab-"})
    for name, user in zip(("active", "spectator"), users):
        container = mount.sim.run_container(name, container_image=IMAGE)
        answer = mount.login(container.token)
        wanted = world.policies(user)
        if not wanted:
            assert (answer.status_code, mount.reason(answer)) == (403, "no_grant")
            continue
        assert answer.status_code == 200, answer.text
        assert [policy for policy in answer.json()["auth"]["policies"] if policy != "default"] == wanted
        told = mount.bao.call("POST", f"auth/{mount.path}/explain", {"token": container.token}).json()["data"]
        assert told["policies"] == wanted
