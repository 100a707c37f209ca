//! A machine is brought into a state, or an error says which one it was left in; each end is held against the truth.

use std::time::Duration;

use defender_response::emulator::{
    Act, Actor, Emulator, FaultRule, Isolation, PlainFault, StatusFault,
};
use defender_response::{Ensured, Error, Goal, IsolationType, MachineHandle, MachineId, Result};

use crate::script::emulated;
use crate::truth::{armed, is_true, seconds, sent, slow, word, world};

const TEN_MINUTES: Duration = Duration::from_secs(600);

fn isolation(emulator: &Emulator, host: &MachineHandle) -> Isolation {
    emulator.host(host.id().as_str()).unwrap().isolation
}

async fn isolated(host: &MachineHandle) -> Result<Ensured> {
    host.ensure_isolated(IsolationType::Full, "INC-4711").within(TEN_MINUTES).await
}

async fn released(host: &MachineHandle) -> Result<Ensured> {
    host.ensure_released("INC-4711").within(TEN_MINUTES).await
}

/// An error that says which state it left, and that is so.
async fn names_what_it_left(emulator: &Emulator, host: &MachineHandle, error: &Error) {
    let state = host.state().await.unwrap();
    is_true(emulator, &state);
    let text = error.to_string();
    let left = format!("the machine was left: {}", state.isolation.state);
    assert!(text.contains(&left), "{text} and not {left}");
    assert_eq!(error.target(), Some(host.id().as_str()));
}

