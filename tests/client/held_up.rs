//! What waits, what counts and what is told while something else is held up: each once seen broken.

#![allow(
    clippy::many_single_char_names,
    clippy::items_after_statements,
    clippy::cast_possible_truncation
)] // scenes, each with its few actors

use crate::script::*;
use bytes::Bytes;
use defender_response::emulator::*;
use defender_response::model::AlertStatus;
use defender_response::{
    AlertId, AlertUpdate, Call, Client, ClientSecret, Disposition, Error, Guard, Isolate,
    IsolationType, Limit, ListMachineActions, MachineHandle, MachineId, Operation, Path, Rule,
    Safety, Spec, Token, TokenError, TokenErrorKind, TokenRequest, TokenSource, Transport,
    TransportError,
};
use http::{Request, Response};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};
fn s(n: u64) -> Duration {
    Duration::from_secs(n)
}
fn hs(e: &Emulator, c: &Client) -> Vec<MachineHandle> {
    e.machines().into_iter().map(|m| c.machine(m.id.parse::<MachineId>().unwrap())).collect()
}
fn effects(e: &Emulator, op: &str) -> usize {
    e.journal().iter().filter(|x| x.operation == op && x.effect).count()
}
type Outcome = Result<Response<Bytes>, TransportError>;

struct OneToken(AtomicUsize);
#[async_trait::async_trait]
impl TokenSource for OneToken {
    async fn fetch(&self, _: &TokenRequest<'_>) -> Result<Token, TokenError> {
        if self.0.fetch_add(1, Ordering::Relaxed) == 0 {
            return Ok(Token::new("t", s(20)));
        }
        Err(TokenError::new(TokenErrorKind::Other, "down"))
    }
}
struct Alerting(AtomicUsize);
#[async_trait::async_trait]
impl Transport for Alerting {
    async fn send(&self, r: Request<Bytes>, _: usize) -> Outcome {
        let body = r#"{"id":"da1","status":"New","assignedTo":null}"#;
        if r.method() == http::Method::GET {
            return json(200, body);
        }
        self.0.fetch_add(1, Ordering::Relaxed);
        sleep(s(25)).await;
        Err(TransportError::unanswered("reset"))
    }
}
#[tokio::test(start_paused = true)]
async fn sign_in_failure_after_unclear_try() {
    let t = Arc::new(Alerting(AtomicUsize::new(0)));
    for cond in [false, true] {
        let c =
            Client::builder(OneToken(AtomicUsize::new(0))).transport(t.clone()).build().unwrap();
        let mut u = AlertUpdate::new().status(AlertStatus::Resolved);
        if cond {
            u = u.only_if(AlertStatus::New, None);
        }
        let told = c.alert("da1".parse::<AlertId>().unwrap()).update(u).await.unwrap_err();
        assert!(!told.to_string().contains("nothing was sent"), "{cond} {told}");
    }
}
#[tokio::test(start_paused = true)]
async fn dropped_where_nothing_left() {
    let (e, c) = emulated(Emulator::builder());
    c.sign_in().await.unwrap();
    let h = &hs(&e, &c)[0];
    e.fault(FaultRule::new("isolate", PlainFault::Refused).times(1)).unwrap();
    assert!(
        timeout(Duration::from_millis(100), h.isolate(IsolationType::Full, "c")).await.is_err()
    );
    let told = h.isolate(IsolationType::Full, "c").await;
    told.map(drop).unwrap();
}
#[tokio::test(start_paused = true)]
async fn dropped_while_signing_in() {
    struct Slow2(AtomicUsize);
    #[async_trait::async_trait]
    impl TokenSource for Slow2 {
        async fn fetch(&self, _: &TokenRequest<'_>) -> Result<Token, TokenError> {
            if self.0.fetch_add(1, Ordering::Relaxed) == 1 {
                sleep(s(15)).await;
            }
            Ok(Token::new("t", s(20)))
        }
    }
    let sc = Script::new().then(action(201, "Pending"));
    struct SlowList(Script);
    #[async_trait::async_trait]
    impl Transport for SlowList {
        async fn send(&self, r: Request<Bytes>, l: usize) -> Outcome {
            if r.method() == http::Method::GET {
                sleep(s(21)).await;
            }
            self.0.send(r, l).await
        }
    }
    let c = Client::builder(Slow2(AtomicUsize::new(0)))
        .transport(SlowList(sc.clone()))
        .build()
        .unwrap();
    let h = c.machine(MACHINE.parse::<MachineId>().unwrap());
    assert!(timeout(s(25), h.isolate(IsolationType::Full, "c")).await.is_err());
    assert_eq!(sc.sent().len(), 0);
    let told = h.isolate(IsolationType::Full, "c").await;
    assert!(!told.is_err_and(|e| e.is_conflict()));
}
#[tokio::test(start_paused = true)]
async fn failed_looks_use_up_the_limit() {
    let (e, c) = emulated(Emulator::builder());
    let c = c.guarded(Guard::new().at_most(Limit::new(1, 60))).unwrap();
    let h = hs(&e, &c);
    e.fault(FaultRule::new("list_machine_actions", StatusFault::new(503)).times(99)).unwrap();
    e.clear_faults();
    assert_eq!(effects(&e, "isolate"), 0);
    h[1].isolate(IsolationType::Full, "c").await.map(drop).unwrap();
}
#[tokio::test(start_paused = true)]
async fn dropped_in_queue_uses_up_the_limit() {
    let (e, c) = emulated(Emulator::builder());
    let c = c.guarded(Guard::new().at_most(Limit::new(1, 60))).unwrap();
    let h = hs(&e, &c);
    e.fault(FaultRule::new("isolate", StatusFault::new(429).retry_after(20))).unwrap();
    assert!(timeout(s(5), h[0].isolate(IsolationType::Full, "c")).await.is_err());
    assert_eq!(effects(&e, "isolate"), 0);
    h[1].isolate(IsolationType::Full, "c").await.map(drop).unwrap();
}
#[tokio::test(start_paused = true)]
async fn limit_over_a_queue() {
    let (e, c) = emulated(Emulator::builder().fleet(20));
    let c = c.guarded(Guard::new().at_most(Limit::new(1, 1))).unwrap();
    let h = hs(&e, &c);
    e.fault(FaultRule::new("isolate", StatusFault::new(429).retry_after(600))).unwrap();
    let mut calls = Vec::new();
    for n in 0..8 {
        let h = h[n].clone();
        calls
            .push(tokio::spawn(async move { h.isolate(IsolationType::Full, "c").await.map(drop) }));
        sleep(s(61)).await;
    }
    for c in calls {
        let _ = c.await;
    }
    let at: Vec<_> = e
        .journal()
        .iter()
        .filter(|x| x.operation == "isolate" && x.effect)
        .map(|x| x.at.clone())
        .collect();
    assert!(at.len() <= 1, "{} machines in one minute", at.len());
}
struct Tag(String);
impl Operation for Tag {
    type Output = serde_json::Value;
    const SPEC: &'static Spec =
        &Spec::new("tag", http::Method::PATCH, "/machines/{}", &["X"]).safety(Safety::Idempotent);
    fn call(&self) -> defender_response::Result<Call> {
        Call::new("x", Path::new(["machines", &self.0])?)
            .json(&serde_json::json!({"machineTags":["tier-0"]}))
    }
}
#[tokio::test(start_paused = true)]
async fn guard_is_as_old_as_the_queue() {
    let (e, c) = emulated(Emulator::builder());
    let g = c.guarded(Guard::new().never(Rule::new().tag("tier-0"))).unwrap();
    let h = hs(&e, &g)[0].clone();
    e.fault(FaultRule::new("isolate", StatusFault::new(429).retry_after(3600))).unwrap();
    let id = h.id().as_str().to_owned();
    let h2 = h.clone();
    let call =
        tokio::spawn(
            async move { h2.isolate(IsolationType::Full, "c").await.map(|s| s.disposition()) },
        );
    sleep(s(60)).await;
    match c.send(&Tag(id)).await {
        Ok(v) => println!("B5 tags {}", v["machineTags"]),
        Err(x) => println!("B5 tagging {x}"),
    }
    let _told = h.scan(defender_response::ScanType::Quick, "c").await;
    let told = call.await.unwrap();
    assert!(told.is_err_and(|e| e.is_guarded()));
}
#[tokio::test(start_paused = true)]
async fn release_behind_an_isolations_look() {
    let (e, c) = emulated(Emulator::builder());
    let h = hs(&e, &c)[0].clone();
    for _ in 0..80 {
        c.send(&ListMachineActions::new(None)).await.unwrap();
    }
    let h2 = h.clone();
    let i = tokio::spawn(async move { h2.isolate(IsolationType::Full, "c").await.map(drop) });
    sleep(s(1)).await;
    let began = Instant::now();
    h.unisolate("c").await.map(drop).ok();
    i.abort();
    assert!(began.elapsed() < s(5), "{:?}", began.elapsed());
}
#[tokio::test(start_paused = true)]
async fn release_without_lookup_behind_a_paused_list() {
    let (e, c) = emulated(Emulator::builder());
    let h = hs(&e, &c)[0].clone();
    e.fault(FaultRule::new("list_machine_actions", StatusFault::new(429).retry_after(3600)))
        .unwrap();
    let h2 = h.clone();
    let i = tokio::spawn(async move { h2.isolate(IsolationType::Full, "c").await.map(drop) });
    sleep(s(1)).await;
    let began = Instant::now();
    h.without_lookup().unisolate("c").await.map(drop).ok();
    i.abort();
    assert!(began.elapsed() < s(5), "{:?}", began.elapsed());
}
#[tokio::test(start_paused = true)]
async fn slots_kept_while_the_list_is_paused() {
    let (e, c) = emulated(Emulator::builder().fleet(100));
    let h = hs(&e, &c);
    e.fault(
        FaultRule::new("list_machine_actions", StatusFault::new(429).retry_after(3600)).times(80),
    )
    .unwrap();
    let mut calls = Vec::new();
    for n in 0..80 {
        let h = h[n].clone();
        calls
            .push(tokio::spawn(async move { h.isolate(IsolationType::Full, "c").await.map(drop) }));
    }
    sleep(s(1)).await;
    let began = Instant::now();
    h[90].clone().without_lookup().isolate(IsolationType::Full, "c").await.map(drop).unwrap();
    for c in calls {
        c.abort();
    }
    assert!(began.elapsed() < s(5), "{:?}", began.elapsed());
}
#[tokio::test(start_paused = true)]
async fn trial_kept_while_the_list_is_paused() {
    let (e, c) = emulated(Emulator::builder());
    let h = hs(&e, &c);
    e.fault(FaultRule::new("isolate", StatusFault::new(429).retry_after(2))).unwrap();
    let a = h[0].clone();
    let i = tokio::spawn(async move { a.isolate(IsolationType::Full, "c").await.map(drop) });
    sleep(s(1)).await;
    e.fault(FaultRule::new("list_machine_actions", StatusFault::new(429).retry_after(3600)))
        .unwrap();
    sleep(s(5)).await;
    let began = Instant::now();
    let _told = c
        .urgent()
        .queue_within(s(600))
        .machine(h[1].id())
        .without_lookup()
        .isolate(IsolationType::Full, "c")
        .await
        .map(drop);
    i.abort();
    assert!(began.elapsed() < s(5), "{:?}", began.elapsed());
}
struct Revoked(AtomicUsize, AtomicUsize);
#[async_trait::async_trait]
impl Transport for Revoked {
    async fn send(&self, r: Request<Bytes>, _: usize) -> Outcome {
        if r.uri().path().contains("/oauth2/") {
            let n = self.0.fetch_add(1, Ordering::Relaxed);
            return json(200, &format!(r#"{{"access_token":"t{n}","expires_in":3599}}"#));
        }
        self.1.fetch_add(1, Ordering::Relaxed);
        sleep(Duration::from_millis(50)).await;
        if r.headers()["authorization"] == "Bearer t0" {
            return error(401, "Unauthorized", "revoked");
        }
        action(201, "Pending")
    }
}
#[tokio::test(start_paused = true)]
async fn a_revoked_token_is_kept_for_ever() {
    let id = "4f3c2d1e-0000-4000-8000-1a2b3c4d5e6f";
    let c = Client::builder(ClientSecret::new(id, id, "s"))
        .transport(Revoked(AtomicUsize::new(0), AtomicUsize::new(0)))
        .call_within(s(30))
        .build()
        .unwrap();
    let op = Isolate::new(MACHINE.parse().unwrap(), IsolationType::Full, "INC-4711");
    let mut bad = 0;
    for _ in 0..5 {
        let r = c.send(&op).await;
        bad += usize::from(r.is_err());
        sleep(s(60)).await;
    }
    assert_eq!(bad, 0);
}
#[tokio::test(start_paused = true)]
async fn a_refused_connection_is_not_repeated_with_a_short_call() {
    let sc = Script::new().then(Err(TransportError::not_sent("x"))).then(action(201, "Pending"));
    let c = sc.client().call_within(s(30));
    let op = Isolate::new(MACHINE.parse().unwrap(), IsolationType::Full, "INC-4711");
    let r = c.send(&op).await;
    r.unwrap();
}
#[tokio::test(start_paused = true)]
async fn the_list_is_old_when_ones_own_had_to_wait() {
    let (e, c) = emulated(
        Emulator::builder()
            .set("list_lag", "20")
            .unwrap()
            .set("duplicate_action", "stuck")
            .unwrap(),
    );
    let h = hs(&e, &c)[0].clone();
    let own = h.unisolate("first").await.unwrap();
    own.wait().within(s(19)).await.unwrap();
    e.fault(FaultRule::new("get_machine_action", StatusFault::new(429).retry_after(600))).unwrap();
    let h2 = h.clone();
    let call = tokio::spawn(async move {
        h2.isolate(IsolationType::Full, "ours").await.map(|s| s.disposition())
    });
    sleep(s(300)).await;
    e.set_offline(h.id().as_str(), None).unwrap();
    e.act(Actor::Analyst, h.id().as_str(), Act::Isolate, "by hand").unwrap();
    let told = call.await.unwrap();
    assert_eq!(told.unwrap(), Disposition::AlreadyPending);
    assert_eq!(e.stats().operations.get("isolate"), None);
}
struct SlowThere(InMemory);
#[async_trait::async_trait]
impl Transport for SlowThere {
    async fn send(&self, r: Request<Bytes>, l: usize) -> Outcome {
        if r.uri().path().ends_with("/isolate") {
            let t = self.0.clone();
            sleep(s(25)).await;
            return t.send(r, l).await;
        }
        self.0.send(r, l).await
    }
}
#[tokio::test(start_paused = true)]
async fn two_minutes_count_from_leaving() {
    let clock = Arc::new(defender_response::TestClock::starting_at(
        "2026-03-01T03:00:00Z".parse().unwrap(),
    ));
    let e = Emulator::builder()
        .set("list_lag", "110")
        .unwrap()
        .set("duplicate_action", "stuck")
        .unwrap()
        .clock(clock.clone())
        .build();
    let c = signing_in_to(&e)
        .base_url(e.base_url())
        .authority(e.authority())
        .transport(SlowThere(e.transport()))
        .clock(clock)
        .build()
        .unwrap();
    let h = hs(&e, &c)[0].clone();
    let began = Instant::now();
    e.fault(FaultRule::new("isolate", PlainFault::HangAfterEffect)).unwrap();
    let _first = h.isolate(IsolationType::Full, "one").await;
    sleep(s(121).saturating_sub(began.elapsed())).await;
    let _second = h.isolate(IsolationType::Full, "two").await;
    assert_eq!(effects(&e, "isolate"), 1);
}
#[tokio::test(start_paused = true)]
async fn already_in_progress_without_a_code() {
    for body in [
        r#"{"error":{"code":"","message":"Action is already in progress"}}"#,
        r#"{"error":{"code":"BadRequest","message":"Action is already in progress"}}"#,
    ] {
        let sc = Script::new().then(json(400, body));
        let h = sc.client().machine(MACHINE.parse::<MachineId>().unwrap());
        let told = h.isolate(IsolationType::Full, "c").await.unwrap_err();
        assert!(told.is_already_running(), "{body} {told}");
    }
}
struct NoComment(AtomicUsize);
#[async_trait::async_trait]
impl Transport for NoComment {
    async fn send(&self, r: Request<Bytes>, _: usize) -> Outcome {
        let p = r.uri().path().to_owned();
        if p.contains("/oauth2/") {
            return json(200, r#"{"access_token":"t","expires_in":3599}"#);
        }
        if p == "/api/machineactions" {
            return json(200, r#"{"value":[]}"#);
        }
        if p.starts_with("/api/machineactions/") {
            return error(403, "Forbidden", "no");
        }
        let id = p.split('/').nth(3).unwrap().to_owned();
        if r.method() == http::Method::GET {
            return json(200, &format!(r#"{{"id":"{id}","onboardingStatus":"Onboarded"}}"#));
        }
        let n = self.0.fetch_add(1, Ordering::Relaxed);
        json(
            201,
            &format!(
                r#"{{"id":"5382f7ea-7557-4ab7-9782-{n:012}","type":"Isolate","status":"Pending","machineId":"{id}"}}"#
            ),
        )
    }
}
#[tokio::test(start_paused = true)]
async fn a_limit_is_slipped_past_where_the_comment_is_not_shown() {
    let id = "4f3c2d1e-0000-4000-8000-1a2b3c4d5e6f";
    let t = Arc::new(NoComment(AtomicUsize::new(0)));
    let c = Client::builder(ClientSecret::new(id, id, "s"))
        .transport(t.clone())
        .guard(Guard::new().at_most(Limit::new(1, 60)))
        .build()
        .unwrap();
    for n in 0..5u32 {
        let m: MachineId = format!("{:040x}", n + 1).parse().unwrap();
        let _r = c.machine(m).isolate(IsolationType::Full, "c").await;
    }
    assert_eq!(t.0.load(Ordering::Relaxed), 1);
}
struct Forgot(String);
impl Operation for Forgot {
    type Output = serde_json::Value;
    const SPEC: &'static Spec =
        &Spec::new("own", http::Method::POST, "/machines/{}/isolate", &["X"]);
    fn call(&self) -> defender_response::Result<Call> {
        Call::new("x", Path::new(["machines", &self.0, "isolate"])?)
            .json(&serde_json::json!({"Comment":"c","IsolationType":"Full"}))
    }
}
#[tokio::test(start_paused = true)]
async fn a_post_that_is_a_read() {
    let (e, c) = emulated(Emulator::builder());
    let g = c.guarded(Guard::new().never(Rule::new())).unwrap();
    let id = hs(&e, &g)[0].id().as_str().to_owned();
    let _r = g.send(&Forgot(id)).await;
    assert_eq!(effects(&e, "isolate"), 0);
}

#[tokio::test(start_paused = true)]
async fn reading_the_comment_waits_as_long_as_it_likes_with_the_turn() {
    struct Bare(InMemory);
    #[async_trait::async_trait]
    impl Transport for Bare {
        async fn send(&self, r: Request<Bytes>, l: usize) -> Outcome {
            let iso = r.uri().path().ends_with("/isolate");
            let a = self.0.send(r, l).await?;
            if !iso || a.status() != 201 {
                return Ok(a);
            }
            let mut v: serde_json::Value = serde_json::from_slice(a.body()).unwrap();
            v.as_object_mut().unwrap().remove("requestorComment");
            json(201, &v.to_string())
        }
    }
    let clock = Arc::new(defender_response::TestClock::starting_at(
        "2026-03-01T03:00:00Z".parse().unwrap(),
    ));
    let e = Emulator::builder().clock(clock.clone()).build();
    let c = signing_in_to(&e)
        .base_url(e.base_url())
        .authority(e.authority())
        .transport(Bare(e.transport()))
        .clock(clock)
        .build()
        .unwrap();
    let h = hs(&e, &c)[0].clone();
    e.fault(FaultRule::new("get_machine_action", StatusFault::new(429).retry_after(3600))).unwrap();
    let h2 = h.clone();
    let _i =
        tokio::spawn(
            async move { h2.isolate(IsolationType::Full, "c").await.map(|s| s.disposition()) },
        );
    sleep(s(10)).await;
    let began = Instant::now();
    let _told = timeout(s(7200), h.without_lookup().unisolate("c")).await;
    assert!(began.elapsed() < s(60));
}
#[tokio::test(start_paused = true)]
async fn everybody_has_an_end() {
    for seed in 0..60u64 {
        let mut x = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let mut r = move |n: u64| {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            x % n
        };
        let (e, c) = emulated(
            Emulator::builder()
                .fleet(12)
                .set("list_lag", ["0", "10"][r(2) as usize])
                .unwrap()
                .set("latency", ["0", "0.3"][r(2) as usize])
                .unwrap(),
        );
        let h = hs(&e, &c);
        let c = [c.clone(), c.urgent(), c.queue_within(s(20))];
        let mut calls = Vec::new();
        for _ in 0..60 {
            let op = ["isolate", "unisolate", "list_machine_actions", "get_machine_action"]
                [r(4) as usize];
            match r(8) {
                0 => e
                    .fault(FaultRule::new(op, StatusFault::new(429).retry_after(1 + r(40))))
                    .unwrap(),
                1 => e.fault(FaultRule::new(op, PlainFault::ResetAfterEffect)).unwrap(),
                2 => e.fault(FaultRule::new(op, PlainFault::Refused)).unwrap(),
                3 => e.fault(FaultRule::new(op, StatusFault::new(401))).unwrap(),
                4 => e.fault(FaultRule::new(op, PlainFault::HangBeforeEffect)).unwrap(),
                _ => {}
            }
            let m = c[r(3) as usize].machine(h[r(4) as usize].id());
            let m = if r(5) == 0 { m.without_lookup() } else { m };
            let iso = r(2) == 0;
            let limit = if r(4) == 0 { s(r(30)) } else { s(20000) };
            calls.push(tokio::spawn(async move {
                timeout(limit, async {
                    if iso {
                        m.isolate(IsolationType::Full, "c").await.map(drop)
                    } else {
                        m.unisolate("c").await.map(drop)
                    }
                })
                .await
                .is_err()
                    && limit == s(20000)
            }));
            sleep(Duration::from_millis(r(4000))).await;
        }
        for call in calls {
            assert!(!call.await.unwrap(), "seed {seed}: held up");
        }
        e.clear_faults();
        sleep(s(3700)).await;
        for q in c[0].quota() {
            assert_eq!(q.waiting, 0, "{seed}");
        }
        assert_eq!(c[0].quota_of(Isolate::SPEC).left_this_minute, 80, "{seed}");
        for m in &h[..4] {
            let r = timeout(s(100), m.clone().regardless().isolate(IsolationType::Full, "c")).await;
            assert!(r.is_ok(), "{seed}");
        }
        // no two effects with one reference
        let mut refs: Vec<String> = e
            .actions()
            .iter()
            .filter_map(|a| a["requestorComment"].as_str().map(|s| s[..14.min(s.len())].to_owned()))
            .collect();
        let n = refs.len();
        refs.sort();
        refs.dedup();
        assert_eq!(refs.len(), n, "{seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn updates_with_a_condition_hold_no_slots_while_alerts_can_not_be_read() {
    let (emulator, client) = emulated(Emulator::builder());
    let id: AlertId = emulator.alerts()[0].parse().unwrap();
    let paused = FaultRule::new("get_alert", StatusFault::new(429).retry_after(3600));
    emulator.fault(paused).unwrap();
    assert!(client.queue_within(s(0)).alert(&id).get().await.unwrap_err().is_throttled());
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..80 {
        let alert = client.alert(&id);
        let update =
            AlertUpdate::new().status(AlertStatus::Resolved).only_if(AlertStatus::New, None);
        waiting.spawn(async move { alert.update(update).await.map(drop) });
    }
    sleep(s(10)).await;
    let began = Instant::now();
    client
        .alert(&id)
        .update(AlertUpdate::new().status(AlertStatus::InProgress))
        .await
        .map(drop)
        .unwrap();
    assert!(began.elapsed() < s(5), "{:?}", began.elapsed());
    // None of them was told anything before it could look, and the look decides.
    let told = waiting.join_all().await;
    assert!(told.iter().all(|told| told.as_ref().is_err_and(Error::is_conflict)), "{told:?}");
    assert_eq!(effects(&emulator, "update_alert"), 1);
}
