"""views.*: modals and Home tabs."""

from __future__ import annotations

from typing import Any

from tests.fakes.slack.registry import Call, Refused, method
from tests.fakes.slack.shapes import view_json
from tests.fakes.slack.world import Team, View, World

STACK_MAX = 3


def new_view(world: World, team: Team, user: str, body: dict[str, Any], below: View | None = None) -> View:
    """A modal or Home tab that is not shown yet."""
    view = View(world.new_id("V"), body, user, team.team_id, world.new_id("h"))
    view.root_id = below.root_id if below else view.view_id
    view.previous_id = below.view_id if below else ""
    return view


def push_view(world: World, team: Team, user: str, body: dict[str, Any]) -> View:
    """Put a modal on those that the person has open."""
    stack = world.views.setdefault(user, [])
    if len(stack) >= STACK_MAX:
        raise Refused("push_limit_reached")
    view = new_view(world, team, user, body, stack[-1] if stack else None)
    stack.append(view)
    world.changed()
    return view


def change_view(world: World, view: View, body: dict[str, Any]) -> None:
    view.body, view.hash = body, world.new_id("h")
    world.changed()


@method("views.open", "trigger_id! view!:json")
async def open_view(call: Call) -> dict[str, Any]:
    _free_external_id(call)
    trigger = call.fake.interactions.spend(call.args["trigger_id"], call.team)
    if not trigger.view_id:
        call.world.views.pop(trigger.user, None)
    return _shown(call, push_view(call.world, call.team, trigger.user, call.args["view"]))


@method("views.push", "trigger_id! view!:json")
async def push(call: Call) -> dict[str, Any]:
    """Only from inside a modal that is still open."""
    _free_external_id(call)
    trigger = call.fake.interactions.triggers.get(call.args["trigger_id"])
    stack = call.world.views.get(trigger.user, []) if trigger else []
    if trigger is not None and not any(view.view_id == trigger.view_id for view in stack):
        raise Refused("invalid_trigger_id", "[ERROR] not from an open modal")
    if len(stack) >= STACK_MAX:
        raise Refused("push_limit_reached")
    trigger = call.fake.interactions.spend(call.args["trigger_id"], call.team)
    return _shown(call, push_view(call.world, call.team, trigger.user, call.args["view"]))


@method("views.update", "view!:json view_id external_id hash")
async def update(call: Call) -> dict[str, Any]:
    view = _find(call)
    if view.body["type"] != call.args["view"]["type"]:
        raise Refused("invalid_arguments", "[ERROR] the type of a view cannot change")
    if call.args.get("hash", view.hash) != view.hash:
        raise Refused("hash_conflict")
    change_view(call.world, view, call.args["view"])
    return _shown(call, view)


@method("views.publish", "user_id! view!:json hash")
async def publish(call: Call) -> dict[str, Any]:
    user = call.person("user_id")
    if user.user_id == call.team.bot_user_id:
        raise Refused("user_not_found")
    key = (call.team.team_id, user.user_id)
    view = call.world.homes.get(key)
    if view is not None and call.args.get("hash", view.hash) != view.hash:
        raise Refused("hash_conflict")
    if view is None:
        view = call.world.homes[key] = new_view(call.world, call.team, user.user_id, call.args["view"])
    change_view(call.world, view, call.args["view"])
    return _shown(call, view)


def _find(call: Call) -> View:
    if ("view_id" in call.args) == ("external_id" in call.args):
        raise Refused("invalid_arguments", "[ERROR] exactly one of view_id and external_id is needed")
    if "view_id" in call.args:
        found = call.world.view(call.args["view_id"])
    else:
        found = _by_external_id(call.world, call.args["external_id"])
    if found is None or found.team_id != call.team.team_id:
        raise Refused("not_found")
    return found


def _by_external_id(world: World, external_id: str) -> View | None:
    every = [*(view for stack in world.views.values() for view in stack), *world.homes.values()]
    return next((view for view in every if view.body.get("external_id") == external_id), None)


def _free_external_id(call: Call) -> None:
    external_id = call.args["view"].get("external_id")
    if external_id and _by_external_id(call.world, external_id) is not None:
        raise Refused("duplicate_external_id")


def _shown(call: Call, view: View) -> dict[str, Any]:
    return {"view": view_json(view, call.team)}
