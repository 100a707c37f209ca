//! The state of a machine by its records, at every second of what can happen to it, against the truth.

use std::time::Duration;

use defender_response::emulator::{
    Act, Actor, Emulator, FaultRule, Isolation, PlainFault, StatusFault,
};
use defender_response::{Error, IsolationState, IsolationType, MachineId, RestrictionState};

use crate::script::emulated;
use crate::truth::{is_true, seconds, sent, slow, watch, word, world};

#[tokio::test(start_paused = true)]
async fn isolated_and_released_again_is_told_step_by_step() {
    let (emulator, _, host) = world(slow()).await;
    assert_eq!(watch(&emulator, &host, 2).await, ["no record"], "nothing is made up");
    let isolation = host.isolate(IsolationType::Selective, "INC-4711").await.unwrap();
    assert_eq!(watch(&emulator, &host, 40).await, ["pending", "isolated"]);
    let state = host.state().await.unwrap();
    let selective = IsolationState::Isolated(Some(IsolationType::Selective));
    assert_eq!(state.isolation.state, selective);
    let evidence = state.isolation.evidence.unwrap();
    assert_eq!(&evidence.action, isolation.id());
    assert_eq!(evidence.source.as_deref(), Some("PublicApi"));
    assert!(evidence.requestor.is_some() && evidence.comment.unwrap().ends_with("INC-4711"));
    assert_eq!(evidence.age, state.read_at.since(evidence.finished));
    assert!((8..=12).contains(&evidence.age.as_secs()), "{:?}", evidence.age);

    let _ = host.unisolate("INC-4711").await.unwrap();
    assert_eq!(watch(&emulator, &host, 40).await, ["pending", "released"]);
    let _ = host.restrict_code_execution("INC-4711").await.unwrap();
    assert_eq!(watch(&emulator, &host, 40).await, ["released"]);
    assert_eq!(host.state().await.unwrap().restriction.state, RestrictionState::Restricted);
    let _ = host.unrestrict_code_execution("INC-4711").await.unwrap();
    watch(&emulator, &host, 40).await;
    assert_eq!(host.state().await.unwrap().restriction.state, RestrictionState::Lifted);
}

