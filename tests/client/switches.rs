//! The points on which Microsoft's pages are silent or disagree are switches of the emulator. Under each value
//! of each, what the crate says of an incident must be so.

use std::collections::BTreeSet;
use std::time::Duration;

use defender_response::emulator::{Emulator, Isolation};
use defender_response::model::{
    AlertStatus, Classification, Determination, IndicatorAction, IndicatorType,
};
use defender_response::{
    AlertId, AlertUpdate, Client, Disposition, Error, Filter, Find, ImportOutcome, IsolationType,
    NewIndicator,
};

use crate::script;

const HOUR: Duration = Duration::from_secs(3600);

fn emulated(name: &str, value: &str) -> (Emulator, Client) {
    script::emulated(Emulator::builder().set(name, value).unwrap())
}

/// The errors that a refusing service may give; never one about an answer that could not be read.
fn is_a_plain_refusal(error: &Error) -> bool {
    error.is_invalid_request()
        || error.is_feature_disabled()
        || error.is_already_running()
        || error.is_permission_denied()
}

async fn machine_actions(emulator: &Emulator, client: &Client, at: &str) {
    let machine = client.machines().find(Find::name("ws-042").newest_active()).await.unwrap();
    let host = client.machine(&machine.id);
    let truth = || emulator.host(machine.id.as_str()).unwrap();

    let action = host.isolate(IsolationType::Full, "x".repeat(984)).await.unwrap();
    match host.isolate(IsolationType::Full, "again").await {
        Ok(second) => {
            let stuck = second.id() != action.id();
            assert_eq!(second.disposition() == Disposition::Created, stuck, "{at}");
            if stuck && second.cancel("not wanted").await.is_err() {
                second.wait().within(HOUR).await.unwrap();
            }
        }
        Err(error) => assert!(error.is_already_running(), "{at}: {error:?}"),
    }
    let done = action.wait().within(HOUR).await.unwrap();
    assert_eq!(truth().isolation, Isolation::Full, "{at}");
    assert_eq!(done.scope.as_deref(), Some("Full"), "{at}");

    let filter = Filter::eq("machineId", &machine.id).and(Filter::eq("type", "Isolate"));
    tokio::time::sleep(Duration::from_secs(60)).await;
    let listed = client.actions().newest_first(filter).all().await.unwrap();
    assert!(listed.iter().any(|listed| listed.id == done.id), "{at}: {listed:?}");

    let released = host.unisolate("cleaned").await.unwrap();
    released.wait().within(HOUR).await.unwrap();
    assert_eq!(truth().isolation, Isolation::None, "{at}");

    match host.restrict_code_execution("c").await {
        Ok(action) => {
            let ended = action.wait().within(HOUR).await.is_ok();
            assert_eq!(truth().restricted, ended, "{at}");
        }
        Err(error) => assert!(is_a_plain_refusal(&error), "{at}: {error:?}"),
    }
}

async fn an_alert(emulator: &Emulator, client: &Client, at: &str) {
    let id: AlertId = emulator.alerts()[0].parse().unwrap();
    let alert = client.alert(&id);
    let update = AlertUpdate::new()
        .status(AlertStatus::Resolved)
        .classify(Classification::TruePositive, Determination::Malware)
        .comment("contained");
    match alert.update(update).await {
        Ok(updated) => {
            let now = alert.get().await.unwrap();
            if updated.confirmed() {
                assert_eq!(now.status, AlertStatus::Resolved, "{at}");
            }
            let ours = now
                .comments
                .iter()
                .filter_map(|c| c.comment.as_deref())
                .filter(|c| c.ends_with("contained"));
            assert_eq!(ours.count(), 1, "{at}");
        }
        Err(error) => assert!(is_a_plain_refusal(&error), "{at}: {error:?}"),
    }
}

