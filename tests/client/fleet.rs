//! One action on many machines: who they are is said first, each has one outcome, and the rest can be gone on with.

use std::sync::Arc;
use std::time::Duration;

use defender_response::emulator::{
    Emulator, FaultRule, Isolation, MachineSetup, PlainFault, StatusFault,
};
use defender_response::{
    Client, Disposition, FanOutRecord, Guard, IsolationType, MachineId, Rule, ScanType, TestClock,
    Verb,
};

use crate::script::{emulated, signing_in_to};

pub const ISOLATE: Verb = Verb::Isolate(IsolationType::Full);

pub fn fleet(count: usize) -> (Emulator, Client, Vec<MachineId>) {
    let (emulator, client) = emulated(Emulator::builder().fleet(count));
    let machines = emulator.machines();
    let ids = machines.iter().rev().take(count).map(|m| m.id.parse().unwrap()).collect();
    (emulator, client, ids)
}

fn restarted(emulator: &Emulator) -> Client {
    let clock = Arc::new(TestClock::starting_at("2026-03-01T03:00:00Z".parse().unwrap()));
    signing_in_to(emulator)
        .base_url(emulator.base_url())
        .authority(emulator.authority())
        .transport(emulator.transport())
        .clock(clock)
        .build()
        .unwrap()
}

pub fn isolations(emulator: &Emulator) -> usize {
    emulator.journal().iter().filter(|e| e.operation == "isolate" && e.effect).count()
}

#[tokio::test(start_paused = true)]
async fn more_than_was_allowed_is_refused_before_anything_is_read() {
    let (emulator, client, ids) = fleet(30);
    for (fan_out, allowed) in [
        (client.fan_out(ISOLATE, &ids[..10], "c"), true),
        (client.fan_out(ISOLATE, &ids[..11], "c"), false),
        (client.fan_out(ISOLATE, &ids, "c").at_most(29), false),
        (client.fan_out(ISOLATE, &ids, "c").at_most(30), true),
        // The same machine twice is one machine.
        (client.fan_out(ISOLATE, ids[..10].iter().chain(&ids[..10]), "c"), true),
    ] {
        let surveyed = fan_out.survey().await;
        assert_eq!(surveyed.is_ok(), allowed, "{surveyed:?}");
        assert!(allowed || surveyed.unwrap_err().is_guarded());
    }
    let nobody: [MachineId; 0] = [];
    assert!(client.fan_out(ISOLATE, nobody, "c").survey().await.unwrap_err().is_invalid_input());
    assert!(client.fan_out(ISOLATE, &ids[..1], " ").survey().await.unwrap_err().is_invalid_input());
    assert_eq!(isolations(&emulator), 0);
}

#[tokio::test(start_paused = true)]
async fn servers_and_strangers_are_named_before_anything_is_sent() {
    for count in [3, 25] {
        let (emulator, client, mut ids) = fleet(count);
        let server = MachineSetup::new("dc01.corp.example").platform("WindowsServer2022");
        ids.push(emulator.add_machine(server.device_value("High")).parse().unwrap());
        let stranger: MachineId = "0".repeat(40).parse().unwrap();
        ids.push(stranger.clone());
        let fan_out = client.fan_out(Verb::Scan(ScanType::Quick), &ids, "c").at_most(100);
        let mut run = fan_out.survey().await.unwrap();
        let summary = run.summary();
        assert_eq!(summary.machines, count + 2);
        assert_eq!(summary.servers, ["dc01.corp.example"]);
        assert_eq!(summary.high_value, ["dc01.corp.example"]);
        assert_eq!(summary.not_found, [stranger]);
        assert!(summary.to_string().contains("servers: dc01.corp.example"), "{summary}");
        assert!(!emulator.stats().operations.contains_key("scan"));
        let mut failed = 0;
        while let Some(outcome) = run.next().await {
            failed += usize::from(outcome.result.is_err_and(|e| e.is_not_found()));
        }
        assert_eq!(failed, 1);
        assert_eq!(emulator.stats().operations["scan"], count as u64 + 2);
    }
}

