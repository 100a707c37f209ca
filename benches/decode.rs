//! What reading answers costs, beside `serde_json` into a minimal struct and into `Value`.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use defender_response::model::{IndicatorAction, IndicatorType};
use defender_response::{
    ActionId, GetMachineAction, ImportIndicators, ListMachineActions, NewIndicator, Operation,
};
use serde::Deserialize;
use serde_json::{Value, json};

const ACTION: &str = "5382f7ea-7557-4ab7-9782-d50480024a4e";

/// What a program would write that wants no more than this.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code)] // it is read for the time it takes
struct Action {
    id: String,
    r#type: String,
    status: String,
    machine_id: Option<String>,
    computer_dns_name: Option<String>,
    requestor: Option<String>,
    requestor_comment: Option<String>,
    scope: Option<String>,
    creation_date_time_utc: Option<String>,
    last_update_date_time_utc: Option<String>,
}

#[derive(Deserialize)]
#[allow(dead_code)]
struct Page<T> {
    value: Vec<T>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code)]
struct Item {
    id: Option<String>,
    indicator: Option<String>,
    is_failed: Option<bool>,
    failure_reason: Option<String>,
}

fn action(number: usize) -> Value {
    json!({
        "id": format!("{number:08x}-7557-4ab7-9782-d50480024a4e"), "type": "Isolate", "title": null, "scope": "Full",
        "requestor": "responder", "requestorComment": format!("[dr-k3f9m2x7qa] INC-{number}: beaconing"),
        "status": "Succeeded", "machineId": format!("{number:040x}"),
        "computerDnsName": format!("ws-{number}.corp.example"),
        "creationDateTimeUtc": "2026-03-01T03:00:00.1234567Z", "lastUpdateDateTimeUtc": "2026-03-01T03:00:09.57Z",
        "cancellationRequestor": null, "cancellationComment": null, "cancellationDateTimeUtc": null,
        "errorHResult": 0, "externalId": null, "requestSource": "PublicApi", "relatedFileInfo": null,
        "commands": [], "troubleshootInfo": null,
    })
}

fn beside<T: for<'de> Deserialize<'de>>(
    c: &mut Criterion,
    name: &str,
    body: &[u8],
    ours: impl Fn(&[u8]),
) {
    let mut group = c.benchmark_group(name);
    group.throughput(Throughput::Bytes(body.len() as u64)).sample_size(30);
    group.bench_function("crate", |b| b.iter(|| ours(black_box(body))));
    group.bench_function("serde_json, minimal struct", |b| {
        b.iter(|| serde_json::from_slice::<T>(black_box(body)).map(drop).expect("it is readable"));
    });
    group.bench_function("serde_json, Value", |b| {
        b.iter(|| {
            serde_json::from_slice::<Value>(black_box(body)).map(drop).expect("it is readable");
        });
    });
    group.finish();
}

fn decode(c: &mut Criterion) {
    let mut one = action(1);
    one["id"] = ACTION.into();
    let one = one.to_string().into_bytes();
    let get = GetMachineAction::new(ACTION.parse::<ActionId>().expect("an id"));
    beside::<Action>(c, "a machine action", &one, |body| {
        drop(black_box(get.decode(body).expect("an action")));
    });

    let list =
        json!({ "value": (0..10_000).map(action).collect::<Vec<_>>() }).to_string().into_bytes();
    let listing = ListMachineActions::new(None);
    beside::<Page<Action>>(c, "10,000 actions", &list, |body| {
        drop(black_box(listing.decode(body).expect("a page")));
    });

    let items = (0..500).map(|n| json!({"id": n.to_string(), "indicator": format!("{n}.example"), "isFailed": false, "failureReason": null}));
    let answer = json!({ "value": items.collect::<Vec<_>>() }).to_string().into_bytes();
    let new =
        NewIndicator::new(IndicatorType::DomainName, "0.example", IndicatorAction::Block, "t", "d");
    let import = ImportIndicators { indicators: vec![new] };
    beside::<Page<Item>>(c, "an import's answer of 500", &answer, |body| {
        drop(black_box(import.decode(body).expect("an answer")));
    });
}

criterion_group!(benches, decode);
criterion_main!(benches);
