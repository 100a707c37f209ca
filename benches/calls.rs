//! What a call costs through the whole client, beside bare reqwest doing the same: time, at 1 and at 64 in flight.
//! The quota is switched off, or it would be all that is measured.

mod common;

use std::future::Future;
use std::time::{Duration, Instant};

use common::{Bare, Crate};
use criterion::{Criterion, criterion_group, criterion_main};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

/// So many calls, so many of them at once.
async fn many<F>(calls: u64, at_once: usize, call: impl Fn() -> F) -> Duration
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    let began = Instant::now();
    let mut under_way = JoinSet::new();
    for _ in 0..calls {
        if under_way.len() >= at_once {
            under_way.join_next().await;
        }
        let call = call();
        under_way.spawn(async move { drop(std::hint::black_box(call.await)) });
    }
    while under_way.join_next().await.is_some() {}
    began.elapsed()
}

fn calls(c: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let server = common::serve();
    let (ours, bare) = (Crate::of(server), Bare::of(server));
    for at_once in [1, 64] {
        let mut group = c.benchmark_group(format!("{at_once} in flight"));
        group.measurement_time(Duration::from_secs(8)).sample_size(40);
        macro_rules! measure {
            ($name:literal, $who:ident, $what:ident) => {
                group.bench_function($name, |b| {
                    b.iter_custom(|calls| {
                        runtime.block_on(many(calls, at_once, || {
                            let who = $who.clone();
                            async move { who.$what().await }
                        }))
                    });
                });
            };
        }
        measure!("isolate, crate", ours, isolate);
        measure!("isolate, reqwest", bare, isolate);
        measure!("get action, crate", ours, get);
        measure!("get action, reqwest", bare, get);
        group.finish();
    }
}

criterion_group!(benches, calls);
criterion_main!(benches);