#[tokio::test(start_paused = true)]
async fn each_machine_has_one_outcome_and_the_quota_holds() {
    let (emulator, client, ids) = fleet(300);
    let told = Arc::new(std::sync::Mutex::new(Vec::new()));
    let tell = Arc::clone(&told);
    let fan_out = client
        .fan_out(ISOLATE, &ids, "INC-4711")
        .at_most(300)
        .at_once(64)
        .on_progress(move |progress| tell.lock().unwrap().push(*progress));
    let mut run = fan_out.survey().await.unwrap();
    let mut seen = Vec::new();
    while let Some(outcome) = run.next().await {
        assert_eq!(outcome.result.unwrap().disposition(), Disposition::Created);
        seen.push(outcome.machine);
    }
    seen.sort();
    let mut expected = ids;
    expected.sort();
    assert_eq!(seen, expected);
    assert_eq!(isolations(&emulator), 300);
    assert!(emulator.journal().iter().all(|entry| entry.status != Some(429)));
    let told = told.lock().unwrap();
    assert_eq!((told.len(), told[299].done, told[299].failed), (300, 300, 0));
}

#[tokio::test(start_paused = true)]
async fn what_was_broken_off_is_gone_on_with_and_nobody_is_isolated_twice() {
    let (emulator, client, ids) = fleet(40);
    emulator
        .fault(FaultRule::new("isolate", StatusFault::new(400)).target(ids[3].as_str()))
        .unwrap();
    let mut run =
        client.fan_out(ISOLATE, &ids, "INC-4711").at_most(40).at_once(8).survey().await.unwrap();
    for _ in 0..20 {
        let _ = run.next().await.unwrap();
    }
    let stored = serde_json::to_string(&run.record()).unwrap();
    drop(run);

    let record: FanOutRecord = serde_json::from_str(&stored).unwrap();
    assert!((20..=21).contains(&record.open().count()), "{}", record.open().count());
    let mut run = client.resume_fan_out(record).at_most(40).survey().await.unwrap();
    while let Some(outcome) = run.next().await {
        let _ = outcome.result.unwrap();
    }
    let record = run.record();
    assert_eq!((record.done.len(), record.left.len(), record.open().count()), (40, 0, 0));
    assert_eq!(isolations(&emulator), 40);
    tokio::time::sleep(Duration::from_secs(60)).await;
    let isolated = |id: &MachineId| emulator.host(id.as_str()).unwrap().isolation;
    assert!(ids.iter().all(|id| isolated(id) == Isolation::Full));
}

/// A scan is never looked for beforehand, so that the record's key has to tell.
#[tokio::test(start_paused = true)]
async fn scans_that_were_under_way_are_not_begun_twice() {
    let (emulator, client, ids) = fleet(20);
    let slow = FaultRule::new("scan", PlainFault::HangAfterEffect).times(20);
    emulator.fault(slow).unwrap();
    let scan = Verb::Scan(ScanType::Quick);
    let mut run = client.fan_out(scan, &ids, "INC-4711").at_most(20).survey().await.unwrap();
    let next = tokio::time::timeout(Duration::from_secs(5), run.next());
    assert!(next.await.is_err(), "no answer yet");
    let stored = serde_json::to_string(&run.record()).unwrap();
    drop(run);
    emulator.clear_faults();

    let record: FanOutRecord = serde_json::from_str(&stored).unwrap();
    assert_eq!(record.open().count(), 20);
    // In another process, which remembers nothing.
    let client = restarted(&emulator);
    let mut run = client.resume_fan_out(record).at_most(20).survey().await.unwrap();
    let mut adopted = 0;
    while let Some(outcome) = run.next().await {
        let submitted = outcome.result.unwrap();
        adopted += usize::from(submitted.disposition() == Disposition::Adopted);
    }
    let scans = emulator.actions().len();
    assert_eq!((adopted, scans), (16, 20), "sixteen were under way");
    assert_eq!(run.record().open().count(), 0);

    // Another fan-out of the same is another one.
    let mut run = client.fan_out(scan, &ids[..3], "INC-4711").survey().await.unwrap();
    while let Some(outcome) = run.next().await {
        assert_eq!(outcome.result.unwrap().disposition(), Disposition::Created);
    }
}

