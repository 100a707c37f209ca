//! What happens to a submission while it waits: nobody waits in a circle, what was seen is never old, and nothing is sent
//! twice by one client.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use defender_response::emulator::{
    Act, Actor, Emulator, EmulatorBuilder, FaultRule, InMemory, PlainFault, StatusFault,
};
use defender_response::model::AlertStatus;
use defender_response::{
    AlertId, AlertUpdate, Client, ClientSecret, Disposition, GetMachine, Isolate, IsolationType,
    MachineHandle, MachineId, QuotaPolicy, Result, ScanType, TestClock, Timestamp, Transport,
    TransportError,
};
use http::{Request, Response};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep};

use crate::script::{MACHINE, Script, action, emulated, error, json, signing_in_to};

const MINUTE: Duration = Duration::from_secs(60);

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn host(emulator: &Emulator, client: &Client) -> MachineHandle {
    let machines = emulator.machines();
    let id = &machines.iter().find(|m| m.name == "ws-042.corp.example").unwrap().id;
    client.machine(id.parse::<MachineId>().unwrap())
}

fn another(emulator: &Emulator, client: &Client) -> MachineHandle {
    let machines = emulator.machines();
    let id = &machines.iter().find(|m| m.name != "ws-042.corp.example").unwrap().id;
    client.machine(id.parse::<MachineId>().unwrap())
}

fn isolating(host: &MachineHandle) -> JoinHandle<Result<Disposition>> {
    let host = host.clone();
    tokio::spawn(async move {
        host.isolate(IsolationType::Full, "INC-4711").await.map(|s| s.disposition())
    })
}

fn effects(emulator: &Emulator, operation: &str) -> usize {
    emulator.journal().iter().filter(|e| e.operation == operation && e.effect).count()
}

/// A client whose clock differs from the service's.
fn off(emulator: &Emulator, ahead: bool, own_reader: bool) -> Client {
    let clock = Arc::new(TestClock::starting_at("2026-03-01T03:00:00Z".parse().unwrap()));
    if ahead {
        clock.set_forward(5 * MINUTE);
    } else {
        clock.set_back(5 * MINUTE);
    }
    let builder = signing_in_to(emulator)
        .base_url(emulator.base_url())
        .authority(emulator.authority())
        .transport(emulator.transport())
        .clock(clock);
    let reader =
        ClientSecret::new(emulator.tenant_id(), emulator.client_id(), emulator.client_secret());
    let builder = if own_reader { builder.reader(reader) } else { builder };
    builder.build().unwrap()
}

fn in_time(builder: EmulatorBuilder) -> Emulator {
    let clock = TestClock::starting_at("2026-03-01T03:00:00Z".parse().unwrap());
    builder.clock(Arc::new(clock)).build()
}

#[tokio::test(start_paused = true)]
async fn callers_of_one_machine_and_a_pause_of_the_family_end_nobodys_progress() {
    let (emulator, client) = emulated(Emulator::builder());
    let one = host(&emulator, &client);
    // The first one's look takes long; meanwhile another machine's refusal pauses the family, and a second caller comes.
    emulator.fault(FaultRule::new("list_machine_actions", seconds(5))).unwrap();
    let first = isolating(&one);
    sleep(seconds(1)).await;
    emulator.fault(FaultRule::new("isolate", StatusFault::new(429).retry_after(1))).unwrap();
    let hurried = another(&emulator, &client.queue_within(Duration::ZERO)).without_lookup();
    let refused = isolating(&hurried);
    sleep(Duration::from_millis(1500)).await;
    let second = isolating(&one);
    let urgent = isolating(&client.urgent().machine(one.id()));
    assert!(refused.await.unwrap().unwrap_err().is_throttled());
    let began = Instant::now();
    for call in [first, second, urgent] {
        call.await.unwrap().unwrap();
    }
    assert!(began.elapsed() < MINUTE && effects(&emulator, "isolate") == 1);
}