async fn indicators(emulator: &Emulator, client: &Client, at: &str) {
    let new: Vec<_> = [
        (IndicatorType::FileMd5, "d41d8cd98f00b204e9800998ecf8427e", IndicatorAction::Block),
        (IndicatorType::FileSha256, &"ab".repeat(32), IndicatorAction::BlockAndRemediate),
        (IndicatorType::CertificateThumbprint, &"cd".repeat(20), IndicatorAction::Block),
        (
            IndicatorType::Url,
            "https://evil.example/a'b?c=d&e=%2F",
            IndicatorAction::BlockAndRemediate,
        ),
        (IndicatorType::IpAddress, "2606:4700::1111", IndicatorAction::Audit),
    ]
    .into_iter()
    .map(|(kind, value, action)| NewIndicator::new(kind, value, action, "t", "d").any_action())
    .collect();

    match client.indicators().import(new.clone()).await {
        Ok(outcomes) => {
            let stored = emulator.indicators();
            for (sent, outcome) in new.iter().zip(outcomes) {
                let value = sent.wire_value().unwrap();
                let is_stored =
                    stored.iter().any(|indicator| indicator["indicatorValue"] == value.as_str());
                match outcome {
                    ImportOutcome::Accepted { .. } => {
                        assert!(is_stored, "{at}: {value} was said to be accepted");
                    }
                    ImportOutcome::Failed { .. } => {
                        assert!(!is_stored, "{at}: {value} was said to have failed");
                    }
                    other => panic!("{at}: {value} {other:?}"),
                }
            }
        }
        Err(error) => assert!(is_a_plain_refusal(&error), "{at}: {error:?}"),
    }
    let file = Filter::eq("indicatorValue", "ab".repeat(32));
    let listed = client.indicators().list(file).all().await.unwrap();
    assert!(listed.len() <= 1, "{at}");
}

#[tokio::test(start_paused = true)]
async fn what_is_said_is_so_under_each_value_of_each_switch() {
    let mut runs = 0;
    for switch in Emulator::new().switches() {
        // Words that stand for a kind of value are written in capitals, and have tests of their own.
        for value in switch.takes.iter().filter(|word| !word.contains(char::is_uppercase)) {
            let at = format!("{}={value}", switch.name);
            let (emulator, client) = emulated(switch.name, value);
            machine_actions(&emulator, &client, &at).await;
            an_alert(&emulator, &client, &at).await;
            indicators(&emulator, &client, &at).await;
            runs += 1;
        }
    }
    assert!(runs > 60, "{runs} values");
}

#[tokio::test(start_paused = true)]
async fn durations_counts_and_offsets_change_nothing_that_is_said() {
    for (name, value) in [
        ("settle", "90"),
        ("latency", "2"),
        ("clock_offset", "-300"),
        ("clock_offset", "300"),
        ("list_lag", "10"),
        ("page_size", "3"),
    ] {
        let at = format!("{name}={value}");
        let (emulator, client) = emulated(name, value);
        machine_actions(&emulator, &client, &at).await;
        an_alert(&emulator, &client, &at).await;
        indicators(&emulator, &client, &at).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_of_25_000_is_read_whole_with_and_without_links() {
    for (link, cut) in [("off", "10000"), ("off", "500"), ("on", "500")] {
        let (emulator, client) = emulated("next_link", link);
        emulator.set("page_size", cut).unwrap();
        let ids = emulator.add_past_actions(25_000);
        let mut list = client.actions().list(None);
        let mut told = Vec::new();
        while let Some(action) = list.next().await {
            told.push(action.unwrap().id.as_str().to_owned());
            if told.len() % 1000 == 500 {
                assert!(emulator.unlist_action(&ids[told.len() / 2]));
                emulator.add_past_actions(3);
            }
        }
        let before: BTreeSet<_> = ids.iter().map(String::as_str).collect();
        let stayed: BTreeSet<_> = emulator
            .actions()
            .iter()
            .map(|action| action["id"].as_str().unwrap().to_owned())
            .filter(|id| before.contains(id.as_str()))
            .collect();
        let once: BTreeSet<_> = told.iter().cloned().collect();
        assert_eq!(once.len(), told.len(), "nothing is told twice");
        let unlisted: BTreeSet<_> =
            (0..told.len()).filter(|n| n % 1000 == 500).map(|n| ids[n / 2].clone()).collect();
        let missed = stayed.difference(&once).filter(|id| !unlisted.contains(*id)).count();
        assert_eq!(missed, 0, "next_link={link} page_size={cut}");
    }
}
