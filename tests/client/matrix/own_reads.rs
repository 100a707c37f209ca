//! A program's own operation that says it is a read: what it says doesn't make a change one.

use std::sync::{Arc, Mutex};

use defender_response::emulator::{FaultRule, PlainFault};
use defender_response::{
    AuditEvent, AuditSink, Call, Guard, Operation, Path, Result, Rule, Safety, Spec,
};
use http::Method;
use serde_json::{Value, json};

use super::{Bench, in_memory, three_in_the_morning};

/// Says that it reads.
struct Reads(Vec<String>);

impl Operation for Reads {
    type Output = Value;
    const SPEC: &'static Spec =
        &Spec::new("own", Method::POST, "/own", &["Own"]).safety(Safety::Read);

    fn call(&self) -> Result<Call> {
        let path = Path::new(self.0.iter().map(String::as_str))?;
        Call::new("own", path).json(&json!({"Comment": "x", "IsolationType": "Full"}))
    }
}

fn reads(segments: &[&str]) -> Reads {
    Reads(segments.iter().map(ToString::to_string).collect())
}

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<AuditEvent>>>);

impl AuditSink for Kept {
    fn record(&self, event: &AuditEvent) -> std::io::Result<()> {
        self.0.lock().unwrap().push(event.clone());
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_about_machines_is_guarded_written_down_and_not_repeated() {
    let bench = Bench::prepare(three_in_the_morning()).await;
    let audit = Kept::default();
    let client = in_memory(&bench.emulator, &bench.clock).audit(audit.clone()).build().unwrap();
    let guarded = client.guarded(Guard::new().never(Rule::new().because("drill"))).unwrap();
    let machine = bench.emulator.machines()[0].id.clone();
    for path in [
        &["machines", &machine, "isolate"][..],
        &["Machines", &machine, "isolate"],
        &["machines", "AddOrRemoveTagForMultipleMachines"],
        &["machineactions", "5382f7ea-7557-4ab7-9782-d50480024a4e", "cancel"],
    ] {
        let told = guarded.send(&reads(path)).await.unwrap_err();
        assert!(told.to_string().contains("nothing was sent"), "{path:?}: {told}");
    }
    assert_eq!(audit.0.lock().unwrap().len(), 0, "what is refused isn't begun");

    let lost = FaultRule::new("isolate", PlainFault::ResetAfterEffect).times(9);
    bench.emulator.fault(lost).unwrap();
    let told = client.send(&reads(&["machines", &machine, "isolate"])).await.unwrap_err();
    assert!(told.is_outcome_unknown(), "{told}");
    let sent = bench.emulator.journal().iter().filter(|e| e.operation == "isolate").count();
    assert_eq!((sent, audit.0.lock().unwrap().len()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_query_that_has_to_be_posted_stays_a_read() {
    let bench = Bench::prepare(three_in_the_morning()).await;
    let audit = Kept::default();
    let client = in_memory(&bench.emulator, &bench.clock)
        .audit(audit.clone())
        .guard(Guard::new().never(Rule::new()))
        .build()
        .unwrap();
    let told = client.send(&reads(&["advancedqueries", "run"])).await.unwrap_err();
    assert!(!told.is_guarded() && told.status().is_some(), "{told}");
    assert_eq!(audit.0.lock().unwrap().len(), 0);
}