#[tokio::test(start_paused = true)]
async fn whatever_becomes_of_an_isolation_nothing_false_is_said() {
    for (switch, value) in
        [("cancel_in_progress", "cancelled"), ("cancel_in_progress", "lost"), ("novelty", "on")]
    {
        for cancel_after in [0, 5, 12, 18, 22, 28] {
            for kind in [Act::Isolate, Act::Release] {
                let (emulator, client, host) = world(slow().set(switch, value).unwrap()).await;
                let id = host.id().as_str();
                if kind == Act::Release {
                    emulator.act(Actor::Analyst, id, Act::Isolate, "by hand").unwrap();
                    seconds(60).await;
                }
                let action = emulator.act(Actor::OtherApp, id, kind, "c").unwrap();
                watch(&emulator, &host, cancel_after).await;
                let _ = emulator.cancel_as(Actor::Analyst, &action, "not this one");
                watch(&emulator, &host, 60).await;
                drop(client);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_isolation_that_was_carried_out_before_is_not_called_a_release() {
    let (emulator, _, host) = world(slow().set("cancel_in_progress", "cancelled").unwrap()).await;
    let action = host.isolate(IsolationType::Full, "INC-4711").await.unwrap();
    seconds(22).await;
    action.cancel("false alarm").await.unwrap();
    let state = host.state().await.unwrap();
    assert_eq!(emulator.host(host.id().as_str()).unwrap().isolation, Isolation::Full);
    assert!(matches!(state.isolation.state, IsolationState::Unknown(_)), "{state:?}");
    assert!(state.isolation.to_string().contains("may have been carried out or not"));
}

#[tokio::test(start_paused = true)]
async fn a_silent_host_is_pending_and_later_unknown() {
    for mute in [true, false] {
        let (emulator, _, host) = world(slow()).await;
        let id = host.id().as_str();
        if mute {
            emulator.set_mute(id, true).unwrap();
        } else {
            emulator.set_offline(id, None).unwrap();
        }
        let _ = host.isolate(IsolationType::Full, "INC-4711").await.unwrap();
        assert_eq!(watch(&emulator, &host, 100).await, ["pending"]);
        seconds(4 * 86_400).await;
        assert_eq!(watch(&emulator, &host, 3).await, ["unknown"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stuck_duplicate_is_seen_as_armed_before_and_after_the_release() {
    let (emulator, _, host) = world(slow().set("duplicate_action", "stuck").unwrap()).await;
    let _ = host.isolate(IsolationType::Full, "INC-4711").await.unwrap();
    let again = host.clone().without_lookup();
    let stuck = again.isolate(IsolationType::Full, "INC-4711").await.unwrap();
    assert_eq!(watch(&emulator, &host, 40).await, ["pending", "isolated"]);
    let state = host.state().await.unwrap();
    assert_eq!(state.isolation.under_way.len(), 1, "{state:?}");
    assert_eq!(&state.isolation.under_way[0].id, stuck.id());

    emulator.act(Actor::Analyst, host.id().as_str(), Act::Release, "by hand").unwrap();
    assert_eq!(watch(&emulator, &host, 80).await, ["pending", "isolated"]);
    let state = host.state().await.unwrap();
    assert_eq!(&state.isolation.evidence.unwrap().action, stuck.id(), "by when it finished");
}

#[tokio::test(start_paused = true)]
async fn opposite_actions_at_once_are_told_by_when_they_finished_or_not_at_all() {
    let (emulator, _, host) = world(slow().set("opposite_action", "accepted").unwrap()).await;
    let id = host.id().as_str();
    for between in [0, 5, 12] {
        emulator.set_mute(id, true).unwrap();
        emulator.act(Actor::Analyst, id, Act::Isolate, "c").unwrap();
        seconds(between).await;
        emulator.act(Actor::OtherApp, id, Act::Release, "c").unwrap();
        watch(&emulator, &host, 50).await;
        emulator.set_mute(id, false).unwrap();
        watch(&emulator, &host, 5).await;
        assert_eq!(word(&host.state().await.unwrap()), "unknown", "both were reported at once");
        emulator.act(Actor::Analyst, id, Act::Release, "c").unwrap();
        assert_eq!(watch(&emulator, &host, 50).await.last(), Some(&"released"));
    }
}

#[tokio::test(start_paused = true)]
async fn what_no_record_shows_is_not_claimed_beyond_the_records() {
    let (emulator, _, host) = world(slow()).await;
    let _ = host.isolate(IsolationType::Full, "INC-4711").await.unwrap();
    seconds(40).await;
    emulator.force_release(host.id().as_str()).unwrap();
    seconds(9 * 3600).await;
    let state = host.state().await.unwrap();
    let text = state.isolation.to_string();
    assert!(text.starts_with("isolated (Full), by the records: Isolate "), "{text}");
    assert!(text.ends_with("finished 9 h ago"), "{text}");
    let json = serde_json::to_value(&state).unwrap();
    assert_eq!(json["isolation"]["state"]["isolated"], "Full");
    assert!(json["isolation"]["evidence"]["age_seconds"].as_u64() > Some(9 * 3600));
}

#[tokio::test(start_paused = true)]
async fn what_was_submitted_here_counts_although_the_list_lags() {
    let (emulator, _, host) = world(slow().set("list_lag", "60").unwrap()).await;
    let _ = host.isolate(IsolationType::Full, "INC-4711").await.unwrap();
    assert_eq!(watch(&emulator, &host, 90).await, ["pending", "isolated"]);
    let _ = host.unisolate("INC-4711").await.unwrap();
    assert_eq!(watch(&emulator, &host, 90).await, ["pending", "released"]);
}

#[tokio::test(start_paused = true)]
async fn many_states_share_lists_and_come_in_order() {
    let (emulator, client) = emulated(slow().fleet(500));
    let fleet: Vec<_> = emulator.machines().into_iter().rev().take(500).collect();
    for machine in fleet.iter().step_by(7) {
        emulator.act(Actor::Analyst, &machine.id, Act::Isolate, "c").unwrap();
    }
    seconds(60).await;
    emulator.clear_journal();
    let ids: Vec<MachineId> = fleet.iter().map(|machine| machine.id.parse().unwrap()).collect();
    let states = client.states(&ids).await;
    assert_eq!((states.len(), sent(&emulator, "list_machine_actions")), (500, 13));
    for (n, state) in states.into_iter().enumerate() {
        let state = state.unwrap();
        assert_eq!(state.machine, ids[n]);
        is_true(&emulator, &state);
        assert_eq!(word(&state), if n % 7 == 0 { "isolated" } else { "no record" });
    }
    assert_eq!(client.states(Vec::<MachineId>::new()).await.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_state_that_could_not_be_read_is_an_error_and_no_default() {
    let (emulator, client) = emulated(slow().fleet(100));
    let ids: Vec<MachineId> =
        emulator.machines().iter().take(100).map(|machine| machine.id.parse().unwrap()).collect();
    emulator.fault(FaultRule::new("list_machine_actions", StatusFault::new(429)).times(2)).unwrap();
    let impatient = client.queue_within(Duration::from_secs(1));
    let states = impatient.states(&ids).await;
    assert!(states.iter().all(|state| state.as_ref().is_err_and(Error::is_throttled)));
    seconds(120).await;
    emulator.clear_faults();
    emulator.fault(FaultRule::new("list_machine_actions", PlainFault::Html200).times(9)).unwrap();
    let host = client.machine(&ids[0]);
    assert!(host.state().await.is_err());
}

#[tokio::test(start_paused = true)]
async fn an_old_release_ends_the_reading_of_a_long_history() {
    let (emulator, _, host) = world(slow()).await;
    let id = host.id().as_str();
    for _ in 0..3 {
        for act in [Act::Isolate, Act::Release, Act::Restrict, Act::LiftRestriction] {
            emulator.act(Actor::Analyst, id, act, "c").unwrap();
            seconds(40).await;
        }
        seconds(10 * 86_400).await;
    }
    emulator.act(Actor::Analyst, id, Act::Isolate, "c").unwrap();
    assert_eq!(watch(&emulator, &host, 40).await, ["pending", "isolated"]);
}

#[tokio::test]
async fn an_empty_emulator_has_no_state() {
    let (_, client) = emulated(Emulator::builder());
    let nobody: MachineId = "0000000000000000000000000000000000000000".parse().unwrap();
    assert_eq!(word(&client.machine(nobody).state().await.unwrap()), "no record");
}

#[tokio::test(start_paused = true)]
async fn what_is_older_than_a_release_may_still_have_a_say() {
    // A restriction of last month, beside isolations and releases since.
    let (emulator, _, host) = world(slow()).await;
    let id = host.id().as_str();
    emulator.act(Actor::Analyst, id, Act::Restrict, "c").unwrap();
    seconds(30 * 86_400).await;
    for act in [Act::Isolate, Act::Release] {
        emulator.act(Actor::Analyst, id, act, "c").unwrap();
        seconds(40).await;
    }
    let state = host.state().await.unwrap();
    is_true(&emulator, &state);
    assert_eq!(state.restriction.state, RestrictionState::Restricted);

    // A stuck duplicate that was asked for before the release, and fires after it.
    let (emulator, _, host) = world(slow().set("duplicate_action", "stuck").unwrap()).await;
    let id = host.id().as_str();
    for _ in 0..2 {
        let _ = host.clone().without_lookup().isolate(IsolationType::Full, "c").await.unwrap();
    }
    seconds(40).await;
    for act in [Act::Restrict, Act::LiftRestriction, Act::Release] {
        emulator.act(Actor::Analyst, id, act, "c").unwrap();
        seconds(70).await;
    }
    let state = host.state().await.unwrap();
    is_true(&emulator, &state);
    assert_eq!(word(&state), "isolated");
}
