//! Every operation against the emulated service, over both of its fronts, and each error it can give.

use std::time::Duration;

use defender_response::emulator::{
    AppSetup, Emulator, Host, Isolation, Plan, Standing, TenantSetup,
};
use defender_response::model::{ActionStatus, ActionType};
use defender_response::{
    ActionId, Client, ClientSecret, Disposition, Error, IsolationType, MachineHandle, MachineId,
    ScanType,
};

use crate::script::{emulated, signing_in_to};

const HOST: &str = "ws-042.corp.example";
const MINUTE: Duration = Duration::from_secs(60);

async fn host(client: &Client) -> MachineHandle {
    client.machine(client.machines().by_name(HOST).await.unwrap().id)
}

/// What a service does in a week, in one go.
async fn all_operations(emulator: &Emulator, client: &Client, pace: Duration) {
    let machine = client.machines().by_name("WS-042.Corp.example").await.unwrap();
    assert_eq!(machine.computer_dns_name.as_deref(), Some(HOST));
    let host = client.machine(&machine.id);
    assert_eq!(host.get().await.unwrap().id, machine.id);
    let truth = || emulator.host(machine.id.as_str()).unwrap();

    for (submitted, kind, is_true) in [
        (
            host.isolate(IsolationType::Selective, "c").await.unwrap(),
            ActionType::Isolate,
            (|truth| truth.isolation == Isolation::Selective) as fn(Host) -> bool,
        ),
        (host.scan(ScanType::Full, "c").await.unwrap(), ActionType::RunAntiVirusScan, |_| true),
        (
            host.restrict_code_execution("c").await.unwrap(),
            ActionType::RestrictCodeExecution,
            |truth| truth.restricted,
        ),
    ] {
        assert_eq!(submitted.disposition(), Disposition::Created);
        assert_eq!(submitted.action().action_type, kind);
        assert!(!submitted.action().status.is_terminal());
        let done = submitted.wait().every(pace).within(MINUTE).await.unwrap();
        assert_eq!(done.status, ActionStatus::Succeeded);
        let has_scope = kind != ActionType::RestrictCodeExecution;
        assert_eq!(done.scope.is_some(), has_scope, "null in the first answer, filled later");
        assert!(is_true(truth()), "{kind}: {:?}", truth());
    }

    for submitted in
        [host.unisolate("c").await.unwrap(), host.unrestrict_code_execution("c").await.unwrap()]
    {
        submitted.wait().every(pace).within(MINUTE).await.unwrap();
    }
    assert!(truth().isolation == Isolation::None && !truth().restricted, "{:?}", truth());

    emulator.set_offline(machine.id.as_str(), None).unwrap();
    let pending = host.isolate(IsolationType::Full, "c").await.unwrap();
    let cancelled = pending.cancel("false alarm").await.unwrap();
    assert_eq!(cancelled.status, ActionStatus::Cancelled);
    assert_eq!(pending.get().await.unwrap().cancellation_comment.as_deref(), Some("false alarm"));
    assert!(pending.wait().within(MINUTE).await.unwrap_err().is_action_cancelled());
    assert_eq!(emulator.stats().token_requests, 1, "one token served all of it");
}

#[tokio::test(start_paused = true)]
async fn all_operations_work_emulated() {
    let (emulator, client) = emulated(Emulator::builder());
    all_operations(&emulator, &client, Duration::from_millis(500)).await;
}

#[tokio::test]
async fn all_operations_work_over_a_socket() {
    let emulator = Emulator::builder().settle(Duration::from_millis(20)).build();
    let listening = emulator.listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let client = signing_in_to(&emulator)
        .base_url(listening.base_url())
        .authority(listening.authority())
        .build()
        .unwrap();
    all_operations(&emulator, &client, Duration::from_millis(10)).await;
}

