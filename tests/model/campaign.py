"""Worlds by the thousand, each login and renewal judged twice: by the real code and by the model. `python -m model --help`."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import dataclass, field

from . import rules
from .inside import Inside
from .worlds import ADDRESSES, NOW, World, disturb, make_login, make_world

LOGINS = 4  # in each world


@dataclass
class Tally:
    worlds: int = 0
    logins: int = 0
    renewals: int = 0
    answers: int = 0  # of the cluster, to both sides
    lied: int = 0     # decisions on answers of which one at least was false
    outcomes: Counter = field(default_factory=Counter)

    def add(self, other: "Tally") -> None:
        for name in ("worlds", "logins", "renewals", "answers", "lied"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.outcomes += other.outcomes


class Disagreement(AssertionError):
    pass


def write_mount(inside: Inside, world: World) -> None:
    setting = world.setting
    inside.new_mount()
    inside.set_time(NOW)
    body = {**setting.config, "arvados_api_host": "arvados.test", "verify_connection": False,
            **({"service_token": setting.service_token} if setting.service_token else {})}
    default = body.pop("default_role")
    must(inside.call(world.cluster, "update", "config", data=body), body)
    for name, role in setting.roles.items():
        # What the mount does not allow is refused when it is written; it is dropped when the mount was narrowed later.
        role["token_policies"] = [one for one in role.get("token_policies", []) if rules.allowed(setting, one)]
        must(inside.call(world.cluster, "update", f"role/{name}", data=role), role)
    later = {**({"default_role": default} if default else {}), **(world.narrowed or {})}
    if later:
        must(inside.call(world.cluster, "update", "config", data=later), later)
        setting.config.update(world.narrowed or {})


def must(told: dict, sent: dict) -> None:
    if told["reason"] is not None:
        raise Disagreement(f"not written: {told['message']}\n{json.dumps(sent, indent=1)}")


def compare(told: dict, wanted: rules.Outcome, got: dict | None) -> str | None:
    """What differs, in words."""
    if told["reason"] is not None:
        return None if told["reason"] in wanted.reasons else f"refused with {told['reason']} ({told['message']}; {told['detail']}), the model: {wanted.reasons or 'granted'}"
    if wanted.reasons:
        return f"GRANTED, and the model refuses: {wanted.reasons}"
    for key, value in wanted.auth.items():
        seen = sorted(got[key]) if key in ("group_aliases", "policies") else got[key]
        if seen != value:
            return f"{key} is {seen!r}, the model: {value!r}"
    return None


def compare_warnings(told: dict, wanted: rules.Outcome) -> str | None:
    grants = [warning for warning in told["warnings"] if warning.startswith("grant ")]
    if len(grants) != min(len(wanted.drops), 10) or (len(wanted.drops) > 10) != any("more grants dropped" in one for one in told["warnings"]):
        return f"{len(grants)} warnings, the model: {len(wanted.drops)} grants dropped"
    for warning, reasons in zip(grants, wanted.drops):
        if warning.rsplit(": ", 1)[1] not in reasons:
            return f"{warning!r}, the model: {reasons}"
    return None


def lease_of(wanted: rules.Outcome, told: dict, setting: rules.Setting, request: dict) -> rules.Lease:
    data = json.loads(told["auth"]["internal_data"])
    return rules.Lease(wanted.auth["metadata"].get("role"), wanted.auth["alias"], data["container_uuid"], data["token_uuid"], data["runtime_token"], data.get("salt_label"),
                       None if setting.service_token else (request["token"]).strip(), wanted.auth["policies"], setting.cluster.now)


def change_salting(inside: Inside, dice: random.Random, world: World, lease: rules.Lease) -> None:
    """The role changes between a login and its renewal."""
    role = world.setting.roles[lease.role]
    role.update(dice.choice([{"allow_salted": False}, {"salt_label": "vlt02"}]))
    must(inside.call(world.cluster, "update", f"role/{lease.role}", data=role), role)


def try_renewal(inside: Inside, dice: random.Random, world: World, lease: rules.Lease, told: dict, tally: Tally) -> str | None:
    cluster = world.cluster
    cluster.now += dice.choice([1, 11, 100, 800, 5000])
    inside.set_time(cluster.now)
    # What is remembered is no longer than cache_ttl; here all of it is older, or nothing is remembered.
    if world.setting.config["cache_ttl"] == 0 or cluster.now - lease.issued_at > 10:
        disturb(dice, cluster)
    salting = random.Random(lease.token + str(cluster.now))  # of its own: the other dice fall as they did
    if lease.salted and not world.narrowed and salting.random() < 0.5:
        change_salting(inside, salting, world, lease)
    address = dice.choice(ADDRESSES)
    wanted = rules.renewal(world.setting, lease, address)
    auth = {"internal_data": told["auth"]["internal_data"], "policies": lease.policies, "token_policies": [*lease.policies, "default"],
            "issued_at": lease.issued_at}
    again = inside.call(cluster, "renew", auth=auth, remote_addr=address)
    tally.renewals += 1
    tally.outcomes["renewed" if again["reason"] is None else f"renewal {again['reason']}"] += 1
    return compare(again, wanted, again)


def run_world(inside: Inside, seed: int, tally: Tally) -> None:
    dice = random.Random(seed)
    world = make_world(dice)
    write_mount(inside, world)
    world.cluster.lies = world.lies
    tally.worlds += 1
    for number in range(LOGINS):
        request = make_login(dice, world.setting)
        wanted = rules.login(world.setting, request)
        data = {key: request[key] for key in ("token", "jwt", "role") if request.get(key) is not None}
        told = inside.call(world.cluster, "update", "login", data=data, remote_addr=request["remote_addr"])
        tally.logins += 1
        tally.lied += bool(world.lies)
        tally.outcomes["granted" if told["reason"] is None else told["reason"]] += 1
        wrong = compare(told, wanted, told.get("auth"))
        if wrong is None and told["reason"] is None:
            wrong = compare_warnings(told, wanted)
        if wrong is None and told["reason"] is None and told["auth"]["renewable"]:
            wrong = try_renewal(inside, dice, world, lease_of(wanted, told, world.setting, request), told, tally)
            wrong = wrong and f"at renewal: {wrong}"
        if wrong:
            lies = ", ".join(lie.name for lie in world.lies) or "none"
            raise Disagreement(f"seed {seed}, login {number}: {wrong}\nlies: {lies}\nrequest: {request}\nconfig: {world.setting.config}\nroles: {world.setting.roles}")
    tally.answers += world.cluster.asked


def run(first: int, worlds: int, progress=None, keep_going: bool = False) -> tuple[Tally, list[str]]:
    tally, wrong = Tally(), []
    with Inside() as inside:
        for seed in range(first, first + worlds):
            try:
                run_world(inside, seed, tally)
            except Disagreement as found:
                wrong.append(str(found))
                if not keep_going:
                    break
            if progress and tally.worlds % 1000 == 0:
                progress(tally)
    return tally, wrong