#[tokio::test(start_paused = true)]
async fn isolated_twice_and_released_twice_sends_one_of_each() {
    let (emulator, _, host) = world(slow().set("duplicate_action", "stuck").unwrap()).await;
    for n in 0..2 {
        let ensured = isolated(&host).await.unwrap();
        is_true(&emulator, &ensured.state);
        assert!(ensured.state.is_isolated() && ensured.submitted.is_some() == (n == 0));
        assert_eq!(isolation(&emulator, &host), Isolation::Full);
    }
    for n in 0..2 {
        let ensured = released(&host).await.unwrap();
        is_true(&emulator, &ensured.state);
        assert!(ensured.state.is_released() && ensured.submitted.is_some() == (n == 0));
        assert_eq!(isolation(&emulator, &host), Isolation::None);
    }
    assert_eq!((sent(&emulator, "isolate"), sent(&emulator, "unisolate")), (1, 1));
    assert_eq!(armed(&emulator, "Isolate"), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn restricting_and_lifting_it_go_the_same_way() {
    let (emulator, _, host) = world(slow()).await;
    let truth = || emulator.host(host.id().as_str()).unwrap().restricted;
    for _ in 0..2 {
        host.ensure_restricted("INC-4711").within(TEN_MINUTES).await.unwrap();
        assert!(truth());
    }
    for _ in 0..2 {
        host.ensure_unrestricted("INC-4711").within(TEN_MINUTES).await.unwrap();
        assert!(!truth());
    }
    emulator.act(Actor::Analyst, host.id().as_str(), Act::Restrict, "by hand").unwrap();
    seconds(40).await;
    let error = host.ensure_unrestricted("INC-4711").within(TEN_MINUTES).await.unwrap_err();
    assert!(error.is_conflict() && error.to_string().contains("left: restricted"), "{error}");
    assert_eq!(sent(&emulator, "unrestrict_code_execution"), 1);
}

#[tokio::test(start_paused = true)]
async fn an_isolation_queued_on_an_offline_host_is_cancelled_and_the_host_released_when_it_returns()
{
    let (emulator, _, host) = world(slow()).await;
    emulator.set_offline(host.id().as_str(), Some(Duration::from_secs(3600))).unwrap();
    let error = isolated(&host).await.unwrap_err();
    assert!(error.is_still_running(), "{error:?}");
    names_what_it_left(&emulator, &host, &error).await;

    // It may have been carried out before it was cancelled, so only the host itself can tell.
    let error = released(&host).await.unwrap_err();
    assert!(error.is_still_running() && error.to_string().contains("was cancelled"), "{error}");
    names_what_it_left(&emulator, &host, &error).await;
    assert_eq!(armed(&emulator, "Isolate"), Vec::<String>::new());
    assert_eq!(armed(&emulator, "Unisolate").len(), 1);

    let wait = host.ensure_released("INC-4711").within(Duration::from_secs(3600));
    let ensured = wait.await.unwrap();
    is_true(&emulator, &ensured.state);
    assert_eq!((isolation(&emulator, &host), sent(&emulator, "unisolate")), (Isolation::None, 1));
}

#[tokio::test(start_paused = true)]
async fn another_kind_of_isolation_is_a_conflict_and_the_host_is_never_released_for_it() {
    let (emulator, _, host) = world(slow()).await;
    isolated(&host).await.unwrap();
    let ensure = || host.ensure_isolated(IsolationType::Selective, "INC-4711");
    for ensure in [ensure(), ensure().including_others()] {
        let error = ensure.within(TEN_MINUTES).await.unwrap_err();
        assert!(error.is_conflict(), "{error:?}");
        names_what_it_left(&emulator, &host, &error).await;
    }
    assert_eq!((sent(&emulator, "isolate"), sent(&emulator, "unisolate")), (1, 0));

    let (emulator, _, host) = world(slow()).await;
    emulator.act(Actor::Analyst, host.id().as_str(), Act::IsolateSelectively, "c").unwrap();
    let error = isolated(&host).await.unwrap_err();
    assert!(error.is_conflict() && error.action().is_some(), "while it is armed: {error:?}");
    names_what_it_left(&emulator, &host, &error).await;
    assert_eq!(sent(&emulator, "isolate"), 0);
}

#[tokio::test(start_paused = true)]
async fn somebody_elses_isolation_is_not_undone_unless_that_is_said() {
    for wait in [0, 15, 60] {
        let (emulator, _, host) = world(slow()).await;
        let id = host.id().as_str();
        let theirs = emulator.act(Actor::Analyst, id, Act::Isolate, "by hand").unwrap();
        seconds(wait).await;
        let error = released(&host).await.unwrap_err();
        assert!(error.is_conflict(), "{error:?}");
        assert_eq!(error.action().unwrap().id.as_str(), theirs);
        assert!(error.to_string().contains("a.keller@corp.example"), "{error}");
        names_what_it_left(&emulator, &host, &error).await;
        assert_eq!(sent(&emulator, "unisolate") + sent(&emulator, "cancel_machine_action"), 0);

        let ensure = host.ensure_released("INC-4711").including_others();
        let ensured = ensure.within(TEN_MINUTES).await.unwrap();
        is_true(&emulator, &ensured.state);
        assert_eq!(isolation(&emulator, &host), Isolation::None);
        assert_eq!(armed(&emulator, "Isolate"), Vec::<String>::new());
    }
}

#[tokio::test(start_paused = true)]
async fn somebody_elses_isolation_is_good_enough_to_be_isolated() {
    let (emulator, _, host) = world(slow()).await;
    let theirs = emulator.act(Actor::Analyst, host.id().as_str(), Act::Isolate, "c").unwrap();
    let ensured = isolated(&host).await.unwrap();
    assert_eq!(ensured.state.isolation.evidence.as_ref().unwrap().action.as_str(), theirs);
    assert_eq!((ensured.submitted, sent(&emulator, "isolate")), (None, 0));
}

#[tokio::test(start_paused = true)]
async fn a_stuck_duplicate_of_ours_is_cancelled_before_the_release_and_does_not_fire() {
    let (emulator, _, host) = world(slow().set("duplicate_action", "stuck").unwrap()).await;
    isolated(&host).await.unwrap();
    let stuck = host.clone().without_lookup().isolate(IsolationType::Full, "c").await.unwrap();
    let ensured = released(&host).await.unwrap();
    assert_eq!(ensured.cancelled.len(), 1);
    assert_eq!(&ensured.cancelled[0].id, stuck.id());
    seconds(3600).await;
    assert_eq!(isolation(&emulator, &host), Isolation::None);
    is_true(&emulator, &host.state().await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_stuck_duplicate_of_somebody_elses_is_a_conflict_and_isolated_is_isolated() {
    let (emulator, _, host) = world(slow()).await;
    isolated(&host).await.unwrap();
    emulator.set_offline(host.id().as_str(), None).unwrap();
    emulator.act(Actor::Analyst, host.id().as_str(), Act::Isolate, "again").unwrap();
    assert!(isolated(&host).await.is_ok(), "whatever becomes of it");
    let error = released(&host).await.unwrap_err();
    assert!(error.is_conflict(), "{error:?}");
    names_what_it_left(&emulator, &host, &error).await;
    assert_eq!(sent(&emulator, "unisolate"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_release_of_ours_under_way_gives_way_and_of_somebody_elses_is_a_conflict() {
    for ours in [true, false] {
        let (emulator, _, host) = world(slow()).await;
        isolated(&host).await.unwrap();
        emulator.set_offline(host.id().as_str(), Some(Duration::from_secs(60))).unwrap();
        if ours {
            let _ = host.unisolate("too early").await.unwrap();
            let ensured = isolated(&host).await.unwrap();
            is_true(&emulator, &ensured.state);
            assert_eq!(ensured.cancelled.len(), 1);
            assert_eq!(isolation(&emulator, &host), Isolation::Full);
        } else {
            emulator.act(Actor::Analyst, host.id().as_str(), Act::Release, "c").unwrap();
            let error = isolated(&host).await.unwrap_err();
            assert!(error.is_conflict(), "{error:?}");
            names_what_it_left(&emulator, &host, &error).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_isolation_of_ours_that_has_begun_is_waited_for_and_then_released() {
    for late in ["refused", "lost", "cancelled"] {
        for after in [0, 12, 22] {
            let builder = slow().set("cancel_in_progress", late).unwrap();
            let (emulator, _, host) = world(builder).await;
            let _ = host.isolate(IsolationType::Full, "INC-4711").await.unwrap();
            seconds(after).await;
            let ensured = released(&host).await.unwrap();
            is_true(&emulator, &ensured.state);
            assert!(ensured.state.is_released(), "{late} {after}");
            assert_eq!(isolation(&emulator, &host), Isolation::None, "{late} {after}");
            assert_eq!(armed(&emulator, "Isolate"), Vec::<String>::new());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn unknown_is_not_released_so_a_release_is_sent() {
    let (emulator, _, host) = world(slow()).await;
    let ensured = released(&host).await.unwrap();
    assert!(ensured.submitted.is_some() && ensured.state.is_released());

    let (refusing, _, host) = world(slow().set("unisolate_not_isolated", "refused").unwrap()).await;
    let error = released(&host).await.unwrap_err();
    assert!(error.is_invalid_request() && error.to_string().contains("left: unknown"), "{error}");
    is_true(&refusing, &host.state().await.unwrap());
    drop(emulator);
}

#[tokio::test(start_paused = true)]
async fn what_the_device_makes_of_it_is_told_with_the_state_it_left() {
    let (emulator, _, host) = world(slow()).await;
    let id = host.id().as_str();
    emulator.set_failing(id, Some(-2_147_024_891)).unwrap();
    let error = isolated(&host).await.unwrap_err();
    assert!(error.is_action_failed() && error.to_string().contains("0x80070005"), "{error}");
    names_what_it_left(&emulator, &host, &error).await;
    emulator.set_failing(id, None).unwrap();

    emulator.set_mute(id, true).unwrap();
    let error = isolated(&host).await.unwrap_err();
    assert!(error.is_still_running(), "{error:?}");
    assert_eq!(isolation(&emulator, &host), Isolation::Full, "and nobody said that it isn't");
    names_what_it_left(&emulator, &host, &error).await;
    let days = Duration::from_secs(4 * 86_400);
    let error = host.ensure_isolated(IsolationType::Full, "c").within(days).await.unwrap_err();
    assert!(error.is_still_running() || error.is_action_timed_out(), "{error:?}");
    names_what_it_left(&emulator, &host, &error).await;
}

#[tokio::test(start_paused = true)]
async fn somebody_who_cancels_or_undoes_it_is_not_fought() {
    let (emulator, _, host) = world(slow()).await;
    let watch = async {
        seconds(3).await;
        let action = armed(&emulator, "Isolate").pop().unwrap();
        emulator.cancel_as(Actor::Analyst, &action, "not this one").unwrap();
    };
    let (outcome, ()) = tokio::join!(isolated(&host), watch);
    let error = outcome.unwrap_err();
    assert!(error.is_action_cancelled() && error.to_string().contains("a.keller"), "{error}");
    assert_eq!(sent(&emulator, "isolate"), 1);

    let (emulator, _, host) = world(slow()).await;
    let id = host.id().as_str().to_owned();
    let later = Duration::from_secs(35);
    let ensure = host.ensure_isolated(IsolationType::Full, "c").every(Duration::from_secs(100));
    emulator.act_after(later, Actor::Analyst, &id, Act::Release, "no").unwrap();
    let error = ensure.within(TEN_MINUTES).await.unwrap_err();
    assert!(error.is_conflict() && error.to_string().contains("undone it since"), "{error}");
    names_what_it_left(&emulator, &host, &error).await;
    assert_eq!(sent(&emulator, "isolate"), 1);
}

#[tokio::test(start_paused = true)]
async fn reads_that_fail_now_and_then_and_a_list_that_lags_do_not_matter() {
    let (emulator, _, host) = world(slow().set("list_lag", "60").unwrap()).await;
    let rule = |fault| FaultRule::new("list_machine_actions", fault).times(9);
    emulator.fault(rule(PlainFault::ResetBeforeEffect)).unwrap();
    emulator.fault(rule(PlainFault::Html200)).unwrap();
    for _ in 0..2 {
        let ensured = isolated(&host).await.unwrap();
        is_true(&emulator, &ensured.state);
    }
    emulator.set("list_lag", "10").unwrap();
    emulator.fault(FaultRule::new("unisolate", PlainFault::ResetAfterEffect)).unwrap();
    let ensured = released(&host).await.unwrap();
    is_true(&emulator, &ensured.state);
    assert_eq!((sent(&emulator, "isolate"), sent(&emulator, "unisolate")), (1, 1));

    emulator.fault(FaultRule::new("isolate", PlainFault::ResetBeforeEffect)).unwrap();
    let error = isolated(&host).await.unwrap_err();
    assert!(error.is_outcome_unknown() && error.reference().is_some(), "{error:?}");

    emulator
        .fault(FaultRule::new("list_machine_actions", StatusFault::new(503)).times(500))
        .unwrap();
    let error = isolated(&host).await.unwrap_err();
    assert!(error.is_timeout() && error.to_string().contains("isn't known"), "{error}");
    assert_eq!(sent(&emulator, "isolate"), 2);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_sent_is_refused_before_anything_is_read() {
    let (emulator, _, host) = world(slow()).await;
    emulator.clear_journal();
    let error = host.ensure_released(" ").within(TEN_MINUTES).await.unwrap_err();
    assert!(error.is_invalid_input() && emulator.journal().is_empty(), "{error:?}");
    emulator.set_roles(emulator.client_id(), &["Machine.Isolate"]);
    emulator.revoke_tokens();
    let error = isolated(&host).await.unwrap_err();
    assert!(error.is_permission_denied(), "{error:?}");
    assert_eq!(sent(&emulator, "isolate"), 0);
}

#[tokio::test(start_paused = true)]
async fn many_machines_share_lists_and_each_has_its_outcome() {
    let (emulator, client) = emulated(slow().fleet(100).settle(Duration::from_secs(30)));
    let fleet: Vec<_> = emulator.machines().into_iter().rev().take(100).collect();
    let ids: Vec<MachineId> = fleet.iter().map(|machine| machine.id.parse().unwrap()).collect();
    emulator.act(Actor::Analyst, &fleet[3].id, Act::IsolateSelectively, "c").unwrap();
    emulator.set_offline(&fleet[5].id, None).unwrap();
    seconds(60).await;
    emulator.clear_journal();
    let twice = ids.iter().chain(&ids[..1]);
    let ensure = client.ensure_all(twice, Goal::Isolated(IsolationType::Full), "INC-4711");
    let outcomes = ensure.within(Duration::from_secs(1800)).await;
    assert_eq!(outcomes.len(), 101);
    assert_eq!(outcomes[0].as_ref().unwrap(), outcomes[100].as_ref().unwrap());
    for (n, outcome) in outcomes[..100].iter().enumerate() {
        match outcome {
            Ok(ensured) => {
                assert_eq!((&ensured.state.machine, word(&ensured.state)), (&ids[n], "isolated"));
                is_true(&emulator, &ensured.state);
            }
            Err(error) if n == 3 => assert!(error.is_conflict(), "{error:?}"),
            Err(error) => assert!(n == 5 && error.is_still_running(), "{n} {error:?}"),
        }
    }
    assert_eq!(sent(&emulator, "isolate"), 99);
    let lists = sent(&emulator, "list_machine_actions");
    assert!(lists < 150, "{lists} lists for 100 machines");
    let minutes = emulator.journal();
    let reads = |from: usize| minutes[from..].iter().filter(|e| e.operation.starts_with("list"));
    assert!(reads(0).count() < 150);
}

#[tokio::test(start_paused = true)]
async fn an_automatic_isolation_that_is_in_no_list_is_not_claimed_either_way() {
    let (emulator, _, host) = world(slow()).await;
    emulator.set("automatic_actions_listed", "off").unwrap();
    emulator.act(Actor::Automatic, host.id().as_str(), Act::Isolate, "disruption").unwrap();
    seconds(60).await;
    let state = host.state().await.unwrap();
    is_true(&emulator, &state);
    assert_eq!(word(&state), "no record");
    let ensured = isolated(&host).await.unwrap();
    is_true(&emulator, &ensured.state);
}
