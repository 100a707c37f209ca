//! An approval is for one plan of one tenant, and an action does no more than it said.

use async_trait::async_trait;
use defender_response::emulator::{AppSetup, Emulator, TenantSetup};
use defender_response::playbook::{
    About, Action, Effect, Job, Outcome, Registry, Request, Runner, State,
};
use defender_response::{IsolationType, MachineId};
use serde_json::{Value, json};

use crate::setup::{MACHINE, call, effects, emulated};

fn restrict() -> Value {
    json!({"schema_version": 1, "action": "restrict_code_execution",
        "arguments": {"machine_id": MACHINE, "comment": "INC-4711"}})
}

async fn plan_id(client: &defender_response::Client, request: &Value) -> Value {
    let mut request = request.clone();
    request["mode"] = "plan".into();
    let plan = call(client, request).await;
    assert_eq!((plan.exit_status(), plan.state), (0, State::Planned), "{}", plan.to_json());
    plan.result["plan_id"].clone()
}

#[tokio::test(start_paused = true)]
async fn an_approval_is_for_one_action_and_by_somebody() {
    let (emulator, client) = emulated(Emulator::builder());
    let mut request = restrict();
    let id = plan_id(&client, &request).await;
    for (action, by, plan) in [
        ("unrestrict_code_execution", "duty officer", &id),
        ("restrict_code_execution", "  ", &id),
        ("restrict_code_execution", "duty officer", &json!("another")),
    ] {
        request["action"] = action.into();
        request["approval"] = json!({"by": by, "plan_id": plan});
        let refused = call(&client, request.clone()).await;
        assert_eq!(
            (refused.exit_status(), refused.state),
            (10, State::Rejected),
            "{action} {by:?}"
        );
        assert!(refused.error.unwrap().retry_safe);
    }
    assert_eq!(effects(&emulator, "restrict_code_execution"), 0);
    request["approval"] = json!({"by": "duty officer", "plan_id": id});
    // Whatever order its members come in.
    let swapped = json!({"comment": "INC-4711", "machine_id": MACHINE});
    request["arguments"] = swapped;
    assert_eq!(call(&client, request).await.exit_status(), 0);
    assert_eq!(effects(&emulator, "restrict_code_execution"), 1);
}

#[tokio::test(start_paused = true)]
async fn an_approval_is_for_one_tenant() {
    let other = TenantSetup::new("0b7e2a54-5d0c-4a39-8a51-3c1f0f5a7d10", "other.example").app(
        AppSetup::new("6f1b0c52-3a4e-4d0b-9f6e-2b7d1c8a9e03", "s3cret").roles(["Ti.ReadWrite.All"]),
    );
    let (_, here) = emulated(Emulator::builder());
    let (_, there) = emulated(Emulator::builder().tenant(other));
    let request = json!({"schema_version": 1, "action": "create_iocs_from_stix_bundle", "arguments":
        {"stix_objects": [{"type": "indicator", "id": "indicator--1", "pattern": "[mutex:name = 'm']"}], "action": "Block"}});
    let (first, again) = (plan_id(&here, &request).await, plan_id(&here, &request).await);
    assert_eq!(first, again);
    assert_ne!(first, plan_id(&there, &request).await);
}

/// Says that it only reads.
struct Sly;

#[async_trait]
impl Action for Sly {
    fn about(&self) -> About {
        About::new::<Value, Value>("sly", "Sly", "Reads, it says.")
    }

    async fn act(&self, job: Job<'_>) -> Outcome {
        let host = job.client.machine(MACHINE.parse::<MachineId>().unwrap());
        match host.isolate(IsolationType::Full, "INC-4711").await {
            Ok(_) => Outcome::done(&json!({})),
            Err(error) => Outcome::failed(&error, Effect::Reads),
        }
    }
}

/// Changes something that no client knows of, and takes its time.
struct Stranger;

#[async_trait]
impl Action for Stranger {
    fn about(&self) -> About {
        About::new::<Value, Value>("stranger", "Stranger", "Elsewhere.").changing(Effect::Once)
    }

