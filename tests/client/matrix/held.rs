//! Raw calls that are counted by a limit, and that have to queue.

use std::time::Duration;

use defender_response::emulator::{FaultRule, StatusFault};
use defender_response::{Client, Guard, Isolate, IsolationType, Limit, MachineId, Rule};

use super::{Bench, in_memory, three_in_the_morning};

async fn bench() -> (Bench, Client, Vec<Isolate>) {
    let bench = Bench::prepare(three_in_the_morning()).await;
    let client = in_memory(&bench.emulator, &bench.clock)
        .queue_within(Duration::from_secs(10))
        .build()
        .unwrap();
    let isolate =
        |id: &str| Isolate::new(id.parse::<MachineId>().unwrap(), IsolationType::Full, "INC-4711");
    let isolations = bench.emulator.machines().iter().map(|m| isolate(&m.id)).collect();
    (bench, client, isolations)
}

fn one_an_hour() -> Guard {
    Guard::new().at_most(Limit::new(1, 60).operation("isolate"))
}

#[tokio::test(start_paused = true)]
async fn a_raw_call_is_counted_when_it_has_left() {
    let (_bench, client, isolations) = bench().await;
    let client = client.guarded(one_an_hour()).unwrap();
    client.send(&isolations[0]).await.unwrap();
    let told = client.send(&isolations[2]).await.unwrap_err();
    assert!(told.is_guarded() && told.to_string().contains("at_most[0]"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn a_raw_call_that_the_service_refused_is_not_counted() {
    let (bench, client, isolations) = bench().await;
    let client = client.guarded(one_an_hour()).unwrap();
    bench.emulator.fault(FaultRule::new("isolate", StatusFault::new(400))).unwrap();
    assert!(client.send(&isolations[0]).await.unwrap_err().is_invalid_request());
    client.send(&isolations[2]).await.unwrap();
    assert!(client.send(&isolations[0]).await.unwrap_err().is_guarded());
}

#[tokio::test(start_paused = true)]
async fn a_raw_call_that_was_turned_away_again_and_again_is_not_counted() {
    let (bench, client, isolations) = bench().await;
    let client = client.guarded(one_an_hour()).unwrap();
    let busy = FaultRule::new("isolate", StatusFault::new(429).retry_after(6)).times(99);
    bench.emulator.fault(busy).unwrap();
    let told = client.send(&isolations[0]).await.unwrap_err();
    assert!(told.is_throttled(), "{told}");
    bench.emulator.clear_faults();
    tokio::time::sleep(Duration::from_secs(60)).await;
    client.send(&isolations[2]).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_raw_call_that_had_to_queue_is_held_against_the_guards_again() {
    let (bench, client, isolations) = bench().await;
    let client = client.queue_within(Duration::from_secs(300));
    let guarded = client.guarded(Guard::new().never(Rule::new().tag("tier-0"))).unwrap();
    // The quota is used up by others' releases of a minute ago, so to speak.
    for _ in 0..200 {
        if client.quota_of(<Isolate as defender_response::Operation>::SPEC).left_this_minute == 0 {
            break;
        }
        let _ = client.send(&isolations[1]).await;
    }
    bench.emulator.clear_journal();
    let waiting = async { guarded.send(&isolations[0]).await };
    let changing = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        let gone = FaultRule::new("get_machine", StatusFault::new(404)).times(99);
        bench.emulator.fault(gone).unwrap();
    };
    let (outcome, ()) = tokio::join!(waiting, changing);
    let told = outcome.unwrap_err();
    assert!(told.is_not_found() && told.to_string().contains("nothing was sent"), "{told}");
    assert!(bench.emulator.journal().iter().all(|entry| entry.operation != "isolate"));
}
