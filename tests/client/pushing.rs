//! A plan pushed to the emulated service: each source has one outcome, the store is what the report says, and nobody
//! else's indicator changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use defender_response::emulator::{Actor, Emulator};
use defender_response::model::{IndicatorAction, IndicatorType};
use defender_response::stix::{
    self, Change, DeletionOutcome, IndicatorOutcome, Phase, Plan, PlanOptions, PushReport,
    SourceOutcome,
};
use defender_response::{Client, NewIndicator};
use serde_json::{Value, json};

use crate::script::emulated;

pub const NOW: &str = "2026-03-01T03:00:00Z";

pub fn options(action: IndicatorAction) -> PlanOptions {
    PlanOptions::new(action).at(NOW.parse().unwrap())
}

/// A plan of these objects.
pub fn plan_of(objects: &[Value], options: &PlanOptions) -> Plan {
    let feed = serde_json::to_string(objects).unwrap();
    stix::plan(feed.as_bytes(), options).unwrap()
}

pub fn object(id: &str, pattern: &str) -> Value {
    json!({"type": "indicator", "id": format!("indicator--{id}"), "pattern": pattern, "name": format!("of {id}")})
}

pub fn domain(n: usize) -> Value {
    object(&n.to_string(), &format!("[domain-name:value = 'd{n}.evil.example']"))
}

pub fn revoked(mut object: Value) -> Value {
    object["revoked"] = json!(true);
    object["modified"] = json!("2026-02-28T00:00:00Z");
    object
}

/// A plan that blocks so many domains.
pub fn domains(count: usize) -> Plan {
    let objects: Vec<_> = (0..count).map(domain).collect();
    plan_of(&objects, &options(IndicatorAction::Block))
}

/// What is there of ours, by id, and of others.
pub fn store(emulator: &Emulator, application: &str) -> (BTreeMap<String, Value>, Vec<Value>) {
    parted(emulator.indicators(), application)
}

fn parted(all: Vec<Value>, application: &str) -> (BTreeMap<String, Value>, Vec<Value>) {
    let (ours, others): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|i| i["application"] == application);
    (ours.into_iter().map(|i| (i["id"].as_str().unwrap().to_owned(), i)).collect(), others)
}

pub fn others(emulator: &Emulator, application: &str) -> Vec<Value> {
    store(emulator, application).1
}

/// What has to hold after any push.
pub fn check(emulator: &Emulator, plan: &Plan, report: &PushReport, others_before: &[Value]) {
    let (ours, others) = store(emulator, report.application());
    assert_eq!(others, others_before, "nobody else's indicator changed");
    check_ours(&ours, plan, report);
}

/// The same in a tenant that is full but for so many, where a copy of all there was takes its time.
pub fn check_full(emulator: &Emulator, plan: &Plan, report: &PushReport, room: usize) {
    let all = emulator.indicators();
    assert_eq!(all.len(), 15_000 - room);
    let (ours, others) = parted(all, report.application());
    assert!(others.iter().all(|other| other["lastUpdatedBy"].is_null()));
    check_ours(&ours, plan, report);
}

/// Lets somebody else fill the tenant but for so many.
pub fn fill(emulator: &Emulator, room: usize) {
    let left = 15_000 - room - emulator.indicators().len();
    emulator.add_indicators(Actor::Analyst, left);
}

fn check_ours(ours: &BTreeMap<String, Value>, plan: &Plan, report: &PushReport) {
    assert_eq!(report.sources().len(), plan.sources().len());
    for (result, source) in report.sources().iter().zip(plan.sources()) {
        assert_eq!((result.index, &result.id), (source.index, &source.id));
    }
    let mut told = BTreeSet::new();
    for result in report.indicators() {
        told.extend(result.leftover.iter().map(ToString::to_string));
        if let IndicatorOutcome::Accepted { id, .. } | IndicatorOutcome::Unchanged { id } =
            &result.outcome
        {
            let there = ours.get(id.as_str()).unwrap_or_else(|| panic!("{result:?}"));
            assert_eq!(there["indicatorValue"], *result.value);
            assert_eq!(there["indicatorType"], result.indicator_type.as_str());
            assert_eq!(there["action"], result.action.as_str());
            told.insert(id.to_string());
        }
    }
    for result in report.withdrawals().iter().chain(report.departed()) {
        if let DeletionOutcome::Deleted { ids } = &result.outcome {
            assert!(ids.iter().all(|id| !ours.contains_key(id.as_str())), "{result:?}");
        }
    }
    if report.is_complete() && report.departed().is_empty() {
        let told: Vec<_> = told.into_iter().collect();
        let strays: Vec<_> = ours.keys().filter(|id| !told.contains(id)).collect();
        assert!(strays.is_empty(), "in the store, and not in the report: {strays:?}");
    }
}

