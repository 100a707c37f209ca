//! Staying inside the quota and still finishing, on the paused clock over the emulator's own count.

use std::sync::Arc;
use std::time::Duration;

use defender_response::emulator::Emulator;
use defender_response::{
    Client, GetMachine, Isolate, IsolationType, MachineId, Operation, QuotaPolicy, TestClock,
    Token, TokenError, TokenRequest, TokenSource,
};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::script::{MACHINE, Script, action, signing_in_to};

const ALL: QuotaPolicy = QuotaPolicy::HeadRoom { percent: 0 };

fn fleet(count: usize, policy: QuotaPolicy) -> (Emulator, Client) {
    let clock = Arc::new(TestClock::starting_at("2026-03-01T03:00:00Z".parse().unwrap()));
    let emulator = Emulator::builder().fleet(count).clock(clock.clone()).build();
    let client = signing_in_to(&emulator)
        .base_url(emulator.base_url())
        .authority(emulator.authority())
        .transport(emulator.transport())
        .clock(clock)
        .quota_policy(policy)
        .build()
        .unwrap();
    (emulator, client)
}

/// Isolates so many machines at once; how long that took.
async fn isolate(emulator: &Emulator, client: &Client, count: usize) -> Duration {
    let began = Instant::now();
    let mut calls = JoinSet::new();
    for machine in emulator.machines().into_iter().rev().take(count) {
        let host = client.machine(machine.id.parse::<MachineId>().unwrap());
        calls.spawn(async move { host.isolate(IsolationType::Full, "INC-4711").await.map(drop) });
    }
    assert!(calls.join_all().await.iter().all(Result::is_ok));
    assert_eq!(emulator.stats().operations["isolate"], count as u64, "each was sent once");
    began.elapsed()
}

fn refused(emulator: &Emulator) -> usize {
    emulator.journal().iter().filter(|entry| entry.status == Some(429)).count()
}

#[tokio::test(start_paused = true)]
async fn a_thousand_isolations_take_the_nine_minutes_they_must() {
    let (emulator, client) = fleet(1000, ALL);
    let took = isolate(&emulator, &client, 1000).await;
    assert!((540..=567).contains(&took.as_secs()), "{took:?}");
    assert_eq!(refused(&emulator), 0);
}

#[tokio::test(start_paused = true)]
async fn two_thousand_isolations_wait_for_the_hour() {
    let (emulator, client) = fleet(2000, ALL);
    let took = isolate(&emulator, &client, 2000).await;
    assert!((3840..=4032).contains(&took.as_secs()), "{took:?}");
    assert_eq!(refused(&emulator), 0);
}

#[tokio::test(start_paused = true)]
async fn head_room_is_enough_for_another_program_with_the_same_application() {
    let (emulator, client) = fleet(500, QuotaPolicy::Documented);
    for operation in ["isolate", "list_machine_actions"] {
        emulator.others_use(operation, 10).unwrap();
    }
    isolate(&emulator, &client, 500).await;
    assert_eq!(refused(&emulator), 0);
}

#[tokio::test(start_paused = true)]
async fn where_others_use_more_than_the_head_room_each_pause_begins_with_one_refusal() {
    let (emulator, client) = fleet(300, QuotaPolicy::Documented);
    emulator.others_use("isolate", 40).unwrap();
    let mut calls = JoinSet::new();
    for machine in emulator.machines().into_iter().rev().take(300) {
        let host = client.machine(machine.id.parse::<MachineId>().unwrap());
        calls.spawn(async move { host.isolate(IsolationType::Full, "INC-4711").await.map(drop) });
    }
    assert!(calls.join_all().await.iter().all(Result::is_ok));
    let refusals: Vec<_> = emulator
        .journal()
        .into_iter()
        .filter(|entry| entry.status == Some(429))
        .map(|entry| entry.at)
        .collect();
    // Those that were on their way already when the first was refused are refused as well.
    let pauses: std::collections::BTreeSet<_> = refusals.iter().map(|at| &at[..16]).collect();
    assert!(!refusals.is_empty() && refusals.len() <= 40 * pauses.len(), "{refusals:?}");
}

#[tokio::test(start_paused = true)]
async fn a_cold_token_that_takes_nineteen_seconds_lets_no_two_hundred_into_one_minute() {
    struct Slow;
    #[async_trait::async_trait]
    impl TokenSource for Slow {
        async fn fetch(&self, _: &TokenRequest<'_>) -> Result<Token, TokenError> {
            tokio::time::sleep(Duration::from_secs(19)).await;
            Ok(Token::new("t", Duration::from_secs(3600)))
        }
    }
    let script = (0..200).fold(Script::new(), |script, _| script.then(action(201, "Pending")));
    let client = Client::builder(Slow).transport(script.clone()).build().unwrap();
    let mut calls = JoinSet::new();
    for _ in 0..200 {
        let client = client.clone();
        calls.spawn(async move {
            let operation = Isolate::new(MACHINE.parse().unwrap(), IsolationType::Full, "INC-4711");
            drop(client.send(&operation).await);
        });
    }
    tokio::time::sleep(Duration::from_secs(18)).await;
    assert_eq!(script.sent().len(), 0);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(script.sent().len(), 80, "in the minute after the token came");
}

#[tokio::test(start_paused = true)]
async fn an_urgent_call_overtakes_five_hundred() {
    let (emulator, client) = fleet(600, ALL);
    let id: MachineId = emulator.machines()[0].id.parse().unwrap();
    let mut calls = JoinSet::new();
    for _ in 0..600 {
        let (client, id) = (client.clone(), id.clone());
        calls.spawn(async move { client.send(&GetMachine::by_id(&id)).await.map(drop) });
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(client.quota_of(GetMachine::SPEC).waiting, 500);
    client.urgent().send(&GetMachine::by_id(&id)).await.unwrap();
    let waiting = client.quota_of(GetMachine::SPEC).waiting;
    assert!((400..=500).contains(&waiting), "{waiting} still wait");
    calls.abort_all();
    while calls.join_next().await.is_some() {}
    assert_eq!(client.quota_of(GetMachine::SPEC).waiting, 0, "nobody who left is waited for");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_would_wait_too_long_is_given_up_at_once_and_tells_how_long() {
    let (emulator, client) = fleet(101, ALL);
    let hurried = client.queue_within(Duration::from_secs(5));
    let id: MachineId = emulator.machines()[0].id.parse().unwrap();
    for _ in 0..100 {
        hurried.send(&GetMachine::by_id(&id)).await.unwrap();
    }
    let began = Instant::now();
    let told = hurried.send(&GetMachine::by_id(&id)).await.unwrap_err();
    assert!(told.is_throttled() && began.elapsed().is_zero(), "{told:?}");
    assert_eq!(told.retry_after(), Some(Duration::from_secs(60)));
    assert_eq!(client.quota_of(Isolate::SPEC).left_this_minute, 100, "a family of its own");
}