#[tokio::test(start_paused = true)]
async fn a_hundred_callers_of_one_machine_hold_up_neither_each_other_nor_the_fleet() {
    let (emulator, client) = emulated(Emulator::builder().set("list_lag", "100000").unwrap());
    let one = host(&emulator, &client);
    let hang = FaultRule::new("isolate", PlainFault::HangBeforeEffect).times(1000);
    emulator.fault(hang.target(one.id().as_str())).unwrap();
    let calls: Vec<_> = (0..100).map(|_| isolating(&one)).collect();
    sleep(seconds(1)).await;
    let began = Instant::now();
    another(&emulator, &client).isolate(IsolationType::Full, "c").await.map(drop).unwrap();
    assert!(began.elapsed() < seconds(5), "{:?}", began.elapsed());
    for call in calls {
        call.await.unwrap().unwrap_err();
    }
    assert!(began.elapsed() < 150 * MINUTE, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn after_a_pause_it_looks_again_before_it_sends() {
    for pause in [7, 600, 3600] {
        let (emulator, client) = emulated(Emulator::builder());
        let one = host(&emulator, &client);
        let refusal = StatusFault::new(429).retry_after(pause);
        emulator.fault(FaultRule::new("isolate", refusal)).unwrap();
        let call = isolating(&one);
        sleep(seconds(1)).await;
        emulator.act(Actor::Analyst, one.id().as_str(), Act::Isolate, "by hand").unwrap();
        assert_eq!(call.await.unwrap().unwrap(), Disposition::AlreadyInState, "{pause}");
        assert_eq!(effects(&emulator, "isolate"), 0, "{pause}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_release_does_not_wait_for_an_isolation_that_is_held_up() {
    let (emulator, client) = emulated(Emulator::builder());
    let one = host(&emulator, &client);
    emulator.fault(FaultRule::new("isolate", StatusFault::new(429).retry_after(3600))).unwrap();
    let isolation = isolating(&one);
    sleep(seconds(10)).await;
    let began = Instant::now();
    one.unisolate("not this one").await.map(drop).unwrap();
    assert!(began.elapsed() < seconds(5), "{:?}", began.elapsed());
    isolation.abort();
}

#[tokio::test(start_paused = true)]
async fn queue_within_bounds_the_wait_for_another_call_too() {
    let (emulator, client) = emulated(Emulator::builder());
    let one = host(&emulator, &client);
    emulator.fault(FaultRule::new("isolate", StatusFault::new(429).retry_after(3600))).unwrap();
    let first = isolating(&one);
    sleep(seconds(10)).await;
    let began = Instant::now();
    let hurried = client.queue_within(seconds(5)).machine(one.id());
    let told = hurried.isolate(IsolationType::Full, "c").await.unwrap_err();
    assert!(told.is_throttled() && told.retry_after() >= Some(seconds(1)), "{told:?}");
    assert_eq!(began.elapsed(), seconds(5));
    first.abort();
}

#[tokio::test(start_paused = true)]
async fn one_client_does_not_submit_again_what_may_have_been_submitted() {
    for fault in [PlainFault::ResetAfterEffect, PlainFault::ResetBeforeEffect] {
        let builder = Emulator::builder().set("list_lag", "60").unwrap();
        let (emulator, client) = emulated(builder.set("duplicate_action", "stuck").unwrap());
        let one = host(&emulator, &client);
        emulator.fault(FaultRule::new("isolate", fault)).unwrap();
        let (first, second) = tokio::join!(
            one.isolate(IsolationType::Full, "one alert"),
            one.isolate(IsolationType::Full, "another alert"),
        );
        assert!(first.unwrap_err().is_outcome_unknown());
        let told = second.unwrap_err();
        assert!(told.is_conflict() && told.to_string().contains("isn't known"), "{told}");
        assert_eq!(emulator.stats().operations["isolate"], 1, "{fault:?}");

        sleep(4 * MINUTE).await;
        let third = one.isolate(IsolationType::Full, "again").await.unwrap();
        let found = fault == PlainFault::ResetAfterEffect;
        assert_eq!(third.disposition() == Disposition::Created, !found, "{fault:?}");
        assert_eq!(effects(&emulator, "isolate"), 1, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_dropped_submission_is_remembered_and_a_release_is_free() {
    let builder = Emulator::builder().set("list_lag", "60").unwrap();
    let (emulator, client) = emulated(builder.set("latency", "2").unwrap());
    client.sign_in().await.unwrap();
    let one = host(&emulator, &client);
    let call = isolating(&one);
    sleep(Duration::from_millis(3500)).await;
    call.abort();
    assert!(call.await.is_err(), "it was given up on its way");
    sleep(seconds(5)).await;
    let told = one.isolate(IsolationType::Full, "again").await.unwrap_err();
    assert!(told.is_conflict(), "{told}");
    assert_eq!(emulator.stats().operations["isolate"], 1);
    one.unisolate("not at all").await.map(drop).unwrap();
}

#[tokio::test(start_paused = true)]
async fn times_are_the_services_from_the_first_call_on() {
    for ahead in [true, false] {
        let emulator = in_time(Emulator::builder());
        let one = host(&emulator, &off(&emulator, ahead, false));
        emulator.fault(FaultRule::new("scan", PlainFault::ResetBeforeEffect)).unwrap();
        let lost = one.scan(ScanType::Quick, "c").await.unwrap_err();
        let (from, to) = lost.sent_between().unwrap();
        let journal = emulator.journal();
        let at = &journal.iter().find(|e| e.operation == "scan").unwrap().at;
        let at: Timestamp = at.parse().unwrap();
        assert!(from <= at && at <= to, "{ahead}: {from} {at} {to}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_of_its_own_tells_the_services_time_too() {
    for ahead in [true, false] {
        let emulator = in_time(Emulator::builder());
        let first = host(&emulator, &off(&emulator, ahead, false));
        let first = first.isolate(IsolationType::Full, "c").await.unwrap();
        first.wait().within(MINUTE).await.unwrap();
        sleep(2 * MINUTE).await;
        let again = host(&emulator, &off(&emulator, ahead, true));
        let age = again.isolate(IsolationType::Full, "c").await.unwrap().age().unwrap();
        assert!((MINUTE..3 * MINUTE).contains(&age), "{ahead}: {age:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_references_what_was_created_is_told_by_its_time() {
    let emulator = in_time(Emulator::builder());
    let clock = Arc::new(TestClock::starting_at("2026-03-01T03:05:00Z".parse().unwrap()));
    let client = signing_in_to(&emulator)
        .base_url(emulator.base_url())
        .authority(emulator.authority())
        .transport(emulator.transport())
        .clock(clock)
        .without_references()
        .build()
        .unwrap();
    let sent = host(&emulator, &client).scan(ScanType::Quick, "c").await.unwrap();
    assert_eq!(sent.disposition(), Disposition::Created);
}

#[tokio::test(start_paused = true)]
async fn a_pause_until_a_date_is_as_long_as_the_service_means() {
    for ahead in [true, false] {
        let emulator = in_time(Emulator::builder());
        let one = host(&emulator, &off(&emulator, ahead, false)).without_lookup();
        let refusal = StatusFault::new(429).header("retry-after", "Sun, 01 Mar 2026 03:00:30 GMT");
        emulator.fault(FaultRule::new("isolate", refusal)).unwrap();
        let began = Instant::now();
        one.isolate(IsolationType::Full, "c").await.map(drop).unwrap();
        assert!((29..=32).contains(&began.elapsed().as_secs()), "{ahead}: {:?}", began.elapsed());
    }
}

/// Brings isolations to the service a hundred seconds late.
struct Tardy(InMemory);

#[async_trait::async_trait]
impl Transport for Tardy {
    async fn send(
        &self,
        request: Request<Bytes>,
        limit: usize,
    ) -> std::result::Result<Response<Bytes>, TransportError> {
        if request.uri().path().ends_with("/isolate") {
            sleep(seconds(100)).await;
        }
        self.0.send(request, limit).await
    }
}

#[tokio::test(start_paused = true)]
async fn what_went_unanswered_is_remembered_from_when_that_was_known() {
    let clock = Arc::new(TestClock::starting_at("2026-03-01T03:00:00Z".parse().unwrap()));
    let builder = Emulator::builder().set("list_lag", "115").unwrap();
    let builder = builder.set("duplicate_action", "stuck").unwrap();
    let emulator = builder.clock(clock.clone()).build();
    let client = signing_in_to(&emulator)
        .base_url(emulator.base_url())
        .authority(emulator.authority())
        .transport(Tardy(emulator.transport()))
        .clock(clock)
        .call_within(seconds(170))
        .attempt_within(seconds(170))
        .build()
        .unwrap();
    let one = host(&emulator, &client);
    emulator.fault(FaultRule::new("isolate", PlainFault::HangAfterEffect)).unwrap();
    assert!(one.isolate(IsolationType::Full, "c").await.unwrap_err().is_outcome_unknown());
    // The list shows it within two minutes of its arrival, and not yet.
    assert!(one.isolate(IsolationType::Full, "again").await.unwrap_err().is_conflict());
    assert_eq!(emulator.stats().operations["isolate"], 1);
}

#[tokio::test(start_paused = true)]
async fn waits_for_a_look_are_of_what_the_call_may_queue() {
    let (emulator, client) = emulated(Emulator::builder());
    let refusal = StatusFault::new(429).retry_after(60);
    emulator.fault(FaultRule::new("list_machine_actions", refusal).times(10)).unwrap();
    let began = Instant::now();
    let hurried = host(&emulator, &client.queue_within(seconds(90)));
    let told = hurried.isolate(IsolationType::Full, "c").await.unwrap_err();
    assert!(told.is_throttled() && began.elapsed() <= seconds(90), "{:?} {told}", began.elapsed());
    assert_eq!(effects(&emulator, "isolate"), 0);
}

/// How many requests so many reads at once make, each of which fails.
async fn storm(emulator: &Emulator, client: &Client, reads: usize) -> u64 {
    let before = emulator.stats().operations.get("get_machine").copied().unwrap_or(0);
    let mut calls = JoinSet::new();
    for _ in 0..reads {
        let one = host(emulator, client);
        calls.spawn(async move { one.get().await.map(drop) });
    }
    assert!(calls.join_all().await.iter().all(Result::is_err));
    emulator.stats().operations["get_machine"] - before
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_not_multiplied_by_repeats_and_answers_earn_them_back() {
    let clock = Arc::new(TestClock::starting_at("2026-03-01T03:00:00Z".parse().unwrap()));
    let emulator = Emulator::builder().set("quota", "off").unwrap().clock(clock.clone()).build();
    let client = signing_in_to(&emulator)
        .base_url(emulator.base_url())
        .authority(emulator.authority())
        .transport(emulator.transport())
        .quota_policy(QuotaPolicy::Unlimited)
        .clock(clock)
        .build()
        .unwrap();
    let outage = || FaultRule::new("get_machine", StatusFault::new(503)).times(100_000);
    emulator.fault(outage()).unwrap();
    let first = storm(&emulator, &client, 200).await;
    assert!((220..=225).contains(&first), "twenty repeats, and what a few seconds earn: {first}");

    emulator.clear_faults();
    for _ in 0..100 {
        let _ = host(&emulator, &client).get().await.unwrap();
    }
    emulator.fault(outage()).unwrap();
    let second = storm(&emulator, &client, 200).await;
    assert!((215..=225).contains(&second), "a hundred answers earn twenty repeats: {second}");
}

#[tokio::test(start_paused = true)]
async fn a_comment_on_more_alerts_than_can_be_read_at_once_is_settled_in_its_time() {
    for (slow, settled) in [(false, true), (true, false)] {
        let (emulator, client) = emulated(Emulator::builder());
        let all = emulator.alerts();
        let ids = all.iter().cycle().take(60).map(|id| id.parse::<AlertId>().unwrap());
        let fault = FaultRule::new("batch_update_alerts", PlainFault::ResetAfterEffect);
        emulator.fault(fault).unwrap();
        if slow {
            emulator.fault(FaultRule::new("get_alert", seconds(9)).times(1000)).unwrap();
        }
        let began = Instant::now();
        let told = client.alerts().batch_update(ids, AlertUpdate::new().comment("c")).await;
        assert_eq!(told.is_ok(), settled, "{told:?}");
        assert!(began.elapsed() < MINUTE, "{:?}", began.elapsed());
    }
}

/// Refuses the first token after a while.
struct Late(AtomicUsize);

#[async_trait::async_trait]
impl Transport for Late {
    async fn send(
        &self,
        request: Request<Bytes>,
        _: usize,
    ) -> std::result::Result<Response<Bytes>, TransportError> {
        let number = self.0.fetch_add(1, Ordering::Relaxed);
        if request.uri().path().contains("/oauth2/") {
            let token = format!(r#"{{"access_token":"t{number}","expires_in":3599}}"#);
            return json(200, &token);
        }
        if number == 1 {
            sleep(Duration::from_millis(9900)).await;
            return error(401, "Unauthorized", "expired");
        }
        sleep(seconds(1)).await;
        action(201, "Pending")
    }
}

#[tokio::test(start_paused = true)]
async fn a_submission_is_not_replayed_where_its_time_would_cut_it_short() {
    let id = "4f3c2d1e-0000-4000-8000-1a2b3c4d5e6f";
    let client = Client::builder(ClientSecret::new(id, id, "s"))
        .transport(Late(AtomicUsize::new(0)))
        .call_within(seconds(10))
        .attempt_within(seconds(10))
        .build()
        .unwrap();
    let operation = Isolate::new(MACHINE.parse().unwrap(), IsolationType::Full, "INC-4711");
    let told = client.send(&operation).await.unwrap_err();
    assert!(told.is_unauthorized(), "nothing was done, and that is what it says: {told:?}");
}

#[tokio::test(start_paused = true)]
async fn a_token_that_ends_in_the_queue_is_replaced_after_a_replay_too() {
    let (emulator, client) = emulated(Emulator::builder());
    emulator.fault(FaultRule::new("isolate", StatusFault::new(401))).unwrap();
    let refusal = StatusFault::new(429).retry_after(3 * 3600);
    emulator.fault(FaultRule::new("isolate", refusal)).unwrap();
    isolating(&host(&emulator, &client)).await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_condition_is_looked_at_when_the_update_may_leave() {
    let (emulator, client) = emulated(Emulator::builder());
    let id: AlertId = emulator.alerts()[0].parse().unwrap();
    let before = client.alert(&id).get().await.unwrap();
    let refusal = StatusFault::new(429).retry_after(3600);
    emulator.fault(FaultRule::new("update_alert", refusal)).unwrap();
    let update = AlertUpdate::new()
        .status(AlertStatus::Resolved)
        .only_if(before.status.clone(), before.assigned_to.as_deref());
    let handle = client.alert(&id);
    let call = tokio::spawn(async move { handle.update(update).await.map(drop) });
    sleep(seconds(10)).await;
    emulator.edit_alert(id.as_str(), Some("InProgress"), Some("analyst"), None).unwrap();
    assert!(call.await.unwrap().unwrap_err().is_conflict());
    assert_eq!(effects(&emulator, "update_alert"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_condition_that_our_own_lost_update_changed_is_no_conflict() {
    let (emulator, client) = emulated(Emulator::builder());
    let id: AlertId = emulator.alerts()[0].parse().unwrap();
    let before = client.alert(&id).get().await.unwrap();
    emulator.fault(FaultRule::new("update_alert", PlainFault::ResetAfterEffect)).unwrap();
    let update = AlertUpdate::new()
        .status(AlertStatus::Resolved)
        .only_if(before.status, before.assigned_to.as_deref());
    assert!(client.alert(&id).update(update).await.unwrap().confirmed());
}

#[tokio::test(start_paused = true)]
async fn ones_own_action_that_can_not_be_read_is_not_told_as_it_was() {
    let (emulator, client) = emulated(Emulator::builder().set("list_lag", "60").unwrap());
    let one = host(&emulator, &client);
    let first = one.isolate(IsolationType::Full, "c").await.unwrap();
    first.wait().within(seconds(30)).await.unwrap();
    emulator.fault(FaultRule::new("get_machine_action", StatusFault::new(404))).unwrap();
    let told = one.unisolate("release").await.unwrap_err();
    assert!(told.is_service() && told.to_string().contains("could not be read"), "{told}");
    one.unisolate("release").await.map(drop).unwrap();
}

#[tokio::test(start_paused = true)]
async fn nobody_is_told_to_come_back_at_once() {
    let policy = QuotaPolicy::HeadRoom { percent: 95 };
    let script = Script::new().then_after(MINUTE, action(200, "Pending"));
    let client = script.builder().quota_policy(policy).build().unwrap();
    let id: MachineId = MACHINE.parse().unwrap();
    let mut calls = JoinSet::new();
    for _ in 0..5 {
        let (client, id) = (client.clone(), id.clone());
        calls.spawn(async move { client.send(&GetMachine::by_id(&id)).await.map(drop) });
    }
    sleep(seconds(1)).await;
    let hurried = client.queue_within(seconds(5));
    let told = hurried.send(&GetMachine::by_id(&id)).await.unwrap_err();
    assert!(told.is_throttled() && told.retry_after() >= Some(seconds(1)), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_without_a_mark_of_the_services_leaves_a_submission_open() {
    for (status, body, open) in [
        (403, r#"{"blocked":"by policy"}"#, true),
        (403, "", true),
        (404, "{}", true),
        (400, r#"{"message":"Bad Request"}"#, true),
        (404, r#"{"Message":"No HTTP resource was found"}"#, false),
        (403, r#"{"error":{"code":"Forbidden","message":""}}"#, false),
        (401, "", false),
        (429, "", false),
    ] {
        let script = Script::new().then(json(status, body));
        let operation = Isolate::new(MACHINE.parse().unwrap(), IsolationType::Full, "INC-4711");
        let told = script.client().send(&operation).await.unwrap_err();
        assert_eq!(told.is_outcome_unknown(), open, "{status} {body}: {told:?}");
        assert!(!open || told.status() == Some(status));
    }
}

#[tokio::test(start_paused = true)]
async fn no_time_for_a_single_call_is_refused_before_it_leaves() {
    let script = Script::new().then(action(201, "Pending"));
    for client in [
        script.client().attempt_within(Duration::ZERO),
        script.client().call_within(Duration::ZERO),
    ] {
        let operation = Isolate::new(MACHINE.parse().unwrap(), IsolationType::Full, "INC-4711");
        assert!(client.send(&operation).await.unwrap_err().is_configuration());
    }
    assert!(script.sent().is_empty());
}
