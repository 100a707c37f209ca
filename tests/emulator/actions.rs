//! Machine actions: the order of checks, the life of an action, repeats and conflicts, cancelling.

use std::time::Duration;

use defender_response::emulator::{AppSetup, Emulator, Plan, TenantSetup};
use serde_json::{Value, json};

use crate::plain::{MAC, Plain, WORKSTATION, both_fronts, on_test_clock, seconds};

fn slow() -> Emulator {
    on_test_clock(Emulator::builder().settle(Duration::from_secs(30)))
}

#[tokio::test]
async fn every_action_is_accepted_done_and_on_record_over_both_fronts() {
    let (emulator, _listening, clients) = both_fronts().await;
    let calls = [
        (
            "isolate",
            "Isolate",
            json!({"Comment": "c", "IsolationType": "Selective"}),
            json!("Selective"),
        ),
        ("unisolate", "Unisolate", json!({"Comment": "c"}), Value::Null),
        (
            "runAntiVirusScan",
            "RunAntiVirusScan",
            json!({"Comment": "c", "ScanType": "Quick"}),
            json!("Quick"),
        ),
        ("restrictCodeExecution", "RestrictCodeExecution", json!({"Comment": "c"}), Value::Null),
        (
            "unrestrictCodeExecution",
            "UnrestrictCodeExecution",
            json!({"Comment": "c"}),
            Value::Null,
        ),
    ];
    for client in clients {
        let client = client.sign_in(&emulator).await;
        for (verb, kind, body, scope) in &calls {
            let path = format!("/API/v1.0/Machines/{}/{verb}", WORKSTATION.to_uppercase());
            let answer = client.post(&path, body.clone()).await;
            assert_eq!((answer.status, answer.text_at("/type")), (201, *kind), "{}", answer.text);
            assert_eq!(answer.text_at("/status"), "Pending");
            assert_eq!(answer.json["scope"], Value::Null, "the answer to a submission has none");
            assert_eq!(answer.text_at("/requestor"), "Response automation");

            let later = client.action(answer.id()).await;
            assert_eq!((later.status, later.text_at("/status")), (200, "Succeeded"));
            assert_eq!(&later.json["scope"], scope);
        }
    }
}

#[tokio::test]
async fn an_action_has_the_recorded_members_in_the_recorded_order() {
    let emulator = Emulator::new();
    let answer = Plain::signed_in(&emulator).await.isolate(WORKSTATION, "INC-4711").await;
    let members = [
        "@odata.context",
        "id",
        "type",
        "title",
        "requestor",
        "requestorComment",
        "status",
        "machineId",
        "computerDnsName",
        "creationDateTimeUtc",
        "lastUpdateDateTimeUtc",
        "cancellationRequestor",
        "cancellationComment",
        "cancellationDateTimeUtc",
        "errorHResult",
        "scope",
        "externalId",
        "requestSource",
        "relatedFileInfo",
        "commands",
        "troubleshootInfo",
    ];
    let places = members.map(|member| answer.text.find(&format!("\"{member}\":")));
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{}", answer.text);
    assert_eq!(answer.json.as_object().map(serde_json::Map::len), Some(members.len()));
    assert!(!answer.text_at("/@odata.context").contains("any.host.example"));
    assert_eq!(
        answer.headers["content-type"],
        "application/json; odata.metadata=minimal; odata.streaming=true; charset=utf-8"
    );
}

#[tokio::test(start_paused = true)]
async fn an_action_goes_from_pending_over_in_progress_to_succeeded() {
    let emulator = slow();
    let client = Plain::signed_in(&emulator).await;
    let id = client.isolate(WORKSTATION, "c").await.id().to_owned();
    for (wait, status) in [(9, "Pending"), (2, "InProgress"), (18, "InProgress"), (2, "Succeeded")]
    {
        seconds(wait).await;
        assert_eq!(client.status_of(&id).await, status);
    }
    let done = client.action(&id).await;
    assert_eq!(done.text_at("/creationDateTimeUtc"), "2026-03-01T03:00:00Z");
    assert_eq!(done.text_at("/lastUpdateDateTimeUtc"), "2026-03-01T03:00:30Z");
}

