//! A hundred thousand handles: one outcome each, in order, in pages.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use defender_response::{ActionHandle, ActionId, Client, ClientSecret, Transport, TransportError};
use http::{Request, Response};

use crate::script::{APPLICATION, SECRET, TENANT};

fn id(n: usize) -> String {
    format!("5382f7ea-7557-4ab7-9782-{:012x}", n * 7919)
}

/// A tenant in which that many actions have ended, newest first.
#[derive(Clone)]
struct Ended(usize, Arc<AtomicUsize>);

#[async_trait::async_trait]
impl Transport for Ended {
    async fn send(&self, r: Request<Bytes>, _: usize) -> Result<Response<Bytes>, TransportError> {
        let body = if r.uri().path().contains("/oauth2/") {
            r#"{"access_token":"a.b.c","expires_in":86399}"#.to_owned()
        } else {
            self.1.fetch_add(1, Ordering::Relaxed);
            let query: HashMap<_, _> =
                url::form_urlencoded::parse(r.uri().query().unwrap().as_bytes()).collect();
            let number = |name: &str| query.get(name).map_or(0, |text| text.parse().unwrap());
            let (skip, top): (usize, usize) = (number("$skip"), number("$top"));
            let mut page = String::from(r#"{"value":["#);
            for n in skip..(skip + top).min(self.0) {
                let comma = if n == skip { "" } else { "," };
                write!(
                    page,
                    r#"{comma}{{"id":"{}","type":"Isolate","status":"Succeeded"}}"#,
                    id(n)
                )
                .unwrap();
            }
            page + "]}"
        };
        let answer = Response::builder().header("content-type", "application/json");
        Ok(answer.body(Bytes::from(body)).unwrap())
    }
}

#[tokio::test(start_paused = true)]
async fn a_hundred_thousand_handles_are_told_in_a_few_pages() {
    const COUNT: usize = 100_000;
    let reads = Arc::new(AtomicUsize::new(0));
    let client = Client::builder(ClientSecret::new(TENANT, APPLICATION, SECRET))
        .transport(Ended(COUNT, Arc::clone(&reads)))
        .build()
        .unwrap();
    // Neither in the order of the list nor in that of the ids.
    let order = (0..COUNT).map(|n| (n * 7) % COUNT);
    let handles: Vec<ActionHandle> =
        order.map(|n| client.action(id(n).parse::<ActionId>().unwrap())).collect();
    let outcomes = client.wait_all(&handles).within(Duration::from_secs(60)).await;
    assert_eq!(outcomes.len(), COUNT);
    for (handle, outcome) in handles.iter().zip(&outcomes) {
        assert_eq!(&outcome.as_ref().unwrap().id, handle.id());
    }
    assert!(reads.load(Ordering::Relaxed) <= 12, "{reads:?}");
}
