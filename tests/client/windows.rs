//! Whatever callers do: no window of the service's ever holds more than the quota.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use defender_response::{
    Call, Client, Operation, Path, QuotaPolicy, Result, Safety, Spec, Token, TokenError,
    TokenRequest, TokenSource, Transport, TransportError,
};
use http::{Method, Request, Response};
use proptest::prelude::*;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::script::{json, with_header};

const A_MINUTE: usize = 5;
const AN_HOUR: usize = 40;
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// An operation with a small quota.
struct Ring {
    once: bool,
}

impl Operation for Ring {
    type Output = serde_json::Value;
    const SPEC: &'static Spec = &Spec::new("ring", Method::POST, "/bell/ring", &["Bell.Ring"])
        .quota(5, Some(40))
        .safety(Safety::Once);

    fn call(&self) -> Result<Call> {
        Ok(Call::new("bell", Path::new(["bell", "ring"])?))
    }

    fn safety(&self) -> Safety {
        if self.once { Safety::Once } else { Safety::Idempotent }
    }
}

/// What becomes of a request.
#[derive(Clone, Debug)]
enum Fate {
    Answered(u16),
    Throttled(Option<u64>),
    /// It arrives, and its connection is reset.
    Reset,
    NotSent,
    /// It arrives, and nobody answers.
    Unanswered,
}

#[derive(Clone, Debug)]
struct Ride {
    fate: Fate,
    /// From leaving to arriving, and from there to the answer, in milliseconds.
    there: u64,
    back: u64,
}

#[derive(Clone, Debug)]
struct Caller {
    /// In seconds after the one before.
    after: u64,
    urgent: bool,
    once: bool,
    gives_up_after: Option<u64>,
    queue_within: Option<u64>,
    call_within: u64,
    /// In milliseconds.
    attempt_within: u64,
}

#[derive(Default)]
struct Bell {
    rides: Vec<Ride>,
    sent: usize,
    arrivals: Vec<Instant>,
}

#[derive(Clone)]
struct Belfry(Arc<Mutex<Bell>>);

#[async_trait::async_trait]
impl Transport for Belfry {
    async fn send(
        &self,
        _: Request<Bytes>,
        _: usize,
    ) -> std::result::Result<Response<Bytes>, TransportError> {
        let ride = {
            let mut bell = self.0.lock().unwrap();
            let ride = bell.rides.get(bell.sent).cloned();
            let ride = ride.unwrap_or(Ride { fate: Fate::Answered(200), there: 20, back: 20 });
            bell.sent += 1;
            // It is on its way, whatever its sender does from now on.
            if !matches!(ride.fate, Fate::NotSent) {
                bell.arrivals.push(Instant::now() + Duration::from_millis(ride.there));
            }
            ride
        };
        sleep(Duration::from_millis(ride.there)).await;
        match ride.fate {
            Fate::NotSent => return Err(TransportError::not_sent("no route")),
            Fate::Unanswered => std::future::pending().await,
            _ => sleep(Duration::from_millis(ride.back)).await,
        }
        match ride.fate {
            Fate::Answered(status) => json(status, "{}"),
            Fate::Throttled(None) => json(429, ""),
            Fate::Throttled(Some(pause)) => {
                with_header(json(429, ""), "retry-after", &pause.to_string())
            }
            _ => Err(TransportError::unanswered("reset")),
        }
    }
}

/// Its first token takes 19 seconds.
struct Slow;

#[async_trait::async_trait]
impl TokenSource for Slow {
    async fn fetch(&self, _: &TokenRequest<'_>) -> std::result::Result<Token, TokenError> {
        sleep(Duration::from_secs(19)).await;
        Ok(Token::new("token", Duration::from_secs(86_400)))
    }
}

fn client(rides: Vec<Ride>) -> (Client, Belfry) {
    let belfry = Belfry(Arc::new(Mutex::new(Bell { rides, ..Bell::default() })));
    let client = Client::builder(Slow)
        .transport(belfry.clone())
        .quota_policy(QuotaPolicy::HeadRoom { percent: 0 })
        .build()
        .unwrap();
    (client, belfry)
}

