"""`gofer do` at a real terminal: what somebody types, and what the program answers there."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.journeys.program import GOFER, Program, scripted

WAIT_S = 60
PLAN = {"name": "plan", "input": {"steps": ["Count the words", "Write the number"], "files": ["outputs/words.txt"]}}
ASK = {"name": "ask", "input": {"question": "Which unit?", "options": ["words", "lines"]}}
TURNS = [{"tools": [PLAN]}, {"text": "Counted."}]


@dataclass
class Terminal:
    """A person's terminal with one program in it."""

    process: subprocess.Popen[bytes]
    fd: int
    shown: str = ""
    raw: bytearray = field(default_factory=bytearray)

    def sees(self, text: str) -> str:
        """Waits until this was shown, and gives all that was shown so far."""
        end = time.monotonic() + WAIT_S
        while text not in self.shown:
            left = end - time.monotonic()
            assert left > 0, f"{text!r} was not shown in time: {self.shown}"
            if select.select([self.fd], [], [], left)[0]:
                try:
                    self.raw += os.read(self.fd, 65536)
                except OSError:  # the program has closed its end
                    assert text in self.shown, f"{text!r} was not shown before the end: {self.shown}"
                self.shown = self.raw.decode("utf-8", "replace").replace("\r\n", "\n")
        return self.shown

    def types(self, keys: str) -> None:
        """Presses these keys."""
        os.write(self.fd, keys.encode())

    def ends(self) -> int:
        """Waits for the program's end, and gives its exit code."""
        return self.process.wait(timeout=WAIT_S)


@contextmanager
def terminal(program: Program, *arguments: str) -> Generator[Terminal]:
    """`gofer` in a terminal of its own, so that Ctrl-C reaches it and nothing else."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [GOFER, *arguments],
        cwd=program.folder,
        env={**program.env, "TERM": "xterm", "COLUMNS": "200"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=_own_terminal,
    )
    os.close(theirs)
    try:
        yield Terminal(process, ours)
    finally:
        process.kill()
        process.wait(timeout=WAIT_S)
        os.close(ours)


def _own_terminal() -> None:
    """Make the terminal at stdin the controlling one, so that the kernel turns Ctrl-C into a signal; what a shell runs
    in the background ignores that signal, and its children after it."""
    import fcntl
    import signal
    import termios

    signal.signal(signal.SIGINT, signal.SIG_DFL)
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def test_ctrl_c_at_the_question_ends_the_program_at_once_with_130(tmp_path: Path) -> None:
    program = scripted(tmp_path, TURNS)
    with terminal(program, "do", "count") as screen:
        screen.sees("what should be different:")
        screen.types("\x03")
        assert screen.ends() == 130
    listed = program.run("tasks", "list", "--json").out
    assert '"cancelled"' in listed, "the task must not wait for somebody who has left"


def test_a_number_that_is_no_choice_is_refused_on_the_spot(tmp_path: Path) -> None:
    with terminal(scripted(tmp_path, TURNS), "do", "count") as screen:
        screen.sees("what should be different:")
        screen.types("7\n")
        screen.sees("“7” is none of the choices: type a number from 1 to 2, or say it in words.")
        screen.types("1\n")
        screen.sees("Counted.")
        assert screen.ends() == 0


def test_words_at_a_question_are_the_answer(tmp_path: Path) -> None:
    with terminal(scripted(tmp_path, [{"tools": [ASK]}, {"text": "Noted."}]), "do", "count") as screen:
        screen.sees("Type the number of your choice or your answer:")
        screen.types("pages, please\n")
        screen.sees("Noted.")
        assert screen.ends() == 0


def test_ctrl_d_at_the_question_counts_as_nobody_being_there(tmp_path: Path) -> None:
    with terminal(scripted(tmp_path, TURNS), "do", "count") as screen:
        screen.sees("what should be different:")
        screen.types("\x04")
        assert "denied" in screen.sees("Nobody is here to decide")
        assert screen.ends() == 1


def test_a_terminal_says_what_to_type_and_not_what_to_click(tmp_path: Path) -> None:
    with terminal(scripted(tmp_path, TURNS), "do", "count") as screen:
        shown = screen.sees("what should be different:")
        screen.types("1\n")
        shown += screen.sees("Counted.")
        screen.ends()
    for word in ("click", "react", "For you."):
        assert word not in shown
