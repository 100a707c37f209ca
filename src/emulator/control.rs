//! The emulator's own endpoints under `/emulator/`, for programs in other languages. They need no token
//! and aren't in the journal.

use std::collections::BTreeMap;

use http::{Method, StatusCode};
use serde::Serialize;
use serde_json::Value;

use super::answer::{Answer, Form, Refusal};
use super::faults::FaultRule;
use super::service::Service;
use super::world::Machine;

pub(crate) fn answer(service: &mut Service, method: &Method, what: &str, body: &[u8]) -> Answer {
    match (method.as_str(), what) {
        ("GET", "journal") => plain(&service.journal.entries()),
        ("DELETE", "journal") => {
            service.journal.clear();
            Answer::empty(StatusCode::NO_CONTENT)
        }
        ("GET", "stats") => plain(&service.journal.stats()),
        ("GET", "hosts") => {
            let machines = service.directory.iter().flat_map(|tenant| &tenant.machines);
            plain(&machines.map(Machine::host).collect::<Vec<_>>())
        }
        ("GET", "faults") => plain(&service.faults.rules()),
        ("POST", "faults") => add_faults(service, body),
        ("DELETE", "faults") => {
            service.faults.clear();
            Answer::empty(StatusCode::NO_CONTENT)
        }
        ("GET", "switches") => plain(&service.switches.list()),
        ("POST", "switches") => set_switches(service, body),
        _ => {
            let message = "The emulator has no such endpoint";
            Refusal::new(StatusCode::NOT_FOUND, "NotFound", message).into_answer("")
        }
    }
}

/// An array of rules, or one rule. All are taken, or none.
fn add_faults(service: &mut Service, body: &[u8]) -> Answer {
    let is_one = body.trim_ascii_start().starts_with(b"{");
    let read: Result<Vec<FaultRule>, _> = if is_one {
        serde_json::from_slice(body).map(|rule| vec![rule])
    } else {
        serde_json::from_slice(body)
    };
    let added = match read {
        Ok(rules) => service.faults.add(rules).map_err(|error| error.to_string()),
        Err(error) => Err(format!("{error}; {RULE_FORM}")),
    };
    match added {
        Ok(()) => plain(&service.faults.rules()),
        Err(message) => Refusal::bad("InvalidInput", message).into_answer(""),
    }
}

const RULE_FORM: &str = concat!(
    r#"a rule is {"operation":"isolate","times":1,"fault":"reset_after_effect"}; a fault is one of refused, "#,
    "reset_before_effect, reset_after_effect, hang_before_effect, hang_after_effect, half_body, slow_drip, html_200, ",
    "oversized_body, redirect, duplicate_returns_pending, duplicate_refused, stuck_duplicate, ",
    r#"{"status":503,"retry_after":2,"after_effect":true}, {"aadsts":90055}, {"delay":1.5}, {"redirect":"URL"}"#,
);

/// An object of names and values.
fn set_switches(service: &mut Service, body: &[u8]) -> Answer {
    let read = serde_json::from_slice::<BTreeMap<String, Value>>(body);
    let set = read.map_err(|error| error.to_string()).and_then(|wanted| {
        let mut switches = service.switches;
        wanted
            .iter()
            .try_for_each(|(name, value)| match value {
                Value::String(word) => switches.set(name, word),
                other => switches.set(name, &other.to_string()),
            })
            .map_err(|error| error.to_string())?;
        service.switches = switches;
        Ok(())
    });
    match set {
        Ok(()) => plain(&service.switches.list()),
        Err(message) => Refusal::bad("InvalidInput", message).into_answer(""),
    }
}

fn plain(body: &impl Serialize) -> Answer {
    Answer::json(StatusCode::OK, Form::Plain, body)
}
