//! How memory grows: for each waiting action, each tenant, and each call that waits for quota. A program of its own, since
//! it counts what is allocated and not how long it takes.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use defender_response::{
    ActionHandle, ActionId, Client, GetMachine, MachineId, TenantSettings, Tenants, Token,
    TokenError, TokenRequest, TokenSource, Transport, TransportError,
};
use http::{Request, Response};
use tokio::runtime::Builder;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

const COUNTS: [usize; 3] = [1_000, 10_000, 100_000];

struct Fixed;

#[async_trait::async_trait]
impl TokenSource for Fixed {
    async fn fetch(&self, _: &TokenRequest<'_>) -> Result<Token, TokenError> {
        Ok(Token::new("t".repeat(1800), Duration::from_secs(24 * 3600)))
    }
}

/// Never answers.
struct Silent;

#[async_trait::async_trait]
impl Transport for Silent {
    async fn send(&self, _: Request<Bytes>, _: usize) -> Result<Response<Bytes>, TransportError> {
        std::future::pending().await
    }
}

fn client() -> Client {
    Client::builder(Fixed).transport(Silent).build().expect("a client")
}

fn allocated() -> usize {
    dhat::HeapStats::get().curr_bytes
}

fn tell(what: &str, count: usize, bytes: usize, began: Instant) {
    let each = bytes / count;
    println!("{what:<34} {count:>8} {each:>9} bytes each, {:>8.1?} in all", began.elapsed());
}

fn action(number: usize) -> ActionId {
    format!("{number:08x}-7557-4ab7-9782-d50480024a4e").parse().expect("an id")
}

async fn waiting_actions(count: usize) {
    let client = client();
    client.sign_in().await.expect("a token");
    let (before, began) = (allocated(), Instant::now());
    let handles: Vec<ActionHandle> = (0..count).map(|n| client.action(action(n))).collect();
    let mut wait = pin!(client.wait_all(handles).within(Duration::from_secs(3600)));
    for _ in 0..3 {
        let _ = wait.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        tokio::task::yield_now().await;
    }
    tell("a waiting action", count, allocated() - before, began);
}

async fn queued_calls(count: usize) {
    let client = client();
    client.sign_in().await.expect("a token");
    let machine: MachineId = "1e5bc9d7e413ddd7902c2932e418702b84d0cc07".parse().expect("an id");
    let (before, began) = (allocated(), Instant::now());
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..count {
        let (client, machine) = (client.clone(), machine.clone());
        calls.spawn(async move { client.send(&GetMachine::by_id(&machine)).await.map(drop) });
    }
    while client.quota().iter().map(|family| family.waiting).sum::<usize>() + 100 < count {
        tokio::task::yield_now().await;
    }
    tell("a call that waits for quota", count, allocated() - before, began);
}

async fn tenants(count: usize) {
    let tenants = Tenants::builder(|_: &str| Fixed).transport(Silent).build().expect("tenants");
    let (before, began) = (allocated(), Instant::now());
    let mut clients = Vec::with_capacity(count);
    for number in 0..count {
        let label = format!("customer-{number}");
        let id = format!("{number:08x}-0000-4000-8000-1a2b3c4d5e6f");
        tenants.add(&label, id, TenantSettings::new()).expect("a tenant");
        let client = tenants.client(&label).expect("a client");
        client.sign_in().await.expect("a token");
        clients.push(client);
    }
    tell("a tenant, signed in", count, allocated() - before, began);
}

fn main() {
    let _profiler = dhat::Profiler::builder().testing().build();
    let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(async {
        for count in COUNTS {
            waiting_actions(count).await;
        }
        for count in COUNTS {
            queued_calls(count).await;
        }
        for count in [100, 1_000] {
            tenants(count).await;
        }
    });
}