fn most_in_any(window: Duration, arrivals: &[Instant]) -> usize {
    let ending_with = |last: &Instant| {
        arrivals.iter().filter(|at| **at <= *last && **at + window > *last).count()
    };
    arrivals.iter().map(ending_with).max().unwrap_or(0)
}

impl Belfry {
    fn holds(&self) -> std::result::Result<(), String> {
        let arrivals = &self.0.lock().unwrap().arrivals;
        let (minute, hour) = (most_in_any(MINUTE, arrivals), most_in_any(HOUR, arrivals));
        if minute > A_MINUTE || hour > AN_HOUR {
            return Err(format!("{minute} in a minute, {hour} in an hour: {arrivals:?}"));
        }
        Ok(())
    }
}

fn caller() -> impl Strategy<Value = Caller> {
    (
        prop_oneof![4 => Just(0), 2 => 0..10u64, 1 => 0..120u64, 1 => 0..4000u64],
        prop::bool::weighted(0.2),
        any::<bool>(),
        prop::option::weighted(0.2, prop_oneof![0..3u64, 0..90u64]),
        prop::option::weighted(0.2, 0..100u64),
        prop_oneof![Just(60), 1..90u64],
        prop_oneof![Just(30_000), 100..60_000u64],
    )
        .prop_map(|(after, urgent, once, gives_up_after, queue_within, call, attempt)| {
            Caller {
                call_within: call,
                attempt_within: attempt,
                after,
                urgent,
                once,
                gives_up_after,
                queue_within,
            }
        })
}

fn ride() -> impl Strategy<Value = Ride> {
    let fate = prop_oneof![
        6 => Just(Fate::Answered(200)),
        1 => prop_oneof![Just(400u16), Just(404), Just(500), Just(503)].prop_map(Fate::Answered),
        1 => prop::option::of(0..90u64).prop_map(Fate::Throttled),
        1 => Just(Fate::Reset),
        1 => Just(Fate::NotSent),
        1 => Just(Fate::Unanswered),
    ];
    (fate, prop_oneof![0..200u64, 0..29_000u64], prop_oneof![0..200u64, 0..20_000u64])
        .prop_map(|(fate, there, back)| Ride { fate, there, back })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_window_holds_more_than_the_quota_whatever_callers_do(
        callers in prop::collection::vec(caller(), 1..80),
        rides in prop::collection::vec(ride(), 0..120),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let (client, belfry) = client(rides);
            let mut calls = JoinSet::new();
            for caller in callers {
                sleep(Duration::from_secs(caller.after)).await;
                let mut client = if caller.urgent { client.urgent() } else { client.clone() };
                client = client.call_within(Duration::from_secs(caller.call_within));
                client = client.attempt_within(Duration::from_millis(caller.attempt_within));
                if let Some(limit) = caller.queue_within {
                    client = client.queue_within(Duration::from_secs(limit));
                }
                calls.spawn(async move {
                    let limit = caller.gives_up_after.map_or(HOUR * 24, Duration::from_secs);
                    let ring = Ring { once: caller.once };
                    timeout(limit, client.send(&ring)).await.is_err() && caller.gives_up_after.is_none()
                });
            }
            let held_up = calls.join_all().await.into_iter().filter(|held_up| *held_up).count();
            prop_assert_eq!(held_up, 0, "everybody has an answer in the end");
            prop_assert_eq!(belfry.holds(), Ok(()));
            sleep(HOUR * 2).await;
            let left = client.quota_of(Ring::SPEC);
            prop_assert_eq!((left.left_this_minute, left.left_this_hour, left.waiting), (A_MINUTE, Some(AN_HOUR), 0));
            Ok(())
        })?;
    }
}

#[tokio::test(start_paused = true)]
async fn a_cold_token_that_takes_nineteen_seconds_lets_no_second_minute_through() {
    let (client, belfry) = client(Vec::new());
    let mut calls = JoinSet::new();
    for seconds in 0..2 * A_MINUTE as u64 {
        let client = client.clone();
        calls.spawn(async move {
            sleep(Duration::from_secs(seconds * 6)).await;
            client.send(&Ring { once: true }).await.map(drop)
        });
    }
    assert!(calls.join_all().await.iter().all(Result::is_ok));
    belfry.holds().unwrap();
    assert_eq!(belfry.0.lock().unwrap().arrivals.len(), 2 * A_MINUTE);
}
