//! Callers who go away, at every point where they can.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use defender_response::emulator::{FaultRule, InMemory, PlainFault, StatusFault};
use defender_response::{Client, Isolate, Operation, Transport, TransportError, catalog};
use http::{Method, Request, Response, StatusCode};
use tokio::runtime::Handle;

use super::deeds::{Class, Deed, deeds};
use super::{Bench, Fault, in_memory, three_in_the_morning};
use crate::traces::Traces;

/// A future that is given up at the nth time it has to wait. Whether it came to its end before.
struct UpTo<F> {
    waits: usize,
    future: Pin<Box<F>>,
}

impl<F: Future> Future for UpTo<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if self.waits == 0 => Poll::Ready(None),
            Poll::Pending => {
                self.waits -= 1;
                Poll::Pending
            }
        }
    }
}

/// Knows of each request of an operation whether it certainly did nothing.
#[derive(Clone)]
struct Watched(InMemory, &'static [(Method, &'static str)], Arc<AtomicUsize>);

impl Watched {
    fn new(bench: &Bench, operation: &str) -> Self {
        let specs = catalog::OPERATIONS.iter();
        let paths = specs.filter(|spec| spec.name == operation);
        let last = |route: &'static str| route.rsplit('/').next().unwrap().trim_matches(['{', '}']);
        let paths: Vec<_> = paths.map(|spec| (spec.method.clone(), last(spec.route))).collect();
        Self(bench.emulator.transport(), Box::leak(paths.into_boxed_slice()), Arc::default())
    }

    fn may_have_been_done(&self) -> bool {
        self.2.load(Ordering::Relaxed) > 0
    }
}

#[async_trait::async_trait]
impl Transport for Watched {
    async fn send(
        &self,
        request: Request<Bytes>,
        limit: usize,
    ) -> Result<Response<Bytes>, TransportError> {
        let path = request.uri().path().to_owned();
        let of_it = self.1.iter().any(|(method, end)| {
            request.method() == method
                && (if end.is_empty() { path.contains("/alerts/") } else { path.ends_with(end) })
        });
        self.2.fetch_add(usize::from(of_it), Ordering::Relaxed);
        let outcome = self.0.send(request, limit).await;
        let nothing = match &outcome {
            Ok(response) => response.status() == StatusCode::TOO_MANY_REQUESTS,
            Err(error) => error.is_not_sent(),
        };
        self.2.fetch_sub(usize::from(of_it && nothing), Ordering::Relaxed);
        outcome
    }
}

/// How often the deed had left for the service when its caller went away; `None` when it had ended before.
async fn given_up(deed: Deed, fault: Option<&Fault>, waits: usize) -> Option<()> {
    let bench = Bench::prepare(three_in_the_morning()).await;
    let watched = Watched::new(&bench, deed.does);
    let builder = in_memory(&bench.emulator, &bench.clock).transport(watched.clone());
    let client = builder.build().unwrap();
    client.sign_in().await.unwrap();
    let tasks = Handle::current().metrics().num_alive_tasks();
    if let Some(fault) = fault {
        bench.emulator.fault(FaultRule::new(deed.fails, fault.clone())).unwrap();
    }
    let what = format!("{} {fault:?} given up at wait {waits}", deed.name);

    let traces = Traces::begin();
    let attempt = UpTo { waits, future: Box::pin(bench.place.perform(deed, &client)) };
    let ended = attempt.await.is_some();
    let traces = traces.end();

    let abandoned: Vec<_> = traces.lines().filter(|line| line.contains("abandoned")).collect();
    let journal = bench.emulator.journal();
    let effects = journal.iter().filter(|e| e.operation == deed.does && e.effect).count();
    let once = matches!(deed.class, Class::Once | Class::Verb | Class::LookUp);
    assert!(effects <= 1 || !once, "{what}");
    let is_open = once && !ended && watched.may_have_been_done();
    assert_eq!(abandoned.len(), usize::from(is_open), "{what}: {traces}");
    for line in abandoned {
        assert!(line.contains("defender_response::audit"), "{what}: {line}");
        assert!(line.contains(&format!("operation=\"{}\"", deed.does)), "{what}: {line}");
        assert!(line.contains("target="), "{what}: {line}");
        assert_eq!(line.contains("reference=\"dr-"), deed.class != Class::Once, "{what}: {line}");
    }

    assert!(client.quota().iter().all(|family| family.waiting == 0), "{what}");
    assert_eq!(Handle::current().metrics().num_alive_tasks(), tasks, "{what}: a task is left");
    nothing_is_held(&bench, &client, &what).await;
    (!ended).then_some(())
}

/// Slots come back once their requests can't arrive any more, and nobody's turn is kept.
async fn nothing_is_held(bench: &Bench, client: &Client, what: &str) {
    bench.emulator.clear_faults();
    for deed in deeds().into_iter().filter(|deed| deed.class == Class::Verb) {
        let next = bench.place.perform(deed, client);
        let done = tokio::time::timeout(Duration::from_secs(100), Box::pin(next)).await;
        assert!(done.is_ok(), "{what}: {} is held up", deed.name);
    }
    tokio::time::sleep(Duration::from_secs(3700)).await;
    let left = client.quota_of(Isolate::SPEC);
    assert_eq!((left.left_this_minute, left.left_this_hour), (80, Some(1200)), "{what}");
}

#[tokio::test(start_paused = true)]
async fn a_caller_may_go_away_at_any_point() {
    let faults: [Option<Fault>; 4] = [
        None,
        Some(PlainFault::ResetAfterEffect.into()),
        Some(PlainFault::Refused.into()),
        Some(StatusFault::new(429).retry_after(7).into()),
    ];
    let mut points = 0;
    for deed in deeds() {
        for fault in &faults {
            let mut waits = 0;
            while given_up(deed, fault.as_ref(), waits).await.is_some() {
                waits += 1;
            }
            assert!(waits > 0, "{}", deed.name);
            points += waits;
        }
    }
    assert!(points > 500, "{points}");
}
