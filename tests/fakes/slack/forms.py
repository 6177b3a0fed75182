"""What people do with modals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.fakes.slack.filling import NotPossible, filled
from tests.fakes.slack.lint import view_faults
from tests.fakes.slack.methods_views import change_view, push_view
from tests.fakes.slack.payloads import closing, submission
from tests.fakes.slack.registry import Refused
from tests.fakes.slack.shapes import Json, file_json, with_ids
from tests.fakes.slack.world import File, User, View

if TYPE_CHECKING:
    from tests.fakes.slack.fake import SlackFake


class ResponseAction(str):
    """What the app answered to a submission: `errors`, `update`, `push` or `clear`; `errors` has them by block_id."""

    errors: dict[str, str]
    view: Json


class FormVerbs:
    """Mixed into `Human`."""

    fake: SlackFake

    async def submits(self: Any, view: View, values: dict[str, Any] | None = None) -> ResponseAction | None:
        """Fill the top modal in and submit it.

        `values` by block_id: text, an option's label or value, lists of those, ids, or a list of (name, bytes) for
        files. None when the app just closes the modal. A response that Slack would refuse is a problem.
        """
        stack = self.fake.world.views.get(self.user_id, [])
        if not stack or stack[-1] is not view:
            raise NotPossible(f"{self.name} does not have this modal on top")
        if "submit" not in view.body:
            raise NotPossible("the modal has no submit button")
        state = self.typed_in(view, values or {}, check=True)
        body = submission(self.fake, self, view, state)
        delivery = await self._asks("interactive", body)
        return _answered(self.fake, self, view, delivery.response)

    async def closes(self: Any, view: View, *, all_of_them: bool = False) -> None:
        """Close the top modal, or the whole stack. The app hears of it where it asked to (`notify_on_close`)."""
        stack = self.fake.world.views.get(self.user_id, [])
        if view not in stack or (view is not stack[-1] and not all_of_them):
            raise NotPossible(f"{self.name} does not have this modal on top")
        clear = all_of_them or view.body.get("clear_on_close", False)
        gone = list(reversed(stack)) if clear else [view]
        for item in gone:
            stack.remove(item)
        self.fake.world.changed()
        for item in gone:
            if item.body.get("notify_on_close"):
                await self._asks("interactive", closing(self.fake, self, item, cleared=clear))

    def typed_in(self: Any, view: View, values: dict[str, Any], *, check: bool = False) -> Json:
        """`state.values` with these values in the inputs. `check`: whether all that is required is there."""
        blocks = with_ids(view.blocks, view.view_id)
        if not check:
            blocks = [{**block, "optional": True} if block["type"] == "input" else block for block in blocks]
        return filled(blocks, values, self._keep, lambda file: file_json(self.fake.world, file, self.fake.origin))

    def _keep(self: Any, item: tuple[str, bytes] | File) -> File:
        file = self._file(item)
        self.fake.submitted_files.add(file.file_id)
        return file


def _answered(fake: SlackFake, user: User, view: View, response: Any) -> ResponseAction | None:
    world, stack = fake.world, fake.world.views.get(user.user_id, [])
    if not response:
        if view in stack:
            stack.remove(view)
        world.changed()
        return None
    action = ResponseAction(response.get("response_action", "") if isinstance(response, dict) else "")
    action.errors, action.view = {}, {}
    team = world.teams[view.team_id]
    match str(action):
        case "errors":
            action.errors = response.get("errors") or {}
            inputs = {block.get("block_id") for block in view.blocks if block["type"] == "input"}
            if not action.errors or not set(action.errors) <= inputs:
                world.problem(f"errors for blocks that are no inputs of the modal: {sorted(action.errors)}")
        case "update" | "push":
            action.view = response.get("view") or {}
            if faults := view_faults(action.view, fake.missing_blocks):
                world.problem(f"the modal in the answer is refused: {faults[0]}")
            elif action == "update":
                change_view(world, view, action.view)
            else:
                try:
                    push_view(world, team, user.user_id, action.view)
                except Refused as refusal:
                    world.problem(f"the modal in the answer is refused: {refusal.error}")
        case "clear":
            stack.clear()
        case _:
            world.problem(f"Slack knows no such answer to a submission: {response!r}")
    world.changed()
    return action
