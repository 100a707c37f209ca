//! What the crate says of a machine, held against what is really so: it may say unknown, and never something false.

use std::time::Duration;

use defender_response::emulator::{Emulator, EmulatorBuilder, Isolation};
use defender_response::{
    Client, Doubt, IsolationState, IsolationType, MachineHandle, MachineState, RestrictionState,
};

use crate::script::emulated;

/// A slow world, so that there is time to look at each step.
pub async fn world(builder: EmulatorBuilder) -> (Emulator, Client, MachineHandle) {
    let (emulator, client) = emulated(builder.settle(Duration::from_secs(30)));
    let machine = client.machines().by_name("ws-042.corp.example").await.unwrap();
    let host = client.machine(&machine.id);
    (emulator, client, host)
}

pub fn slow() -> EmulatorBuilder {
    Emulator::builder()
}

pub async fn seconds(n: u64) {
    tokio::time::sleep(Duration::from_secs(n)).await;
}

/// Nothing in it is false.
pub fn is_true(emulator: &Emulator, state: &MachineState) {
    let host = emulator.host(state.machine.as_str()).unwrap();
    let isolation = match &state.isolation.state {
        IsolationState::Isolated(Some(IsolationType::Full)) => host.isolation == Isolation::Full,
        IsolationState::Isolated(Some(IsolationType::Selective)) => {
            host.isolation == Isolation::Selective
        }
        IsolationState::Isolated(Some(IsolationType::ContainUnmanaged)) => {
            host.isolation == Isolation::Contained
        }
        IsolationState::Isolated(None) => host.isolation != Isolation::None,
        IsolationState::Released => host.isolation == Isolation::None,
        IsolationState::Pending(action) => is_armed(emulator, action.id.as_str()),
        _ => true,
    };
    assert!(isolation, "{state:?} and really {host:?}");
    let restriction = match &state.restriction.state {
        RestrictionState::Restricted => host.restricted,
        RestrictionState::Lifted => !host.restricted,
        RestrictionState::Pending(action) => is_armed(emulator, action.id.as_str()),
        _ => true,
    };
    assert!(restriction, "{state:?} and really {host:?}");
    for evidence in [&state.isolation.evidence, &state.restriction.evidence].into_iter().flatten() {
        let action = on_record(emulator, evidence.action.as_str());
        assert_eq!(action["status"], "Succeeded", "{evidence:?}");
        assert_eq!(action["requestor"].as_str(), evidence.requestor.as_deref());
    }
    for action in state.isolation.under_way.iter().chain(&state.restriction.under_way) {
        assert!(is_armed(emulator, action.id.as_str()), "{action:?}");
    }
}

/// Reads the state again and again, and each is true; the words of the isolation as they changed.
pub async fn watch(emulator: &Emulator, host: &MachineHandle, time: u64) -> Vec<&'static str> {
    let mut told = Vec::new();
    for _ in 0..time {
        let state = host.state().await.unwrap();
        is_true(emulator, &state);
        let word = word(&state);
        if told.last() != Some(&word) {
            told.push(word);
        }
        seconds(1).await;
    }
    told
}

pub fn word(state: &MachineState) -> &'static str {
    match &state.isolation.state {
        IsolationState::Isolated(_) => "isolated",
        IsolationState::Released => "released",
        IsolationState::Pending(_) => "pending",
        IsolationState::Unknown(Doubt::NoRecord) => "no record",
        _ => "unknown",
    }
}

pub fn on_record(emulator: &Emulator, id: &str) -> serde_json::Value {
    emulator.actions().into_iter().find(|action| action["id"] == id).unwrap()
}

pub fn is_armed(emulator: &Emulator, id: &str) -> bool {
    ["Pending", "InProgress"].contains(&on_record(emulator, id)["status"].as_str().unwrap())
}

/// The ids of all actions of this type that haven't ended.
pub fn armed(emulator: &Emulator, kind: &str) -> Vec<String> {
    let actions = emulator.actions().into_iter().filter(|action| action["type"] == kind);
    let ids = actions.map(|action| action["id"].as_str().unwrap().to_owned());
    ids.filter(|id| is_armed(emulator, id)).collect()
}

pub fn sent(emulator: &Emulator, operation: &str) -> u64 {
    emulator.stats().operations.get(operation).copied().unwrap_or(0)
}
