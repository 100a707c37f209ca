//! A lost answer is settled by looking, and nothing is sent twice: contract 3.3 and 3.4 by name.

use std::time::Duration;

use defender_response::emulator::{
    Act, Actor, Emulator, EmulatorBuilder, FaultRule, PlainFault, StatusFault,
};
use defender_response::{Client, Disposition, IsolationType, MachineHandle};

use crate::script::emulated;

async fn world(builder: EmulatorBuilder) -> (Emulator, Client, MachineHandle) {
    let (emulator, client) = emulated(builder);
    let machine = client.machines().by_name("ws-042.corp.example").await.unwrap();
    let host = client.machine(&machine.id);
    (emulator, client, host)
}

fn isolations(emulator: &Emulator) -> (u64, usize) {
    let effects =
        emulator.journal().iter().filter(|e| e.operation == "isolate" && e.effect).count();
    (emulator.stats().operations.get("isolate").copied().unwrap_or(0), effects)
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_settled_by_its_reference_even_when_the_list_lags() {
    for lag in ["0", "10"] {
        for fault in
            [PlainFault::ResetAfterEffect, PlainFault::HangAfterEffect, PlainFault::HalfBody]
        {
            let (emulator, _, host) =
                world(Emulator::builder().set("list_lag", lag).unwrap()).await;
            emulator.fault(FaultRule::new("isolate", fault)).unwrap();
            let submitted = host.isolate(IsolationType::Full, "INC-4711").await.unwrap();
            assert_eq!(submitted.disposition(), Disposition::Adopted, "{lag} {fault:?}");
            assert_eq!(isolations(&emulator), (1, 1), "{lag} {fault:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_found_is_unknown_and_names_when_it_left_by_the_services_clock() {
    let (emulator, _, host) = world(Emulator::builder().set("clock_offset", "300").unwrap()).await;
    emulator.fault(FaultRule::new("isolate", PlainFault::ResetBeforeEffect)).unwrap();
    let told = host.isolate(IsolationType::Full, "INC-4711").await.unwrap_err();
    assert!(told.is_outcome_unknown() && told.reference().is_some(), "{told:?}");
    let (from, to) = told.sent_between().unwrap();
    let by_the_service = "2026-03-01T03:05:00Z".parse().unwrap();
    assert!(from <= by_the_service && by_the_service <= to, "{from} {to}");
    assert_eq!(isolations(&emulator), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_refused_connection_and_a_throttled_call_are_repeated() {
    for fault in [
        FaultRule::new("isolate", PlainFault::Refused).times(2),
        FaultRule::new("isolate", StatusFault::new(429).retry_after(17)).times(2),
        FaultRule::new("isolate", StatusFault::new(429)),
    ] {
        let (emulator, _, host) = world(Emulator::builder()).await;
        emulator.fault(fault.clone()).unwrap();
        let submitted = host.isolate(IsolationType::Full, "INC-4711").await.unwrap();
        assert_eq!(submitted.disposition(), Disposition::Created, "{fault:?}");
        assert_eq!(isolations(&emulator).1, 1, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_done_already_is_not_done_again_unless_that_is_said() {
    let (emulator, _, host) = world(Emulator::builder()).await;
    let first = host.isolate(IsolationType::Full, "INC-4711").await.unwrap();
    first.wait().within(Duration::from_secs(60)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(600)).await;

    let again = host.isolate(IsolationType::Full, "again").await.unwrap();
    assert_eq!((again.disposition(), again.id()), (Disposition::AlreadyInState, first.id()));
    assert!(again.age().unwrap() >= Duration::from_secs(590), "{:?}", again.age());
    assert_eq!(isolations(&emulator), (1, 1));

    let other = host.isolate(IsolationType::Selective, "again").await.unwrap_err();
    assert!(other.is_conflict() && other.action().is_some(), "{other:?}");

    emulator.force_release(host.id().as_str()).unwrap();
    let sent =
        host.regardless().isolate(IsolationType::Full, "was released locally").await.unwrap();
    assert_eq!(sent.disposition(), Disposition::Created);
}

#[tokio::test(start_paused = true)]
async fn the_opposite_under_way_is_a_conflict_that_names_whose_it_is() {
    let (emulator, _, host) = world(Emulator::builder()).await;
    emulator.set_offline(host.id().as_str(), None).unwrap();
    let theirs = emulator.act(Actor::Analyst, host.id().as_str(), Act::Isolate, "by hand").unwrap();
    let told = host.unisolate("INC-4711").await.unwrap_err();
    assert!(told.is_conflict(), "{told:?}");
    assert_eq!(told.action().unwrap().id.as_str(), theirs);
    assert!(told.to_string().contains("(Portal)") && told.to_string().contains(&theirs), "{told}");
    assert!(!emulator.stats().operations.contains_key("unisolate"), "nothing was sent");
}

#[tokio::test(start_paused = true)]
async fn two_calls_of_one_client_submit_once_even_when_the_list_lags() {
    let builder = Emulator::builder().set("list_lag", "60").unwrap();
    let (emulator, _, host) = world(builder.set("duplicate_action", "stuck").unwrap()).await;
    let (one, other) = tokio::join!(
        host.isolate(IsolationType::Full, "one alert"),
        host.isolate(IsolationType::Full, "another alert"),
    );
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!(one.id(), other.id());
    assert_eq!(isolations(&emulator), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_cancellation_whose_answer_was_lost_is_settled_by_reading_the_action() {
    let (emulator, _, host) = world(Emulator::builder()).await;
    emulator.set_offline(host.id().as_str(), None).unwrap();
    let action = host.isolate(IsolationType::Full, "INC-4711").await.unwrap();
    emulator.fault(FaultRule::new("cancel_machine_action", PlainFault::ResetAfterEffect)).unwrap();
    let cancelled = action.cancel("false alarm").await.unwrap();
    assert_eq!(cancelled.status.as_str(), "Cancelled");
}

#[tokio::test(start_paused = true)]
async fn an_alerts_comment_whose_answer_was_lost_is_found_and_stands_there_once() {
    let (emulator, client) = emulated(Emulator::builder());
    let id = emulator.alerts().remove(0);
    emulator.fault(FaultRule::new("update_alert", PlainFault::ResetAfterEffect)).unwrap();
    let alert = client.alert(id.parse::<defender_response::AlertId>().unwrap());
    let updated = alert.comment("contained").await.unwrap();
    assert!(updated.confirmed());
    let ours = |text: &Option<String>| text.as_ref().is_some_and(|t| t.ends_with("contained"));
    assert_eq!(updated.alert().comments.iter().filter(|c| ours(&c.comment)).count(), 1);
}