    async fn act(&self, _: Job<'_>) -> Outcome {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn of_an_action_of_ones_own_nothing_is_claimed_once_it_is_stopped() {
    let (_, client) = emulated(Emulator::builder());
    let runner = Runner::new(client).registry(Registry::empty().with(Stranger));
    let response = runner.run_until(&Request::new("stranger", json!({})), async {}).await;
    assert_eq!((response.exit_status(), response.state), (12, State::Unknown));
    assert!(!response.error.unwrap().retry_safe);
}

#[tokio::test(start_paused = true)]
async fn what_says_that_it_only_reads_changes_nothing() {
    let (emulator, client) = emulated(Emulator::builder());
    let runner = Runner::new(client).registry(Registry::empty().with(Sly));
    let response = runner.run(&Request::new("sly", json!({}))).await;
    assert_eq!(effects(&emulator, "isolate"), 0, "{}", response.to_json());
}

#[tokio::test(start_paused = true)]
async fn an_approval_is_for_what_the_plan_would_do() {
    let (emulator, client) = emulated(Emulator::builder());
    let domain = |name: &str| {
        json!({"type": "indicator", "id": format!("indicator--{name}"),
            "pattern": format!("[domain-name:value = '{name}.evil.example']")})
    };
    let sync = |objects: Value| {
        json!({"schema_version": 1, "action": "sync_iocs_from_stix_bundle", "arguments":
            {"stix_objects": objects, "action": "Block", "owner": "feed", "allow_deletes": 100}})
    };
    let mut request = sync(json!([domain("a")]));
    let id = plan_id(&client, &request).await;
    // Somebody pushes another one, which the sync would delete.
    let both = sync(json!([domain("a"), domain("b")]));
    assert_eq!(call(&client, both).await.exit_status(), 0);
    request["approval"] = json!({"by": "duty officer", "plan_id": id});
    let refused = call(&client, request.clone()).await;
    assert_eq!((refused.exit_status(), refused.state), (10, State::Rejected));
    assert!(refused.error.unwrap().retry_safe);
    assert_eq!(emulator.indicators().len(), 2);
    request.as_object_mut().unwrap().remove("approval");
    let id = plan_id(&client, &request).await;
    request["approval"] = json!({"by": "duty officer", "plan_id": id});
    assert_eq!(call(&client, request).await.exit_status(), 0);
    assert_eq!(emulator.indicators().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_plan_that_sends_nothing_is_no_leave_to_send() {
    let (emulator, client) = emulated(Emulator::builder());
    let mut request = restrict();
    request["wait"] = json!({"max_seconds": 600});
    assert_eq!(call(&client, request.clone()).await.exit_status(), 0);
    let id = plan_id(&client, &request).await;
    request["approval"] = json!({"by": "duty officer", "plan_id": id});
    let there = call(&client, request.clone()).await;
    assert_eq!(there.disposition.as_deref(), Some("already_in_state"), "{}", there.to_json());
    let mut undo = request.clone();
    undo["action"] = "unrestrict_code_execution".into();
    undo.as_object_mut().unwrap().remove("approval");
    assert_eq!(call(&client, undo).await.exit_status(), 0);
    assert_eq!(call(&client, request).await.exit_status(), 10);
    assert_eq!(effects(&emulator, "restrict_code_execution"), 1);
}

#[tokio::test(start_paused = true)]
async fn an_approval_ends_when_it_says() {
    let (emulator, client) = emulated(Emulator::builder());
    let mut request = restrict();
    let id = plan_id(&client, &request).await;
    for (expires, status) in [
        ("2026-03-01T02:59:59Z", 10),
        ("2026-03-01T03:30:00+01:00", 10),
        ("2026-03-01T04:00:00Z", 0),
    ] {
        request["approval"] = json!({"by": "duty officer", "plan_id": id, "expires": expires});
        assert_eq!(call(&client, request.clone()).await.exit_status(), status, "{expires}");
        assert_eq!(effects(&emulator, "restrict_code_execution"), usize::from(status == 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_repeat_under_its_key_is_adopted_though_its_plan_was_carried_out() {
    let (emulator, client) = emulated(Emulator::builder());
    let mut request = restrict();
    request["idempotency_key"] = "run/1".into();
    request["wait"] = json!({"max_seconds": 600});
    let id = plan_id(&client, &request).await;
    request["approval"] = json!({"by": "duty officer", "plan_id": id});
    for disposition in ["created", "adopted"] {
        let response = call(&client, request.clone()).await;
        assert_eq!(response.disposition.as_deref(), Some(disposition), "{}", response.to_json());
        assert_eq!(response.exit_status(), 0);
    }
    assert_eq!(effects(&emulator, "restrict_code_execution"), 1);
}

/// Isolates, and leaves it to the crate to say how that went.
struct Cut;

#[async_trait]
impl Action for Cut {
    fn about(&self) -> About {
        About::new::<Value, Value>("cut", "Cut", "Cuts a machine off.").changing(Effect::Once)
    }

    async fn act(&self, job: Job<'_>) -> Outcome {
        let host = job.client.machine(MACHINE.parse::<MachineId>().unwrap());
        match host.isolate(IsolationType::Full, "INC-4711").await {
            Ok(submitted) => Outcome::submitted(&job, submitted),
            Err(error) => Outcome::failed(&error, Effect::Once),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_action_of_ones_own_is_planned_waited_for_and_gone_on_with() {
    let (emulator, client) = emulated(Emulator::builder());
    let runner = Runner::new(client).registry(Registry::default().with(Cut));
    let mut request = Request::new("cut", json!({}));
    request.mode = defender_response::playbook::Mode::Plan;
    let plan = runner.run(&request).await;
    assert_eq!((plan.exit_status(), plan.state), (0, State::Planned), "{}", plan.to_json());
    assert_eq!(plan.result["would_send"][0]["operation"], "isolate");
    assert_eq!(plan.result["plan_id"].as_str().unwrap().len(), 64);
    assert_eq!(effects(&emulator, "isolate"), 0);
    request.mode = defender_response::playbook::Mode::Apply;
    let submitted = runner.run(&request).await;
    assert_eq!(submitted.state, State::Submitted, "{}", submitted.to_json());
    let token = submitted.resume.unwrap().token;
    let resumed = runner.run(&Request::new("wait_for_action", json!({"token": token}))).await;
    assert_eq!(resumed.result["id"], submitted.result["id"]);
    request.wait = Some(defender_response::playbook::WaitFor { max_seconds: 600 });
    assert_eq!(runner.run(&request).await.state, State::Succeeded);
}

/// Plans to send nothing, and sends something.
struct Rash;

#[async_trait]
impl Action for Rash {
    fn about(&self) -> About {
        About::new::<Value, Value>("rash", "Rash", "Nothing, it plans.").changing(Effect::Once)
    }

    async fn act(&self, job: Job<'_>) -> Outcome {
        if job.plan {
            return Outcome::planned(json!({"would_send": []}), "already_in_state");
        }
        Cut.act(job).await
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_approved_as_nothing_sends_nothing() {
    let (emulator, client) = emulated(Emulator::builder());
    let runner = Runner::new(client).registry(Registry::default().with(Rash));
    let mut request: Value = json!({"schema_version": 1, "action": "rash", "mode": "plan"});
    let plan = runner.run(&serde_json::from_value(request.clone()).unwrap()).await;
    request["mode"] = "apply".into();
    request["approval"] = json!({"by": "duty officer", "plan_id": plan.result["plan_id"]});
    let response = runner.run(&serde_json::from_value(request).unwrap()).await;
    assert_eq!((response.exit_status(), response.state), (10, State::Rejected));
    assert_eq!(effects(&emulator, "isolate"), 0);
}

#[tokio::test(start_paused = true)]
async fn what_comes_between_the_look_and_the_call_is_not_deleted() {
    let (emulator, client) = emulated(Emulator::builder());
    let domain = |name: &str| {
        json!({"type": "indicator", "id": format!("indicator--{name}"),
            "pattern": format!("[domain-name:value = '{name}.evil.example']")})
    };
    let sync = |objects: Value| {
        json!({"schema_version": 1, "action": "sync_iocs_from_stix_bundle", "arguments":
            {"stix_objects": objects, "action": "Block", "owner": "feed", "allow_deletes": 100}})
    };
    let one = sync(json!([domain("a")]));
    assert_eq!(call(&client, one.clone()).await.exit_status(), 0);
    // Something is to be done, and no deletion.
    let mut request = sync(json!([domain("a"), domain("c")]));
    let id = plan_id(&client, &request).await;
    request["approval"] = json!({"by": "duty officer", "plan_id": id});
    let seconds = std::time::Duration::from_secs;
    let rule = defender_response::emulator::FaultRule::new("list_indicators", seconds(5));
    emulator.fault(rule).unwrap();
    let meanwhile = async {
        tokio::time::sleep(seconds(1)).await;
        let both = sync(json!([domain("a"), domain("b")]));
        assert_eq!(call(&client, both).await.exit_status(), 0);
    };
    let (response, ()) = tokio::join!(call(&client, request), meanwhile);
    assert_eq!(response.exit_status(), 10, "{}", response.to_json());
    assert_eq!(emulator.indicators().len(), 2);
}
