//! Waiting for many actions at a few reads a minute, one outcome for each handle.

use std::collections::BTreeMap;
use std::time::Duration;

use defender_response::emulator::{
    Act, Actor, Emulator, EmulatorBuilder, FaultRule, PlainFault, StatusFault,
};
use defender_response::{ActionHandle, ActionId, Client, Error, Timestamp};

use crate::script::{emulated, signing_in_to};
use crate::truth::{seconds, sent};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

pub fn fleet(count: usize, builder: EmulatorBuilder) -> (Emulator, Client, Vec<String>) {
    let (emulator, client) = emulated(builder.fleet(count));
    let machines = emulator.machines().into_iter().rev().take(count);
    let machines = machines.map(|machine| machine.id).collect();
    (emulator, client, machines)
}

pub fn isolate(emulator: &Emulator, client: &Client, machines: &[String]) -> Vec<ActionHandle> {
    let isolate = |id: &String| emulator.act(Actor::OtherApp, id, Act::Isolate, "c").unwrap();
    machines.iter().map(|id| client.action(isolate(id).parse::<ActionId>().unwrap())).collect()
}

/// The most reads of any kind that arrived within a minute.
pub fn busiest_minute(emulator: &Emulator) -> usize {
    let reads: Vec<_> = emulator
        .journal()
        .into_iter()
        .filter(|entry| entry.operation != "token")
        .map(|entry| entry.at.parse::<Timestamp>().unwrap())
        .collect();
    let within = |from: &Timestamp| {
        reads.iter().filter(|at| *at >= from && at.since(*from) < MINUTE).count()
    };
    reads.iter().map(within).max().unwrap_or(0)
}

pub fn by_kind(
    outcomes: &[Result<defender_response::model::MachineAction, Error>],
) -> BTreeMap<String, usize> {
    let mut kinds = BTreeMap::new();
    for outcome in outcomes {
        let kind = outcome.as_ref().err().map_or("Done".to_owned(), |e| format!("{:?}", e.kind()));
        *kinds.entry(kind).or_default() += 1;
    }
    kinds
}

