//! What a token costs that is there already, beside the least that sharing anything costs: a lock and a pointer.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use defender_response::{Client, Token, TokenError, TokenRequest, TokenSource};
use tokio::runtime::Runtime;

struct Fixed;

#[async_trait::async_trait]
impl TokenSource for Fixed {
    async fn fetch(&self, _: &TokenRequest<'_>) -> Result<Token, TokenError> {
        Ok(Token::new("a-token-of-some-length".repeat(80), Duration::from_secs(24 * 3600)))
    }
}

/// Keeps the other cores at it while `measure` runs.
fn contended(work: impl Fn() + Sync, measure: impl FnOnce()) {
    let ended = AtomicBool::new(false);
    let others = thread::available_parallelism().map_or(1, |cores| cores.get() - 1).max(1);
    thread::scope(|scope| {
        for _ in 0..others {
            scope.spawn(|| {
                while !ended.load(Ordering::Relaxed) {
                    work();
                }
            });
        }
        measure();
        ended.store(true, Ordering::Relaxed);
    });
}

fn token(c: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let client = Client::builder(Fixed).build().expect("a client");
    runtime.block_on(client.sign_in()).expect("a token");
    let shared = Arc::new(Mutex::new(Arc::new("a-token-of-some-length".repeat(80))));

    // Polled once without a runtime: a hit waits for nothing.
    let hit = || {
        let mut call = std::pin::pin!(client.sign_in());
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(call.as_mut().poll(&mut context).is_ready());
    };
    let bare = || drop(black_box(shared.lock().map(|token| Arc::clone(&token))));

    let mut group = c.benchmark_group("token");
    group.bench_function("hit, alone", |b| b.iter(hit));
    group.bench_function("Mutex<Arc<_>> clone, alone", |b| b.iter(bare));
    contended(hit, || {
        group.bench_function("hit, contended", |b| b.iter(hit));
    });
    contended(bare, || {
        group.bench_function("Mutex<Arc<_>> clone, contended", |b| b.iter(bare));
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    targets = token
}
criterion_main!(benches);
