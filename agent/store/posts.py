"""What surfaces posted, how far they have shown each task, and who wants in."""

from __future__ import annotations

from dataclasses import asdict

from sqlalchemy import Connection, func, or_, select

from agent.domain.errors import NotFound
from agent.ports.mail import AccessRequest, Post
from agent.store.rows import AnyRow
from agent.store.tables import ACCESS, FEED, POST, TASK
from agent.store.tx import NothingToWriteError, Tx


def intend(tx: Tx, post: Post) -> Post:
    """This post, or the one that is there."""
    if tx.insert_new(POST, asdict(post), "key"):
        return post
    raise NothingToWriteError(_to_post(tx.conn.execute(POST.select().where(POST.c.key == post.key)).one()))


def sent(tx: Tx, key: str, message_id: str, digest: str) -> None:
    """It is there now. Raises `NotFound`."""
    values = {"message_id": message_id, "digest": digest, "sent": True}
    if tx.conn.execute(POST.update().where(POST.c.key == key).values(values)).rowcount != 1:
        raise NotFound(f"No message {key!r} was going to be posted.")


def drop(tx: Tx, key: str) -> None:
    """Forget it."""
    tx.conn.execute(POST.delete().where(POST.c.key == key))


def posts(conn: Connection, task_id: str, thread_id: str) -> tuple[Post, ...]:
    """Oldest first."""
    query = POST.select().order_by(POST.c.at, POST.c.key)
    if task_id:
        query = query.where(POST.c.task_id == task_id)
    if thread_id:
        query = query.where(POST.c.thread_id == thread_id)
    return tuple(map(_to_post, conn.execute(query)))


def post_of(conn: Connection, surface: str, where: str, message_id: str) -> Post | None:
    """By the platform's id, in a thread or anywhere in a channel."""
    inside = func.substr(POST.c.thread_id, 1, len(where) + 1) == f"{where}:"
    here = POST.select().where(
        POST.c.surface == surface, POST.c.message_id == message_id, or_(POST.c.thread_id == where, inside)
    )
    row = conn.execute(here.order_by(POST.c.at, POST.c.key).limit(1)).one_or_none()
    return None if row is None else _to_post(row)


def behind(conn: Connection, surface: str) -> tuple[str, ...]:
    """Tasks with events beyond what was shown."""
    of_surface = func.substr(TASK.c.thread_id, 1, len(surface) + 1) == f"{surface}:"
    query = (
        select(TASK.c.task_id)
        .outerjoin(FEED, FEED.c.task_id == TASK.c.task_id)
        .where(of_surface, TASK.c.event_count > func.coalesce(FEED.c.seq, 0))
        .order_by(TASK.c.created_at, TASK.c.task_id)
    )
    return tuple(conn.scalars(query))


def shown(tx: Tx, task_id: str, seq: int) -> None:
    """Only forward."""
    if not tx.insert_new(FEED, {"task_id": task_id, "seq": seq}, "task_id"):
        tx.conn.execute(FEED.update().where(FEED.c.task_id == task_id, FEED.c.seq < seq).values(seq=seq))


def shown_until(conn: Connection, task_id: str) -> int:
    """The number of an event."""
    return conn.scalar(select(FEED.c.seq).where(FEED.c.task_id == task_id)) or 0


def ask_access(tx: Tx, request: AccessRequest) -> bool:
    """Store it, if the person has no open one."""
    if not tx.insert_new(ACCESS, asdict(request)):
        raise NothingToWriteError(False)
    return True


def access_request(conn: Connection, request_id: str) -> AccessRequest | None:
    """One request."""
    row = conn.execute(ACCESS.select().where(ACCESS.c.request_id == request_id)).one_or_none()
    if row is None:
        return None
    return AccessRequest(
        request_id=row.request_id,
        person_id=row.person_id,
        name=row.name,
        place=row.place,
        at=row.at,
        state=row.state,
        decided_by=row.decided_by,
    )


def decide_access(tx: Tx, request_id: str, by: str, allowed: bool) -> bool:
    """Compare-and-set."""
    is_open = ACCESS.update().where(ACCESS.c.request_id == request_id, ACCESS.c.state == "open")
    if tx.conn.execute(is_open.values(state="allowed" if allowed else "refused", decided_by=by)).rowcount != 1:
        raise NothingToWriteError(False)
    return True


def _to_post(row: AnyRow) -> Post:
    return Post(
        key=row.key,
        surface=row.surface,
        thread_id=row.thread_id,
        task_id=row.task_id,
        message_id=row.message_id,
        digest=row.digest,
        sent=row.sent,
        at=row.at,
    )
