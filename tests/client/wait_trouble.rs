//! Waiting for many where one is trouble, where lists are late, and where the caller made a mistake.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use defender_response::emulator::{Emulator, FaultRule, InMemory, StatusFault};
use defender_response::model::MachineAction;
use defender_response::{Error, IsolationType, TestClock, Transport, TransportError};
use http::{Request, Response};

use crate::script::signing_in_to;
use crate::truth::{is_armed, on_record, sent, slow, world};
use crate::wait_many::{busiest_minute, by_kind, fleet, isolate};

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test(start_paused = true)]
async fn the_trouble_of_one_action_is_not_that_of_the_others() {
    for status in [400, 403, 410, 418] {
        // Three are asked for singly, and thirty by lists first.
        for count in [3, 30] {
            let (emulator, client, machines) =
                fleet(count, Emulator::builder().settle(Duration::from_secs(30)));
            let handles = isolate(&emulator, &client, &machines);
            for handle in &handles {
                assert!(emulator.unlist_action(handle.id().as_str()));
            }
            let fault = FaultRule::new("get_machine_action", StatusFault::new(status));
            let odd = handles[1].id().as_str();
            emulator.fault(fault.target(odd).times(1000)).unwrap();
            let outcomes = client.wait_all(&handles).within(20 * MINUTE).await;
            let told = outcomes[1].as_ref().unwrap_err();
            assert_eq!(told.status(), Some(status), "{told}");
            let done = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
            assert_eq!(done, count - 1, "{status}: {:?}", by_kind(&outcomes));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_id_that_no_path_can_hold_is_trouble_for_itself_alone() {
    for count in [1, 20] {
        let builder = Emulator::builder().settle(Duration::from_secs(30));
        let (emulator, client, machines) = fleet(count, builder.set("list_lag", "60").unwrap());
        let mut handles = isolate(&emulator, &client, &machines);
        let odd: MachineAction =
            serde_json::from_str(r#"{"id":"..","type":"Isolate","status":"Pending"}"#).unwrap();
        handles.insert(0, client.action(odd.id));
        let outcomes = client.wait_all(&handles).within(20 * MINUTE).await;
        let told = outcomes[0].as_ref().unwrap_err();
        assert!(told.is_invalid_input(), "{told}");
        assert_eq!(
            told.to_string(),
            handles[0].wait().within(MINUTE).await.unwrap_err().to_string()
        );
        assert!(outcomes.iter().skip(1).all(Result::is_ok), "{:?}", by_kind(&outcomes));
    }
}

/// The emulator, and the queries that it was asked.
struct Overheard(InMemory, Arc<Mutex<Vec<String>>>);

#[async_trait::async_trait]
impl Transport for Overheard {
    async fn send(
        &self,
        request: Request<Bytes>,
        limit: usize,
    ) -> Result<Response<Bytes>, TransportError> {
        let query = request.uri().query().unwrap_or_default().replace("%27", "'");
        self.1.lock().unwrap().push(query);
        self.0.send(request, limit).await
    }
}

#[tokio::test(start_paused = true)]
async fn an_id_that_no_path_can_hold_is_in_no_list() {
    let builder = Emulator::builder().set("list_lag", "60").unwrap();
    let (emulator, _, machines) = fleet(20, builder);
    let queries = Arc::new(Mutex::new(Vec::new()));
    let client = signing_in_to(&emulator)
        .transport(Overheard(emulator.transport(), Arc::clone(&queries)))
        .clock(Arc::new(TestClock::starting_at("2026-03-01T03:00:00Z".parse().unwrap())))
        .build()
        .unwrap();
    let mut handles = isolate(&emulator, &client, &machines);
    let odd: MachineAction =
        serde_json::from_str(r#"{"id":"..","type":"Isolate","status":"Pending"}"#).unwrap();
    handles.push(client.action(odd.id));
    let _ = client.wait_all(&handles).within(5 * MINUTE).await;
    let queries = queries.lock().unwrap();
    assert!(queries.iter().any(|query| query.contains(handles[0].id().as_str())), "{queries:?}");
    assert!(!queries.iter().any(|query| query.contains("'..'")), "{queries:?}");
}

#[tokio::test(start_paused = true)]
async fn what_no_list_shows_and_does_not_end_keeps_none_of_the_others_from_being_read() {
    let (emulator, client, machines) = fleet(40, Emulator::builder());
    for id in &machines[..20] {
        emulator.set_offline(id, None).unwrap();
    }
    let handles = isolate(&emulator, &client, &machines);
    for handle in &handles {
        assert!(emulator.unlist_action(handle.id().as_str()));
    }
    let outcomes = client.wait_all(&handles).within(10 * MINUTE).await;
    let kinds = by_kind(&outcomes);
    assert_eq!((kinds["Done"], kinds["StillRunning"]), (20, 20), "{kinds:?}");
}

#[tokio::test(start_paused = true)]
async fn a_missing_role_is_the_trouble_of_all() {
    const MISSING: &str = r#"{"error":{"code":"Forbidden","message":"Missing application roles. API required roles: Machine.Read.All, application roles: X.","target":"c0ffee00-0000-4000-8000-000000000000"}}"#;
    let (emulator, client, machines) = fleet(3, Emulator::builder().settle(30 * MINUTE));
    let handles = isolate(&emulator, &client, &machines);
    let unlisted = handles[1].id().as_str();
    assert!(emulator.unlist_action(unlisted));
    let fault = FaultRule::new("get_machine_action", StatusFault::new(403).body(MISSING));
    emulator.fault(fault.target(unlisted).times(1000)).unwrap();
    let began = tokio::time::Instant::now();
    let outcomes = client.wait_all(&handles).within(60 * MINUTE).await;
    assert!(outcomes.iter().all(|o| o.as_ref().is_err_and(Error::is_permission_denied)));
    assert!(began.elapsed() < MINUTE, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_single_read_that_fails_for_a_while_ends_nobodys_wait() {
    let (emulator, client, machines) = fleet(2, Emulator::builder().settle(5 * MINUTE));
    let handles = isolate(&emulator, &client, &machines);
    let unlisted = handles[0].id().as_str();
    assert!(emulator.unlist_action(unlisted));
    let fault = FaultRule::new("get_machine_action", StatusFault::new(500));
    emulator.fault(fault.target(unlisted).times(12)).unwrap();
    let outcomes = client.wait_all(&handles).within(60 * MINUTE).await;
    assert!(outcomes.iter().all(Result::is_ok), "{:?}", by_kind(&outcomes));
}

#[tokio::test(start_paused = true)]
async fn what_a_late_list_shows_as_running_is_read_by_itself_before_it_is_told() {
    let late = || Emulator::builder().settle(Duration::from_secs(30)).set("status_lag", "600");
    let (emulator, client, machines) = fleet(25, late().unwrap());
    for id in &machines[..5] {
        emulator.set_offline(id, None).unwrap();
    }
    let handles = isolate(&emulator, &client, &machines);
    let outcomes = client.wait_all(&handles).within(2 * MINUTE).await;
    for (n, outcome) in outcomes.iter().enumerate() {
        let told = outcome.as_ref().err().map(ToString::to_string).unwrap_or_default();
        assert_eq!(outcome.as_ref().is_err_and(Error::is_still_running), n < 5, "{n}: {told}");
        assert!(!told.contains("list"), "{told}");
    }
}

#[tokio::test(start_paused = true)]
async fn of_more_than_can_be_read_singly_it_is_said_that_a_list_says_so() {
    let builder = Emulator::builder().settle(Duration::from_secs(30));
    let (emulator, client, machines) = fleet(300, builder.set("status_lag", "600").unwrap());
    let handles = isolate(&emulator, &client, &machines);
    emulator.clear_journal();
    let began = tokio::time::Instant::now();
    let outcomes = client.wait_all(&handles).within(2 * MINUTE).await;
    // There is nothing to wait for where no read is left.
    assert!(began.elapsed() <= 2 * MINUTE + Duration::from_secs(1), "{:?}", began.elapsed());
    assert!(busiest_minute(&emulator) <= 90, "{}", busiest_minute(&emulator));
    let done = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert!(done >= 30, "{done}");
    for error in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
        assert!(error.to_string().contains("by a list, which may be late"), "{error}");
        assert_eq!(
            on_record(&emulator, error.action().unwrap().id.as_str())["status"],
            "Succeeded"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_comment_that_can_not_be_sent_is_refused_before_the_wait() {
    let (emulator, _, host) = world(slow()).await;
    emulator.set_offline(host.id().as_str(), None).unwrap();
    let action = host.isolate(IsolationType::Full, "INC-4711").await.unwrap();
    let began = tokio::time::Instant::now();
    let told = action.wait().cancel_on_deadline("  ").within(MINUTE).await.unwrap_err();
    assert!(told.is_invalid_input() && told.to_string().contains("blank"), "{told}");
    assert_eq!((began.elapsed(), sent(&emulator, "get_machine_action")), (Duration::ZERO, 0));
    assert!(is_armed(&emulator, action.id().as_str()));
}