#[tokio::test]
async fn the_role_is_checked_before_the_body_and_the_body_before_the_machine() {
    let app = |id: &str, roles: &[&str]| AppSetup::new(id, "s3cret").roles(roles.to_vec());
    let setup = |roles: &[&str]| {
        let tenant = TenantSetup::new("7d3c0e5a-52a7-4f2f-9a55-0c3c8e1c7f10", "bare.example");
        tenant.app(app("1c8e62f0-8bd5-4bd5-9a1b-2f6a4f0d7f2e", roles))
    };
    let nowhere = "/api/machines/0000000000000000000000000000000000000000/isolate";

    let emulator = Emulator::builder().tenant(setup(&["Machine.Scan"])).build();
    let refused = Plain::signed_in(&emulator).await.post(nowhere, json!("nonsense")).await;
    assert_eq!((refused.status, refused.code()), (403, "Forbidden"));
    assert_eq!(
        refused.text_at("/error/message"),
        "Missing application roles. API required roles: Machine.Isolate, application roles: \
         Machine.Scan."
    );

    let emulator = Emulator::builder().tenant(setup(&["Machine.Isolate"])).build();
    let client = Plain::signed_in(&emulator).await;
    for (body, code) in [
        (json!("nonsense"), "InvalidRequestBody"),
        (json!({"comment": "lower case", "IsolationType": "Full"}), "InvalidRequestBody"),
        (json!({"Comment": 7, "IsolationType": "Full"}), "InvalidRequestBody"),
        (json!({"Comment": "c", "IsolationType": "full"}), "InvalidRequestBody"),
        (json!({"IsolationType": "Full"}), "MissingRequiredParameter"),
        (json!({"Comment": " ", "IsolationType": "Full"}), "MissingRequiredParameter"),
    ] {
        let refused = client.post(nowhere, body.clone()).await;
        assert_eq!((refused.status, refused.code()), (400, code), "{body}");
    }
    let unknown = client.post(nowhere, json!({"Comment": "c", "IsolationType": "Full"})).await;
    assert_eq!((unknown.status, unknown.code()), (404, "ResourceNotFound"));
    assert_eq!(
        unknown.text_at("/error/message"),
        "Machine 0000000000000000000000000000000000000000 was not found"
    );
}

#[tokio::test]
async fn members_the_service_does_not_know_are_no_matter() {
    let emulator = Emulator::new();
    let client = Plain::signed_in(&emulator).await;
    let body = json!({"Comment": "c", "IsolationType": "Full", "Ticket": 4711});
    let answer = client.post(&format!("/api/machines/{WORKSTATION}/isolate"), body).await;
    assert_eq!(answer.status, 201);
}

#[tokio::test(start_paused = true)]
async fn duplicate_isolate_returns_the_pending_action() {
    let emulator = slow();
    let client = Plain::signed_in(&emulator).await;
    let first = client.isolate(WORKSTATION, "first").await;
    let second = client.isolate(WORKSTATION, "second").await;
    assert_eq!((second.status, second.id()), (201, first.id()));
    assert_eq!(second.text_at("/requestorComment"), "first");
    let effects = emulator.journal().into_iter().filter(|entry| entry.effect).count();
    assert_eq!(effects, 1);

    emulator.set("duplicate_status", "200").expect("a switch");
    assert_eq!(client.isolate(WORKSTATION, "third").await.status, 200);
    seconds(60).await;
    let later = client.isolate(WORKSTATION, "when the first is done").await;
    assert_ne!(later.id(), first.id());
}

#[tokio::test(start_paused = true)]
async fn duplicate_isolate_is_refused_if_so_switched() {
    let emulator = slow();
    emulator.set("duplicate_action", "refused").expect("a switch");
    let client = Plain::signed_in(&emulator).await;
    assert_eq!(client.isolate(WORKSTATION, "first").await.status, 201);
    let second = client.isolate(WORKSTATION, "second").await;
    assert_eq!((second.status, second.code()), (400, "ActiveRequestAlreadyExists"));
    assert_eq!(second.text_at("/error/message"), "Action is already in progress");
    assert_eq!(client.isolate(MAC, "another host").await.status, 201);
}

#[tokio::test(start_paused = true)]
async fn release_during_the_isolation_is_refused() {
    let emulator = slow();
    let client = Plain::signed_in(&emulator).await;
    client.isolate(WORKSTATION, "c").await;
    let refused = client.unisolate(WORKSTATION, "c").await;
    assert_eq!((refused.status, refused.code()), (400, "ActiveRequestAlreadyExists"));
    seconds(31).await;
    assert_eq!(client.unisolate(WORKSTATION, "c").await.status, 201);
}

