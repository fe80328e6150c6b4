"""Pictures of several clients take turns at the captioner."""

from captioning_engine import picture

from captioner.engine import Engine


def test_a_picture_of_another_is_in_the_next_batch(model):
    engine = Engine(model, max_batch_size=4)
    forty = [engine.submit(picture(8), "anna") for _ in range(40)]
    engine.step()
    first = engine.submit(picture(9), "bert")
    engine.step()
    assert first.done()
    assert [each.done() for each in forty] == [True] * 7 + [False] * 33


def test_one_that_shares_no_batch_has_the_next_turn(model):
    engine = Engine(model, max_batch_size=4)
    forty = [engine.submit(picture(8), "anna") for _ in range(40)]
    engine.step()
    first = engine.submit(picture(9, num_beams=3), "bert")
    engine.step()
    assert first.done()
    assert sum(each.done() for each in forty) == 4


def test_nothing_is_kept_of_clients_who_have_nothing_waiting(engine):
    for number in range(50):
        engine.submit(picture(8), f"client {number}")
        engine.step()
    assert engine._turns._latest == {}
