//! What a quota slot costs, taken and given back, alone and contended: a raw call over a transport that answers at once,
//! with a quota that never fills and without any.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use defender_response::{
    Call, Client, Operation, Path, QuotaPolicy, Result, Spec, Token, TokenError, TokenRequest,
    TokenSource, Transport, TransportError,
};
use http::{Method, Request, Response};
use tokio::runtime::{Builder, Runtime};

struct Fixed;

#[async_trait::async_trait]
impl TokenSource for Fixed {
    async fn fetch(&self, _: &TokenRequest<'_>) -> std::result::Result<Token, TokenError> {
        Ok(Token::new("t", Duration::from_secs(24 * 3600)))
    }
}

struct AtOnce;

#[async_trait::async_trait]
impl Transport for AtOnce {
    async fn send(
        &self,
        _: Request<Bytes>,
        _: usize,
    ) -> std::result::Result<Response<Bytes>, TransportError> {
        Ok(Response::new(Bytes::from_static(b"null")))
    }
}

struct Ring;

impl Operation for Ring {
    type Output = ();
    const SPEC: &'static Spec =
        &Spec::new("ring", Method::GET, "/bell", &["Bell.Ring"]).quota(u32::MAX, None);

    fn call(&self) -> Result<Call> {
        Ok(Call::new("bell", Path::new(["bell"])?))
    }
}

fn client(policy: QuotaPolicy) -> Client {
    let builder = Client::builder(Fixed).transport(AtOnce).quota_policy(policy);
    builder.build().expect("a client")
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().build().expect("a runtime")
}

/// Keeps the other cores at it while `measure` runs.
fn contended(client: &Client, measure: impl FnOnce()) {
    let ended = AtomicBool::new(false);
    let others = thread::available_parallelism().map_or(1, |cores| cores.get() - 1).max(1);
    thread::scope(|scope| {
        for _ in 0..others {
            scope.spawn(|| {
                let runtime = runtime();
                while !ended.load(Ordering::Relaxed) {
                    runtime.block_on(client.send(&Ring)).expect("an answer");
                }
            });
        }
        measure();
        ended.store(true, Ordering::Relaxed);
    });
}

fn slot(c: &mut Criterion) {
    let runtime = runtime();
    let mut group = c.benchmark_group("a call that is answered at once");
    // A minute's answers are remembered, so this one grows while it is measured.
    let policies = [
        ("without quota", QuotaPolicy::Unlimited),
        ("with a quota", QuotaPolicy::HeadRoom { percent: 0 }),
    ];
    for (name, policy) in policies {
        let client = client(policy);
        let call = || runtime.block_on(client.send(&Ring)).expect("an answer");
        group.bench_function(format!("{name}, alone"), |b| b.iter(|| black_box(call())));
        contended(&client, || {
            group.bench_function(format!("{name}, contended"), |b| b.iter(|| black_box(call())));
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(3));
    targets = slot
}
criterion_main!(benches);
