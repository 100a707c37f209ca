//! Guards stand before every path by which something is changed.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use defender_response::emulator::{FaultRule, MachineSetup, PlainFault};
use defender_response::{
    Call, Client, Guard, IsolationType, Limit, MachineId, Operation, Path, Result, Rule, Safety,
    ScanType, Spec, catalog,
};
use serde_json::Value;

use super::deeds::{Class, deeds};
use super::{Bench, in_memory, three_in_the_morning};

const READS: [&str; 4] =
    ["get_machine", "get_machine_action", "list_machine_actions", "list_indicators"];

impl Bench {
    fn guarded(&self, guard: &str) -> Client {
        let guard = Guard::from_json(guard).unwrap();
        in_memory(&self.emulator, &self.clock).guard(guard).build().unwrap()
    }

    /// What was sent but reads and tokens.
    fn written(&self) -> Vec<&'static str> {
        let journal = self.emulator.journal();
        let written = journal.iter().map(|entry| entry.operation);
        written.filter(|name| *name != "token" && !READS.contains(name)).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn every_write_is_refused_by_a_guard_that_forbids_it_and_no_read_is() {
    let mut refused = BTreeSet::new();
    for deed in deeds() {
        let bench = Bench::prepare(three_in_the_morning()).await;
        for guard in [
            r#"{"never":[{"any":true,"because":"drill"}]}"#.to_owned(),
            format!(r#"{{"never":[{{"operations":["{}"],"because":"drill"}}]}}"#, deed.does),
        ] {
            if deed.class == Class::Read {
                let client = bench.guarded(r#"{"never":[{"any":true}]}"#);
                bench.place.perform(deed, &client).await.unwrap();
                continue;
            }
            let client = bench.guarded(&guard);
            let told = bench.place.perform(deed, &client).await.unwrap_err();
            assert!(told.is_guarded(), "{}: {told:?}", deed.name);
            assert!(told.to_string().contains("never[0] (drill)"), "{}: {told}", deed.name);
            assert_eq!(bench.written(), Vec::<&str>::new(), "{}", deed.name);
            refused.insert(deed.does);
        }
    }
    let writes = catalog::OPERATIONS.iter().filter(|spec| spec.safety != Safety::Read);
    assert_eq!(refused, writes.map(|spec| spec.name).collect());
}

#[tokio::test(start_paused = true)]
async fn a_rule_about_machines_holds_for_every_path_to_that_machine_and_for_no_other() {
    for deed in deeds().into_iter().filter(|deed| deed.class != Class::Read) {
        let bench = Bench::prepare(three_in_the_morning()).await;
        let machine_bound = !deed.does.contains("alert") && !deed.does.contains("indicator");
        let client = bench.guarded(r#"{"never":[{"names":["*"]}]}"#);
        let outcome = bench.place.perform(deed, &client).await;
        assert_eq!(outcome.is_err_and(|e| e.is_guarded()), machine_bound, "{}", deed.name);

        let client = bench.guarded(r#"{"never":[{"names":["no-such-host"],"tags":["none"]}]}"#);
        let outcome = bench.place.perform(deed, &client).await;
        assert!(!outcome.is_err_and(|e| e.is_guarded()), "{}", deed.name);
    }
}

/// An operation of a program's own, to any path.
struct Own(&'static [&'static str]);

impl Operation for Own {
    type Output = Value;
    const SPEC: &'static Spec =
        &Spec::new("own", http::Method::POST, "/own", &["Own"]).safety(Safety::Idempotent);

    fn call(&self) -> Result<Call> {
        Ok(Call::new("own", Path::new(self.0.iter().copied())?))
    }
}

#[tokio::test(start_paused = true)]
async fn an_operation_of_a_programs_own_does_not_slip_past() {
    let bench = Bench::prepare(three_in_the_morning()).await;
    let client = bench.guarded(r#"{"never":[{"names":["dc*", "ws-*"]}]}"#);
    for path in [
        &["machines", "ws-042.corp.example", "setDeviceValue"][..],
        &["machines", "AddOrRemoveTagForMultipleMachines"],
        &["libraryfiles"],
    ] {
        let told = client.send(&Own(path)).await.unwrap_err();
        assert!(told.is_guarded(), "{path:?}: {told}");
    }
    let told = client.send(&Own(&["alerts", "createAlertByReference"])).await.unwrap_err();
    assert!(!told.is_guarded(), "it is about no machine: {told}");
}

/// An operation that is made into another call each time.
struct Fickle(AtomicUsize);

impl Operation for Fickle {
    type Output = Value;
    const SPEC: &'static Spec =
        &Spec::new("fickle", http::Method::POST, "/machines/{}/setDeviceValue", &["Own"]);

    fn call(&self) -> Result<Call> {
        let name = ["srv-backup01.corp.example", "dc01.corp.example"];
        let target = name[self.0.fetch_add(1, Ordering::Relaxed).min(1)];
        Call::new(target, Path::new(["machines", target, "setDeviceValue"])?).json(&"Low")
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_admitted_is_what_is_sent() {
    for guard in [r#"{"never":[{"names":["dc*"]}]}"#, "{}"] {
        let bench = Bench::prepare(three_in_the_morning()).await;
        for name in ["srv-backup01.corp.example", "dc01.corp.example"] {
            bench.emulator.add_machine(MachineSetup::new(name));
        }
        bench.emulator.clear_journal();
        let fickle = Fickle(AtomicUsize::new(0));
        let _ = bench.guarded(guard).send(&fickle).await;
        assert_eq!(fickle.0.into_inner(), 1, "it is made into a call once");
        let about_another =
            |target: &Option<String>| target.as_ref().is_some_and(|target| target.contains("dc01"));
        assert!(!bench.emulator.journal().iter().any(|entry| about_another(&entry.target)));
    }
}

#[tokio::test(start_paused = true)]
async fn what_can_not_be_read_is_refused() {
    let bench = Bench::prepare(three_in_the_morning()).await;
    let client = bench.guarded(r#"{"never":[{"tags":["tier-0"]}]}"#);
    let fault = FaultRule::new("get_machine", PlainFault::HangBeforeEffect).times(99);
    bench.emulator.fault(fault).unwrap();
    let id: MachineId = bench.emulator.machines()[0].id.parse().unwrap();
    let told = client.machine(&id).isolate(IsolationType::Full, "c").await.unwrap_err();
    assert!(told.is_timeout() && told.to_string().contains("nothing was sent"), "{told}");
    assert_eq!(bench.written(), Vec::<&str>::new());
}

#[tokio::test(start_paused = true)]
async fn a_limit_counts_what_was_done_and_not_what_was_refused_or_done_already() {
    let bench = Bench::prepare(three_in_the_morning()).await;
    let client = in_memory(&bench.emulator, &bench.clock).build().unwrap();
    let client = client.guarded(Guard::new().at_most(Limit::new(2, 60))).unwrap();
    let hosts: Vec<MachineId> =
        bench.emulator.machines().iter().map(|m| m.id.parse().unwrap()).collect();
    let isolate = |n: usize| {
        let host = client.machine(&hosts[n]);
        async move { host.isolate(IsolationType::Full, "INC-4711").await }
    };
    // Isolated already; refused by the service; done; done, and its answer lost.
    let _ = isolate(1).await.unwrap();
    bench.emulator.fault(FaultRule::new("isolate", PlainFault::Refused).times(99)).unwrap();
    let _ = isolate(0).await.unwrap_err();
    bench.emulator.clear_faults();
    let _ = isolate(0).await.unwrap();
    bench.emulator.fault(FaultRule::new("isolate", PlainFault::ResetAfterEffect)).unwrap();
    let _ = isolate(2).await.unwrap();
    let told = isolate(4).await.unwrap_err();
    assert!(told.is_guarded() && told.to_string().contains("at_most[0]"), "{told}");
    let _ = isolate(0).await.expect("the same machine again is not another one");
    tokio::time::sleep(std::time::Duration::from_secs(3600)).await;
    let _ = isolate(4).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_machine_of_another_name_is_not_touched() {
    let bench = Bench::prepare(three_in_the_morning()).await;
    let client = in_memory(&bench.emulator, &bench.clock).build().unwrap();
    let id: MachineId = bench.emulator.machines()[0].id.parse().unwrap();
    let name = bench.emulator.machines()[0].name.clone();
    let label = name.split('.').next().unwrap();
    for (expected, is_it) in [
        (name.to_uppercase(), true),
        (label.to_owned(), true),
        (format!("{label}0"), false),
        (name.replace("corp", "other"), false),
        (String::new(), false),
    ] {
        let host = client.machine(&id).expecting(&expected);
        let outcome = host.scan(ScanType::Quick, "c").await;
        assert_eq!(outcome.is_err_and(|e| e.is_guarded()), !is_it, "{expected}");
        assert_eq!(bench.written().is_empty(), !is_it, "{expected}");
        bench.emulator.clear_journal();
    }
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_is_no_machine_to_act_on_is_left_alone() {
    let bench = Bench::prepare(three_in_the_morning()).await;
    let client = in_memory(&bench.emulator, &bench.clock).guard(Guard::new()).build().unwrap();
    let machine = |setup: MachineSetup| {
        client.machine(bench.emulator.add_machine(setup).parse::<MachineId>().unwrap())
    };
    let survivor = bench.emulator.machines()[0].id.clone();
    let merged = machine(MachineSetup::new("old.corp.example").merged_into(&survivor));
    let foreign = machine(MachineSetup::new("printer.corp.example").onboarding("CanBeOnboarded"));

    let told = merged.isolate(IsolationType::Full, "c").await.unwrap_err();
    assert!(told.is_guarded() && told.to_string().contains(&survivor), "{told}");
    let told = foreign.isolate(IsolationType::Full, "c").await.unwrap_err();
    assert!(told.is_guarded() && told.to_string().contains("onboarded"), "{told}");
    assert_eq!(bench.written(), Vec::<&str>::new());

    let _ = foreign.isolate(IsolationType::ContainUnmanaged, "c").await.unwrap();
    let _ = foreign.unisolate("c").await.unwrap();
    assert_eq!(bench.written(), ["isolate", "unisolate"]);
}

#[test]
fn a_mistake_in_code_is_refused_too() {
    let client = || {
        let id = "4f3c2d1e-0000-4000-8000-1a2b3c4d5e6f";
        Client::builder(defender_response::ClientSecret::new(id, id, "secret"))
    };
    for guard in [
        Guard::new().never(Rule::new().operation("izolate")),
        Guard::new().only(Rule::new().name(" ")),
        Guard::new().never(Rule::new().name("dc01, dc02")),
        Guard::new().never(Rule::new().platform("Windows Server 2022")),
        Guard::new().only(Rule::new().servers().platform("WindwsServer*")),
        Guard::new().at_most(Limit::new(1, 1).operation("get_machine")),
    ] {
        assert!(client().guard(guard).build().unwrap_err().is_configuration());
    }
    for spec in catalog::OPERATIONS.iter().filter(|spec| spec.safety != Safety::Read) {
        client().guard(Guard::new().never(Rule::new().operation(spec.name))).build().unwrap();
    }
}
