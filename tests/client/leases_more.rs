//! What a lease makes of its own that is still armed, and of lists that are late.

use std::time::Duration;

use defender_response::emulator::{Act, Actor, Emulator, FaultRule, Isolation, PlainFault};
use defender_response::{
    Client, Goal, Isolate, IsolationState, IsolationType, Lease, LeaseEnd, MachineHandle,
    MachineId, Result, Timestamp,
};

use crate::truth::{armed, is_armed, on_record, seconds, sent, slow, world};

const MINUTE: Duration = Duration::from_secs(60);
const TEN_MINUTES: Duration = Duration::from_secs(600);

async fn contain(host: &MachineHandle) -> Lease {
    let monday: Timestamp = "2026-03-02T08:00:00Z".parse().unwrap();
    host.contain("INC-4711: beaconing", "soc tier 2", monday).await.unwrap()
}

async fn end(lease: &Lease, client: &Client, limit: Duration) -> Result<LeaseEnd> {
    lease.release(client, "INC-4711: cleaned").within(limit).await
}

fn isolation(emulator: &Emulator, host: &MachineHandle) -> Isolation {
    emulator.host(host.id().as_str()).unwrap().isolation
}

#[tokio::test(start_paused = true)]
async fn superseded_is_said_once_our_own_release_can_no_longer_undo_what_came() {
    for late in ["cancelled", "refused", "lost"] {
        let builder = slow().set("opposite_action", "accepted").unwrap();
        let (emulator, client, host) =
            world(builder.set("cancel_in_progress", late).unwrap()).await;
        let id = host.id().as_str();
        let lease = contain(&host).await;
        seconds(60).await;
        emulator.set_offline(id, None).unwrap();
        assert!(end(&lease, &client, MINUTE).await.unwrap_err().is_still_running());
        assert_eq!(armed(&emulator, "Unisolate").len(), 1);
        let theirs = emulator.act(Actor::Analyst, id, Act::Isolate, "mine now").unwrap();
        let Ok(LeaseEnd::Superseded { by }) = end(&lease, &client, TEN_MINUTES).await else {
            panic!()
        };
        assert_eq!(by.id.as_str(), theirs);
        assert_eq!(armed(&emulator, "Unisolate"), Vec::<String>::new());
        emulator.set_online(id).unwrap();
        seconds(120).await;
        assert_eq!(isolation(&emulator, &host), Isolation::Full, "{late}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_release_that_cannot_be_cancelled_any_more_is_waited_for() {
    let builder = slow().set("opposite_action", "accepted").unwrap();
    let (emulator, client, host) = world(builder).await;
    let id = host.id().as_str();
    let lease = contain(&host).await;
    seconds(60).await;
    let (first, ()) = tokio::join!(end(&lease, &client, Duration::from_secs(5)), seconds(14));
    assert!(first.unwrap_err().is_still_running());
    let release = armed(&emulator, "Unisolate").pop().unwrap();
    assert_eq!(on_record(&emulator, &release)["status"], "InProgress");
    emulator.act(Actor::Analyst, id, Act::Isolate, "mine now").unwrap();
    let ended = end(&lease, &client, TEN_MINUTES).await.unwrap();
    assert!(!is_armed(&emulator, &release), "{ended:?}");
    assert_eq!(on_record(&emulator, &release)["status"], "Succeeded");
    assert!(matches!(ended, LeaseEnd::Released { action } if action.id.as_str() == release));
}

#[tokio::test(start_paused = true)]
async fn somebody_elses_release_that_comes_to_nothing_is_not_the_leases_failure() {
    let (emulator, client, host) = world(slow().set("list_lag", "20").unwrap()).await;
    let id = host.id().as_str();
    let lease = contain(&host).await;
    seconds(60).await;
    emulator.set_offline(id, None).unwrap();
    let theirs = emulator.act(Actor::Analyst, id, Act::Release, "mine").unwrap();
    let cancelling = async {
        seconds(30).await;
        emulator.cancel_as(Actor::Analyst, &theirs, "after all not").unwrap();
        emulator.set_online(id).unwrap();
    };
    let (ended, ()) = tokio::join!(end(&lease, &client, TEN_MINUTES), cancelling);
    assert!(matches!(ended, Ok(LeaseEnd::Released { .. })), "{ended:?}");
    assert_eq!(isolation(&emulator, &host), Isolation::None);
}

#[tokio::test(start_paused = true)]
async fn a_duplicate_of_its_own_isolation_is_the_leases_too() {
    // Stuck beside it, or carried out after it.
    for stuck in [true, false] {
        let builder = slow().set("duplicate_action", "stuck").unwrap();
        let (emulator, client, host) = world(builder).await;
        let lease = contain(&host).await;
        seconds(60).await;
        let comment = on_record(&emulator, lease.action().as_str())["requestorComment"].clone();
        let text = comment.as_str().unwrap();
        // Something on the way sends the request a second time.
        let twin = if stuck {
            let again = Isolate::new(host.id().clone(), IsolationType::Full, text);
            client.send(&again).await.unwrap().id.to_string()
        } else {
            emulator.act(Actor::OtherApp, host.id().as_str(), Act::Isolate, text).unwrap()
        };
        seconds(60).await;
        assert_eq!(is_armed(&emulator, &twin), stuck);
        let ended = end(&lease, &client, TEN_MINUTES).await.unwrap();
        assert!(matches!(ended, LeaseEnd::Released { .. }), "{ended:?}");
        assert_eq!(armed(&emulator, "Isolate"), Vec::<String>::new());
        seconds(120).await;
        assert_eq!(isolation(&emulator, &host), Isolation::None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_that_shows_what_has_ended_as_running_is_not_asked_without_end() {
    for goal in ["release", "ensure", "ensure all"] {
        let builder = slow().set("status_lag", "120").unwrap();
        let (emulator, client, host) =
            world(builder.set("cancel_in_progress", "cancelled").unwrap()).await;
        let lease = contain(&host).await;
        seconds(12).await;
        if goal == "release" {
            let ended = end(&lease, &client, TEN_MINUTES).await;
            assert!(matches!(ended, Ok(LeaseEnd::Released { .. })), "{ended:?}");
        } else if goal == "ensure" {
            let ensure = host.ensure_released("INC-4711").including_others().within(TEN_MINUTES);
            assert!(ensure.await.unwrap().submitted.is_some());
        } else {
            let other: MachineId = emulator.machines()[1].id.parse().unwrap();
            emulator.act(Actor::Analyst, other.as_str(), Act::Release, "c").unwrap();
            let both = client.ensure_all([host.id(), &other], Goal::Released, "INC-4711");
            let began = tokio::time::Instant::now();
            let acting = async {
                while sent(&emulator, "unisolate") == 0 {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                began.elapsed()
            };
            let (ensured, acted) =
                tokio::join!(both.including_others().within(TEN_MINUTES), acting);
            assert!(ensured[0].is_ok(), "{ensured:?}");
            assert!(acted < MINUTE, "what it cancelled has ended, whatever a list says: {acted:?}");
        }
        assert_eq!(isolation(&emulator, &host), Isolation::None);
        assert_eq!(
            (sent(&emulator, "unisolate"), sent(&emulator, "cancel_machine_action")),
            (1, 1)
        );
        let lists = sent(&emulator, "list_machine_actions");
        assert!(lists < 30, "{goal}: {lists} lists");
    }
}

#[tokio::test(start_paused = true)]
async fn containments_show_what_was_submitted_here_and_no_list_shows_yet() {
    let (_, client, host) = world(slow().set("list_lag", "60").unwrap()).await;
    let lease = contain(&host).await;
    for wait in [0, 50, 60] {
        seconds(wait).await;
        let found = client.containments().await.unwrap();
        assert_eq!(found.len(), 1, "after {wait} s");
        assert_eq!(found[0].action.as_ref(), Some(lease.action()));
        let pending = matches!(found[0].isolation.state, IsolationState::Pending(_));
        assert_eq!(pending, wait == 0, "{found:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn at_the_deadline_what_a_list_is_late_with_is_read_by_its_id() {
    for goal in ["release", "ensure"] {
        let (emulator, client, host) = world(slow().set("status_lag", "900").unwrap()).await;
        let lease = contain(&host).await;
        seconds(1000).await;
        let limit = TEN_MINUTES;
        if goal == "release" {
            let ended = end(&lease, &client, limit).await;
            assert!(matches!(ended, Ok(LeaseEnd::Released { .. })), "{ended:?}");
        } else {
            let ensured = host.ensure_released("INC-4711").including_others().within(limit).await;
            assert!(ensured.is_ok(), "{ensured:?}");
        }
        assert_eq!(isolation(&emulator, &host), Isolation::None);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_cancelled_at_the_deadline_is_not_told_as_armed() {
    for goal in ["release", "ensure"] {
        let (emulator, client, host) = world(slow()).await;
        emulator.set_offline(host.id().as_str(), None).unwrap();
        let lease = contain(&host).await;
        let error = if goal == "release" {
            end(&lease, &client, Duration::ZERO).await.unwrap_err()
        } else {
            host.ensure_released("INC-4711")
                .including_others()
                .within(Duration::ZERO)
                .await
                .unwrap_err()
        };
        assert_eq!(armed(&emulator, "Isolate"), Vec::<String>::new());
        assert_eq!(sent(&emulator, "unisolate"), 0);
        assert!(error.is_timeout() && error.action().is_none(), "{goal}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_names_the_state_that_was_left_and_not_the_one_that_was_found() {
    // Somebody isolates it while the release waits for its slot.
    let (emulator, client, host) = world(slow()).await;
    let lease = contain(&host).await;
    client.action(lease.action()).wait().within(TEN_MINUTES).await.unwrap();
    let other: defender_response::MachineId = emulator.machines()[1].id.parse().unwrap();
    let bystander = client.machine(&other).without_lookup();
    for _ in 0..90 {
        let _ = bystander.unisolate("c").await.unwrap();
    }
    let id = host.id().as_str();
    let soon = Duration::from_secs(10);
    emulator.act_after(soon, Actor::Analyst, id, Act::Release, "mine now").unwrap();
    emulator.act_after(MINUTE * 5 / 6, Actor::Analyst, id, Act::Isolate, "mine now").unwrap();
    let error =
        host.ensure_released("INC-4711").including_others().within(TEN_MINUTES).await.unwrap_err();
    assert!(error.is_conflict(), "{error}");
    let told = error.to_string();
    assert!(told.contains("left: pending") || told.contains("left: isolated"), "{told}");

    // Nothing is known of what was sent but what the records say.
    let (emulator, _, host) = world(slow()).await;
    emulator.fault(FaultRule::new("isolate", PlainFault::ResetBeforeEffect)).unwrap();
    let ensure = host.ensure_isolated(IsolationType::Full, "INC-4711").within(TEN_MINUTES);
    let error = ensure.await.unwrap_err();
    assert!(error.is_outcome_unknown(), "{error}");
    assert!(error.to_string().contains("the records say since: unknown"), "{error}");

    // Nor even that.
    let (emulator, _, host) = world(slow()).await;
    let cut = |operation| FaultRule::new(operation, PlainFault::ResetBeforeEffect);
    emulator.fault(cut("isolate")).unwrap();
    let ensure = host.ensure_isolated(IsolationType::Full, "INC-4711").within(TEN_MINUTES);
    let cutting = async {
        while sent(&emulator, "isolate") == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        emulator.fault(cut("list_machine_actions").times(999)).unwrap();
    };
    let began = tokio::time::Instant::now();
    let (ensured, ()) = tokio::join!(ensure, cutting);
    assert!(began.elapsed() < TEN_MINUTES / 3, "it is told when it can't be read any more");
    let error = ensured.unwrap_err();
    assert!(error.is_outcome_unknown(), "{error}");
    assert!(error.to_string().contains("before that it was: unknown"), "{error}");
}
