//! The fault matrix: every operation under every fault, judged by what the emulator has on record.

mod deeds;
mod dropping;
mod faults;
mod guarded;
mod held;
mod on_sockets;
mod own_reads;
mod table;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use defender_response::emulator::{Emulator, Fault, FaultRule, InMemory};
use defender_response::{
    Client, ClientBuilder, Clock, Disposition, Error, ErrorKind, Result, TestClock, Transport,
    TransportError,
};
use http::{Request, Response};
use serde_json::Value;

use crate::script::signing_in_to;
use deeds::{Class, Deed, Place, deeds};
use faults::faults;
use table::Table;

/// What the caller was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// It is done, or was read.
    Done,
    /// The action that an unseen answer was about was found.
    Adopted,
    /// An error that says that nothing was done.
    Nothing(ErrorKind),
    /// An error of a call that may be repeated, which doesn't say whether it was done.
    Unsaid(ErrorKind),
    /// Whether it was done isn't known.
    Unknown,
}

impl Told {
    fn by(outcome: &Result<Option<Disposition>>, class: Class) -> Self {
        match outcome {
            Ok(Some(Disposition::Adopted)) => Self::Adopted,
            Ok(_) => Self::Done,
            Err(error) if error.is_outcome_unknown() => Self::Unknown,
            Err(error) if class == Class::Idempotent && leaves_open(error) => {
                Self::Unsaid(error.kind())
            }
            Err(error) => Self::Nothing(error.kind()),
        }
    }
}

fn leaves_open(error: &Error) -> bool {
    error.is_timeout()
        || error.is_service()
        || error.is_intermediary()
        || error.to_string().contains("may have taken effect")
}

/// One cell: what was done under which fault, and what came of it.
pub struct Cell {
    deed: Deed,
    fault: &'static str,
    for_ever: bool,
    requests: usize,
    effects: usize,
    told: Told,
    problems: Vec<&'static str>,
}

/// The emulator, as long as the token goes nowhere else.
struct Guarded(InMemory, Arc<AtomicBool>);

#[async_trait::async_trait]
impl Transport for Guarded {
    async fn send(
        &self,
        request: Request<Bytes>,
        limit: usize,
    ) -> Result<Response<Bytes>, TransportError> {
        let host = request.uri().host();
        let astray =
            request.headers().contains_key("authorization") && host != Some("api.emulated.example");
        self.1.fetch_or(astray, Ordering::Relaxed);
        self.0.send(request, limit).await
    }
}

/// One emulator for a cell, and a client of it that nothing goes wrong with.
struct Bench {
    emulator: Emulator,
    clock: Arc<dyn Clock>,
    hand: Client,
    place: Place,
}

impl Bench {
    async fn prepare(clock: Arc<dyn Clock>) -> Self {
        let builder = Emulator::builder().settle(Duration::ZERO);
        let emulator = builder.clock(Arc::clone(&clock)).build();
        let hand = in_memory(&emulator, &clock).build().unwrap();
        let place = Place::prepare(&emulator, &hand).await;
        Self { emulator, clock, hand, place }
    }

    /// The state before a deed, and after it was done once.
    async fn reference(clock: Arc<dyn Clock>, deed: Deed) -> [Value; 2] {
        let bench = Self::prepare(clock).await;
        let before = bench.state().await;
        Box::pin(bench.place.perform(deed, &bench.hand)).await.unwrap();
        [before, bench.state().await]
    }

