//! Updates as a stream, cancelling at the deadline, and going on in another process.

use std::sync::Arc;
use std::time::Duration;

use defender_response::emulator::{
    AppSetup, Emulator, FaultRule, PlainFault, StatusFault, TenantSetup,
};
use defender_response::{
    Client, ClientSecret, FixedToken, IsolationType, Region, ResumeToken, Submitted, TestClock,
};

use crate::script::{APPLICATION, SECRET, Script, TENANT, signing_in_to};
use crate::truth::{is_armed, on_record, seconds, sent, slow, world};

const MINUTE: Duration = Duration::from_secs(60);

async fn isolated(host: &defender_response::MachineHandle) -> Submitted {
    host.isolate(IsolationType::Full, "INC-4711").await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn updates_tell_each_change_once_and_end_with_the_action() {
    let (emulator, _, host) = world(slow()).await;
    let action = isolated(&host).await;
    emulator.fault(FaultRule::new("get_machine_action", StatusFault::new(500)).times(9)).unwrap();
    let mut updates = action.wait().every(Duration::from_secs(1)).updates();
    let mut told = Vec::new();
    while let Some(action) = updates.next().await {
        told.push(action.unwrap().status.to_string());
    }
    assert_eq!(told, ["Pending", "InProgress", "Succeeded"]);
    assert!(updates.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn updates_end_with_an_error_that_no_later_read_would_get_past() {
    let (emulator, _, host) = world(slow()).await;
    let action = isolated(&host).await;
    let mut updates = action.wait().updates();
    assert!(updates.next().await.unwrap().is_ok());
    emulator.set_roles(emulator.client_id(), &["Machine.Isolate"]);
    emulator.revoke_tokens();
    assert!(updates.next().await.unwrap().is_err_and(|e| e.is_permission_denied()));
    assert!(updates.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn dropping_a_wait_or_a_stream_stops_the_reading_and_nothing_else() {
    let (emulator, _, host) = world(slow()).await;
    let action = isolated(&host).await;
    let mut updates = action.wait().updates();
    updates.next().await.unwrap().unwrap();
    drop(updates);
    let wait = action.wait().cancel_on_deadline("c").within(MINUTE);
    assert!(tokio::time::timeout(Duration::from_secs(7), wait).await.is_err());
    let reads = sent(&emulator, "get_machine_action");
    seconds(100).await;
    assert_eq!(sent(&emulator, "get_machine_action"), reads);
    assert_eq!(sent(&emulator, "cancel_machine_action"), 0);
    assert_eq!(on_record(&emulator, action.id().as_str())["status"], "Succeeded");
}

#[tokio::test(start_paused = true)]
async fn at_the_deadline_it_is_cancelled_only_if_that_was_said_and_only_the_record_counts() {
    let (emulator, _, host) = world(slow()).await;
    emulator.set_offline(host.id().as_str(), None).unwrap();
    let action = isolated(&host).await;
    assert!(action.wait().within(MINUTE).await.unwrap_err().is_still_running());
    assert!(is_armed(&emulator, action.id().as_str()));

    emulator.fault(FaultRule::new("cancel_machine_action", PlainFault::ResetAfterEffect)).unwrap();
    let wait = action.wait().cancel_on_deadline("INC-4711: too late").within(MINUTE);
    let error = wait.await.unwrap_err();
    assert!(
        error.is_action_cancelled() && error.to_string().contains("at the deadline"),
        "{error}"
    );
    assert_eq!(error.action().unwrap().status.as_str(), "Cancelled");
    assert!(!is_armed(&emulator, action.id().as_str()));
}

#[tokio::test(start_paused = true)]
async fn a_cancellation_that_is_only_taken_note_of_is_not_told_as_done() {
    let (emulator, _, host) = world(slow().set("cancel_in_progress", "lost").unwrap()).await;
    let action = isolated(&host).await;
    let wait = action.wait().cancel_on_deadline("c").within(Duration::from_secs(15));
    assert_eq!(wait.await.unwrap().status.as_str(), "Succeeded", "it went on");

    emulator.set_mute(host.id().as_str(), true).unwrap();
    let release = host.unisolate("c").await.unwrap();
    let wait = release.wait().cancel_on_deadline("c").within(MINUTE);
    let error = wait.await.unwrap_err();
    assert!(
        error.is_still_running() && error.to_string().contains("cancelling it didn't"),
        "{error}"
    );
    assert!(is_armed(&emulator, release.id().as_str()));
    let error = release.cancel("c").await.unwrap_err();
    assert!(error.is_still_running() && error.action().is_some(), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn what_has_ended_is_read_and_not_cancelled() {
    let (emulator, _, host) = world(slow()).await;
    let action = isolated(&host).await;
    seconds(40).await;
    let error = action.cancel("too late").await.unwrap_err();
    assert!(error.is_invalid_request(), "{error:?}");
    assert_eq!(error.action().unwrap().status.as_str(), "Succeeded");
    assert_eq!(sent(&emulator, "cancel_machine_action"), 0);
    let error = isolated_again(&emulator, &host).await;
    assert!(error.is_invalid_request() && error.action().is_some(), "in progress: {error:?}");
}

async fn isolated_again(
    emulator: &Emulator,
    host: &defender_response::MachineHandle,
) -> defender_response::Error {
    let release = host.unisolate("c").await.unwrap();
    seconds(15).await;
    let error = release.cancel("c").await.unwrap_err();
    assert!(is_armed(emulator, release.id().as_str()));
    error
}

#[tokio::test(start_paused = true)]
async fn an_application_that_may_not_read_can_cancel_all_the_same() {
    let (emulator, _, host) = world(slow()).await;
    emulator.set_offline(host.id().as_str(), None).unwrap();
    let action = isolated(&host).await;
    emulator.set_roles(emulator.client_id(), &["Machine.Isolate"]);
    emulator.revoke_tokens();
    assert_eq!(action.cancel("c").await.unwrap().status.as_str(), "Cancelled");
}

#[tokio::test(start_paused = true)]
async fn a_wait_is_resumed_from_a_small_token_in_another_process() {
    let (emulator, _, host) = world(slow()).await;
    let action = isolated(&host).await;
    let stored = serde_json::to_string(&action.resume_token().await.unwrap()).unwrap();
    assert!(stored.len() < 300 && !stored.contains(emulator.client_secret()), "{stored}");
    let other = signing_in_to(&emulator)
        .base_url(emulator.base_url())
        .authority(emulator.authority())
        .transport(emulator.transport())
        .build()
        .unwrap();
    let token: ResumeToken = serde_json::from_str(&stored).unwrap();
    assert_eq!((token.action(), token.tenant()), (action.id(), emulator.tenant_id()));
    let resumed = other.resume(&token).await.unwrap();
    assert_eq!(resumed.wait().within(MINUTE).await.unwrap().id, *action.id());
}

#[tokio::test(start_paused = true)]
async fn a_token_is_refused_in_another_tenant_by_another_application_and_in_another_cloud() {
    let (emulator, _, host) = world(slow()).await;
    let token = isolated(&host).await.resume_token().await.unwrap();

    let (other_tenant, other_app) =
        ("5e0c9c0b-2f7b-4c58-8a90-64ed5d2b8e43", "1c8e62f0-8bd5-4bd5-9a1b-2f6a4f0d7f2e");
    let app = |id: &str| AppSetup::new(id, "s3cret").roles(["Machine.Read.All"]);
    let strange = Emulator::builder()
        .tenant(TenantSetup::new(other_tenant, "other.example").app(app(emulator.client_id())))
        .build();
    let colleague = Emulator::builder()
        .tenant(TenantSetup::new(emulator.tenant_id(), "corp.example").app(app(other_app)))
        .build();
    for (emulator, base, what) in [
        (&strange, "https://api.emulated.example", "tenant"),
        (&colleague, "https://api.emulated.example", "application"),
        (&emulator, "https://api-gcc.securitycenter.microsoft.us", "cloud"),
    ] {
        let client = signing_in_to(emulator)
            .base_url(base)
            .authority(emulator.authority())
            .transport(emulator.transport())
            .build()
            .unwrap();
        emulator.clear_journal();
        let error = client.resume(&token).await.unwrap_err();
        assert!(error.is_conflict() && error.to_string().contains(what), "{what}: {error}");
        assert!(emulator.journal().iter().all(|entry| entry.operation == "token"));
    }
}

#[tokio::test(start_paused = true)]
async fn regional_hosts_are_one_cloud_and_a_token_that_tells_nothing_goes_by_the_credential() {
    let script = Script::new();
    let id = "5382f7ea-7557-4ab7-9782-d50480024a4e";
    let client = |region| {
        let secret = ClientSecret::new(TENANT, APPLICATION, SECRET);
        let clock = TestClock::starting_at("2026-03-01T03:00:00Z".parse().unwrap());
        let builder = Client::builder(secret).region(region).clock(Arc::new(clock));
        builder.transport(script.clone()).build().unwrap()
    };
    let action = client(Region::Global).action(id.parse::<defender_response::ActionId>().unwrap());
    let token = action.resume_token().await.unwrap();
    assert!(client(Region::Europe).resume(&token).await.is_ok());
    assert!(client(Region::Gcc).resume(&token).await.unwrap_err().is_conflict());

    let opaque = Client::builder(FixedToken::new("opaque-token")).transport(script.clone());
    assert!(opaque.build().unwrap().resume(&token).await.unwrap_err().is_configuration());
}

#[test]
fn a_token_with_a_mistake_in_it_is_refused() {
    let good = r#"{"v":1,"action":"5382f7ea-7557-4ab7-9782-d50480024a4e","tenant":"t","app":"a","cloud":"commercial"}"#;
    assert!(serde_json::from_str::<ResumeToken>(good).is_ok());
    for (from, to) in [
        (r#""v":1"#, r#""v":2"#),
        (r#""v":1,"#, ""),
        ("5382f7ea-7557-4ab7-9782-d50480024a4e", "../machines"),
        (r#""tenant":"t","#, ""),
        (r#""app""#, r#""apps""#),
    ] {
        let bad = good.replace(from, to);
        assert!(serde_json::from_str::<ResumeToken>(&bad).is_err(), "{bad}");
    }
}
