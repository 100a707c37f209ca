//! What the clocks, the lanes and the line promise, each by one test that sees it broken.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use defender_response::emulator::{Emulator, FaultRule, StatusFault};
use defender_response::{
    Client, ClientSecret, DeleteIndicator, Disposition, GetMachineAction, Isolate, IsolationType,
    ListMachineActions, MachineHandle, MachineId, Operation, Result, Transport, TransportError,
    Unisolate,
};
use http::{Request, Response, header};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::script::{
    ACTION, APPLICATION, MACHINE, SECRET, Script, TENANT, action, answer, emulated, error, json,
    unanswered, with_header,
};
use crate::traces::Traces;

const HOUR: Duration = Duration::from_secs(3600);

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn look() -> GetMachineAction {
    GetMachineAction::new(ACTION.parse().unwrap())
}

fn isolation() -> Isolate {
    Isolate::new(MACHINE.parse().unwrap(), IsolationType::Full, "INC-4711")
}

type Outcome = std::result::Result<Response<Bytes>, TransportError>;

fn refused(status: u16, retry_after: u64) -> Outcome {
    with_header(error(status, "Code", "no"), "retry-after", &retry_after.to_string())
}

fn not_sent() -> Outcome {
    Err(TransportError::not_sent("no route"))
}

/// A client that waits for its slots.
fn patient(script: &Script) -> Client {
    script.builder().queue_within(HOUR).build().unwrap()
}

fn looking(client: &Client) -> JoinHandle<Result<()>> {
    let client = client.clone();
    tokio::spawn(async move { client.send(&look()).await.map(drop) })
}

fn hosts(emulator: &Emulator, client: &Client) -> [MachineHandle; 2] {
    let mut hosts =
        emulator.machines().into_iter().map(|m| client.machine(m.id.parse::<MachineId>().unwrap()));
    [hosts.next().unwrap(), hosts.next().unwrap()]
}

/// A script whose tokens differ from each other.
struct Tokens(Script, AtomicUsize, u64);

impl Tokens {
    fn client(script: &Script, last: u64) -> Client {
        Client::builder(ClientSecret::new(TENANT, APPLICATION, SECRET))
            .transport(Arc::new(Self(script.clone(), AtomicUsize::new(0), last)))
            .build()
            .unwrap()
    }
}

