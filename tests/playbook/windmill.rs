//! The script for Windmill, as Windmill calls it: by its `main`, and with its job's variables.

use std::time::Duration;

use defender_response::emulator::{Actor, Emulator, Listening};

use crate::setup::MACHINE;

#[path = "../../examples/windmill/script.rs"]
mod script;

fn slow() -> (tokio::runtime::Runtime, Emulator, Listening) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let emulator = Emulator::builder().settle(Duration::from_secs(3600)).build();
    let listening = emulator.listen("127.0.0.1:0".parse().unwrap());
    let listening = runtime.block_on(listening).unwrap();
    (runtime, emulator, listening)
}

fn called(
    (_, emulator, listening): &(tokio::runtime::Runtime, Emulator, Listening),
    selective: bool,
    step: &str,
) -> anyhow::Result<script::Outcome> {
    script::main(
        emulator.tenant_id().to_owned(),
        emulator.client_id().to_owned(),
        emulator.client_secret().to_owned(),
        listening.base_url(),
        MACHINE.to_owned(),
        "INC-4711".to_owned(),
        Some(step.to_owned()),
        false,
        selective,
        0,
    )
}

#[test]
fn another_scope_under_way_ends_red() {
    let place = slow();
    assert_eq!(called(&place, false, "1").unwrap().disposition, "created");
    let error = called(&place, true, "2").unwrap_err().to_string();
    assert!(error.contains("Full"), "{error}");
}

#[test]
fn an_adopted_action_that_was_cancelled_ends_red() {
    let place = slow();
    let id = called(&place, false, "1").unwrap().action_id;
    place.1.cancel_as(Actor::Analyst, &id, "no").unwrap();
    let error = called(&place, false, "1").unwrap_err().to_string();
    assert!(error.contains("cancelled"), "{error}");
}

#[test]
fn a_step_of_a_flow_is_known_by_its_run_and_its_name() {
    let key = |step: Option<&str>, set: &[(&str, &str)]| {
        let variable = |name: &str| {
            set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        script::key(step.map(str::to_owned), variable)
    };
    let (root, flow, step) =
        (("WM_ROOT_FLOW_JOB_ID", "r"), ("WM_FLOW_JOB_ID", "f"), ("WM_FLOW_STEP_ID", "a"));
    assert_eq!(key(None, &[root, flow, step]).as_deref(), Some("r/a"));
    assert_eq!(key(None, &[("WM_ROOT_FLOW_JOB_ID", ""), flow, step]).as_deref(), Some("f/a"));
    assert_eq!(key(Some("mine"), &[root, flow, step]).as_deref(), Some("mine"));
    assert_eq!(key(Some(" "), &[root, step]).as_deref(), Some("r/a"));
    // The node's name alone is the same in every run, and a job's id another one at each try.
    assert_eq!(key(None, &[step, ("WM_JOB_ID", "j")]), None);
    assert_eq!(key(None, &[root]), None);
}
