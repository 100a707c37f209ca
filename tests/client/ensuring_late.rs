//! Deadlines of `ensure_*` and of a lease's release, and whose doing is whose.

use std::time::Duration;

use defender_response::emulator::{Act, Actor, Emulator, FaultRule, Isolation, PlainFault};
use defender_response::{Goal, IsolationState, IsolationType, MachineId, Result, Timestamp};
use tokio::time::Instant;

use crate::script::emulated;
use crate::truth::{armed, is_true, seconds, sent, slow, world};

const MINUTE: Duration = Duration::from_secs(60);

fn monday() -> Timestamp {
    "2026-03-02T08:00:00Z".parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn nothing_is_submitted_after_the_deadline() {
    let (emulator, client) = emulated(slow().fleet(300).settle(Duration::from_secs(30)));
    let machines = emulator.machines();
    let ids: Vec<MachineId> =
        machines.iter().rev().take(300).map(|m| m.id.parse().unwrap()).collect();
    let began = Instant::now();
    let goal = Goal::Isolated(IsolationType::Full);
    let outcomes = client.ensure_all(&ids, goal, "c").within(MINUTE).await;
    assert!(began.elapsed() < MINUTE * 5 / 4, "{:?}", began.elapsed());
    let isolates = sent(&emulator, "isolate");
    assert!((90..=200).contains(&isolates), "{isolates}");
    let as_said = |outcome: &Result<_>| match outcome {
        Ok(_) => true,
        Err(error) => error.is_timeout() || error.is_still_running(),
    };
    assert!(outcomes.iter().all(as_said), "{outcomes:?}");

    // The quota is used up.
    let (emulator, client, host) = world(slow()).await;
    let lease = host.contain("INC-4711", "soc", monday()).await.unwrap();
    seconds(60).await;
    let other: MachineId = emulator.machines()[1].id.parse().unwrap();
    let bystander = client.machine(&other).without_lookup();
    for _ in 0..90 {
        let _ = bystander.unisolate("c").await.unwrap();
    }
    let before = sent(&emulator, "unisolate");
    let began = Instant::now();
    let ensure = host.ensure_released("c").including_others().within(MINUTE / 12).await;
    assert!(ensure.unwrap_err().is_timeout());
    assert!(lease.release(&client, "c").within(MINUTE / 12).await.unwrap_err().is_timeout());
    assert!(began.elapsed() <= MINUTE / 3, "{:?}", began.elapsed());
    assert_eq!(sent(&emulator, "unisolate"), before);
}

#[tokio::test(start_paused = true)]
async fn those_whose_turn_comes_after_the_deadline_are_left_as_they_are() {
    let (emulator, client) = emulated(slow().fleet(80));
    let machines = emulator.machines();
    let ids: Vec<MachineId> =
        machines.iter().rev().take(80).map(|m| m.id.parse().unwrap()).collect();
    let hang = FaultRule::new("list_machine_actions", PlainFault::HangBeforeEffect);
    emulator.fault(hang).unwrap();
    let goal = Goal::Isolated(IsolationType::Full);
    let outcomes = client.ensure_all(&ids, goal, "c").within(MINUTE / 12).await;
    assert!(outcomes.iter().all(|o| o.as_ref().is_err_and(defender_response::Error::is_timeout)));
    assert_eq!(sent(&emulator, "isolate"), 0);
}

#[tokio::test(start_paused = true)]
async fn reads_that_hang_do_not_outlast_the_deadline_by_much() {
    for goal in ["release", "ensure"] {
        let (emulator, client, host) = world(slow()).await;
        let lease = host.contain("INC-4711", "soc", monday()).await.unwrap();
        seconds(60).await;
        let hang = FaultRule::new("list_machine_actions", PlainFault::HangBeforeEffect);
        emulator.fault(hang.times(99)).unwrap();
        let began = Instant::now();
        let limit = MINUTE / 12;
        let error = if goal == "release" {
            lease.release(&client, "c").within(limit).await.unwrap_err()
        } else {
            host.ensure_released("c").within(limit).await.unwrap_err()
        };
        assert!(error.is_timeout() && error.to_string().contains("isn't known"), "{error}");
        assert!(began.elapsed() <= MINUTE / 3, "{goal} {:?}", began.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn another_name_than_expected_is_refused_before_anything_is_cancelled_or_said() {
    let (emulator, _, host) = world(slow()).await;
    emulator.set_offline(host.id().as_str(), None).unwrap();
    let _ = host.isolate(IsolationType::Full, "c").await.unwrap();
    let wrong = host.clone().expecting("dc01.corp.example");
    let error = wrong.ensure_released("c").within(MINUTE).await.unwrap_err();
    assert!(error.is_guarded(), "{error}");
    assert_eq!(sent(&emulator, "cancel_machine_action"), 0);
    assert_eq!(armed(&emulator, "Isolate").len(), 1);
    emulator.set_online(host.id().as_str()).unwrap();
    seconds(60).await;
    let told = wrong.ensure_isolated(IsolationType::Full, "c").within(MINUTE).await;
    assert!(told.unwrap_err().is_guarded());
    let right = host.clone().expecting("WS-042");
    assert!(right.ensure_isolated(IsolationType::Full, "c").within(MINUTE).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_is_in_the_state_is_no_failure_whoever_brought_it_there() {
    // Ours is cancelled by somebody who then does the same.
    let (emulator, _, host) = world(slow().set("duplicate_action", "stuck").unwrap()).await;
    let id = host.id().as_str();
    emulator.set_offline(id, None).unwrap();
    let other = async {
        seconds(20).await;
        let mine = armed(&emulator, "Isolate")[0].clone();
        emulator.cancel_as(Actor::Analyst, &mine, "no").unwrap();
        emulator.act(Actor::Analyst, id, Act::Isolate, "mine").unwrap();
        emulator.set_online(id).unwrap();
    };
    let ensure = host.ensure_isolated(IsolationType::Full, "c").every(MINUTE * 3);
    let (ensured, ()) = tokio::join!(ensure.within(MINUTE * 10), other);
    is_true(&emulator, &ensured.unwrap().state);

    // Somebody else's is under way and no list shows it, so that the service refuses ours, or answers with it.
    for duplicate in ["refused", "same_action"] {
        let builder = slow().set("list_lag", "300").unwrap();
        let (emulator, _, host) = world(builder.set("duplicate_action", duplicate).unwrap()).await;
        let id = host.id().as_str();
        emulator.set_offline(id, Some(MINUTE * 6)).unwrap();
        emulator.act(Actor::Analyst, id, Act::Isolate, "theirs").unwrap();
        let ensure = host.ensure_isolated(IsolationType::Full, "c").within(MINUTE * 10);
        let ensured = ensure.await.unwrap();
        assert_eq!(ensured.submitted, None, "{duplicate}: it is somebody else's");
        is_true(&emulator, &ensured.state);
        assert_eq!(emulator.actions().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_isolation_under_a_lease_is_its_owners_to_end() {
    for wait in [0, 100] {
        let (emulator, client, host) = world(slow()).await;
        emulator.set_offline(host.id().as_str(), (wait == 0).then_some(MINUTE * 9)).unwrap();
        if wait > 0 {
            emulator.set_online(host.id().as_str()).unwrap();
        }
        let lease = host.contain("INC-4711", "team a", monday()).await.unwrap();
        seconds(wait).await;
        let error = host.ensure_released("team b").within(MINUTE).await.unwrap_err();
        assert!(error.is_conflict(), "{error}");
        let told = error.to_string();
        assert!(told.contains("a lease of team a") && told.contains("2026-03-02"), "{told}");
        assert_eq!(sent(&emulator, "cancel_machine_action") + sent(&emulator, "unisolate"), 0);
        if wait > 0 {
            let ensure = host.ensure_released("team b").including_others().within(MINUTE * 5);
            assert!(ensure.await.is_ok());
            let really = emulator.host(host.id().as_str()).unwrap().isolation;
            assert_eq!(really, Isolation::None);
        } else {
            assert!(lease.release(&client, "c").within(MINUTE * 20).await.is_ok());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn how_far_is_not_said_where_the_records_do_not_tell() {
    let (emulator, _, host) = world(Emulator::builder()).await;
    let id = host.id().as_str();
    emulator.act(Actor::Analyst, id, Act::Isolate, "theirs").unwrap();
    seconds(60).await;
    emulator.set_mute(id, true).unwrap();
    emulator.act(Actor::Analyst, id, Act::IsolateSelectively, "theirs").unwrap();
    seconds(4 * 86_400).await;
    emulator.set_mute(id, false).unwrap();
    let state = host.state().await.unwrap();
    assert_eq!(state.isolation.state, IsolationState::Isolated(None));
    let error = host.ensure_isolated(IsolationType::Full, "c").within(MINUTE).await.unwrap_err();
    assert!(error.is_conflict() && error.to_string().contains("don't tell how far"), "{error}");
}