/// How many sources ended how.
pub fn ends(report: &PushReport) -> Vec<(SourceOutcome, u64)> {
    report.summary().sources.into_iter().collect()
}

pub fn calls(emulator: &Emulator, operation: &str) -> u64 {
    emulator.stats().operations.get(operation).copied().unwrap_or(0)
}

pub fn writes(emulator: &Emulator) -> u64 {
    let writing =
        ["import_indicators", "submit_indicator", "delete_indicator", "batch_delete_indicators"];
    writing.iter().map(|operation| calls(emulator, operation)).sum()
}

async fn put(client: &Client, value: &str, action: IndicatorAction, application: Option<&str>) {
    let mut new = NewIndicator::new(IndicatorType::DomainName, value, action, "by hand", "why");
    if let Some(application) = application {
        new = new.application(application);
    }
    client.indicators().create_or_update(new).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn twelve_hundred_go_in_three_batches_and_a_second_time_not_at_all() {
    let (emulator, client) = emulated(Emulator::builder());
    let (plan, before) = (domains(1200), others(&emulator, "defender-response"));
    let report = client.indicators().push(&plan).await.unwrap();
    check(&emulator, &plan, &report, &before);
    assert_eq!(ends(&report), [(SourceOutcome::Accepted, 1200)]);
    assert!(report.is_complete() && report.application() == "defender-response");
    assert_eq!(report.sees_others(), Some(true));
    assert_eq!(report.active_before(), before.len());
    assert_eq!(writes(&emulator), 3);

    let again = client.indicators().push(&plan).send().await.unwrap();
    check(&emulator, &plan, &again, &before);
    assert_eq!(ends(&again), [(SourceOutcome::Unchanged, 1200)]);
    assert_eq!(writes(&emulator), 3, "nothing was sent");
}

#[tokio::test(start_paused = true)]
async fn a_later_plan_of_the_same_feed_updates_and_creates_nothing_twice() {
    let (emulator, client) = emulated(Emulator::builder());
    let indicators = client.indicators();
    let before = others(&emulator, "defender-response");
    let first = indicators.push(&domains(3)).await.unwrap();
    let later = options(IndicatorAction::Block).at("2026-03-01T09:00:00Z".parse().unwrap());
    let later = plan_of(&[domain(0), domain(1), domain(2)], &later);
    let report = indicators.push(&later).await.unwrap();
    check(&emulator, &later, &report, &before);
    for (old, new) in first.indicators().iter().zip(report.indicators()) {
        let IndicatorOutcome::Accepted { id: created, .. } = &old.outcome else {
            panic!("{old:?}")
        };
        let updated = IndicatorOutcome::Accepted { id: created.clone(), change: Change::Update };
        assert_eq!(new.outcome, updated);
    }
}

#[tokio::test(start_paused = true)]
async fn a_failing_item_in_each_batch_fails_alone_and_its_source_says_why() {
    let (emulator, client) = emulated(Emulator::builder());
    let (plan, before) = (domains(1200), others(&emulator, "defender-response"));
    for n in [7, 777, 1199] {
        emulator.fail_indicator(format!("d{n}.evil.example"), format!("known good {n}"));
    }
    let report = client.indicators().push(&plan).await.unwrap();
    check(&emulator, &plan, &report, &before);
    assert_eq!(ends(&report), [(SourceOutcome::Accepted, 1197), (SourceOutcome::Failed, 3)]);
    for n in [7, 777, 1199] {
        let source = &report.sources()[n];
        assert_eq!(source.reason.as_deref(), Some(&*format!("known good {n}")));
    }
    assert!(!report.is_complete() && report.error().is_none());
    assert!(report.to_string().contains("indicator--777  known good 777"), "{report}");

    emulator.set("failure_reason", "false").unwrap();
    let silent = client.indicators().push(&plan).await.unwrap();
    assert_eq!(silent.sources()[7].reason.as_deref(), Some("the service gave no reason"));
}

#[tokio::test(start_paused = true)]
async fn somebody_elses_stays_as_it_is_and_is_told() {
    let (emulator, client) = emulated(Emulator::builder());
    emulator.add_indicators(Actor::Analyst, 5);
    let theirs = Some("their tool");
    put(&client, "d0.evil.example", IndicatorAction::Block, theirs).await;
    put(&client, "d1.evil.example", IndicatorAction::Block, None).await;
    put(&client, "d2.evil.example", IndicatorAction::Allowed, theirs).await;
    put(&client, "d3.evil.example", IndicatorAction::Block, Some("defender-response/x")).await;
    let (plan, before) = (domains(5), others(&emulator, "defender-response"));
    let report = client.indicators().push(&plan).await.unwrap();
    check(&emulator, &plan, &report, &before);
    let outcomes: Vec<_> = report.sources().iter().map(|source| source.outcome).collect();
    let [there, new] = [SourceOutcome::AlreadyPresent, SourceOutcome::Accepted];
    assert_eq!(outcomes, [there, there, new, there, new]);
    assert_eq!(report.indicators()[2].contested_by.len(), 1, "Allowed would win over ours");
    assert!(report.to_string().contains("somebody else's with another action"), "{report}");
    assert!(report.sources()[2].reason.as_deref().is_some_and(|why| why.contains("may win")));
    assert!(report.is_complete());
}

#[tokio::test(start_paused = true)]
async fn somebody_elses_for_other_devices_is_left_alone_and_not_called_done() {
    let (emulator, client) = emulated(Emulator::builder());
    let group = emulator_group();
    let theirs = NewIndicator::new(
        IndicatorType::DomainName,
        "d0.evil.example",
        IndicatorAction::Block,
        "by hand",
        "why",
    );
    client.indicators().create_or_update(theirs.rbac_groups([group])).await.unwrap();
    let (plan, before) = (domains(1), others(&emulator, "defender-response"));
    let report = client.indicators().push(&plan).await.unwrap();
    check(&emulator, &plan, &report, &before);
    assert_eq!(ends(&report), [(SourceOutcome::InPart, 1)]);
    assert!(!report.is_complete());
}

/// A device group of the emulator's small company.
fn emulator_group() -> &'static str {
    "Workstations"
}

