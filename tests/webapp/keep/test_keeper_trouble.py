"""One job that the disk will not let go, or one look that failed, costs no other job its copy."""

from pathlib import Path
from threading import Event

from test_keeper import is_saved, painted
from web_client import SECONDS

from webapp.keep.folder import Folder


def test_a_job_that_cannot_be_deleted_keeps_no_other_from_being_saved(start, monkeypatch):
    now = start()
    stays = painted(now)
    now.save()
    remove = Folder.remove

    def refuse(folder, name):
        if stays.id in name:
            raise PermissionError(1, "Operation not permitted")
        remove(folder, name)

    monkeypatch.setattr(Folder, "remove", refuse)
    now.services.jobs.delete(stays.id)
    others = [painted(now) for _ in range(2)]
    for _ in range(6):
        now.keeper.step()
    assert is_saved(now, *others)
    monkeypatch.undo()
    now.save()
    assert not is_saved(now, stays)


def test_a_look_that_failed_keeps_nobody_waiting(start, monkeypatch):
    """The thread rests for an hour by then, and has heard of no trouble."""
    now = start()
    resting, wait_for = Event(), now.keeper._changed.wait_for

    def rest(*arguments):
        resting.set()
        return wait_for(*arguments)

    monkeypatch.setattr(now.keeper._changed, "wait_for", rest)
    now.keeper.start()
    assert resting.wait(SECONDS)
    with monkeypatch.context() as patch:
        patch.setattr(now.archive._records, "file", Path("/nowhere"))
        assert now.keeper.find(["0" * 32]) == []
    job = painted(now)
    for _ in range(int(20 * SECONDS)):
        if was_saved := is_saved(now, job):
            break
        Event().wait(0.01)
    now.keeper.close()  # which saves what is left
    start.alive.clear()
    assert was_saved
