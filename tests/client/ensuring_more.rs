//! Where the records are in doubt, and where many machines are dealt with at once.

use std::time::Duration;

use defender_response::emulator::{Act, Actor, Emulator, Isolation};
use defender_response::{Goal, IsolationType, MachineId};

use crate::script::emulated;
use crate::truth::{is_true, seconds, sent, slow, word, world};

const TEN_MINUTES: Duration = Duration::from_secs(600);

/// The last action succeeded, and an opposite one was cancelled while it was under way: which of them had the last word
/// isn't on record, so what the verb takes for done is sent all the same.
#[tokio::test(start_paused = true)]
async fn in_doubt_it_is_sent_again() {
    for goal in [Goal::Released, Goal::Isolated(IsolationType::Full)] {
        let (emulator, client, host) =
            world(slow().set("opposite_action", "accepted").unwrap()).await;
        let id = host.id().as_str();
        let (first, opposite) = match goal {
            Goal::Released => (Act::Release, Act::Isolate),
            _ => (Act::Isolate, Act::Release),
        };
        emulator.act(Actor::Analyst, id, first, "c").unwrap();
        seconds(5).await;
        let taken_back = emulator.act(Actor::OtherApp, id, opposite, "c").unwrap();
        seconds(3).await;
        emulator.cancel_as(Actor::Analyst, &taken_back, "no").unwrap();
        seconds(40).await;
        assert_eq!(word(&host.state().await.unwrap()), "unknown");
        let ensure = client.ensure_all([host.id()], goal, "INC-4711").including_others();
        let ensured = ensure.within(TEN_MINUTES).await.remove(0).unwrap();
        is_true(&emulator, &ensured.state);
        assert!(ensured.submitted.is_some(), "{goal:?}");
        assert_eq!(sent(&emulator, "isolate") + sent(&emulator, "unisolate"), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn of_many_machines_only_ours_are_released() {
    let (emulator, client) = emulated(slow().fleet(60).settle(Duration::from_secs(30)));
    let fleet: Vec<_> = emulator.machines().into_iter().rev().take(60).collect();
    let ids: Vec<MachineId> = fleet.iter().map(|machine| machine.id.parse().unwrap()).collect();
    for machine in fleet.iter().step_by(10) {
        emulator.act(Actor::Analyst, &machine.id, Act::Isolate, "by hand").unwrap();
    }
    seconds(60).await;
    let wish = Goal::Isolated(IsolationType::Full);
    let isolated = client.ensure_all(&ids, wish, "INC-4711").within(TEN_MINUTES).await;
    assert!(isolated.iter().all(Result::is_ok));
    assert_eq!(sent(&emulator, "isolate"), 54);
    let released = client.ensure_all(&ids, Goal::Released, "INC-4711").within(TEN_MINUTES).await;
    for (n, outcome) in released.iter().enumerate() {
        let truth = emulator.host(&fleet[n].id).unwrap().isolation;
        match outcome {
            Ok(ensured) => {
                is_true(&emulator, &ensured.state);
                assert_eq!(truth, Isolation::None);
            }
            Err(error) => {
                assert!(n % 10 == 0 && error.is_conflict(), "{n} {error}");
                assert_eq!(truth, Isolation::Full);
            }
        }
    }
    assert_eq!(released.iter().filter(|outcome| outcome.is_err()).count(), 6);
    assert_eq!(sent(&emulator, "unisolate"), 54);
}

/// The quota keeps them waiting, and by then what was seen at first is old.
#[tokio::test(start_paused = true)]
async fn what_was_seen_long_before_a_slot_came_is_looked_at_again() {
    for count in [1, 3] {
        let (emulator, client) = emulated(slow().fleet(3).settle(Duration::from_secs(10)));
        let fleet: Vec<_> = emulator.machines().into_iter().rev().take(count).collect();
        let ids: Vec<MachineId> = fleet.iter().map(|machine| machine.id.parse().unwrap()).collect();
        let wish = Goal::Isolated(IsolationType::Full);
        let isolated = client.ensure_all(&ids, wish, "c").within(TEN_MINUTES).await;
        assert!(isolated.iter().all(Result::is_ok));
        // Ninety releases of another machine leave no slot for a minute.
        let other: MachineId = emulator.machines()[0].id.parse().unwrap();
        let bystander = client.machine(&other).without_lookup();
        for _ in 0..90 {
            let _ = bystander.unisolate("c").await.unwrap();
        }
        for machine in &fleet {
            let later = Duration::from_secs(10);
            emulator.act_after(later, Actor::Analyst, &machine.id, Act::Isolate, "mine").unwrap();
        }
        for (n, outcome) in client
            .ensure_all(&ids, Goal::Released, "c")
            .within(TEN_MINUTES)
            .await
            .into_iter()
            .enumerate()
        {
            let error = outcome.unwrap_err();
            assert!(error.is_conflict() && error.to_string().contains("a.keller"), "{error}");
            assert_eq!(emulator.host(&fleet[n].id).unwrap().isolation, Isolation::Full);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn at_the_deadline_nothing_more_is_submitted() {
    let (emulator, _, host) = world(Emulator::builder()).await;
    let ensure = host.ensure_isolated(IsolationType::Full, "c").within(Duration::ZERO);
    let error = ensure.await.unwrap_err();
    assert!(error.is_timeout() && error.to_string().contains("left: unknown"), "{error}");
    assert_eq!(sent(&emulator, "isolate"), 0);
}

#[tokio::test(start_paused = true)]
async fn of_two_kinds_under_way_the_other_one_is_a_conflict() {
    let (emulator, _, host) = world(slow()).await;
    let id = host.id().as_str();
    emulator.act(Actor::Analyst, id, Act::Isolate, "c").unwrap();
    seconds(60).await;
    emulator.set_offline(id, None).unwrap();
    emulator.act(Actor::Analyst, id, Act::IsolateSelectively, "c").unwrap();
    assert_eq!(word(&host.state().await.unwrap()), "pending", "how far isn't certain");
    let error =
        host.ensure_isolated(IsolationType::Full, "c").within(TEN_MINUTES).await.unwrap_err();
    assert!(error.is_conflict() && error.to_string().contains("of another kind"), "{error}");
}
