//! Connections are used again, as many as asked for and no longer than asked for.

use std::time::Duration;

use defender_response::{Client, ClientBuilder, ErrorKind, GetMachine, MachineId, QuotaPolicy};
use tokio::task::JoinSet;

use crate::line::{Fixed, OK, Private, Seen, Wire, answering, settled, stage};
use crate::script::{MACHINE, Script};

async fn posts(wire: &Wire, address: &str, times: usize) {
    for _ in 0..times {
        assert_ne!(stage(&wire.post(&format!("http://{address}/")).await), "not sent");
        settled().await;
    }
}

#[tokio::test]
async fn calls_one_after_another_go_by_one_connection() {
    let seen = Seen::default();
    let address = answering(&seen, OK).await;
    posts(&Wire::new(), &address, 20).await;
    assert_eq!((seen.requests().len(), seen.connections()), (20, 1));
}

#[tokio::test]
async fn an_error_answer_leaves_its_connection_usable() {
    for answer in [
        &b"HTTP/1.1 404 Not Found\r\ncontent-length: 29\r\n\r\n{\"error\":{\"code\":\"NotFound\"}}"
            [..],
        b"HTTP/1.1 503 Busy\r\ntransfer-encoding: chunked\r\n\r\n6\r\n<html>\r\n0\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
    ] {
        let seen = Seen::default();
        let address = answering(&seen, answer).await;
        posts(&Wire::new(), &address, 5).await;
        assert_eq!((seen.requests().len(), seen.connections()), (5, 1));
    }
}

#[tokio::test]
async fn calls_one_after_another_go_by_one_connection_with_tls_too() {
    let (private, seen) = (Private::to("localhost"), Seen::default());
    let address = private.answering(&seen, OK).await;
    let address = format!("localhost:{}", address.rsplit(':').next().unwrap());
    let wire = Wire::with(|b| b.root_certificate(private.root.as_bytes()));
    for _ in 0..5 {
        assert_eq!(stage(&wire.post(&format!("https://{address}/")).await), "answered");
        settled().await;
    }
    assert_eq!((seen.requests().len(), seen.connections()), (5, 1));
}

fn client(address: &str, settings: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Client {
    let client = Client::builder(Fixed).quota_policy(QuotaPolicy::Unlimited);
    settings(client.base_url(format!("http://{address}"))).build().unwrap()
}

/// A machine's record.
async fn machine(seen: &Seen) -> String {
    let body = format!(r#"{{"id":"{MACHINE}"}}"#);
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    answering(seen, answer.leak().as_bytes()).await
}

/// So many reads at once.
async fn reads(client: &Client, at_once: usize) {
    let mut all = JoinSet::new();
    for _ in 0..at_once {
        let client = client.clone();
        all.spawn(async move {
            let id: MachineId = MACHINE.parse().unwrap();
            client.send(&GetMachine::by_id(&id)).await.unwrap();
        });
    }
    all.join_all().await;
    settled().await;
}

/// Where several threads run, a connection that is just being handed back may be missed, and one more is made.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_in_a_hurry_on_many_threads_go_by_a_few_connections() {
    let seen = Seen::default();
    let client = client(&machine(&seen).await, |b| b);
    let id: MachineId = MACHINE.parse().unwrap();
    for _ in 0..200 {
        client.send(&GetMachine::by_id(&id)).await.unwrap();
    }
    assert_eq!(seen.requests().len(), 200);
    assert!(seen.connections() <= 40, "{}", seen.connections());
}

#[tokio::test]
async fn calls_in_a_hurry_on_one_thread_go_by_one_connection() {
    let seen = Seen::default();
    let client = client(&machine(&seen).await, |b| b);
    let id: MachineId = MACHINE.parse().unwrap();
    for _ in 0..50 {
        client.send(&GetMachine::by_id(&id)).await.unwrap();
    }
    assert_eq!((seen.requests().len(), seen.connections()), (50, 1));
}

#[tokio::test]
async fn calls_at_once_go_by_the_connections_of_those_before() {
    let seen = Seen::default();
    let client = client(&machine(&seen).await, |b| b);
    for _ in 0..4 {
        reads(&client, 8).await;
    }
    assert_eq!((seen.requests().len(), seen.connections()), (32, 8));
}

#[tokio::test]
async fn no_more_are_kept_than_asked_for() {
    let seen = Seen::default();
    let client = client(&machine(&seen).await, |b| b.idle_connections(2));
    reads(&client, 8).await;
    assert_eq!(seen.connections(), 8);
    reads(&client, 8).await;
    assert_eq!(seen.connections(), 8 + 6, "two were kept");
}

#[tokio::test]
async fn none_are_kept_where_none_are_wanted() {
    for settings in
        [|b: ClientBuilder| b.idle_connections(0), |b: ClientBuilder| b.idle_for(Duration::ZERO)]
    {
        let seen = Seen::default();
        let address = answering(&seen, OK).await;
        posts(&Wire::with(settings), &address, 4).await;
        assert_eq!((seen.requests().len(), seen.connections()), (4, 4));
    }
}

/// What building says of settings that can't be.
fn objection(settings: impl FnOnce(ClientBuilder) -> ClientBuilder) -> String {
    let error = settings(Client::builder(Fixed)).build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration, "{error:?}");
    error.to_string()
}

#[test]
fn a_connect_takes_more_than_nothing_and_less_than_an_attempt() {
    for time in [Duration::ZERO, Duration::from_secs(30), Duration::MAX] {
        assert!(objection(|b| b.connect_within(time)).contains("connect_within"), "{time:?}");
    }
    for time in [Duration::from_millis(1), Duration::from_secs(29)] {
        Client::builder(Fixed).connect_within(time).build().unwrap();
    }
    let five = Duration::from_secs(5);
    assert!(objection(|b| b.attempt_within(five).connect_within(five)).contains("5 s"));
    Client::builder(Fixed).attempt_within(five).build().unwrap();
}

#[test]
fn a_root_that_is_none_is_an_error_at_once() {
    let good = Private::to("localhost").root;
    let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let long = format!("{good}{}", " ".repeat(1024 * 1024));
    let broken = good.replace("-----END CERTIFICATE-----", "");
    let not_base64 = "-----BEGIN CERTIFICATE-----\n****\n-----END CERTIFICATE-----\n";
    let not_der = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for pem in ["", "DER?\u{0}", &key, &long, &broken, not_base64] {
        let what =
            objection(|b| b.root_certificate(good.as_bytes()).root_certificate(pem.as_bytes()));
        assert!(what.contains("root certificate no. 2"), "{what}");
    }
    let what = objection(|b| b.root_certificate(not_der.as_bytes()));
    assert!(what.contains("root certificate"), "{what}");
    Client::builder(Fixed).root_certificate(good.as_bytes()).build().unwrap();
}

type Setting = (&'static str, fn(ClientBuilder) -> ClientBuilder);

#[test]
fn settings_of_the_crates_own_transport_beside_another_are_named() {
    let builder = || Client::builder(Fixed).transport(Script::new());
    builder().build().unwrap();
    let settings: [Setting; 6] = [
        ("proxy", |b| b.proxy("http://127.0.0.1:1")),
        ("without_proxy", ClientBuilder::without_proxy),
        ("root_certificate", |b| b.root_certificate(b"")),
        ("connect_within", |b| b.connect_within(Duration::from_secs(1))),
        ("idle_connections", |b| b.idle_connections(1)),
        ("idle_for", |b| b.idle_for(Duration::from_secs(1))),
    ];
    for (name, set) in settings {
        let error = set(builder()).build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains(&format!("{name} set up")), "{error}");
    }
}
