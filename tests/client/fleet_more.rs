//! Going on with a fan-out: what its record says, and what becomes of it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use defender_response::emulator::{Act, Actor, Emulator, FaultRule, PlainFault};
use defender_response::{Disposition, FanOutProgress, FanOutRecord, MachineId};
use serde_json::{Value, json};

use crate::fleet::{ISOLATE, fleet, isolations};
use crate::script::emulated;
use crate::truth::{seconds, sent};

#[tokio::test(start_paused = true)]
async fn progress_goes_on_where_the_record_ended() {
    let (emulator, client, ids) = fleet(10);
    let lost = FaultRule::new("isolate", PlainFault::ResetBeforeEffect);
    emulator.fault(lost.target(ids[0].as_str())).unwrap();
    let refused = FaultRule::new("isolate", PlainFault::Refused).times(99);
    emulator.fault(refused.target(ids[1].as_str())).unwrap();
    let fan_out = client.fan_out(ISOLATE, &ids, "c").at_once(1);
    let mut run = fan_out.survey().await.unwrap();
    for _ in 0..7 {
        let _ = run.next().await.unwrap();
    }
    let record = run.record();
    drop(run);
    emulator.clear_faults();

    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = Arc::clone(&told);
    let tell = move |progress: &FanOutProgress| {
        tell.lock().unwrap().push((progress.done, progress.failed, progress.machines));
    };
    let fan_out = client.resume_fan_out(record).at_once(1).on_progress(tell);
    let mut run = fan_out.survey().await.unwrap();
    while run.next().await.is_some() {}
    // Six are done with, of which one isn't known; one that wasn't done, and three that were left, are gone on with.
    assert_eq!(*told.lock().unwrap(), [(7, 1, 10), (8, 1, 10), (9, 1, 10), (10, 1, 10)]);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_known_stays_in_every_record_and_is_left_alone() {
    let (emulator, client, ids) = fleet(6);
    let lost = FaultRule::new("isolate", PlainFault::ResetBeforeEffect);
    emulator.fault(lost.target(ids[0].as_str())).unwrap();
    let fan_out = client.fan_out(ISOLATE, &ids, "c").at_once(1).stop_on_unknown();
    let mut run = fan_out.survey().await.unwrap();
    while run.next().await.is_some() {}
    let first = run.record();
    assert_eq!((first.done.len(), first.left.len()), (1, 5));

    let mut run = client.resume_fan_out(first.clone()).survey().await.unwrap();
    while run.next().await.is_some() {}
    let second = run.record();
    assert_eq!(second.done.first(), first.done.first());
    assert_eq!((second.done.len(), second.open().count()), (6, 0));
    assert_eq!(isolations(&emulator), 5);
}

#[tokio::test(start_paused = true)]
async fn the_first_reason_to_stop_is_the_one_that_is_told() {
    let (emulator, client, ids) = fleet(10);
    let lost = FaultRule::new("isolate", PlainFault::ResetBeforeEffect).times(4);
    emulator.fault(lost).unwrap();
    let fan_out = client.fan_out(ISOLATE, &ids, "c").at_once(4).stop_on_unknown();
    let mut run = fan_out.survey().await.unwrap();
    let mut unknown = Vec::new();
    while let Some(outcome) = run.next().await {
        unknown.extend(outcome.result.is_err().then_some(outcome.machine));
    }
    assert_eq!((unknown.len(), run.record().left.len()), (4, 6));
    assert_eq!(run.stopped().unwrap().target(), Some(unknown[0].as_str()));
}

#[tokio::test(start_paused = true)]
async fn many_machines_are_looked_up_in_the_list_of_all() {
    for (count, singly) in [(20, 20), (21, 0), (300, 0)] {
        let (emulator, client, ids) = fleet(count);
        let run = client.fan_out(ISOLATE, &ids, "c").at_most(count).survey().await.unwrap();
        assert_eq!(run.summary().not_found, []);
        assert_eq!(sent(&emulator, "get_machine"), singly, "{count}");
        assert!(sent(&emulator, "list_machines") <= 4, "{count}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_isolated_and_released_since_is_not_told_as_not_done() {
    let (emulator, client) = emulated(Emulator::builder().settle(Duration::from_secs(30)).fleet(3));
    let machines = emulator.machines();
    let ids: Vec<MachineId> =
        machines.iter().rev().take(3).map(|m| m.id.parse().unwrap()).collect();
    let mut run = client.fan_out(ISOLATE, &ids, "c").survey().await.unwrap();
    let begun = tokio::time::timeout(Duration::ZERO, run.next()).await;
    assert!(begun.is_err(), "{begun:?}");
    let record = run.record();
    let mut isolated = Vec::new();
    while let Some(outcome) = run.next().await {
        isolated.push(outcome.result.unwrap().id().clone());
    }
    seconds(60).await;
    for id in &ids {
        emulator.act(Actor::Analyst, id.as_str(), Act::Release, "false alarm").unwrap();
    }
    seconds(60).await;

    let mut run = client.resume_fan_out(record).survey().await.unwrap();
    while let Some(outcome) = run.next().await {
        assert!(outcome.result.unwrap_err().is_superseded());
    }
    let record = run.record();
    assert_eq!(record.open().count(), 0, "going on would not end otherwise");
    let mut told: Vec<_> = record.done.iter().map(|done| done.action.clone().unwrap()).collect();
    told.sort();
    isolated.sort();
    assert_eq!(told, isolated);
    assert!(record.done.iter().all(|done| !done.nothing_done && done.error.is_some()));
}

#[tokio::test(start_paused = true)]
async fn a_record_tells_how_an_action_stood() {
    let (emulator, client, ids) = fleet(2);
    for id in &ids {
        emulator.set_offline(id.as_str(), None).unwrap();
    }
    let mut run = client.fan_out(ISOLATE, &ids, "c").survey().await.unwrap();
    let begun = tokio::time::timeout(Duration::ZERO, run.next()).await;
    assert!(begun.is_err(), "{begun:?}");
    let stored = run.record();
    while run.next().await.is_some() {}
    let record = serde_json::to_value(run.record()).unwrap();
    assert_eq!(record["done"][0]["status"], "Pending");

    for action in emulator.actions() {
        emulator.cancel_as(Actor::Analyst, action["id"].as_str().unwrap(), "no").unwrap();
    }
    let mut run = client.resume_fan_out(stored).survey().await.unwrap();
    while let Some(outcome) = run.next().await {
        assert_eq!(outcome.result.unwrap().disposition(), Disposition::Adopted);
    }
    let record = run.record();
    let text = serde_json::to_string(&record).unwrap();
    assert_eq!(serde_json::from_str::<FanOutRecord>(&text).unwrap(), record);
    let told = serde_json::to_value(&record).unwrap();
    let told = told["done"].as_array().unwrap().iter().map(|done| &done["status"]);
    assert_eq!(told.collect::<Vec<_>>(), ["Cancelled", "Cancelled"], "adopted, and not armed");
}

#[tokio::test(start_paused = true)]
async fn a_record_with_a_mistake_in_it_is_refused() {
    let (emulator, client, ids) = fleet(2);
    let refused = FaultRule::new("isolate", PlainFault::Refused).times(99);
    emulator.fault(refused.target(ids[1].as_str())).unwrap();
    let mut run = client.fan_out(ISOLATE, &ids, "c").survey().await.unwrap();
    while run.next().await.is_some() {}
    let good = serde_json::to_value(run.record()).unwrap();
    let read = |record: &Value| serde_json::from_value::<FanOutRecord>(record.clone());
    assert!(read(&good).is_ok());
    for (path, member, value) in [
        ("/done/0", "nothing_don", json!(true)),
        ("/done/1", "dispositon", json!("created")),
        ("/done/0", "nothing_done", json!("yes")),
        ("/done/0", "action", json!("../machines")),
        ("", "run", json!("")),
        ("", "run", json!("dr-short")),
        ("", "run", json!("xx-abcdefghij")),
        ("", "run", json!("dr-abcdefghi1")),
        ("", "run", json!(null)),
    ] {
        let mut bad = good.clone();
        bad.pointer_mut(path).unwrap()[member] = value.clone();
        assert!(read(&bad).is_err(), "{path}/{member}: {value}");
    }
    // One that was changed in the program is held to the same.
    let mut record = run.record();
    record.run = "INC-4711".to_owned();
    let told = client.resume_fan_out(record).survey().await.unwrap_err();
    assert!(told.is_invalid_input() && told.to_string().contains("INC-4711"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn a_halted_run_begins_nothing_new_and_tells_what_is_under_way() {
    let (emulator, client, ids) = fleet(10);
    let mut run = client.fan_out(ISOLATE, &ids, "c").at_once(3).survey().await.unwrap();
    let _ = run.next().await.unwrap();
    let begun = isolations(&emulator);
    assert!(begun <= 3, "{begun}");
    run.halt();
    let mut outcomes = 1;
    while let Some(outcome) = run.next().await {
        let _ = outcome.result.unwrap();
        outcomes += 1;
    }
    let record = run.record();
    assert_eq!((outcomes, record.done.len(), record.left.len()), (3, 3, 7));
    assert_eq!(isolations(&emulator), 3);
    let mut run = client.resume_fan_out(record).survey().await.unwrap();
    while run.next().await.is_some() {}
    assert_eq!((run.record().open().count(), isolations(&emulator)), (0, 10));
}

#[tokio::test(start_paused = true)]
async fn a_strangers_action_that_is_in_the_way_is_not_told_as_ones_own() {
    let (emulator, client, ids) = fleet(1);
    emulator.act(Actor::Analyst, ids[0].as_str(), Act::IsolateSelectively, "theirs").unwrap();
    seconds(60).await;
    let mut run = client.fan_out(ISOLATE, &ids, "c").survey().await.unwrap();
    let told = run.next().await.unwrap().result.unwrap_err();
    assert!(told.is_conflict() && told.action().is_some(), "{told:?}");
    let record = run.record();
    assert_eq!((&record.done[0].action, record.done[0].nothing_done), (&None, true));
}