#[tokio::test(start_paused = true)]
async fn a_pending_action_can_be_cancelled_and_then_does_nothing() {
    let emulator = slow();
    let client = Plain::signed_in(&emulator).await;
    let id = client.isolate(WORKSTATION, "c").await.id().to_owned();
    let cancelled = client.cancel(&id).await;
    assert_eq!((cancelled.status, cancelled.text_at("/status")), (200, "Cancelled"));
    assert_eq!(cancelled.json["errorHResult"], -2_147_467_260);
    assert_eq!(cancelled.text_at("/cancellationComment"), "never mind");
    assert_eq!(cancelled.text_at("/cancellationRequestor"), "Response automation");
    seconds(60).await;
    let host = emulator.host(WORKSTATION).expect("a host");
    assert_eq!(format!("{:?}", host.isolation), "None");
}

#[tokio::test(start_paused = true)]
async fn cancelling_what_has_begun_or_ended_or_never_was_fails() {
    let emulator = slow();
    let client = Plain::signed_in(&emulator).await;
    let id = client.isolate(WORKSTATION, "c").await.id().to_owned();
    seconds(15).await;
    assert_eq!(client.cancel(&id).await.status, 400);
    seconds(16).await;
    assert_eq!(client.cancel(&id).await.status, 400);
    let unknown = client.cancel("00000000-0000-0000-0000-000000000000").await;
    assert_eq!((unknown.status, unknown.code()), (404, "ResourceNotFound"));
}

#[tokio::test(start_paused = true)]
async fn a_cancel_can_be_answered_200_and_lose_all_the_same() {
    let emulator = slow();
    emulator.set("cancel_in_progress", "lost").expect("a switch");
    let client = Plain::signed_in(&emulator).await;
    let id = client.isolate(WORKSTATION, "c").await.id().to_owned();
    seconds(15).await;
    let answer = client.cancel(&id).await;
    assert_eq!((answer.status, answer.text_at("/status")), (200, "InProgress"));
    seconds(16).await;
    assert_eq!(client.status_of(&id).await, "Succeeded");
}

#[tokio::test]
async fn restriction_is_refused_where_the_platform_or_the_licence_lacks_it() {
    let client = Plain::signed_in(&Emulator::new()).await;
    let path = |machine: &str| format!("/api/machines/{machine}/restrictCodeExecution");
    let refused = client.post(&path(MAC), json!({"Comment": "c"})).await;
    assert_eq!((refused.status, refused.code()), (400, "OsPlatformNotSupported"));

    let tenant = TenantSetup::new("7d3c0e5a-52a7-4f2f-9a55-0c3c8e1c7f10", "small.example")
        .app(
            AppSetup::new("1c8e62f0-8bd5-4bd5-9a1b-2f6a4f0d7f2e", "s")
                .roles(["Machine.RestrictExecution"]),
        )
        .plan(Plan::One);
    let emulator = Emulator::builder().tenant(tenant).machine(
        defender_response::emulator::MachineSetup::new("till-01.small.example").id(WORKSTATION),
    );
    let client = Plain::signed_in(&emulator.build()).await;
    let refused = client.post(&path(WORKSTATION), json!({"Comment": "c"})).await;
    assert_eq!((refused.status, refused.code()), (403, "DisabledFeature"));
}

#[tokio::test]
async fn a_machine_is_found_by_id_or_name_in_any_case() {
    let (emulator, _listening, clients) = both_fronts().await;
    for client in clients {
        let client = client.sign_in(&emulator).await;
        for name in [WORKSTATION, "WS-042.Corp.Example", "ws-042.corp.example"] {
            let machine = client.get(&format!("/api/machines/{name}")).await;
            assert_eq!((machine.status, machine.id()), (200, WORKSTATION));
            assert!(machine.json["rbacGroupId"].is_number());
        }
        assert_eq!(client.get("/api/machines/ws-042").await.code(), "ResourceNotFound");
    }
    let server = emulator.machines().into_iter().find(|machine| machine.name.starts_with("dc-01."));
    let client = Plain::signed_in(&emulator).await;
    let server = client.get(&format!("/api/machines/{}", server.expect("a server").id)).await;
    assert_eq!(server.text_at("/deviceValue"), "High");
    assert_eq!(server.text_at("/osPlatform"), "WindowsServer2022");
}

#[tokio::test]
async fn what_the_service_does_not_have_is_404_and_unknown_in_the_journal() {
    let emulator = Emulator::new();
    let client = Plain::signed_in(&emulator).await;
    let answer = client.post("/api/machineactions", json!({})).await;
    assert_eq!((answer.status, answer.code()), (404, "NotFound"));
    let last = emulator.journal().pop().expect("an entry");
    assert_eq!((last.operation, last.effect), ("unknown", false));
}