#[async_trait::async_trait]
impl Transport for Tokens {
    async fn send(&self, request: Request<Bytes>, limit: usize) -> Outcome {
        if request.uri().path().contains("/oauth2/") {
            let number = self.1.fetch_add(1, Ordering::Relaxed);
            let last = self.2;
            return json(200, &format!(r#"{{"access_token":"t{number}","expires_in":{last}}}"#));
        }
        self.0.send(request, limit).await
    }
}

#[tokio::test(start_paused = true)]
async fn no_try_outlasts_what_is_left_of_the_call() {
    for (first, wait) in [(seconds(60), 1), (seconds(8), 2)] {
        let script = Script::new()
            .then_after(first, error(500, "InternalServerError", ""))
            .then_after(HOUR, action(200, "Pending"));
        let began = Instant::now();
        let told = script.client().call_within(seconds(10)).send(&look()).await.unwrap_err();
        assert!(told.is_timeout() && script.sent().len() == wait, "{told:?}");
        assert!((10..11).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_turned_away_after_an_unclear_try_does_not_say_that_nothing_was_done() {
    let script = Script::new().then(unanswered()).then(refused(429, 60));
    let deletion = DeleteIndicator { indicator: "995".parse().unwrap() };
    let told = script.client().send(&deletion).await.unwrap_err();
    assert!(told.is_service() && !told.to_string().contains("nothing was done"), "{told:?}");
    assert_eq!(script.sent().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_was_not_sent_takes_nothing_of_the_quota() {
    let script = Script::new().then(not_sent());
    let client = script.client();
    client.send(&isolation()).await.unwrap_err();
    let left = client.quota_of(Isolate::SPEC);
    assert_eq!((left.left_this_minute, left.left_this_hour), (80, Some(1200)));
}

#[tokio::test(start_paused = true)]
async fn who_goes_away_after_a_try_that_certainly_did_nothing_abandons_nothing() {
    for refusal in [not_sent(), refused(429, 60)] {
        let script = Script::new().then(refusal);
        let client = patient(&script);
        client.sign_in().await.unwrap();
        let traces = Traces::begin();
        let raw = isolation();
        let call = tokio::time::timeout(Duration::from_millis(100), client.send(&raw));
        assert!(call.await.is_err() && script.sent().len() == 1);
        let traces = traces.end();
        assert!(!traces.contains("audit: abandoned"), "{traces}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_release_uses_the_room_that_is_kept_for_urgent_calls() {
    let body = format!(r#"{{"id":"{ACTION}","type":"Unisolate","status":"Pending"}}"#);
    let script = (0..91).fold(Script::new(), |script, _| script.then(json(201, &body)));
    let client = script.client();
    let release = Unisolate::new(MACHINE.parse().unwrap(), "INC-4711");
    for _ in 0..90 {
        client.send(&release).await.unwrap();
    }
    assert!(client.send(&release).await.unwrap_err().is_throttled());
}

#[tokio::test(start_paused = true)]
async fn a_later_and_shorter_pause_does_not_shorten_the_first() {
    let script = Script::new()
        .then_after(seconds(1), refused(429, 60))
        .then_after(seconds(2), refused(429, 1))
        .then(action(200, "Pending"));
    let client = patient(&script);
    let calls = [looking(&client), looking(&client)];
    sleep(seconds(55)).await;
    assert_eq!(script.sent().len(), 2);
    assert!(client.quota_of(GetMachineAction::SPEC).paused_for > Some(seconds(1)));
    for call in calls {
        call.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_call_waits_for_slots_adds_up_over_its_tries() {
    let script =
        Script::new().then(refused(429, 60)).then(refused(429, 60)).then(action(200, "Pending"));
    let client = script.builder().queue_within(seconds(100)).build().unwrap();
    let began = Instant::now();
    let told = client.send(&look()).await.unwrap_err();
    assert!(told.is_throttled() && began.elapsed() == seconds(60), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_is_no_try() {
    let script = Script::new().then(error(401, "Unauthorized", "expired"));
    let script = (0..3).fold(script, |script, _| script.then(not_sent()));
    let script = script.then(action(200, "Pending"));
    Tokens::client(&script, 3599).send(&look()).await.unwrap();
    assert_eq!(script.sent().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_calls_time_begins_anew_after_a_pause() {
    let script = (0..2).fold(Script::new(), |s, _| s.then_after(seconds(25), refused(429, 1)));
    let script = script.then_after(seconds(25), action(200, "Pending"));
    patient(&script).send(&look()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn pauses_between_tries_are_of_the_calls_time() {
    let script = (0..3).fold(Script::new(), |script, _| script.then(refused(503, 25)));
    let script = script.then(action(200, "Pending"));
    let began = Instant::now();
    let told = script.client().send(&look()).await.unwrap_err();
    assert!(told.is_service() && script.sent().len() == 3, "{told:?}");
    assert_eq!(began.elapsed(), seconds(50));
}

#[tokio::test(start_paused = true)]
async fn a_slot_from_before_a_pause_is_not_used_in_it() {
    let (emulator, client) = emulated(Emulator::builder());
    let [one, other] = hosts(&emulator, &client);
    emulator.fault(FaultRule::new("list_machine_actions", seconds(5))).unwrap();
    let first = tokio::spawn(async move { one.isolate(IsolationType::Full, "c").await.map(drop) });
    sleep(seconds(1)).await;
    emulator.fault(FaultRule::new("isolate", StatusFault::new(429).retry_after(60))).unwrap();
    let hurried = client.queue_within(Duration::ZERO).machine(other.id()).without_lookup();
    assert!(hurried.isolate(IsolationType::Full, "c").await.unwrap_err().is_throttled());
    sleep(seconds(50)).await;
    assert_eq!(emulator.stats().operations["isolate"], 1, "nothing leaves in the pause");
    first.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_token_that_ends_in_the_queue_is_not_sent() {
    let script = Script::new().then(refused(429, 3600)).then(action(200, "Pending"));
    Tokens::client(&script, 900).send(&look()).await.unwrap();
    let sent = script.sent();
    let token = |n: usize| sent[n].headers()[header::AUTHORIZATION].clone();
    assert!(sent.len() == 2 && token(0) != token(1));
}

#[tokio::test(start_paused = true)]
async fn after_a_pause_one_call_tries_and_no_older_answer_speaks_for_it() {
    let script = Script::new()
        .then_after(seconds(20), action(200, "Pending"))
        .then(refused(429, 5))
        .then_after(seconds(25), action(200, "Pending"))
        .then(action(200, "Pending"));
    let client = patient(&script);
    let mut calls = vec![looking(&client), looking(&client)];
    sleep(seconds(1)).await;
    calls.extend([looking(&client), looking(&client)]);
    sleep(seconds(9)).await;
    assert_eq!(script.sent().len(), 3, "one tries, at 10 s");
    sleep(seconds(15)).await;
    assert_eq!(script.sent().len(), 3, "an answer from before the pause opens nothing, at 25 s");
    sleep(seconds(6)).await;
    assert_eq!(script.sent().len(), 5, "its own answer does, at 31 s");
    for call in calls {
        call.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_releases_look_does_not_wait_behind_others() {
    let (emulator, client) = emulated(Emulator::builder());
    let [one, _] = hosts(&emulator, &client);
    for _ in 0..80 {
        client.send(&ListMachineActions::new(None)).await.unwrap();
    }
    let began = Instant::now();
    one.unisolate("INC-4711").await.map(drop).unwrap();
    assert!(began.elapsed() < seconds(5), "{:?}", began.elapsed());
}

fn isolated(status: &str, comment: Option<&str>) -> String {
    let comment = comment.map(|c| format!(r#","requestorComment":"{c}""#)).unwrap_or_default();
    format!(
        r#"{{"id":"{ACTION}","type":"Isolate","status":"{status}","machineId":"{MACHINE}"{comment}}}"#
    )
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_its_comment_is_read_again() {
    let script = Script::new()
        .then(json(201, &isolated("Pending", None)))
        .then(json(200, &isolated("Pending", Some("INC-4711"))));
    let client = script.builder().without_references().build().unwrap();
    let host = client.machine(MACHINE.parse::<MachineId>().unwrap());
    let told = host.isolate(IsolationType::Full, "INC-4711").await.unwrap();
    assert_eq!((told.disposition(), script.sent().len()), (Disposition::Created, 2));
}

#[tokio::test(start_paused = true)]
async fn somebody_elses_action_that_is_over_says_nothing_of_ours() {
    for status in ["Succeeded", "Failed", "Cancelled", "TimeOut"] {
        let theirs = isolated(status, Some("by hand"));
        let script = Script::new().then(answer(201, "application/json", &theirs));
        let host = script.client().machine(MACHINE.parse::<MachineId>().unwrap());
        let told = host.isolate(IsolationType::Full, "INC-4711").await.unwrap_err();
        assert!(told.is_outcome_unknown() && told.reference().is_some(), "{status}: {told:?}");
    }
}