#[tokio::test(start_paused = true)]
async fn entries_on_which_nothing_good_can_be_done_are_named_and_left_out() {
    for (verb, sent) in [
        (ISOLATE, 2),
        (Verb::Isolate(IsolationType::ContainUnmanaged), 3),
        (Verb::Unisolate, 3),
        (Verb::Scan(ScanType::Quick), 2),
    ] {
        let (emulator, client, mut ids) = fleet(2);
        let mut add = |setup: MachineSetup| {
            ids.push(emulator.add_machine(setup).parse().unwrap());
        };
        let survivor = emulator.machines()[0].id.clone();
        add(MachineSetup::new("old.corp.example").merged_into(&survivor));
        add(MachineSetup::new("printer.corp.example").onboarding("CanBeOnboarded"));
        let mut run = client.fan_out(verb, &ids, "c").survey().await.unwrap();
        let summary = run.summary();
        assert_eq!(summary.merged, ["old.corp.example"]);
        assert_eq!(summary.not_onboarded.is_empty(), sent == 3, "{summary}");
        assert!(summary.to_string().contains("so left out: old.corp.example"), "{summary}");
        let mut refused = 0;
        while let Some(outcome) = run.next().await {
            refused += usize::from(outcome.result.is_err_and(|e| e.is_guarded()));
        }
        let writes = emulator.journal().iter().filter(|e| e.comment.is_some()).count();
        assert_eq!((refused, writes), (4 - sent, sent), "{verb}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_unknown_outcome_stops_it_if_wished_and_is_never_tried_again() {
    for stops in [true, false] {
        let (emulator, client, ids) = fleet(20);
        let fault = FaultRule::new("isolate", PlainFault::ResetBeforeEffect);
        emulator.fault(fault.target(ids[0].as_str())).unwrap();
        let fan_out = client.fan_out(ISOLATE, &ids, "c").at_most(20).at_once(1);
        let fan_out = if stops { fan_out.stop_on_unknown() } else { fan_out };
        let mut run = fan_out.survey().await.unwrap();
        let mut outcomes = Vec::new();
        while let Some(outcome) = run.next().await {
            outcomes.push(outcome);
        }
        assert_eq!(run.stopped().is_some_and(defender_response::Error::is_outcome_unknown), stops);
        let record = run.record();
        assert_eq!(record.left.is_empty(), !stops, "{}", record.left.len());
        assert!(record.open().all(|open| *open != ids[0]), "it isn't known, so it is left alone");
        assert_eq!(record.done.iter().filter(|done| done.reference.is_some()).count(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_that_each_would_meet_stops_it() {
    let (emulator, client, ids) = fleet(50);
    emulator.set_roles(emulator.client_id(), &["Machine.Read.All"]);
    let fan_out = client.fan_out(ISOLATE, &ids, "c").at_most(50).at_once(4);
    let mut run = fan_out.survey().await.unwrap();
    while run.next().await.is_some() {}
    assert!(run.stopped().unwrap().is_permission_denied());
    assert!(run.record().left.len() >= 46, "{}", run.record().left.len());
}

#[tokio::test(start_paused = true)]
async fn a_guard_refuses_single_machines_and_the_others_are_dealt_with() {
    let (emulator, client, ids) = fleet(5);
    let guard = Guard::new().never(Rule::new().id(ids[2].clone()).because("drill"));
    let client = client.guarded(guard).unwrap();
    let mut run = client.fan_out(ISOLATE, &ids, "c").survey().await.unwrap();
    let mut refused = Vec::new();
    while let Some(outcome) = run.next().await {
        if outcome.result.is_err_and(|e| e.is_guarded()) {
            refused.push(outcome.machine);
        }
    }
    assert_eq!((refused, isolations(&emulator)), (vec![ids[2].clone()], 4));
}

#[tokio::test(start_paused = true)]
async fn a_record_is_refused_elsewhere_and_with_a_mistake() {
    let (_, client, ids) = fleet(3);
    let record = client.fan_out(ISOLATE, &ids, "c").survey().await.unwrap().record();
    let clock = Arc::new(TestClock::starting_at("2026-03-01T03:00:00Z".parse().unwrap()));
    let other = Emulator::builder().seed(7).clock(clock.clone()).build();
    let other = signing_in_to(&other)
        .base_url("https://api.elsewhere.example")
        .authority(other.authority())
        .transport(other.transport())
        .clock(clock)
        .build()
        .unwrap();
    let told = other.resume_fan_out(record.clone()).survey().await.unwrap_err();
    assert!(told.is_conflict(), "{told}");
    let text = serde_json::to_string(&record).unwrap();
    for (good, bad) in [("\"v\":1", "\"v\":2"), ("Full", "Fully"), ("\"left\"", "\"lefty\"")] {
        assert!(text.contains(good));
        assert!(serde_json::from_str::<FanOutRecord>(&text.replace(good, bad)).is_err(), "{bad}");
    }
}