    /// The cell of what was done, and how that ended.
    async fn judge(
        self,
        (deed, fault, for_ever): (Deed, &'static str, bool),
        outcome: &Result<Option<Disposition>>,
        reference: &[Value; 2],
        astray: bool,
    ) -> Cell {
        self.emulator.clear_faults();
        let journal = self.emulator.journal();
        let of_it = || journal.iter().filter(|entry| entry.operation == deed.does);
        let effects = of_it().filter(|entry| entry.effect).count();
        let told = Told::by(outcome, deed.class);
        let requests = of_it().count();
        let mut cell =
            Cell { deed, fault, for_ever, requests, effects, told, problems: Vec::new() };
        cell.judge(&self.state().await, reference, astray);
        cell
    }

    /// All that the service has on record, but what differs from one run to the next.
    async fn state(&self) -> Value {
        let machines = self.emulator.machines();
        let hosts: Vec<_> = machines.iter().map(|m| self.emulator.host(&m.id).unwrap()).collect();
        let mut state = serde_json::json!({
            "hosts": hosts,
            "actions": self.emulator.actions(),
            "alerts": self.hand.alerts().list(None).all().await.unwrap(),
            "indicators": self.hand.indicators().list(None).all().await.unwrap(),
        });
        normalize(&mut state);
        state
    }
}

fn in_memory(emulator: &Emulator, clock: &Arc<dyn Clock>) -> ClientBuilder {
    signing_in_to(emulator)
        .base_url(emulator.base_url())
        .authority(emulator.authority())
        .transport(emulator.transport())
        .clock(Arc::clone(clock))
}

impl Cell {
    fn judge(&mut self, now: &Value, [before, done]: &[Value; 2], astray: bool) {
        let class = self.deed.class;
        let changes = class != Class::Read;
        let mut not = |wrong: bool, what| {
            if wrong {
                self.problems.push(what);
            }
        };
        not(astray, "the token left for another host");
        not(!changes && self.effects > 0, "a read had an effect");
        not(
            matches!(class, Class::Once | Class::Verb | Class::LookUp) && self.effects > 1,
            "it was done twice",
        );
        let expected = if self.effects > 0 { done } else { before };
        not(now != expected, "the state isn't that of doing it once, or not at all");
        not(
            changes && matches!(self.told, Told::Done | Told::Adopted) && self.effects == 0,
            "it was told as done and wasn't",
        );
        not(
            changes && matches!(self.told, Told::Nothing(_)) && self.effects > 0,
            "it was told as not done and was",
        );
        not(
            class == Class::Verb && self.told == Told::Unknown && self.effects > 0,
            "it could have been found and wasn't",
        );
        let passes = !self.for_ever && !matches!(self.told, Told::Nothing(_));
        not(
            passes && matches!(self.told, Told::Unsaid(ErrorKind::Service | ErrorKind::Timeout)),
            "it could have been repeated and wasn't",
        );
    }
}

/// Ids, times and references differ from one run to the next. An indicator that is created twice also says who wrote it
/// last, and is the same otherwise.
fn normalize(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|name, _| {
                let name = name.to_ascii_lowercase();
                !(name == "id"
                    || name == "lastupdatedby"
                    || name.contains("time")
                    || name.ends_with("datetimeutc"))
            });
            members.values_mut().for_each(normalize);
        }
        Value::Array(items) => items.iter_mut().for_each(normalize),
        Value::String(text) if text.starts_with("[dr-") => {
            *text = text.split_once("] ").unwrap().1.to_owned();
        }
        _ => {}
    }
}

fn three_in_the_morning() -> Arc<dyn Clock> {
    Arc::new(TestClock::starting_at("2026-03-01T03:00:00Z".parse().unwrap()))
}

async fn play(
    deed: Deed,
    (name, fault): &(&'static str, Fault),
    for_ever: bool,
    reference: &[Value; 2],
) -> Cell {
    let bench = Bench::prepare(three_in_the_morning()).await;
    let times = if for_ever { u64::MAX } else { 1 };
    bench.emulator.fault(FaultRule::new(deed.fails, fault.clone()).times(times)).unwrap();
    let astray = Arc::new(AtomicBool::new(false));
    let client = in_memory(&bench.emulator, &bench.clock)
        .transport(Guarded(bench.emulator.transport(), Arc::clone(&astray)))
        .queue_within(Duration::from_secs(300))
        .build()
        .unwrap();
    let outcome = Box::pin(bench.place.perform(deed, &client)).await;
    tokio::time::sleep(Duration::from_secs(600)).await;
    let astray = astray.load(Ordering::Relaxed);
    bench.judge((deed, name, for_ever), &outcome, reference, astray).await
}

#[tokio::test(start_paused = true)]
async fn every_operation_under_every_fault_is_done_once_at_most_and_told_truthfully() {
    let mut table = Table::default();
    for deed in deeds() {
        let reference = Bench::reference(three_in_the_morning(), deed).await;
        for fault in faults() {
            for for_ever in [false, true] {
                table.add(play(deed, &fault, for_ever, &reference).await);
            }
        }
    }
    assert!(table.problems().is_empty(), "{table}");
    table.is_shown_in_readme();
}
