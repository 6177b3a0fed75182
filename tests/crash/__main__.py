"""`make crash N=200`: real kills at random moments, on one life after another, until there were N."""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.crash.cradle import Cradle
from tests.crash.job import STEPS
from tests.crash.places import Place, Places
from tests.crash.script import Kind, remove_sandboxes
from tests.crash.verdict import Verdict
from tests.store.databases import POSTGRES

PACE_S: dict[Kind, float] = {"memory": 0.1, "docker": 0.6}
"""How long the command and the bell take: kills shall meet them at work, too."""
KILLS_A_LIFE = 10
"""More, and a life of several steps would never end."""


@dataclass(slots=True)
class Tally:
    """What the table shows."""

    lives: int = 0
    kills: int = 0
    reattached: int = 0
    unknown: int = 0
    lost: list[str] = field(default_factory=list[str])
    doubled: list[str] = field(default_factory=list[str])
    wrong: list[str] = field(default_factory=list[str])

    def add(self, verdict: Verdict, killed_at: list[float]) -> None:
        """Count a life. A command is found again when it began before a kill and its result was known after it."""
        self.unknown += verdict.unknown
        self.reattached += any(verdict.log_begun_at < moment < verdict.log_known_at for moment in killed_at)
        self.lost += verdict.lost
        self.doubled += verdict.doubled
        self.wrong += verdict.wrong


class Killer:
    """Lives with one process at a time, each killed somewhere between its start and a little after its usual end."""

    def __init__(self, cradle: Cradle, kind: Kind, dice: random.Random) -> None:
        self._cradle, self._dice = cradle, dice
        self._kind: Kind = kind
        self._usual_s = [0.0] * STEPS
        self.tally = Tally()

    def learn(self, place: Place) -> None:
        """Live once undisturbed, to know how long each step takes."""
        for step in range(STEPS):
            begun = time.monotonic()
            self._cradle.run(place.job(step, kind=self._kind, pace_s=PACE_S[self._kind]))
            self._usual_s[step] = time.monotonic() - begun

    def live(self, place: Place, kills: int) -> None:
        """A life with at most this many kills."""
        killed_at: list[float] = []
        self.tally.lives += 1
        try:
            step = 0
            while step < STEPS:
                pid = self._cradle.begin(place.job(step, kind=self._kind, pace_s=PACE_S[self._kind]))
                if len(killed_at) < kills:
                    time.sleep(self._dice.uniform(0, self._usual_s[step] * 1.1))
                    moment = time.time()
                    os.kill(pid, signal.SIGKILL)
                    if self._cradle.end().killed:
                        killed_at.append(moment)
                        continue
                else:
                    self._cradle.end()
                step += 1
            end = self._cradle.run(place.job(STEPS, finish=True, kind=self._kind))
            self.tally.add(end.verdict, killed_at)
        except RuntimeError as error:
            self.tally.wrong.append(str(error))
        finally:
            self.tally.kills += len(killed_at)
            remove_sandboxes(self._kind, place.folder.name)


def show(what: str, tally: Tally) -> None:
    """The table, and every fault."""
    head = ("task", "lives", "kills", "lost", "doubled", "other faults", "reattached", "unknown outcomes")
    row = (what, tally.lives, tally.kills, len(tally.lost), len(tally.doubled), len(tally.wrong))
    lines = [
        " | ".join(map(str, cells)) for cells in (head, ("---",) * len(head), (*row, tally.reattached, tally.unknown))
    ]
    faults = [*tally.lost, *tally.doubled, *tally.wrong]
    sys.stdout.write("".join(f"| {line} |\n" for line in lines) + "".join(f"- {fault}\n" for fault in faults))


def main() -> int:
    """1 when anything was lost, doubled or otherwise wrong."""
    parser = argparse.ArgumentParser(prog="make crash", description=__doc__)
    # `make crash N=200`: make puts the variables of its command line into the environment.
    parser.add_argument("--n", type=int, default=int(os.environ.get("N", "200")), help="how many kills (or N=…)")
    parser.add_argument("--sandbox", choices=("memory", "docker"), default="memory")
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    chosen = parser.parse_args()
    if chosen.database == "postgres" and not POSTGRES:
        parser.error("GOFER_TEST_POSTGRES names no server; `.ci/postgres start FOLDER` starts one")
    sys.stdout.write(f"{chosen.n} kills, seed {chosen.seed}\n")
    database = "postgresql" if chosen.database == "postgres" else "sqlite"
    with tempfile.TemporaryDirectory() as root, Places(database, Path(root)) as places, Cradle() as cradle:
        killer = Killer(cradle, chosen.sandbox, random.Random(chosen.seed))  # noqa: S311  for repeating, not for secrets
        stand = places.fresh()
        killer.learn(places.copy(stand))
        while killer.tally.kills < chosen.n and not killer.tally.wrong:
            place = places.copy(stand)
            killer.live(place, min(KILLS_A_LIFE, chosen.n - killer.tally.kills))
            places.remove(place)
        tally = killer.tally
    show(f"{chosen.sandbox}, {chosen.database}", tally)
    return 1 if tally.lost or tally.doubled or tally.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
