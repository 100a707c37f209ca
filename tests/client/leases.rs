//! A lease ends its own isolation and no other; and what is isolated can be told in the morning.

use std::time::Duration;

use defender_response::emulator::{
    Act, Actor, AppSetup, Emulator, FaultRule, Isolation, PlainFault, StatusFault, TenantSetup,
};
use defender_response::{
    Client, Error, IsolationState, IsolationType, Lease, LeaseEnd, MachineHandle, Result, Timestamp,
};

use crate::script::{Script, emulated, signing_in_to};
use crate::truth::{armed, is_true, seconds, sent, slow, world};

const TEN_MINUTES: Duration = Duration::from_secs(600);

fn monday() -> Timestamp {
    "2026-03-02T08:00:00Z".parse().unwrap()
}

async fn contain(host: &MachineHandle) -> Lease {
    host.contain("INC-4711: beaconing", "soc tier 2", monday()).await.unwrap()
}

async fn end(lease: &Lease, client: &Client) -> Result<LeaseEnd> {
    lease.release(client, "INC-4711: cleaned").within(TEN_MINUTES).await
}

fn isolation(emulator: &Emulator, host: &MachineHandle) -> Isolation {
    emulator.host(host.id().as_str()).unwrap().isolation
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_stored_and_ends_its_isolation_in_another_process() {
    let (emulator, client, host) = world(slow()).await;
    let lease = contain(&host).await;
    let stored = serde_json::to_string(&lease).unwrap();
    assert!(!stored.contains(emulator.client_secret()), "{stored}");
    let lease: Lease = serde_json::from_str(&stored).unwrap();
    assert_eq!((lease.machine(), lease.owner()), (host.id(), "soc tier 2"));
    assert_eq!((lease.reason(), lease.review_by()), ("INC-4711: beaconing", monday()));
    assert_eq!(lease.name(), Some("ws-042.corp.example"));
    client.action(lease.action()).wait().within(TEN_MINUTES).await.unwrap();
    assert_eq!(isolation(&emulator, &host), Isolation::Full);

    let Ok(LeaseEnd::Released { action }) = end(&lease, &client).await else { panic!() };
    assert_eq!(action.status.as_str(), "Succeeded");
    assert!(action.requestor_comment.unwrap().contains("INC-4711: cleaned | ends: "));
    assert_eq!(isolation(&emulator, &host), Isolation::None);
    is_true(&emulator, &host.state().await.unwrap());
    // Called again it tells the same, and sends nothing.
    assert!(matches!(end(&lease, &client).await, Ok(LeaseEnd::Released { .. })));
    assert_eq!(sent(&emulator, "unisolate"), 1);
}

#[tokio::test(start_paused = true)]
async fn there_is_no_lease_on_somebody_elses_isolation() {
    for wait in [0, 60] {
        let (emulator, _, host) = world(slow()).await;
        let id = host.id().as_str();
        let theirs = emulator.act(Actor::Analyst, id, Act::Isolate, "by hand").unwrap();
        seconds(wait).await;
        let error = host.contain("INC-4711", "soc", monday()).await.unwrap_err();
        assert!(error.is_conflict() && error.to_string().contains("no lease"), "{error}");
        assert_eq!(error.action().unwrap().id.as_str(), theirs);
        assert_eq!(sent(&emulator, "isolate"), 0);
    }
    let (emulator, _, host) = world(slow()).await;
    let _ = contain(&host).await;
    assert!(host.contain("again", "soc", monday()).await.unwrap_err().is_conflict());
    assert_eq!(sent(&emulator, "isolate"), 1);
    let fault = FaultRule::new("isolate", PlainFault::DuplicateReturnsPending);
    let (emulator, _, host) = world(slow()).await;
    emulator.fault(fault).unwrap();
    assert!(host.contain("a moment late", "soc", monday()).await.unwrap_err().is_conflict());
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_gives_the_lease_all_the_same() {
    let (emulator, client, host) = world(slow()).await;
    emulator.fault(FaultRule::new("isolate", PlainFault::ResetAfterEffect)).unwrap();
    let lease = contain(&host).await;
    emulator.fault(FaultRule::new("unisolate", PlainFault::ResetAfterEffect)).unwrap();
    assert!(matches!(end(&lease, &client).await, Ok(LeaseEnd::Released { .. })));
    assert_eq!(isolation(&emulator, &host), Isolation::None);
    assert_eq!((sent(&emulator, "isolate"), sent(&emulator, "unisolate")), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn what_came_instead_is_said_and_left_alone() {
    // Released by an analyst, and isolated again by him.
    for again in [false, true] {
        let (emulator, client, host) = world(slow()).await;
        let id = host.id().as_str();
        let lease = contain(&host).await;
        seconds(60).await;
        let release = emulator.act(Actor::Analyst, id, Act::Release, "mine now").unwrap();
        seconds(60).await;
        if again {
            emulator.act(Actor::Analyst, id, Act::Isolate, "mine now").unwrap();
            seconds(60).await;
        }
        let Ok(LeaseEnd::Superseded { by }) = end(&lease, &client).await else { panic!() };
        assert_eq!(by.id.as_str(), release);
        assert_eq!(isolation(&emulator, &host) == Isolation::Full, again);
        assert_eq!(sent(&emulator, "unisolate") + sent(&emulator, "cancel_machine_action"), 0);
    }
    // Isolated by an analyst too, or about to be.
    for (late, offline) in [(60, false), (0, false), (0, true)] {
        let (emulator, client, host) = world(slow()).await;
        let id = host.id().as_str();
        let lease = contain(&host).await;
        seconds(60).await;
        if offline {
            emulator.set_offline(id, None).unwrap();
        }
        let theirs = emulator.act(Actor::Analyst, id, Act::Isolate, "mine too").unwrap();
        seconds(late).await;
        let Ok(LeaseEnd::Superseded { by }) = end(&lease, &client).await else { panic!() };
        assert_eq!(by.id.as_str(), theirs);
        assert_eq!(isolation(&emulator, &host), Isolation::Full);
        assert_eq!(sent(&emulator, "unisolate"), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn what_an_analyst_took_back_is_not_in_the_way() {
    let (emulator, client, host) = world(slow()).await;
    let id = host.id().as_str();
    let lease = contain(&host).await;
    seconds(60).await;
    emulator.set_offline(id, Some(Duration::from_secs(60))).unwrap();
    let theirs = emulator.act(Actor::Analyst, id, Act::Isolate, "mine too").unwrap();
    emulator.cancel_as(Actor::Analyst, &theirs, "after all not").unwrap();
    assert!(matches!(end(&lease, &client).await, Ok(LeaseEnd::Released { .. })));
    assert_eq!(isolation(&emulator, &host), Isolation::None);
}

#[tokio::test(start_paused = true)]
async fn an_isolation_that_was_not_carried_out_yet_is_cancelled_and_released_to_be_sure() {
    for late in ["refused", "lost", "cancelled"] {
        for after in [0, 12, 22] {
            let (emulator, client, host) =
                world(slow().set("cancel_in_progress", late).unwrap()).await;
            let lease = contain(&host).await;
            seconds(after).await;
            assert!(matches!(end(&lease, &client).await, Ok(LeaseEnd::Released { .. })), "{late}");
            assert_eq!(isolation(&emulator, &host), Isolation::None, "{late} {after}");
            assert!(sent(&emulator, "cancel_machine_action") <= 1, "{late} {after}");
            assert_eq!(armed(&emulator, "Isolate"), Vec::<String>::new());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn on_an_offline_host_the_release_goes_on_when_it_is_asked_for_again() {
    let (emulator, client, host) = world(slow()).await;
    emulator.set_offline(host.id().as_str(), Some(Duration::from_secs(1800))).unwrap();
    let lease = contain(&host).await;
    let error = end(&lease, &client).await.unwrap_err();
    assert!(error.is_still_running() && error.to_string().contains("last report"), "{error}");
    assert_eq!(armed(&emulator, "Isolate"), Vec::<String>::new());
    let wait = lease.release(&client, "again").within(Duration::from_secs(3600));
    assert!(matches!(wait.await, Ok(LeaseEnd::Released { .. })));
    assert_eq!((isolation(&emulator, &host), sent(&emulator, "unisolate")), (Isolation::None, 1));
}

#[tokio::test(start_paused = true)]
async fn a_service_that_refuses_to_release_what_is_not_isolated_ends_a_cancelled_lease() {
    let (emulator, client, host) =
        world(slow().set("unisolate_not_isolated", "refused").unwrap()).await;
    let lease = contain(&host).await;
    let Ok(LeaseEnd::Cancelled { action }) = end(&lease, &client).await else { panic!() };
    assert_eq!(&action.id, lease.action());
    assert_eq!(armed(&emulator, "Isolate"), Vec::<String>::new());
    is_true(&emulator, &host.state().await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_release_that_fails_or_is_cancelled_leaves_the_lease_as_it_was() {
    let (emulator, client, host) = world(slow()).await;
    let lease = contain(&host).await;
    seconds(60).await;
    emulator.set_failing(host.id().as_str(), Some(-2_147_024_891)).unwrap();
    assert!(end(&lease, &client).await.unwrap_err().is_action_failed());
    emulator.set_failing(host.id().as_str(), None).unwrap();
    let cancelling = async {
        seconds(3).await;
        let release = armed(&emulator, "Unisolate").pop().unwrap();
        emulator.cancel_as(Actor::Analyst, &release, "not yet").unwrap();
    };
    let (ended, ()) = tokio::join!(end(&lease, &client), cancelling);
    assert!(ended.unwrap_err().is_action_cancelled());
    assert_eq!(isolation(&emulator, &host), Isolation::Full);
    assert!(matches!(end(&lease, &client).await, Ok(LeaseEnd::Released { .. })));
}

#[tokio::test(start_paused = true)]
async fn reads_that_fail_now_and_then_and_lists_that_lag_do_not_matter() {
    let (emulator, client, host) = world(slow().set("list_lag", "100").unwrap()).await;
    let lease = contain(&host).await;
    seconds(60).await;
    for fault in [PlainFault::ResetBeforeEffect, PlainFault::Html200] {
        emulator.fault(FaultRule::new("list_machine_actions", fault).times(6)).unwrap();
    }
    assert!(matches!(end(&lease, &client).await, Ok(LeaseEnd::Released { .. })));
    assert_eq!((isolation(&emulator, &host), sent(&emulator, "unisolate")), (Isolation::None, 1));
    emulator.fault(FaultRule::new("*", PlainFault::Html200).times(9999)).unwrap();
    let error = end(&lease, &client).await.unwrap_err();
    assert!(error.is_timeout() && error.to_string().contains("isn't known"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_release_that_was_turned_away_is_thought_over_before_the_next_try() {
    let (emulator, client, host) = world(slow()).await;
    let id = host.id().as_str();
    let lease = contain(&host).await;
    seconds(60).await;
    let throttled = StatusFault::new(429).retry_after(120);
    emulator.fault(FaultRule::new("unisolate", throttled)).unwrap();
    let later = Duration::from_secs(20);
    emulator.act_after(later, Actor::Analyst, id, Act::Isolate, "mine too").unwrap();
    let Ok(LeaseEnd::Superseded { by }) = end(&lease, &client).await else { panic!() };
    assert_eq!(by.requestor.as_deref(), Some("a.keller@corp.example"));
    assert_eq!(isolation(&emulator, &host), Isolation::Full);
}

#[tokio::test(start_paused = true)]
async fn somebody_who_isolates_while_the_release_waits_for_its_slot_is_seen() {
    let (emulator, client, host) = world(slow()).await;
    let id = host.id().as_str();
    let lease = contain(&host).await;
    seconds(60).await;
    let other: defender_response::MachineId = emulator.machines()[1].id.parse().unwrap();
    // Ninety releases of another machine leave no slot for a minute.
    let bystander = client.machine(&other).without_lookup();
    for _ in 0..90 {
        let _ = bystander.unisolate("c").await.unwrap();
    }
    let later = Duration::from_secs(10);
    emulator.act_after(later, Actor::Analyst, id, Act::Isolate, "mine too").unwrap();
    let Ok(LeaseEnd::Superseded { by }) = end(&lease, &client).await else { panic!() };
    assert_eq!(by.requestor.as_deref(), Some("a.keller@corp.example"));
    assert_eq!(isolation(&emulator, &host), Isolation::Full);
    assert_eq!(sent(&emulator, "unisolate"), 90);
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_refused_in_another_tenant_and_with_a_mistake_in_it() {
    let (_, _, host) = world(slow()).await;
    let lease = contain(&host).await;
    let other = "5e0c9c0b-2f7b-4c58-8a90-64ed5d2b8e43";
    let app = AppSetup::new(other, "s3cret").roles(["Machine.Isolate", "Machine.Read.All"]);
    let emulator =
        Emulator::builder().tenant(TenantSetup::new(other, "other.example").app(app)).build();
    let client = signing_in_to(&emulator)
        .base_url(emulator.base_url())
        .authority(emulator.authority())
        .transport(emulator.transport())
        .build()
        .unwrap();
    let error = end(&lease, &client).await.unwrap_err();
    assert!(error.is_conflict() && error.to_string().contains(other), "{error}");
    assert!(emulator.journal().iter().all(|entry| entry.operation == "token"));

    let stored = serde_json::to_string(&lease).unwrap();
    for (from, to) in
        [(r#""v":1"#, r#""v":2"#), ("owner", "owned"), (r#""action":""#, r#""action":"../"#)]
    {
        let bad = stored.replace(from, to);
        assert!(serde_json::from_str::<Lease>(&bad).is_err(), "{bad}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_whose_action_is_something_else_releases_nothing() {
    let (emulator, client, host) = world(slow()).await;
    let lease = contain(&host).await;
    seconds(60).await;
    let scan = host.scan(defender_response::ScanType::Quick, "c").await.unwrap();
    let stored = serde_json::to_string(&lease).unwrap();
    let forged = stored.replace(lease.action().as_str(), scan.id().as_str());
    let forged: Lease = serde_json::from_str(&forged).unwrap();
    assert!(end(&forged, &client).await.unwrap_err().is_conflict());
    assert_eq!(sent(&emulator, "unisolate") + sent(&emulator, "cancel_machine_action"), 0);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_a_lease_is_refused_before_anything_is_sent() {
    let script = Script::new();
    let machine: defender_response::MachineId = crate::script::MACHINE.parse().unwrap();
    let host = script.client().machine(&machine);
    for (reason, owner) in
        [("", "soc"), ("INC-4711", " "), ("INC-4711", "a|b"), ("x | owner: y", "soc")]
    {
        let error = host.contain(reason, owner, monday()).await.unwrap_err();
        assert!(error.is_invalid_input(), "{reason:?} {owner:?}: {error:?}");
    }
    let nameless = script.builder().without_references().build().unwrap();
    let error = nameless.machine(&machine).contain("INC-4711", "soc", monday()).await.unwrap_err();
    assert!(error.is_configuration(), "{error:?}");
    assert!(script.sent().is_empty());
}

#[tokio::test(start_paused = true)]
async fn containments_tell_everything_isolated_or_armed_by_whom_and_since_when() {
    let (emulator, client) = emulated(slow().fleet(40).settle(Duration::from_secs(30)));
    let ids: Vec<String> = emulator.machines().into_iter().rev().map(|m| m.id).take(40).collect();
    let host = |n: usize| client.machine(ids[n].parse::<defender_response::MachineId>().unwrap());
    let lease = host(0).contain("INC-1", "soc tier 2", monday()).await.unwrap();
    let kind = IsolationType::Selective;
    let _ = host(1).contain_as(kind, "INC-2", "soc", monday()).await.unwrap();
    emulator.act(Actor::Analyst, &ids[2], Act::Isolate, "by hand").unwrap();
    emulator.set_offline(&ids[3], None).unwrap();
    emulator.act(Actor::OtherApp, &ids[3], Act::Isolate, "queued").unwrap();
    for _ in 0..12 {
        emulator.act(Actor::Analyst, &ids[4], Act::Isolate, "c").unwrap();
        seconds(40).await;
        emulator.act(Actor::Analyst, &ids[4], Act::Release, "c").unwrap();
        seconds(40).await;
    }
    emulator.act(Actor::Analyst, &ids[5], Act::Release, "to be sure").unwrap();
    emulator.act(Actor::Analyst, &ids[6], Act::Scan, "c").unwrap();
    let gone = emulator.act(Actor::Analyst, &ids[7], Act::Isolate, "c").unwrap();
    emulator.cancel_as(Actor::Analyst, &gone, "c").unwrap();
    seconds(2 * 86_400).await;

    let found = client.containments().await.unwrap();
    let machines: Vec<_> = found.iter().map(|c| c.machine.as_str()).collect();
    let mut expected: Vec<_> = [0, 1, 2, 3, 7].iter().map(|n| &*ids[*n]).collect();
    let of = |n: usize| found.iter().find(|c| c.machine.as_str() == ids[n]).unwrap();
    expected.sort_by_key(|id| {
        let c = found.iter().find(|c| c.machine.as_str() == *id).unwrap();
        (c.since, (*id).to_owned())
    });
    assert_eq!(machines, expected);
    for containment in &found {
        let state = client.machine(&containment.machine).state().await.unwrap();
        assert_eq!(state.isolation.state, containment.isolation.state);
        is_true(&emulator, &state);
    }
    let ours = of(0);
    assert_eq!(ours.action.as_ref(), Some(lease.action()));
    assert_eq!(ours.owner.as_deref(), Some("soc tier 2"));
    assert_eq!((ours.reason.as_deref(), ours.review_by), (Some("INC-1"), Some(monday())));
    assert!(ours.reference.is_some() && ours.is_overdue());
    assert!(ours.age().unwrap() > Duration::from_secs(2 * 86_400));
    let selective = IsolationState::Isolated(Some(IsolationType::Selective));
    assert_eq!(of(1).isolation.state, selective);
    let theirs = of(2);
    assert_eq!(theirs.by.as_deref(), Some("a.keller@corp.example"));
    assert_eq!(
        (theirs.reason.as_deref(), theirs.source.as_deref()),
        (Some("by hand"), Some("Portal"))
    );
    assert!(theirs.owner.is_none() && theirs.reference.is_none() && !theirs.is_overdue());
    assert!(matches!(of(3).isolation.state, IsolationState::Pending(_)));
    assert_eq!(of(3).isolation.under_way.len(), 1);
    assert!(matches!(of(7).isolation.state, IsolationState::Unknown(_)));
    assert_eq!(of(7).action.as_ref().unwrap().as_str(), gone);
}

#[tokio::test(start_paused = true)]
async fn containments_that_could_not_be_read_whole_are_an_error() {
    let (emulator, client, host) = world(slow()).await;
    let _ = contain(&host).await;
    emulator.set_roles(emulator.client_id(), &["Machine.Isolate"]);
    emulator.revoke_tokens();
    assert!(client.containments().await.is_err_and(|e: Error| e.is_permission_denied()));
}
