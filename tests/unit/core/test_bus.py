"""The event bus delivers to those who asked, in any thread, until they ask no more."""

from __future__ import annotations

import threading

import pytest

from desktop_voice.core.bus import EventBus
from desktop_voice.core.events import ConversationEvent, Event, Notice, SpeechStarted, UserTurn

TURN = UserTurn("desk", "Hello.")


def test_a_handler_gets_the_events_of_its_type_alone() -> None:
    bus, turns = EventBus(), list[UserTurn]()
    bus.on(UserTurn, turns.append)
    bus.publish(TURN)
    bus.publish(SpeechStarted("desk"))
    assert turns == [TURN]


def test_a_handler_of_a_base_type_gets_all_below_it() -> None:
    bus, all_events, conversation = EventBus(), list[Event](), list[Event]()
    bus.on(Event, all_events.append)
    bus.on(ConversationEvent, conversation.append)
    bus.publish(TURN)
    bus.publish(Notice("The microphone changed."))
    assert all_events == [TURN, Notice("The microphone changed.")]
    assert conversation == [TURN]


def test_handlers_run_in_the_order_they_came_the_nearest_type_first() -> None:
    bus, order = EventBus(), list[str]()
    bus.on(Event, lambda _: order.append("any"))
    bus.on(UserTurn, lambda _: order.append("first"))
    bus.on(UserTurn, lambda _: order.append("second"))
    bus.publish(TURN)
    assert order == ["first", "second", "any"]


def test_an_event_nobody_wants_is_no_error() -> None:
    bus, turns = EventBus(), list[UserTurn]()
    bus.publish(TURN)
    bus.on(UserTurn, turns.append)
    assert turns == []


def test_after_unsubscribing_nothing_comes_and_doing_it_twice_is_harmless() -> None:
    bus, gone, kept = EventBus(), list[Event](), list[Event]()
    unsubscribe = bus.on(UserTurn, gone.append)
    bus.on(UserTurn, kept.append)
    unsubscribe()
    unsubscribe()
    bus.publish(TURN)
    assert gone == []
    assert kept == [TURN]


def test_a_handler_may_unsubscribe_itself_while_it_runs() -> None:
    bus, seen = EventBus(), list[Event]()

    def once(event: UserTurn) -> None:
        seen.append(event)
        unsubscribe()

    unsubscribe = bus.on(UserTurn, once)
    bus.publish(TURN)
    bus.publish(TURN)
    assert seen == [TURN]


def test_a_handler_may_publish() -> None:
    bus, notices = EventBus(), list[Notice]()
    bus.on(UserTurn, lambda turn: bus.publish(Notice(turn.text)))
    bus.on(Notice, notices.append)
    bus.publish(TURN)
    assert notices == [Notice("Hello.")]


def test_a_handlers_exception_reaches_the_publisher() -> None:
    bus = EventBus()

    def fail(_event: UserTurn) -> None:
        raise LookupError("no such room")

    bus.on(UserTurn, fail)
    with pytest.raises(LookupError, match="no such room"):
        bus.publish(TURN)


def test_nothing_is_lost_between_threads() -> None:
    bus, seen, names = EventBus(), list[str](), set[str]()

    def keep(event: Notice) -> None:
        seen.append(event.what)
        names.add(threading.current_thread().name)

    bus.on(Notice, keep)

    def work(name: str) -> None:
        for number in range(200):
            unsubscribe = bus.on(UserTurn, lambda _: None)
            bus.publish(Notice(f"{name} {number}"))
            unsubscribe()

    threads = [threading.Thread(target=work, args=(str(n),), name=str(n)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == sorted(f"{name} {n}" for name in range(4) for n in range(200))
    assert names == {"0", "1", "2", "3"}