#[tokio::test(start_paused = true)]
async fn a_changed_action_is_a_new_one_and_then_the_old_one_is_deleted() {
    for scoped in ["true", "false"] {
        let builder = Emulator::builder().set("indicator_scope_in_key", scoped).unwrap();
        let (emulator, client) = emulated(builder);
        let before = others(&emulator, "defender-response");
        let objects: Vec<_> = (0..30).map(domain).collect();
        let watched = plan_of(&objects, &options(IndicatorAction::Audit));
        assert!(client.indicators().push(&watched).await.unwrap().is_complete());
        let blocked = plan_of(&objects, &options(IndicatorAction::Block));
        emulator.clear_journal();
        let report = client.indicators().push(&blocked).await.unwrap();
        check(&emulator, &blocked, &report, &before);
        assert!(report.indicators().iter().all(|result| matches!(
            result.outcome,
            IndicatorOutcome::Accepted { change: Change::Replace, .. }
        )));
        assert_eq!(store(&emulator, report.application()).0.len(), 30, "the old ones are gone");
        let order: Vec<_> = emulator.journal().into_iter().filter(|e| e.effect).collect();
        let order: Vec<_> = order.iter().map(|entry| entry.operation).collect();
        assert_eq!(order, ["import_indicators", "batch_delete_indicators"]);

        let grouped = options(IndicatorAction::Block).device_groups([emulator_group()]);
        let grouped = plan_of(&objects, &grouped);
        let report = client.indicators().push(&grouped).await.unwrap();
        check(&emulator, &grouped, &report, &before);
        let (ours, _) = store(&emulator, report.application());
        assert_eq!(ours.len(), 30, "scope in the key: {scoped}");
        assert!(ours.values().all(|i| i["rbacGroupNames"] == json!([emulator_group()])));
    }
}

