//! The cells that are about bytes, over real connections.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use defender_response::emulator::{Fault, FaultRule, PlainFault, StatusFault};
use serde_json::Value;
use tokio::io::{AsyncReadExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::deeds::{Class, Deed, deeds};
use super::table::Table;
use super::{Bench, Cell, signing_in_to, three_in_the_morning};

/// What goes wrong on the way, and whether the service has done its work then.
#[derive(Clone)]
enum Way {
    /// Nobody listens.
    Closed,
    /// The first connection is reset before anybody reads the request.
    ResetUnread,
    /// The emulator does it, with the first request.
    Service(Fault),
}

fn ways(elsewhere: SocketAddr) -> Vec<(&'static str, Way, bool)> {
    let plain = |fault: PlainFault| Way::Service(fault.into());
    let status = |fault: StatusFault| Way::Service(fault.into());
    let redirect = format!("http://{elsewhere}/api");
    vec![
        ("connection refused", Way::Closed, false),
        ("reset before the request is read", Way::ResetUnread, false),
        ("reset before the effect", plain(PlainFault::ResetBeforeEffect), false),
        ("reset after the effect", plain(PlainFault::ResetAfterEffect), true),
        ("no answer, no effect", plain(PlainFault::HangBeforeEffect), false),
        ("no answer after the effect", plain(PlainFault::HangAfterEffect), true),
        ("half a body", plain(PlainFault::HalfBody), true),
        ("a body too slow to end", plain(PlainFault::SlowDrip), true),
        ("a body too large", plain(PlainFault::OversizedBody), true),
        ("200 with a page", plain(PlainFault::Html200), false),
        ("redirect", Way::Service(Fault::RedirectTo { redirect }), false),
        ("502 with a page", status(StatusFault::new(502).html()), false),
        ("503 after the effect", status(StatusFault::new(503).after_effect()), true),
        ("401", status(StatusFault::new(401)), false),
    ]
}

/// Stands before the emulator and lets everything through but what it is to reset.
async fn door(to: SocketAddr, reset_first: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut reset = reset_first;
        while let Ok((mut stream, _)) = listener.accept().await {
            if std::mem::take(&mut reset) {
                // What was sent and not read makes a reset of the end.
                let _ = stream.readable().await;
                continue;
            }
            tokio::spawn(async move {
                let mut service = TcpStream::connect(to).await.unwrap();
                let _ = copy_bidirectional(&mut stream, &mut service).await;
            });
        }
    });
    address
}

/// Nobody may come here.
async fn elsewhere() -> (SocketAddr, Arc<AtomicBool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let visited = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&visited);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            seen.store(true, Ordering::Relaxed);
            let _ = stream.read(&mut [0; 1024]).await;
        }
    });
    (address, visited)
}

async fn play(
    deed: Deed,
    (name, way): (&'static str, Way),
    reference: &[Value; 2],
    visited: &AtomicBool,
) -> Cell {
    let bench = Bench::prepare(three_in_the_morning()).await;
    let listening = bench.emulator.listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
    // Bound, so that nobody else gets the port, and not listening.
    let closed = TcpSocket::new_v4().unwrap();
    closed.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let way_in = match &way {
        Way::Closed => closed.local_addr().unwrap(),
        Way::ResetUnread => door(listening.address(), true).await,
        Way::Service(fault) => {
            bench.emulator.fault(FaultRule::new(deed.fails, fault.clone())).unwrap();
            door(listening.address(), false).await
        }
    };
    let client = signing_in_to(&bench.emulator)
        .base_url(format!("http://{way_in}"))
        .authority(listening.authority())
        .clock(Arc::clone(&bench.clock))
        .attempt_within(Duration::from_millis(2500))
        .build()
        .unwrap();
    let outcome = Box::pin(bench.place.perform(deed, &client)).await;
    bench.judge((deed, name, false), &outcome, reference, visited.load(Ordering::Relaxed)).await
}

#[tokio::test]
async fn over_real_connections_it_is_the_same() {
    let (address, visited) = elsewhere().await;
    let turns = Arc::new(Semaphore::new(32));
    let mut cells = JoinSet::new();
    for deed in deeds() {
        let reference = Arc::new(Bench::reference(three_in_the_morning(), deed).await);
        for (name, way, after_effect) in ways(address) {
            // Where nothing is found, a verb looks for half a minute: that is for the paused clock.
            let looks_long = deed.class == Class::Verb && !after_effect;
            if deed.class != Class::LookUp && !looks_long {
                let (turns, visited) = (Arc::clone(&turns), Arc::clone(&visited));
                let reference = Arc::clone(&reference);
                cells.spawn(async move {
                    let _turn = turns.acquire().await;
                    play(deed, (name, way), &reference, &visited).await
                });
            }
        }
    }
    assert!(cells.len() > 400, "{}", cells.len());
    let mut table = Table::default();
    for cell in cells.join_all().await {
        table.add(cell);
    }
    assert!(table.problems().is_empty(), "{table}");
}
