//! What a client did itself, and nobody answered or no list shows, is no ground for saying the opposite.

use std::time::Duration;

use defender_response::emulator::{Act, Actor, Emulator, FaultRule, Isolation, PlainFault};
use defender_response::{
    Disposition, Doubt, IsolationState, IsolationType, LeaseEnd, MachineHandle, Timestamp,
};

use crate::truth::{armed, is_true, seconds, sent, slow, word, world};

const MINUTE: Duration = Duration::from_secs(60);

/// Isolated or released by the records, and offline from now on.
async fn settled(emulator: &Emulator, host: &MachineHandle, isolated: bool) {
    let id = host.id().as_str();
    emulator.act(Actor::Analyst, id, Act::Isolate, "c").unwrap();
    seconds(40).await;
    if !isolated {
        emulator.act(Actor::Analyst, id, Act::Release, "c").unwrap();
        seconds(40).await;
    }
    seconds(400).await;
    assert_eq!(host.state().await.unwrap().is_isolated(), isolated);
    emulator.set_offline(id, None).unwrap();
}

/// Sends the opposite, and goes away before the answer, or doesn't get one.
async fn send_the_opposite(emulator: &Emulator, host: &MachineHandle, isolated: bool, drops: bool) {
    let operation = if isolated { "unisolate" } else { "isolate" };
    let fault = if drops { PlainFault::HangAfterEffect } else { PlainFault::ResetAfterEffect };
    emulator.fault(FaultRule::new(operation, fault)).unwrap();
    let call = async {
        if isolated {
            host.unisolate("mine").await
        } else {
            host.isolate(IsolationType::Full, "mine").await
        }
    };
    match tokio::time::timeout(if drops { MINUTE / 12 } else { 10 * MINUTE }, call).await {
        Err(_) => assert!(drops),
        Ok(outcome) => assert!(outcome.unwrap_err().is_outcome_unknown()),
    }
    emulator.clear_faults();
}