#[tokio::test(start_paused = true)]
async fn where_somebody_elses_does_what_the_plan_wants_ours_with_another_action_goes() {
    let (emulator, client) = emulated(Emulator::builder());
    let watched = plan_of(&[domain(0)], &options(IndicatorAction::Audit));
    assert!(client.indicators().push(&watched).await.unwrap().is_complete());
    put(&client, "d0.evil.example", IndicatorAction::Block, Some("their tool")).await;
    let (plan, before) = (domains(1), others(&emulator, "defender-response"));
    let report = client.indicators().push(&plan).await.unwrap();
    check(&emulator, &plan, &report, &before);
    assert_eq!(ends(&report), [(SourceOutcome::AlreadyPresent, 1)]);
    assert!(store(&emulator, report.application()).0.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_was_replaced_and_could_not_be_deleted_is_told_and_deleted_the_next_time() {
    let (emulator, client) = emulated(Emulator::builder());
    let before = others(&emulator, "defender-response");
    let object = [domain(0)];
    let watched = plan_of(&object, &options(IndicatorAction::Audit));
    assert!(client.indicators().push(&watched).await.unwrap().is_complete());
    let blocked = plan_of(&object, &options(IndicatorAction::Block));
    let refused = defender_response::emulator::StatusFault::new(403);
    emulator
        .fault(defender_response::emulator::FaultRule::new("delete_indicator", refused))
        .unwrap();
    let report = client.indicators().push(&blocked).await.unwrap();
    check(&emulator, &blocked, &report, &before);
    assert_eq!(report.indicators()[0].leftover.len(), 1);
    let reason = report.sources()[0].reason.as_deref().unwrap_or_default();
    assert!(reason.contains("couldn't be deleted"), "{reason}");
    assert!(!report.is_complete() && report.error().is_some());

    let again = client.indicators().push(&blocked).await.unwrap();
    check(&emulator, &blocked, &again, &before);
    assert!(again.is_complete());
    assert_eq!(store(&emulator, again.application()).0.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_source_of_several_indicators_has_one_outcome_too() {
    let (emulator, client) = emulated(Emulator::builder());
    let either = "[domain-name:value = 'a.evil.example' OR domain-name:value = 'b.evil.example']";
    let cidr = "[ipv4-addr:value = '198.51.100.0/24']";
    let part = "[domain-name:value = 'b.evil.example' OR mutex:name = 'm']";
    let objects = [object("0", either), object("1", cidr), object("2", part)];
    let plan = plan_of(&objects, &options(IndicatorAction::Block));
    emulator.fail_indicator("a.evil.example", "known good");
    let before = others(&emulator, "defender-response");
    let report = client.indicators().push(&plan).await.unwrap();
    check(&emulator, &plan, &report, &before);
    let told: Vec<_> =
        report.sources().iter().map(|s| (s.outcome, s.reason.as_deref().unwrap_or(""))).collect();
    assert_eq!(told[0], (SourceOutcome::InPart, "known good"));
    assert!(told[1].0 == SourceOutcome::Skipped && told[1].1.starts_with("Cidr"), "{told:?}");
    assert_eq!(told[2].0, SourceOutcome::Accepted);
    assert!(told[2].1.contains("left out, first UnsupportedObject"), "{told:?}");
    assert_eq!(report.sources()[0].indicators.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn progress_comes_to_its_end() {
    let (_emulator, client) = emulated(Emulator::builder());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&seen);
    let plan = domains(1200);
    let push = client.indicators().push(&plan);
    let push = push.progress(move |p| keep.lock().unwrap().push((p.phase, p.done, p.total)));
    assert!(push.await.unwrap().is_complete());
    let seen = seen.lock().unwrap();
    assert_eq!(seen.first(), Some(&(Phase::Reading, 0, 1200)));
    assert_eq!(seen.last(), Some(&(Phase::Pushing, 1200, 1200)));
    assert!(seen.is_sorted_by_key(|(_, done, _)| *done), "{seen:?}");
    assert!(seen.contains(&(Phase::Pushing, 500, 1200)), "{seen:?}");
}

#[tokio::test(start_paused = true)]
async fn a_plan_for_another_tenant_or_cloud_is_refused_and_its_own_is_not() {
    let (emulator, client) = emulated(Emulator::builder());
    let indicators = client.indicators();
    for (tenant, cloud) in [
        ("4f3c2d1e-0000-4000-8000-000000000000", client.base_url().as_str()),
        (emulator.tenant_id(), "https://api.securitycenter.microsoft.com/"),
    ] {
        let mut plan = domains(1);
        plan.bind(tenant, cloud).unwrap();
        let error = indicators.push(&plan).await.unwrap_err();
        assert!(error.is_conflict() && error.to_string().contains(tenant), "{error}");
        let told = indicators.sync(&plan, "feed").await.unwrap_err();
        assert!(told.is_conflict(), "{told}");
    }
    assert_eq!(writes(&emulator), 0);
    let mut plan = domains(1);
    indicators.bind(&mut plan).await.unwrap();
    assert_eq!(plan.binding().unwrap().tenant, emulator.tenant_id());
    assert!(indicators.push(&plan).await.unwrap().is_complete());
}

#[tokio::test(start_paused = true)]
async fn a_plan_that_lay_too_long_sends_nothing_that_is_over() {
    let (emulator, client) = emulated(Emulator::builder());
    let mut short = domain(0);
    short["valid_until"] = json!("2026-03-01T03:10:00Z");
    let plan = plan_of(&[short, domain(1)], &options(IndicatorAction::Block));
    let before = others(&emulator, "defender-response");
    tokio::time::sleep(std::time::Duration::from_secs(660)).await;
    let report = client.indicators().push(&plan).await.unwrap();
    check(&emulator, &plan, &report, &before);
    assert_eq!(ends(&report), [(SourceOutcome::Accepted, 1), (SourceOutcome::Expired, 1)]);
}

#[tokio::test(start_paused = true)]
async fn names_of_owners_are_checked() {
    let (_, client) = emulated(Emulator::builder());
    let plan = domains(1);
    for owner in ["", " a", "a\u{1}", &"a".repeat(101)] {
        let told = client.indicators().push(&plan).owner(owner).await.unwrap_err();
        assert!(told.is_invalid_input(), "{told}");
    }
    let report = client.indicators().push(&plan).owner("feed").await.unwrap();
    assert_eq!(report.application(), "defender-response/feed");
}