#[tokio::test(start_paused = true)]
async fn five_thousand_actions_cost_a_few_reads_a_minute_and_come_out_in_order() {
    for page_size in ["10000", "400"] {
        let builder = Emulator::builder().settle(4 * MINUTE).set("page_size", page_size).unwrap();
        let (emulator, client, machines) = fleet(5_000, builder);
        for (n, id) in machines.iter().enumerate().filter(|(n, _)| n % 100 == 7) {
            match n % 200 {
                7 => emulator.set_failing(id, Some(-2_147_024_891)).unwrap(),
                _ => emulator.set_offline(id, None).unwrap(),
            }
        }
        let handles = isolate(&emulator, &client, &machines);
        emulator.cancel_as(Actor::Analyst, handles[1].id().as_str(), "no").unwrap();
        emulator.clear_journal();
        let outcomes = client.wait_all(&handles).within(8 * MINUTE).await;
        for (n, (handle, outcome)) in handles.iter().zip(&outcomes).enumerate() {
            let action = match outcome {
                Ok(action) => action,
                Err(error) => error.action().unwrap(),
            };
            assert_eq!(
                (&action.id, action.machine_id.as_ref().unwrap().as_str()),
                (handle.id(), &*machines[n])
            );
            match outcome {
                Ok(action) => assert_eq!(action.status.as_str(), "Succeeded"),
                Err(error) if n == 1 => assert!(error.is_action_cancelled()),
                Err(error) if n % 200 == 7 => assert!(error.is_action_failed(), "{n} {error}"),
                Err(error) => assert!(n % 200 == 107 && error.is_still_running(), "{n} {error}"),
            }
        }
        let late = outcomes[107].as_ref().unwrap_err().to_string();
        assert!(late.contains("pending 8 min; last report"), "{late}");
        let busiest = busiest_minute(&emulator);
        assert!(busiest <= 100, "{busiest} reads in a minute, pages of {page_size}");
        if page_size == "10000" {
            let reads = emulator.stats().operations.values().sum::<u64>();
            assert!(reads < 43, "{reads} reads in eight minutes, 25 of them singly at the end");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_no_list_shows_is_read_singly_and_what_is_nowhere_is_not_found() {
    let (emulator, client, machines) = fleet(30, Emulator::builder());
    let mut handles = isolate(&emulator, &client, &machines);
    for handle in handles.iter().step_by(3) {
        assert!(emulator.unlist_action(handle.id().as_str()));
    }
    let nothing: ActionId = "00000000-0000-4000-8000-000000000000".parse().unwrap();
    handles.insert(4, client.action(&nothing));
    let outcomes = client.wait_all(&handles).within(10 * MINUTE).await;
    assert_eq!(
        by_kind(&outcomes),
        BTreeMap::from([("Done".to_owned(), 30), ("NotFound".to_owned(), 1)])
    );
    assert!(outcomes[4].as_ref().is_err_and(Error::is_not_found));
    assert!(busiest_minute(&emulator) <= 100);
}

#[tokio::test(start_paused = true)]
async fn thousands_that_no_list_shows_yet_stay_within_the_reads() {
    let builder = Emulator::builder().set("list_lag", "90").unwrap();
    let (emulator, client, machines) = fleet(2_000, builder);
    let handles = isolate(&emulator, &client, &machines);
    let outcomes = client.wait_all(&handles).within(10 * MINUTE).await;
    assert!(outcomes.iter().all(Result::is_ok), "{:?}", by_kind(&outcomes));
    assert!(busiest_minute(&emulator) <= 60, "{}", busiest_minute(&emulator));
}

#[tokio::test(start_paused = true)]
async fn the_last_look_is_not_lost_to_those_before_it() {
    let builder = Emulator::builder().set("list_lag", "30").unwrap();
    let (emulator, client, machines) = fleet(450, builder.settle(Duration::from_secs(10)));
    let handles = isolate(&emulator, &client, &machines);
    emulator.clear_journal();
    let pace = Duration::from_secs(1);
    let outcomes = client.wait_all(&handles).every(pace).within(Duration::from_secs(45)).await;
    assert!(outcomes.iter().all(Result::is_ok), "{:?}", by_kind(&outcomes));
    assert!(busiest_minute(&emulator) <= 100, "{}", busiest_minute(&emulator));
}

#[tokio::test(start_paused = true)]
async fn an_action_that_is_not_found_once_in_a_while_is_still_waited_for() {
    for many in [false, true] {
        let (emulator, client, machines) =
            fleet(1, Emulator::builder().settle(5 * MINUTE).set("list_lag", "9999").unwrap());
        let handles = isolate(&emulator, &client, &machines);
        let cutting = async {
            for _ in 0..4 {
                seconds(60).await;
                let fault = FaultRule::new("get_machine_action", StatusFault::new(404));
                emulator.fault(fault).unwrap();
            }
        };
        let waiting = async {
            if many {
                client.wait_all(&handles).within(HOUR).await.remove(0)
            } else {
                handles[0].wait().within(HOUR).await
            }
        };
        let (outcome, ()) = tokio::join!(waiting, cutting);
        assert!(outcome.is_ok(), "{many}: {outcome:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn old_actions_are_found_by_their_ids() {
    let (emulator, client, machines) = fleet(300, Emulator::builder());
    let handles = isolate(&emulator, &client, &machines);
    seconds(30 * 86_400).await;
    emulator.clear_journal();
    let outcomes = client.wait_all(&handles).within(MINUTE).await;
    assert!(outcomes.iter().all(Result::is_ok), "{:?}", by_kind(&outcomes));
    assert!(
        sent(&emulator, "get_machine_action") <= 10
            && sent(&emulator, "list_machine_actions") <= 12
    );
}

#[tokio::test(start_paused = true)]
async fn reads_that_fail_now_and_then_do_not_end_it_and_a_missing_role_does() {
    let (emulator, client, machines) = fleet(50, Emulator::builder().settle(5 * MINUTE));
    let handles = isolate(&emulator, &client, &machines);
    for fault in [PlainFault::ResetBeforeEffect, PlainFault::HalfBody, PlainFault::Html200] {
        emulator.fault(FaultRule::new("list_machine_actions", fault).times(5)).unwrap();
    }
    emulator.fault(FaultRule::new("list_machine_actions", StatusFault::new(401)).times(2)).unwrap();
    let outcomes = client.wait_all(&handles).within(HOUR).await;
    assert!(outcomes.iter().all(Result::is_ok), "{:?}", by_kind(&outcomes));

    let handles = isolate(&emulator, &client, &machines);
    emulator.set_roles(emulator.client_id(), &["Machine.Isolate"]);
    emulator.revoke_tokens();
    let began = tokio::time::Instant::now();
    let outcomes = client.wait_all(&handles).within(HOUR).await;
    assert!(outcomes.iter().all(|o| o.as_ref().is_err_and(Error::is_permission_denied)));
    assert!(began.elapsed() < 5 * MINUTE);
}

#[tokio::test(start_paused = true)]
async fn without_a_single_read_nothing_is_said_of_any() {
    let (emulator, client, machines) = fleet(20, Emulator::builder());
    let handles = isolate(&emulator, &client, &machines);
    emulator.fault(FaultRule::new("*", PlainFault::HangBeforeEffect).times(1000)).unwrap();
    let began = tokio::time::Instant::now();
    let outcomes = client.wait_all(&handles).within(MINUTE).await;
    assert!(outcomes.iter().all(|o| o.as_ref().is_err_and(Error::is_timeout)), "{outcomes:?}");
    assert!(outcomes[0].as_ref().unwrap_err().to_string().contains("its state isn't known"));
    assert!(began.elapsed() <= MINUTE + Duration::from_secs(11), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn handles_may_be_none_the_same_twice_or_of_another_client() {
    let (emulator, client, machines) = fleet(2, Emulator::builder());
    assert!(client.wait_all(Vec::<ActionHandle>::new()).within(HOUR).await.is_empty());
    let other = signing_in_to(&emulator).transport(emulator.transport()).build().unwrap();
    let mut handles = isolate(&emulator, &client, &machines);
    handles.push(handles[0].clone());
    handles.push(other.action(handles[0].id()));
    let clone = client.urgent();
    let outcomes = clone.wait_all(handles).within(HOUR).await;
    assert_eq!(outcomes[0].as_ref().unwrap(), outcomes[2].as_ref().unwrap());
    assert!(outcomes[3].as_ref().is_err_and(Error::is_invalid_input), "{outcomes:?}");
}

#[tokio::test(start_paused = true)]
async fn a_busy_tenant_is_read_no_further_back_than_needed() {
    let (emulator, client, machines) = fleet(10, Emulator::builder().settle(5 * MINUTE));
    emulator.add_past_actions(30_000);
    seconds(3600).await;
    let handles = isolate(&emulator, &client, &machines);
    emulator.clear_journal();
    let outcomes = client.wait_all(&handles).within(HOUR).await;
    assert!(outcomes.iter().all(Result::is_ok), "{:?}", by_kind(&outcomes));
    let reads = sent(&emulator, "list_machine_actions");
    assert!(reads < 30, "{reads} lists");
}