#[tokio::test(start_paused = true)]
async fn what_went_unanswered_is_a_doubt_until_a_list_shows_it() {
    for (isolated, drops) in [(true, true), (true, false), (false, true), (false, false)] {
        let (emulator, client, host) = world(slow().set("list_lag", "100").unwrap()).await;
        settled(&emulator, &host, isolated).await;
        send_the_opposite(&emulator, &host, isolated, drops).await;
        let state = host.state().await.unwrap();
        let IsolationState::Unknown(Doubt::Unanswered { action_type, reference }) =
            &state.isolation.state
        else {
            panic!("{state:?}")
        };
        assert_eq!(action_type.as_str(), if isolated { "Unisolate" } else { "Isolate" });
        assert!(reference.as_ref().unwrap().starts_with("dr-"));
        let many = client.states([host.id()]).await.remove(0).unwrap();
        assert_eq!(many.isolation.state, state.isolation.state);
        // It is no ground for having nothing to do.
        let again = if isolated {
            host.isolate(IsolationType::Full, "again").await
        } else {
            host.unisolate("again").await
        };
        assert!(again.is_err_and(|e| e.is_conflict() || e.is_already_running()), "{isolated}");
        let found = client.containments().await.unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].action.is_none(), found[0].reference.is_some()),
            (!isolated, !isolated)
        );
        // And once the list shows it, that is said.
        seconds(100).await;
        let state = host.state().await.unwrap();
        assert_eq!(word(&state), "pending");
        is_true(&emulator, &state);
        assert!(client.containments().await.unwrap()[0].action.is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn how_far_is_a_doubt_where_another_isolation_went_unanswered() {
    let (emulator, _, host) = world(slow().set("list_lag", "100").unwrap()).await;
    settled(&emulator, &host, true).await;
    emulator.fault(FaultRule::new("isolate", PlainFault::ResetAfterEffect)).unwrap();
    let regardless = host.clone().regardless();
    let lost = regardless.isolate(IsolationType::Selective, "c").await.unwrap_err();
    assert!(lost.is_outcome_unknown());
    let state = host.state().await.unwrap();
    assert_eq!(state.isolation.state, IsolationState::Isolated(None));
}

#[tokio::test(start_paused = true)]
async fn what_a_list_shows_is_no_longer_unanswered() {
    let (emulator, _, host) = world(slow()).await;
    settled(&emulator, &host, false).await;
    send_the_opposite(&emulator, &host, false, true).await;
    assert_eq!(word(&host.state().await.unwrap()), "pending");
    let again = host.isolate(IsolationType::Full, "again").await.unwrap();
    assert_eq!(again.disposition(), Disposition::AlreadyPending);
    emulator.set_online(host.id().as_str()).unwrap();
    seconds(40).await;
    let again = host.isolate(IsolationType::Full, "again").await.unwrap();
    assert_eq!(again.disposition(), Disposition::AlreadyInState);
}

#[tokio::test(start_paused = true)]
async fn a_release_is_sent_where_an_isolation_went_unanswered() {
    let (emulator, _, host) = world(slow()).await;
    settled(&emulator, &host, false).await;
    emulator.set_online(host.id().as_str()).unwrap();
    emulator.fault(FaultRule::new("isolate", PlainFault::ResetBeforeEffect)).unwrap();
    assert!(host.isolate(IsolationType::Full, "c").await.unwrap_err().is_outcome_unknown());
    let released = host.unisolate("c").await.unwrap();
    assert_eq!(released.disposition(), Disposition::Created);
}

#[tokio::test(start_paused = true)]
async fn bringing_it_into_a_state_waits_until_it_is_clear() {
    for (isolated, drops) in [(true, true), (true, false), (false, true), (false, false)] {
        let (emulator, _, host) = world(slow().set("list_lag", "60").unwrap()).await;
        settled(&emulator, &host, isolated).await;
        send_the_opposite(&emulator, &host, isolated, drops).await;
        let ensure = if isolated {
            host.ensure_isolated(IsolationType::Full, "c").including_others()
        } else {
            host.ensure_released("c").including_others()
        };
        let soon = ensure.within(MINUTE / 12).await.unwrap_err();
        assert!(soon.is_timeout() && soon.to_string().contains("went unanswered"), "{soon}");
        let ensure = if isolated {
            host.ensure_isolated(IsolationType::Full, "c").including_others()
        } else {
            host.ensure_released("c").including_others()
        };
        let returns = async {
            seconds(200).await;
            emulator.set_online(host.id().as_str()).unwrap();
        };
        let (ensured, ()) = tokio::join!(ensure.within(20 * MINUTE), returns);
        is_true(&emulator, &ensured.unwrap().state);
        let really = emulator.host(host.id().as_str()).unwrap().isolation;
        assert_eq!(really == Isolation::Full, isolated);
        assert_eq!([armed(&emulator, "Isolate"), armed(&emulator, "Unisolate")].concat().len(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_not_said_to_be_over_while_its_release_may_be_armed() {
    let (emulator, client, host) = world(slow().set("list_lag", "100").unwrap()).await;
    let monday: Timestamp = "2026-03-02T08:00:00Z".parse().unwrap();
    let lease = host.contain("INC-4711", "soc", monday).await.unwrap();
    seconds(200).await;
    let id = host.id().as_str();
    emulator.set_offline(id, None).unwrap();
    emulator.fault(FaultRule::new("unisolate", PlainFault::HangAfterEffect)).unwrap();
    let release = lease.release(&client, "c").within(10 * MINUTE);
    assert!(tokio::time::timeout(MINUTE / 12, release).await.is_err());
    emulator.clear_faults();
    // Somebody else isolates it too, and the list shows that alone.
    let ours = armed(&emulator, "Unisolate").remove(0);
    assert!(emulator.unlist_action(&ours));
    emulator.set("list_lag", "0").unwrap();
    emulator.set("opposite_action", "accepted").unwrap();
    emulator.act(Actor::Analyst, id, Act::Isolate, "mine now").unwrap();
    let ended = lease.release(&client, "c").within(MINUTE).await;
    assert!(ended.as_ref().is_err_and(defender_response::Error::is_timeout), "{ended:?}");
    // A restriction that went unanswered is none of its business.
    emulator.cancel_as(Actor::Analyst, &ours, "no").unwrap();
    seconds(200).await;
    emulator
        .fault(FaultRule::new("restrict_code_execution", PlainFault::ResetBeforeEffect))
        .unwrap();
    assert!(host.restrict_code_execution("c").await.unwrap_err().is_outcome_unknown());
    let ended = lease.release(&client, "c").within(MINUTE).await;
    assert!(matches!(ended, Ok(LeaseEnd::Superseded { .. })), "{ended:?}");
}

#[tokio::test(start_paused = true)]
async fn what_no_list_has_shown_yet_is_not_forgotten() {
    let (emulator, client, host) = world(slow().set("list_lag", "1000").unwrap()).await;
    let _ = host.isolate(IsolationType::Full, "mine").await.unwrap();
    seconds(500).await;
    assert!(host.state().await.unwrap().is_isolated());
    assert_eq!(client.containments().await.unwrap().len(), 1);
    assert!(host.ensure_isolated(IsolationType::Full, "c").within(MINUTE).await.is_ok());
    assert_eq!(sent(&emulator, "isolate"), 1);
}

/// A list that is late with the end of an action.
#[tokio::test(start_paused = true)]
async fn what_is_listed_as_under_way_is_read_by_its_id() {
    let (emulator, client, host) = world(slow().set("status_lag", "600").unwrap()).await;
    let action = host.isolate(IsolationType::Full, "mine").await.unwrap();
    action.wait().within(MINUTE).await.unwrap();
    let state = host.state().await.unwrap();
    assert_eq!(word(&state), "isolated");
    is_true(&emulator, &state);
    is_true(&emulator, &client.states([host.id()]).await.remove(0).unwrap());
    let found = client.containments().await.unwrap();
    assert_eq!(found[0].isolation.state, state.isolation.state);
}