#[tokio::test(start_paused = true)]
async fn answers_with_members_and_values_nobody_knows_lose_no_action() {
    let (_emulator, client) = emulated(Emulator::builder().set("novelty", "true").unwrap());
    let host = host(&client).await;
    for _ in 0..5 {
        let action = host.scan(ScanType::Quick, "c").await.unwrap();
        action.wait().within(10 * MINUTE).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_duplicate_is_already_pending_and_never_created() {
    for (value, looks) in [
        ("same_action", true),
        ("same_action", false),
        ("refused", true),
        ("refused", false),
        ("stuck", true),
    ] {
        let (emulator, client) =
            emulated(Emulator::builder().set("duplicate_action", value).unwrap());
        let host = host(&client).await;
        emulator.set_offline(host.id().as_str(), None).unwrap();
        let first = host.isolate(IsolationType::Full, "first").await.unwrap();
        let host = if looks { host } else { host.without_lookup() };
        let second = host.isolate(IsolationType::Full, "second").await.unwrap();
        assert_eq!(second.disposition(), Disposition::AlreadyPending, "{value} {looks}");
        assert_eq!(second.id(), first.id(), "{value} {looks}");
        let sent = emulator.stats().operations["isolate"];
        assert_eq!(sent, if looks { 1 } else { 2 }, "{value}: one that is seen isn't sent again");
    }
}

#[tokio::test(start_paused = true)]
async fn an_offline_device_is_still_running_and_then_timed_out_by_the_service() {
    let (emulator, client) = emulated(Emulator::builder());
    let host = host(&client).await;
    emulator.set_offline(host.id().as_str(), None).unwrap();
    let action = host.isolate(IsolationType::Full, "INC-4711").await.unwrap();
    let error = action.wait().within(10 * MINUTE).await.unwrap_err();
    assert!(
        error.is_still_running()
            && error.to_string().contains("pending 10 min; last report 3 h ago"),
        "{error}"
    );

    let resumed = client.action(action.id());
    let error = resumed.wait().every(MINUTE * 30).within(MINUTE * 60 * 24 * 4).await.unwrap_err();
    assert!(error.is_action_timed_out(), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_device_that_never_reports_is_not_said_to_be_released() {
    let (emulator, client) = emulated(Emulator::builder());
    let host = host(&client).await;
    emulator.set_mute(host.id().as_str(), true).unwrap();
    let action = host.isolate(IsolationType::Full, "INC-4711").await.unwrap();
    let error = action.wait().every(MINUTE * 30).within(MINUTE * 60 * 24 * 4).await.unwrap_err();
    assert!(
        error.is_action_timed_out()
            && error.to_string().contains("may have been carried out or not"),
        "{error}"
    );
    assert_eq!(emulator.host(host.id().as_str()).unwrap().isolation, Isolation::Full);
}

#[tokio::test(start_paused = true)]
async fn a_device_that_fails_is_an_error_with_its_reason() {
    let (emulator, client) = emulated(Emulator::builder());
    let host = host(&client).await;
    emulator.set_failing(host.id().as_str(), Some(-2_147_024_891)).unwrap();
    let action = host.restrict_code_execution("INC-4711").await.unwrap();
    let error = action.wait().within(10 * MINUTE).await.unwrap_err();
    assert!(error.is_action_failed() && error.to_string().contains("0x80070005"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_wrong_machine_action_or_name_is_not_found() {
    let (emulator, client) = emulated(Emulator::builder());
    let nowhere: MachineId = "0000000000000000000000000000000000000000".parse().unwrap();
    let error = client.machine(nowhere).isolate(IsolationType::Full, "c").await.unwrap_err();
    assert!(error.is_not_found() && error.code() == Some("ResourceNotFound"), "{error:?}");
    let nothing: ActionId = "00000000-0000-4000-8000-000000000000".parse().unwrap();
    assert!(client.action(&nothing).get().await.unwrap_err().is_not_found());
    assert!(client.action(nothing).cancel("c").await.unwrap_err().is_not_found());
    assert!(client.machines().by_name("ws-04").await.unwrap_err().is_not_found());
    assert!(emulator.journal().iter().all(|entry| !entry.effect || entry.operation == "token"));
}

#[tokio::test(start_paused = true)]
async fn an_ended_action_can_no_longer_be_cancelled() {
    let (_emulator, client) = emulated(Emulator::builder());
    let action = host(&client).await.scan(ScanType::Quick, "c").await.unwrap();
    action.wait().within(MINUTE).await.unwrap();
    assert!(action.cancel("too late").await.unwrap_err().is_invalid_request());
}

const APP: &str = "11111111-2222-4333-8444-555555555555";

fn only(roles: &[&str]) -> TenantSetup {
    let app = AppSetup::new(APP, "s3cret").roles(roles.iter().copied());
    TenantSetup::new("99999999-2222-4333-8444-555555555555", "contoso.example").app(app).machine(
        defender_response::emulator::MachineSetup::new(HOST)
            .id("1e5bc9d7e413ddd7902c2932e418702b84d0cc07"),
    )
}

async fn refused(tenant: TenantSetup) -> Error {
    let (_emulator, client) = emulated(Emulator::builder().tenant(tenant));
    let id: MachineId = "1e5bc9d7e413ddd7902c2932e418702b84d0cc07".parse().unwrap();
    client.machine(id).without_lookup().restrict_code_execution("c").await.unwrap_err()
}

#[tokio::test(start_paused = true)]
async fn a_missing_role_is_named_in_both_wordings() {
    for wording in ["current", "2021"] {
        for roles in [&[][..], &["Machine.Read.All"]] {
            let builder = Emulator::builder().tenant(only(roles)).set("forbidden_wording", wording);
            let (_emulator, client) = emulated(builder.unwrap());
            let id: MachineId = "1e5bc9d7e413ddd7902c2932e418702b84d0cc07".parse().unwrap();
            let error = client
                .machine(id)
                .without_lookup()
                .isolate(IsolationType::Full, "c")
                .await
                .unwrap_err();
            assert!(error.is_permission_denied(), "{error:?}");
            assert_eq!(error.missing_roles(), ["Machine.Isolate"], "{wording} {roles:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_tenant_without_the_service_is_unlicensed() {
    let role = &["Machine.RestrictExecution"];
    for standing in [Standing::Inactive, Standing::NotProvisioned] {
        let error = refused(only(role).standing(standing)).await;
        assert!(error.is_unlicensed() || error.is_sign_in(), "{standing:?}: {error:?}");
    }
    let error = refused(only(role).plan(Plan::One)).await;
    assert!(error.is_feature_disabled(), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_wrong_credential_is_told_by_entras_code() {
    let emulator = Emulator::new();
    let cases = [
        (emulator.tenant_id(), emulator.client_id(), "wrong", 7_000_215),
        (emulator.tenant_id(), APP, "wrong", 700_016),
        (APP, emulator.client_id(), "wrong", 90_002),
    ];
    for (tenant, application, secret, code) in cases {
        let client = Client::builder(ClientSecret::new(tenant, application, secret))
            .transport(emulator.transport())
            .build()
            .unwrap();
        let error = client.machines().by_name(HOST).await.unwrap_err();
        assert!(error.is_sign_in() && error.correlation_id().is_some(), "{error:?}");
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains(&format!("AADSTS{code}")), "{cause}");
    }
    let wrong_audience = signing_in_to(&emulator)
        .audience("https://api.elsewhere.example")
        .transport(emulator.transport())
        .build()
        .unwrap();
    assert!(wrong_audience.machines().by_name(HOST).await.unwrap_err().is_sign_in());
}

#[tokio::test(start_paused = true)]
async fn an_expired_token_is_replaced_before_it_is_used() {
    let app = AppSetup::new(APP, "s3cret")
        .roles(["Machine.Read.All"])
        .token_lifetime(Duration::from_secs(600));
    let tenant = TenantSetup::new("99999999-2222-4333-8444-555555555555", "contoso.example")
        .app(app)
        .machine(defender_response::emulator::MachineSetup::new(HOST));
    let (emulator, client) = emulated(Emulator::builder().tenant(tenant));
    for _ in 0..20 {
        client.machines().by_name(HOST).await.unwrap();
        tokio::time::sleep(MINUTE).await;
    }
    assert_eq!(emulator.stats().token_requests, 3, "every nine minutes of twenty");
}
