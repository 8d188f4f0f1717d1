"""The share of the campaign that every run has; and proof that the model would see a wrong grant."""

from __future__ import annotations

import pytest

from model import campaign, evidence, rules
from model.inside import Inside
from model.lies import GARBLES, Lie
from model.worlds import plain_world

BLOCK = 250


@pytest.mark.parametrize("block", range(16))
def test_plugin_and_model_agree(block):
    tally, wrong = campaign.run(block * BLOCK, BLOCK)
    assert not wrong, wrong[0]
    assert tally.worlds == BLOCK
    # Worlds in which nothing is ever granted would agree about nothing.
    assert tally.outcomes["granted"] > BLOCK / 10 and tally.outcomes["renewed"] > BLOCK / 20


# Each takes one rule away from the model: what is left must then disagree with the plugin, or the rule was never tried.
BLIND_SPOTS = {
    "owner": ("why_dropped", "untrusted_owner"),
    "class": ("why_dropped", "wrong_class"),
    "modifier": ("why_dropped", "untrusted_modifier"),
    "tail": ("why_dropped", "wrong_tail"),
    "trash": ("why_dropped", "role_trashed"),
    "anonymous role": ("why_dropped", "anonymous_role"),
    "name": ("why_dropped", "bad_name"),
    "prefix": ("why_dropped", "outside_prefix"),
    "exact names": ("why_dropped", "not_in_allowed_policies"),
    "properties": ("why_dropped", "bad_properties"),
    "expiry": ("why_dropped", "expired"),
    "begin": ("why_dropped", "not_yet"),
    "image": ("why_dropped", "wrong_image"),
}


@pytest.mark.parametrize("blind", BLIND_SPOTS.values(), ids=BLIND_SPOTS)
def test_the_worlds_try_every_rule_on_links(monkeypatch, blind):
    name, word = blind
    whole = getattr(rules, name)
    monkeypatch.setattr(rules, name, lambda *arguments: whole(*arguments) - {word})
    _, wrong = campaign.run(0, 3000)
    assert wrong, f"3000 worlds, and none has a link that only {word} speaks against"


@pytest.mark.parametrize("half", ["in", "is_a"])
def test_the_worlds_try_grants_to_users_and_to_groups(monkeypatch, half):
    """They are asked for separately: a model that forgets either half is found out."""
    whole = evidence.Reader.links

    def forgetful(self, link_class, owners, tail):
        return [] if self.service and tail and tail[0] == half else whole(self, link_class, owners, tail)

    monkeypatch.setattr(evidence.Reader, "links", forgetful)
    _, wrong = campaign.run(0, 500)
    assert wrong


@pytest.mark.parametrize("reason", ["container_not_running", "runtime_token", "user_inactive", "user_forbidden", "cluster_not_allowed", "token_scope",
                                    "bound_mismatch:bound_user_uuids", "bound_mismatch:bound_group_uuids", "bound_mismatch:bound_container_images",
                                    "cidr_mismatch", "window_closed", "interactive_session", "no_grant", "too_many_policies", "lifetime_too_short",
                                    "not_user_token", "upstream_bad_answer"])
def test_the_worlds_try_every_rule_on_logins(monkeypatch, reason):
    def forgetful(self, condition, word):
        if condition and word != reason:
            self.reasons.add(word)

    monkeypatch.setattr(rules.Case, "refuse_if", forgetful)
    _, wrong = campaign.run(0, 1500)
    assert wrong, f"1500 worlds, and none is refused for {reason} alone"


@pytest.mark.parametrize("name", GARBLES)
def test_every_garble_meets_a_login_that_would_be_granted(name):
    """Alone against logins that are granted without it: the harmless ones still are, the others are all refused, but for what may stand in a link's properties."""
    harmless = name in ("white space around", "a harmless member", "depth 16", "escaped ASCII")
    harmless_in_links = name in ("beyond 64 bits", "depth 17", "depth 110")
    granted = refused = 0
    with Inside() as inside:
        for kind in ("container", "user", "token", "links", "members", "groups"):
            world = plain_world()
            campaign.write_mount(inside, world)
            request = {"token": world.run_token, "role": None, "remote_addr": None}
            assert inside.call(world.cluster, "update", "login", data={"token": world.run_token})["reason"] is None
            world.cluster.lies = [Lie(kind, name, garble=GARBLES[name])]
            told = inside.call(world.cluster, "update", "login", data={"token": world.run_token})
            assert campaign.compare(told, rules.login(world.setting, request), told.get("auth")) is None
            granted += told["reason"] is None
            refused += told["reason"] is not None
    assert (granted, refused) == ((6, 0) if harmless else (1, 5) if harmless_in_links else (0, 6))
