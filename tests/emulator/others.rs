//! A world in which others act too, sensors come and go, and clocks differ.

use std::time::Duration;

use defender_response::emulator::{Act, Actor, AppSetup, Emulator, Isolation, TenantSetup};
use serde_json::json;

use crate::plain::{Plain, WORKSTATION, claims, on_test_clock, seconds, v2_form};

fn slow() -> Emulator {
    on_test_clock(Emulator::builder().settle(Duration::from_secs(30)))
}

#[tokio::test(start_paused = true)]
async fn an_analyst_in_the_portal_is_on_record_with_name_and_source() {
    let emulator = slow();
    let client = Plain::signed_in(&emulator).await;
    let id = emulator.act(Actor::Analyst, WORKSTATION, Act::Isolate, "by hand").expect("accepted");
    let action = client.action(&id).await;
    assert_eq!(action.text_at("/requestor"), "a.keller@corp.example");
    assert_eq!(action.text_at("/requestSource"), "Portal");
    let ours = client.isolate(WORKSTATION, "ours").await;
    assert_eq!(ours.id(), id, "the same kind is running already");
    assert!(
        emulator.act(Actor::OtherApp, WORKSTATION, Act::Release, "c").is_err(),
        "while it runs"
    );
    assert!(emulator.act(Actor::Analyst, "nobody", Act::Scan, "c").is_err());
}

#[tokio::test(start_paused = true)]
async fn somebody_may_release_what_we_isolated() {
    let emulator = slow();
    let client = Plain::signed_in(&emulator).await;
    client.isolate(WORKSTATION, "c").await;
    let day = Duration::from_secs(86_400);
    emulator.act_after(day, Actor::OtherApp, WORKSTATION, Act::Release, "c").expect("a machine");
    seconds(86_400).await;
    assert_eq!(emulator.host(WORKSTATION).expect("a host").isolation, Isolation::Full);
    seconds(60).await;
    assert_eq!(emulator.host(WORKSTATION).expect("a host").isolation, Isolation::None);
    assert_eq!(emulator.actions().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn automatic_isolation_may_be_in_no_list() {
    let emulator = slow();
    emulator.set("automatic_actions_listed", "off").expect("a switch");
    let client = Plain::signed_in(&emulator).await;
    emulator
        .act(Actor::Automatic, WORKSTATION, Act::Isolate, "attack disruption")
        .expect("accepted");
    seconds(60).await;
    assert_eq!(emulator.host(WORKSTATION).expect("a host").isolation, Isolation::Full);
    assert_eq!(client.get("/api/machineactions").await.json["value"], json!([]));
}

#[tokio::test(start_paused = true)]
async fn somebody_may_cancel_our_action() {
    let emulator = slow();
    let client = Plain::signed_in(&emulator).await;
    let id = client.isolate(WORKSTATION, "c").await.id().to_owned();
    emulator.cancel_as(Actor::Analyst, &id, "not this one").expect("cancelled");
    assert_eq!(client.action(&id).await.text_at("/cancellationRequestor"), "a.keller@corp.example");
    assert!(emulator.cancel_as(Actor::Analyst, &id, "again").is_err());
}

#[tokio::test(start_paused = true)]
async fn roles_and_secrets_change_with_the_next_token() {
    let emulator = slow();
    let client = Plain::signed_in(&emulator).await;
    emulator.set_roles(emulator.client_id(), &["Machine.Read.All"]);
    assert_eq!(client.isolate(WORKSTATION, "c").await.status, 201, "the token keeps its roles");
    let fresh = client.clone().sign_in(&emulator).await;
    assert_eq!(fresh.unisolate(WORKSTATION, "c").await.status, 403);

    emulator.rotate_secret(emulator.client_id(), "another");
    let refused = client.ask_token(&emulator, &v2_form(&emulator)).await;
    assert_eq!(refused.json["error_codes"], json!([7_000_215]));
    emulator.revoke_tokens();
    assert_eq!(client.get("/api/machines").await.status, 401);
}

#[tokio::test(start_paused = true)]
async fn the_services_clock_may_be_off_and_says_so() {
    let emulator =
        on_test_clock(Emulator::builder().set("clock_offset", "-300").expect("a switch"));
    let client = Plain::signed_in(&emulator).await;
    let answer = client.isolate(WORKSTATION, "c").await;
    assert_eq!(answer.headers["date"], "Sun, 01 Mar 2026 02:55:00 GMT");
    assert_eq!(answer.text_at("/creationDateTimeUtc"), "2026-03-01T02:55:00Z");
    let token = client.ask_token(&emulator, &v2_form(&emulator)).await;
    assert_eq!(claims(token.text_at("/access_token"))["iat"], 1_772_333_700);
}

#[tokio::test]
async fn tenants_are_apart() {
    let (one, two) =
        ("1c8e62f0-8bd5-4bd5-9a1b-2f6a4f0d7f2e", "5e0c9c0b-2f7b-4c58-8a90-64ed5d2b8e43");
    let tenant = TenantSetup::new(two, "other.example")
        .app(AppSetup::new(one, "s3cret").roles(["Machine.Isolate", "Machine.Read.All"]));
    let company = TenantSetup::new("3f2a9b6e-71d4-4c8b-8e5a-90c1f4d2b7aa", "corp.example")
        .app(AppSetup::new(one, "s3cret").roles(["Machine.Isolate"]))
        .machine(
            defender_response::emulator::MachineSetup::new("ws-042.corp.example").id(WORKSTATION),
        );
    let emulator = Emulator::builder().tenant(company).tenant(tenant).build();
    let form = v2_form(&emulator);
    let client = Plain::in_memory(&emulator);
    let token = client.send("POST", &format!("/{two}/oauth2/v2.0/token"), &[], &form).await;
    let stranger = client.with_token(token.text_at("/access_token"));
    assert_eq!(stranger.isolate(WORKSTATION, "c").await.status, 404);
    assert_eq!(Plain::signed_in(&emulator).await.isolate(WORKSTATION, "c").await.status, 201);
}

#[tokio::test]
async fn a_tenant_of_one_region_may_not_be_served_by_anothers_host() {
    let tenant = TenantSetup::new("7d3c0e5a-52a7-4f2f-9a55-0c3c8e1c7f10", "eu.example")
        .app(
            AppSetup::new("1c8e62f0-8bd5-4bd5-9a1b-2f6a4f0d7f2e", "s3cret")
                .roles(["Machine.Read.All"]),
        )
        .geo("eu");
    let emulator = Emulator::builder().tenant(tenant).build();
    let listening =
        emulator.listen("127.0.0.1:0".parse().expect("an address")).await.expect("listens");
    let token = Plain::in_memory(&emulator).ask_token(&emulator, &v2_form(&emulator)).await;
    let token = token.text_at("/access_token").to_owned();
    let ask = async |host: &str| {
        let request = format!(
            "GET /api/machines HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\nconnection: \
             close\r\n\r\n"
        );
        crate::plain::over_socket(listening.address(), request).await.expect("an answer").status
    };
    let (home, global, foreign) = (
        "eu.api.security.microsoft.com",
        "api.securitycenter.microsoft.com",
        "api-us.securitycenter.microsoft.com",
    );
    for (behaviour, status) in
        [("served", 200), ("unauthorized", 401), ("not_found", 404), ("redirected", 307)]
    {
        emulator.set("foreign_host", behaviour).expect("a switch");
        assert_eq!([ask(home).await, ask(global).await, ask(foreign).await], [200, 200, status]);
    }
}
